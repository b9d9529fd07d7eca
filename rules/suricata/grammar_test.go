package suricata

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"saksi/rules"
)

// load compiles text and gives the set and its problems as "line:column message".
func load(text string) (*Set, []string) {
	s, problems := Load([]Source{{Name: "t.rules", Data: []byte(text)}}, Config{})
	var out []string
	for i := range problems {
		p := &problems[i]
		out = append(out, fmt.Sprintf("%d:%d %s", p.Line, p.Column, p.Message))
	}
	return s, out
}

// must compiles rules that have no problem.
func must(t testing.TB, text string) *Set {
	t.Helper()
	s, problems := load(text)
	if len(problems) > 0 {
		t.Fatalf("%s\n%s", text, strings.Join(problems, "\n"))
	}
	return s
}

// TestHostileRules proves that each line of bad.rules is refused at its line
// and column, with its sid where it has one, and that the good line runs.
func TestHostileRules(t *testing.T) {
	dir := "../../testdata/rules/hostile/"
	set, problems, err := LoadFiles([]string{dir + "bad.rules"}, Config{})
	if err != nil {
		t.Fatal(err)
	}
	columns := map[int]int{
		2: 86, 3: 19, 4: 7, 5: 54, 6: 52, 7: 75, 8: 68, 9: 6, 10: 72, 11: 75, 12: 15, 13: 11, 14: 11, 15: 64, 16: 74, 17: 61, 18: 82,
		19: 19, 20: 1, 22: 69,
	}
	f, err := os.Open(dir + "expected.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := map[int]bool{}
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if c := strings.Split(sc.Text(), "\t"); c[0] == "bad.rules" {
			n, err := strconv.Atoi(c[1])
			if err != nil {
				t.Fatal(err)
			}
			want[n] = true
		}
	}
	for i := range problems {
		p := &problems[i]
		if !want[p.Line] {
			t.Errorf("line %d is not among those expected: %s", p.Line, p.Message)
		}
		delete(want, p.Line)
		if p.Column != columns[p.Line] {
			t.Errorf("line %d: column %d, expected %d: %s", p.Line, p.Column, columns[p.Line], p.Message)
		}
		if unset := p.Line == 14; (p.Level == rules.Refused) != unset { // a variable can be set
			t.Errorf("line %d: level %v", p.Line, p.Level)
		}
		if sid := 1201000 + p.Line - 1; p.Rule != "" && p.Rule != strconv.Itoa(sid) && p.Line < 9 {
			t.Errorf("line %d: rule %s, expected %d", p.Line, p.Rule, sid)
		}
	}
	for n := range want {
		t.Errorf("line %d was accepted", n)
	}
	if set.Len() != 1 || set.Rules()[0].SID != 1201020 {
		t.Errorf("%d rules run, expected the good one alone", set.Len())
	}
}

