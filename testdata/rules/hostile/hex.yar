rule Saksi_Hex {
    strings:
        $a = { 4D 5A ?? G0 }
    condition:
        $a
}
