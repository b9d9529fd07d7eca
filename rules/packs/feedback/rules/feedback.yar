rule Saksi_Feedback_Drawing_With_Script
{
    meta:
        description = "a drawing (SVG) that runs a script where it is shown"
        author = "Saksi"
        license = "Apache-2.0"
        attack = "T1059.007"
        severity = "high"
    strings:
        $svg = "<svg" nocase
        $script = /<script[\s>]/ nocase
        $event = /\son(load|error|click|mouseover)\s*=/ nocase
        $page = "<html" nocase
    condition:
        filesize < 5MB and $svg and ($script or $event) and not $page
}

rule Saksi_Feedback_Document_With_Macro
{
    meta:
        description = "a document with a macro that starts by itself"
        author = "Saksi"
        license = "Apache-2.0"
        attack = "T1204.002"
        severity = "high"
    strings:
        $ole = { D0 CF 11 E0 A1 B1 1A E1 }
        $vba = "VBA" wide ascii
        $auto = /(Auto_?Open|Document_Open|Workbook_Open)/ nocase
    condition:
        $ole and $vba and $auto
}
