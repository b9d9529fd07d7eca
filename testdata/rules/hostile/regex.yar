rule Saksi_Regex {
    strings:
        $a = /ab(c/
    condition:
        $a
}
