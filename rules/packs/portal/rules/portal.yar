rule Saksi_Portal_Web_Shell
{
    meta:
        description = "a page that runs what a request gives it"
        author = "Saksi"
        license = "Apache-2.0"
        attack = "T1505.003"
        severity = "critical"
    strings:
        $php = "<?php" nocase
        $jsp = "<%@" nocase
        $asp = "<%eval" nocase
        $run1 = /(eval|assert|system|passthru|shell_exec|popen|proc_open)\s*\(\s*(base64_decode\s*\(\s*|@?str_rot13\s*\(\s*)?@?\$_(POST|GET|REQUEST|COOKIE|SERVER)/ nocase
        $run2 = /Runtime\.getRuntime\(\)\.exec\(\s*request\.getParameter/ nocase
        $run3 = /eval\s*\(?\s*request\s*(\(|\.item|\[)/ nocase
    condition:
        filesize < 2MB and (($php and $run1) or ($jsp and $run2) or $asp or $run3)
}
