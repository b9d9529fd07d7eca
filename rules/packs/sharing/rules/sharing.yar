rule Saksi_Sharing_Identity_Numbers
{
    meta:
        description = "a file of fifty or more identity card numbers"
        author = "Saksi"
        license = "Apache-2.0"
        attack = "T1005"
        severity = "high"
    strings:
        $number = /[^0-9-][0-9][0-9](0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])-[0-9][0-9]-[0-9]{4}[^0-9-]/
    condition:
        #number >= 50
}

rule Saksi_Sharing_Encrypted_Archive
{
    meta:
        description = "an archive that nobody can look into without a password"
        author = "Saksi"
        license = "Apache-2.0"
        attack = "T1560.001"
        severity = "medium"
    strings:
        $seven = { 37 7A BC AF 27 1C }
        $aes = { 06 F1 07 01 }
        $rar = { 52 61 72 21 1A 07 01 00 ?? ?? ?? ?? ?? 04 }
    condition:
        (uint32(0) == 0x04034b50 and uint16(6) & 1 == 1) or ($seven at 0 and $aes in (filesize - 256 .. filesize)) or $rar at 0
}