// TestGrammar proves what of a rule's form is accepted, and where and why the
// rest is refused (Suricata user guide, "Rules Format").
func TestGrammar(t *testing.T) {
	const opt = `(msg:"x"; content:"a"; sid:1;)`
	for _, c := range []struct{ rule, problem string }{
		{"alert tcp any any -> any any " + opt, ""},
		{"  \talert\ttcp  any any  ->  any any\t" + opt, ""},
		{"alert tcp any any -> any any(msg:\"x\"; content:\"a\"; sid:1;)", ""},
		{"alert TCP any any <> any any " + opt, ""},
		{"drop udp 10.0.0.0/8 1024: -> !192.168.0.0/16 :53 " + opt, ""},
		{"reject icmp [1.1.1.1,2.2.2.0/24,!2.2.2.7] any -> ![ 10.0.0.0/8 , 172.16.0.0/12 ] any (itype:8; sid:1;)", ""},
		{"alert tcp $HOME_NET [80,8000:8080,!8008] -> [$EXTERNAL_NET,!$DNS_SERVERS] $HTTP_PORTS " + opt, ""},
		{"alert tcp 2001:db8::/32 any -> ::1 any " + opt, ""},
		{"alert tcp 10.0.0.1-10.0.0.9 any -> 10.0.0.0/255.255.255.0 any " + opt, ""},
		{"# alert tcp any any\n\n" + "alert tcp any any -> any any " + opt + " # said of it", ""},
		{"\xEF\xBB\xBFalert tcp any any -> any any " + opt + "\r\n", ""},
		{"alert tcp any any -> any any \\\n  (msg:\"x\"; \\\r\n content:\"a\"; sid:1;)", ""},
		{`alert tcp any any -> any any (msg:"a\;b\"c\\"; content:"\;\"\\\:"; sid:1;)`, ""},
		{`alert tcp any any -> any any (content:"|41 42|c|44|"; sid:1; rev:7; gid:2; priority:1;)`, ""},
		{"=> tcp any any -> any any " + opt, `1:1 unknown action "=>"`},
		{"alert tcpx any any -> any any " + opt, `1:7 unknown protocol "tcpx"`},
		{"alert tcp any any <- any any " + opt, `1:19 unknown direction "<-"`},
		{"alert tcp any any -> any " + opt, "1:26 the header ends early"},
		{"alert tcp [1.1.1.1 any -> any any " + opt, "1:65 the list is not closed"},
		{"alert tcp 1.1.1.1] any -> any any " + opt, "1:18 ']' without '['"},
		{"alert tcp 1.1.1.1/33 any -> any any " + opt, `1:11 "1.1.1.1/33" is not an address`},
		{"alert tcp any 80:70 -> any any " + opt, `1:15 "80:70" is not a port`},
		{"alert tcp any any -> any [1,,2] " + opt, "1:29 an empty port"},
		{"alert tcp !any any -> any any " + opt, "1:11 the address expression matches nothing"},
		{"alert tcp any any -> any any", "1:29 the options are missing"},
		{"alert tcp any any -> any any ()", "1:31 a rule without options"},
		{"alert tcp any any -> any any (sid:1; bad option;)", "1:41 ' ' can't be part of a keyword"},
		{"alert tcp any any -> any any (sid:1;) more", "1:38 text after the rule"},
		{"alert tcp any any -> any any (sid:1; :x;)", "1:38 an option without a keyword"},
		{"alert tcp any any -> any any (sid:1; sameip:x;)", "1:45 sameip takes no value"},
		{"alert tcp any any -> any any (sid:1; ttl;)", "1:41 ttl without a value"},
		{"alert tcp any any -> any any \\\n (content:\"a\"; \\\n  dept:3; sid:1;)", `3:3 unknown keyword "dept"`},
		{`alert tcp any any -> any any (content:a; sid:1;)`, "1:39 the content is not quoted"},
		{`alert tcp any any -> any any (content:"a\b"; sid:1;)`, "1:41 a backslash before a character that is not escaped"},
		{`alert tcp any any -> any any (content:"|4g|"; sid:1;)`, "1:42 'g' is not a hexadecimal digit"},
		{`alert tcp any any -> any any (content:"abc"; within:2; sid:1;)`, "1:53 within is shorter than the content"},
		{`alert tcp any any -> any any (content:"a"; depth:3; depth:4; sid:1;)`, "1:53 depth twice, or with startswith"},
		{`alert tcp any any -> any any (content:"a"; offset:1; startswith; sid:1;)`, "1:54 startswith with depth, offset, distance or within"},
		{`alert tcp any any -> any any (byte_test:1,?,1,0; sid:1;)`, "1:43 unknown operator"},
		{`alert tcp any any -> any any (byte_test:1,>,x,0; sid:1;)`, `1:45 "x" is neither a number nor a variable`},
		{`alert tcp any any -> any any (flow:to_server,to_client; sid:1;)`, "1:36 flow asks for both directions"},
		{`alert tcp any any -> any any (flowbits:sett,a; sid:1;)`, `1:40 unknown flowbits command "sett"`},
		{`alert tcp any any -> any any (threshold:type limit,track by_src,count 1; sid:1;)`, "1:72 threshold without seconds"},
		{`alert tcp any any -> any any (pcre:"/a"; sid:1;)`, "1:39 the pattern is not closed"},
		{`alert tcp any any -> any any (pcre:"/a/q"; sid:1;)`, "1:40 unknown pcre modifier 'q'"},
		{`alert http any any -> any any (http.uri; content:"a"; http.stat_code; content:"2"; sid:1;)`, "1:79 buffer http.stat_code never exists in this direction"},
		{`alert dns any any -> any any (http.uri; content:"a"; sid:1;)`, "1:49 buffer http.uri in a rule of another protocol"},
		{`alert tcp any any -> any any (bsize:1; sid:1;)`, "1:31 bsize without a sticky buffer"},
		{`alert tcp any any -> any any (lua:x.lua; sid:1;)`, "1:31 keyword lua: Lua is not run"},
		{`alert dns any any -> any any (config:logging disable, type tx, scope tx; sid:1;)`, "1:31 keyword config: records are written as they are parsed, before rules are decided"},
		{`alert ip any any -> any any (app-layer-event:applayer_unexpected_protocol; sid:1;)`, "1:46 app-layer-event:applayer_unexpected_protocol: a protocol is decided here for both directions at once"},
		{`alert sctp any any -> any any (decode-event:sctp.chunk_too_small; sid:1;)`, "1:45 decode-event:sctp.chunk_too_small: it is of a later Suricata than 8"},
		{`alert tcp any any -> any any (http.none; content:"x"; sid:1;)`, "1:31 keyword http.none"},
		{`accept:hook tcp any any -> any any (sid:1;)`, "1:1 the action accept, which is of firewalls"},
		{`config dns any any -> any any (sid:1;)`, "1:1 the action config, which takes events away"},
		{`alert:flow tcp any any -> any any (sid:1;)`, "1:7 alert has no scope"},
		{`pass:tx tcp any any -> any any (sid:1;)`, "1:6 the scope tx, which is of firewalls"},
		{`alert tcp:pre_flow any any -> any any (sid:1;)`, "1:11 the hook pre_flow, which is of firewalls"},
		{`alert tcp:later any any -> any any (sid:1;)`, `1:11 unknown hook "later"`},
		{`alert mysql any any -> any any (sid:1;)`, "1:7 protocol mysql without a parser"},
		{`alert tcp any any -> any any (decode-event:tcp.none; sid:1;)`, "1:44 decode-event:tcp.none"},
	} {
		_, problems := load(c.rule)
		got := strings.Join(problems, "; ")
		if got != c.problem {
			t.Errorf("%s\n got %q\nwant %q", c.rule, got, c.problem)
		}
	}
}

// TestParts proves that a rule keeps what its options say of it.
func TestParts(t *testing.T) {
	s := must(t, `alert tcp any any -> any any (msg:"a \"b\"\; c"; content:"x"; classtype:trojan-activity; priority:2; sid:7; gid:3; rev:4; `+
		`reference:url,example.org/a; reference:cve,2024-1; metadata:mitre_technique_id T1059.001, signature_severity Major; )`)
	r := s.Rules()[0]
	if r.Msg != `a "b"; c` || r.SID != 7 || r.GID != 3 || r.Rev != 4 || r.Priority != 2 || r.Classtype != "trojan-activity" {
		t.Errorf("%+v", r)
	}
	if len(r.References) != 2 || r.References[0] != "http://example.org/a" || !strings.HasSuffix(r.References[1], "2024-1") {
		t.Errorf("references %q", r.References)
	}
	if len(r.Techniques) != 1 || r.Techniques[0] != "T1059.001" || r.Severity == 0 || r.Line != 1 || len(r.Digest) != 64 {
		t.Errorf("techniques %q, severity %v, line %d, digest %s", r.Techniques, r.Severity, r.Line, r.Digest)
	}
	if n := len(s.Entries()); n != 1 {
		t.Errorf("%d entries", n)
	}
}
