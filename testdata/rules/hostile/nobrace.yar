rule Saksi_No_Brace {
    strings:
        $a = "abc"
    condition:
        $a
