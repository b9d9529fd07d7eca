rule Saksi_Unused {
    strings:
        $a = "abc"
        $b = "def"
    condition:
        $a
}
