rule Saksi_Undefined {
    strings:
        $a = "abc"
    condition:
        $a and $b
}
