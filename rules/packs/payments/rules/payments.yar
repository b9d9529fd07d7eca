rule Saksi_Payments_Skimmer
{
    meta:
        description = "a script that reads the fields of a card and sends them to another site"
        author = "Saksi"
        license = "Apache-2.0"
        attack = "T1056.003"
        severity = "critical"
    strings:
        $read = /(getElementById|querySelector(All)?|\.value)/
        $field = /(cvv|cvc|cardnumber|card_number|nokad)/ nocase
        $send = /(sendBeacon|new\s+Image|XMLHttpRequest|fetch)\s*\(/
        $hide = /(atob|btoa|String\.fromCharCode)\s*\(/
        $page = "<html" nocase
    condition:
        filesize < 1MB and $read and $field and $send and $hide and not $page
}

rule Saksi_Payments_Card_List
{
    meta:
        description = "a list of card numbers with their dates and security codes"
        author = "Saksi"
        license = "Apache-2.0"
        attack = "T1005"
        severity = "critical"
    strings:
        $card = /(4[0-9]{15}|5[1-5][0-9]{14})[|;,\t](0[1-9]|1[0-2])[|;,\/]?(20)?[2-3][0-9][|;,\t][0-9]{3}/
    condition:
        #card >= 10
}
