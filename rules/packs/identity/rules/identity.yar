rule Saksi_Identity_Phishing_Page
{
    meta:
        description = "a log-in page that sends what is typed to another site"
        author = "Saksi"
        license = "Apache-2.0"
        attack = "T1566.002"
        severity = "high"
    strings:
        $form = /<form[^>]{0,300}action\s*=\s*["']https?:\/\/[^"'\/]{1,200}\/[^"']{0,200}\.php/ nocase
        $password = /<input[^>]{0,300}type\s*=\s*["']password["']/ nocase
        $brand1 = "log masuk" nocase
        $brand2 = "MyDigital ID" nocase
        $brand3 = "kata laluan" nocase
    condition:
        filesize < 2MB and $form and $password and any of ($brand*)
}
