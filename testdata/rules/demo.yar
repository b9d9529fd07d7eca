/* Demo rules for YARA 4: the harmless objects of testdata/make/content.sh and
   the traces they leave in logs. */

rule Saksi_Demo_Implant
{
    meta:
        description = "harmless test object that stands for an implant"
        attack = "T1105"
        severity = "critical"
    strings:
        $magic = "SAKSI-DEMO-IMPLANT\x00"
        $marker = "Saksi{5aks1-1mpl4nt-m4rk3r}"
        $c2 = /c2=[a-z0-9.-]{4,60}:[0-9]{2,5}\x00/
    condition:
        $magic at 0 and $marker and $c2
}

rule Saksi_Demo_Webshell
{
    meta:
        description = "harmless test object that stands for a web shell"
        attack = "T1505.003"
        severity = "high"
    strings:
        $php = "<?php"
        $marker = "Saksi{5aks1-w3bsh3ll-m4rk3r}" ascii wide
    condition:
        for any i in (1..#php) : ( $marker in (@php[i]..@php[i] + 300) )
}

rule Saksi_Demo_Scanner_In_Log
{
    meta:
        description = "web server log with requests of an SQL injection tool"
        attack = "T1595.002"
        severity = "low"
    strings:
        $line = /"(GET|POST) [^"]{1,300}" [1-5][0-9]{2} [0-9]+ "[^"]{0,100}" "sqlmap\//
    condition:
        #line >= 2
}

rule Saksi_Demo_Downloaded_Mark
{
    meta:
        description = "Zone.Identifier stream naming the implant's server"
        attack = "T1204.002"
        severity = "medium"
    strings:
        $zone = "[ZoneTransfer]"
        $host = /HostUrl=https?:\/\/[a-z.-]*kemaskini-sistem\.test\//
    condition:
        $zone at 0 and $host
}
