package intel

import (
	"strings"
	"testing"

	"saksi/rules"
)

// TestPattern proves what patterns of STIX mean, and which are refused where.
func TestPattern(t *testing.T) {
	for _, c := range []struct {
		pattern string
		want    string // alternatives in our writing, or the level, byte and a part of the message
	}{
		{"[ipv4-addr:value = '192.0.2.7']", "[ipv4-addr:value = '192.0.2.7']"},
		{"[ipv4-addr:value = '192.0.2.0/24']", "[ipv4-addr:value ISSUBSET '192.0.2.0/24']"},
		{"[ipv4-addr:value ISSUBSET '192.0.2.77/24']", "[ipv4-addr:value ISSUBSET '192.0.2.0/24']"},
		{"[ipv6-addr:value = '2001:DB8::1/128']", "[ipv6-addr:value = '2001:db8::1']"},
		{"[ipv6-addr:value = '2001:db8:1::/48']", "[ipv6-addr:value ISSUBSET '2001:db8:1::/48']"},
		{"[domain-name:value = 'Evil.Example']", "[domain-name:value = 'evil.example']"},
		{"[domain-name:value = 'bücher.example']", "[domain-name:value = 'xn--bcher-kva.example']"},
		{"[domain-name:value LIKE '%.evil.example']", "[domain-name:value LIKE '%.evil.example']"},
		{"[url:value LIKE 'http://a/%']", "[url:value LIKE 'http://a/%']"},
		{"[file:name MATCHES '^a\\\\.exe$' AND file:size > 10]", "[file:name MATCHES '^a\\\\.exe$' AND file:size > 10]"},
		{"[domain-name:value LIKE 'a_.example']", "[domain-name:value LIKE 'a_.example']"},
		{"[domain-name:value LIKE 'a.example']", "[domain-name:value = 'a.example']"},
		{"[url:value = 'HTTP://Evil.example:80?a=%2f#x']", "[url:value = 'http://evil.example/?a=%2F']"},
		{"[file:hashes.MD5 = 'D41D8CD98F00B204E9800998ECF8427E']", "[file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e']"},
		{"[file:hashes.'SHA-256' = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855']", "[file:hashes.'SHA-256' = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855']"},
		{`[file:hashes."SHA-1" = 'da39a3ee5e6b4b0d3255bfef95601890afd80709']`, "[file:hashes.'SHA-1' = 'da39a3ee5e6b4b0d3255bfef95601890afd80709']"},
		{"[email-message:sender_ref.value = 'A@Evil.Example']", "[email-message:from_ref.value = 'a@evil.example']"},
		{"[x509-certificate:serial_number = '00:ab:cd']", "[x509-certificate:serial_number = 'ABCD']"},
		{"[domain-name:value = 'a.example' OR domain-name:value IN ('b.example', 'c.example')]", "[domain-name:value = 'a.example'] [domain-name:value = 'b.example'] [domain-name:value = 'c.example']"},
		{"([domain-name:value = 'a.example']) OR [ipv4-addr:value == '192.0.2.1']", "[domain-name:value = 'a.example'] [ipv4-addr:value = '192.0.2.1']"},
		{
			"[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '192.0.2.1' AND network-traffic:dst_port = 443]",
			"[network-traffic:protocols[*] = 'ipv4' AND network-traffic:dst_ref.value = '192.0.2.1' AND network-traffic:dst_port = 443]",
		},
		{
			"[(file:name = 'a.exe' OR file:name = 'b.exe') AND file:size > 10 AND file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e']",
			"[file:name = 'a.exe' AND file:size > 10 AND file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e'] [file:name = 'b.exe' AND file:size > 10 AND file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e']",
		},
		{"[domain-name:value = 'a.example' /* why */ AND network-traffic:dst_port NOT IN (80, 443)] // end", "[domain-name:value = 'a.example' AND network-traffic:dst_port != 80 AND network-traffic:dst_port != 443]"},
		{`[file:name = 'it\'s\\x']`, "[file:name = 'x']"},
		{"[domain-name:value = 'a.example' AND domain-name:resolves_to_refs[*].value = '192.0.2.1']", "[domain-name:value = 'a.example' AND ipv4-addr:value = '192.0.2.1']"},

		{"[network-traffic:dst_ref.type = 'domain-name' AND network-traffic:dst_ref.value = 'a.example' AND network-traffic:dst_port = '443']", "[domain-name:value = 'a.example' AND network-traffic:dst_port = 443]"},
		{"[file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e' OR file:hashes.SSDEEP = '3::']", "[file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e'] without 58"},
		{"[domain-name:value = 'a.example'] OR [mutex:name = 'x' AND file:name = 'y'] OR [url:value LIKE '%x%']", "[domain-name:value = 'a.example'] [url:value LIKE '%x%'] without 39"},

		{"[network-traffic:dst_ref.type = 'domain-name']", "refused 1 names no value"},
		{"[mutex:name = 'x' OR mutex:name = 'y']", "refused 2 mutex:name is told by no event"},
		{"[mutex:name = 'x' OR file:hashes.MD5 = 'abc']", "error 40 it is no digest"},
		{"", "error 1 expected [ or ("},
		{"[domain-name:value = 'a.example'", "error 33 expected AND, OR or ], found the end"},
		{"[domain-name:value = 'a.example", "error 22 the text does not end"},
		{"[domain-name:value 'a']", "error 20 expected an operator"},
		{"[domain-name = 'a']", "error 14 expected :"},
		{"[domain-name:value = 'not a name']", "error 22 it is no domain name"},
		{"[ipv4-addr:value = '192.0.2.1' AND ipv4-addr:value = '192.0.2.2']", "error 36 can't have two values"},
		{"[file:hashes.MD5 = 'abc']", "error 20 it is no digest of 32"},
		{"[ipv4-addr:value = '192.0.2.1'] x", "error 33 expected the end"},
		{"[ipv4-addr:value = '192.0.2.1' é]", "error 32 "},
		{"[ipv4-addr:value = '192.0.2.1'] AND [domain-name:value = 'a.example']", "refused 33 AND joins two observations"},
		{"[ipv4-addr:value = '192.0.2.1'] FOLLOWEDBY [domain-name:value = 'a.example']", "refused 33 FOLLOWEDBY joins"},
		{"[ipv4-addr:value = '192.0.2.1'] WITHIN 5 SECONDS", "refused 33 the qualifier WITHIN"},
		{"[windows-registry-key:key = 'HKLM']", "refused 2 windows-registry-key:key is told by no event"},
		{"[file:name MATCHES '(?=a)']", "refused 20 not expressible in linear time"},
		{"[file:name MATCHES '((a{100}){100}){100}']", "refused 20 "},
		{"[file:name MATCHES '" + strings.Repeat("a", 1025) + "']", "refused 20 it has 1025 bytes"},
		{"[file:name MATCHES '(" + strings.Repeat("a", 100) + "){500}']", "refused 20 MATCHES: it makes"},
		{"[file:hashes.MD5 LIKE 'd41%']", "refused 18 LIKE compares texts"},
		{"[file:name NOT MATCHES 'a']", "refused 16 NOT is honored before IN only"},
		{"[file:name ISSUPERSET 'a']", "refused 12 ISSUPERSET is not honored"},
		{"[network-traffic:dst_port = 443]", "refused 2 names no value that can be looked up"},
		{"[domain-name:value != 'a.example']", "refused 2 names no value"},
		{"[file:size = 4.5]", "refused 14 a fraction, time"},
		{"[file:name = TRUE OR file:name = h'00']", "refused 14 a fraction, time"},
		{"[EXISTS file:name]", "refused 2 EXISTS is not honored"},
		{"[file:created = t'2020-01-01T00:00:00Z']", "refused 2 file:created is told by no event"},
		{"[file:name LIKE 10]", "error 17 expected a text after LIKE, found 10"},
		{"[file:name = 1.2.3]", "error 17 expected AND, OR or ]"},
		{"[" + strings.Repeat("(", 200) + "domain-name:value = 'a.example'" + strings.Repeat(")", 200) + "]", "refused 103 parentheses are nested"},
	} {
		alts, left, err := parsePattern(c.pattern)
		var got string
		if err == nil {
			var list []string
			for _, terms := range alts {
				list = append(list, (&mixed{terms: terms}).text())
			}
			for _, l := range left {
				list = append(list, "without "+itoa(int64(l.at+1)))
			}
			if got = strings.Join(list, " "); got != c.want {
				t.Errorf("%s\nmeans %s\nexpected %s", c.pattern, got, c.want)
			}
			continue
		}
		level := map[rules.Level]string{rules.Wrong: "error", rules.Refused: "refused"}[err.level]
		head, rest, _ := strings.Cut(c.want, " ")
		at, part, _ := strings.Cut(rest, " ")
		if level != head || at != itoa(int64(err.at+1)) || !strings.Contains(err.msg, part) || err.reason == "" {
			t.Errorf("%.80s: %s, %v; expected %s", c.pattern, level, err, c.want)
		}
	}
}

// TestPatternBounds proves that patterns that multiply end as refusals.
func TestPatternBounds(t *testing.T) {
	or := "(domain-name:value = 'a.example' OR domain-name:value = 'b.example')"
	for _, p := range []string{
		"[" + or + strings.Repeat(" AND "+or, 40) + "]",
		"[domain-name:value = 'a.example'" + strings.Repeat(" AND file:size > 1", 100) + "]",
		"[domain-name:value = 'a.example'" + strings.Repeat(" OR file:name = 'x'", 5000) + "]",
		"[file:name IN ('a'" + strings.Repeat(", 'b'", 5000) + ")]",
		strings.Repeat("(", 100_000),
		strings.Repeat("[", 2<<20),
	} {
		if _, _, err := parsePattern(p); err == nil {
			t.Errorf("%.60s... is taken", p)
		}
	}
}
