package sigma

import (
	"fmt"
	"strings"
	"testing"

	"saksi/event"
	"saksi/rules"
)

// log is a record for tests.
type log struct {
	source Source
	values [][2]string
}

func (l log) Sources() []Source { return []Source{l.source} }

func (l log) Values(yield func(field, value string) bool) {
	for _, v := range l.values {
		if !yield(v[0], v[1]) {
			return
		}
	}
}

var process = Source{"process_creation", "windows", "sysmon"}

// made is a record of a process that was created, of fields and values.
func made(values ...string) log {
	l := log{source: process}
	for i := 0; i+1 < len(values); i += 2 {
		l.values = append(l.values, [2]string{values[i], values[i+1]})
	}
	return l
}

// TestSpecification proves the modifiers and values of the specification on
// records that match and on such that don't.
func TestSpecification(t *testing.T) {
	cfg := Config{Placeholders: map[string][]string{"Admins": {"adm_*", "root"}, "dom": {"X"}}}
	for _, c := range []struct {
		search    string
		hit, miss log
	}{
		{`{A: 'b\*c'}`, made("A", "b*c"), made("A", "bxc")},
		{`{A: 'b\\*c'}`, made("A", `b\xyc`), made("A", `b*yc`)},
		{`{A: 'b\\\*c'}`, made("A", `b\*c`), made("A", `b\xc`)},
		{`{A: 'b\c'}`, made("A", `B\C`), made("A", `bc`)},
		{`{A: 'b\\c'}`, made("A", `b\c`), made("A", `b\\c`)},
		{`{A: '\\\\srv'}`, made("A", `\\srv`), made("A", `\srv`)},
		{`{A: 'a?c'}`, made("A", "aéc"), made("A", "ac")},
		{`{A|endswith: 'a?c'}`, made("A", "xxaéc"), made("A", "xxaécx")},
		{`{A: ''}`, made("A", ""), made("B", "")},
		{`{A: null}`, made("B", "x"), made("A", "x")},
		{`{A: [null, x]}`, made("A", "x"), made("A", "y")},
		{`{A|exists: true}`, made("A", ""), made("B", "x")},
		{`{A|exists: false}`, made("B", "x"), made("A", "")},
		{`{A|cased: X}`, made("A", "X"), made("A", "x")},
		{`{A|contains|cased: Xy}`, made("A", "aXyb"), made("A", "axyb")},
		{`{A|contains|all: [a, b]}`, made("A", "b a"), made("A", "a")},
		{`{A|neq: x}`, made("A", "y"), made("A", "X")},
		{`{A|re: '^a.c$'}`, made("A", "abc"), made("A", "a\nc")},
		{`{A|re|s: '^a.c$'}`, made("A", "a\nc"), made("A", "ABC")},
		{`{A|re|m: '^b$'}`, made("A", "a\nb"), made("A", "ab")},
		{`{A|re|i|s: '^a.c$'}`, made("A", "A\nC"), made("A", "ac")},
		{`{A|cidr: '2001:db8::/32'}`, made("A", "2001:db8::1"), made("A", "192.0.2.1")},
		{`{A|cidr: '192.0.2.0/24'}`, made("A", "::ffff:192.0.2.9"), made("A", "text")},
		{`{A|gt: 5}`, made("A", "0x10"), made("A", "5")},
		{`{A|lte: 5.5}`, made("A", "5.5"), made("A", "text")},
		{`{A|windash|contains: ' -enc'}`, made("A", "p.exe –enc x"), made("A", "p.exe +enc")},
		{`{A|contains|windash: ' /a-b'}`, made("A", "x ―a-b"), made("A", "x /a/b")},
		{`{A|contains|windash: ' -a -b'}`, made("A", "x /a —b"), made("A", "x -a +b")},
		{`{A|base64|contains: admin}`, made("A", "xYWRtaW4="), made("A", "admin")},
		{`{A|base64offset|contains: admin}`, made("A", "eHhhZG1pbnh4"), made("A", "admin")},
		{`{A|wide|base64offset|contains: 'ab'}`, made("A", "YQBiAA=="), made("A", "YWI=")},
		{`{A|utf16le|base64|contains: 'ab'}`, made("A", "YQBiAA=="), made("A", "YWI=")},
		{`{A|utf16be|base64|contains: 'ab'}`, made("A", "AGEAYg=="), made("A", "YQBiAA==")},
		{`{A|utf16|base64|contains: 'ab'}`, made("A", "//5hAGIA"), made("A", "YQBiAA==")},
		{`{A|windash|utf16le|base64|contains: '-a'}`, made("A", "LwBhAA=="), made("A", "KwBhAA==")},
		{`{A|expand: '%Admins%'}`, made("A", "adm_x"), made("A", "user")},
		{`{A|expand: '%dom%\\%Admins%'}`, made("A", `X\root`), made("A", "root")},
		{`{A|expand: '100\%%dom%'}`, made("A", "100%x"), made("A", "100%")},
		{`{A: '%Admins%'}`, made("A", "%admins%"), made("A", "root")},
		{`{A|fieldref: B}`, made("A", "x", "B", "X"), made("A", "x", "B", "y")},
		{`{A|fieldref|cased: B}`, made("A", "x", "B", "x"), made("A", "x", "B", "X")},
		{`{A|fieldref|contains: B}`, made("A", "xyz", "B", "Y"), made("A", "x", "B", "xy")},
		{`{A|fieldref|startswith: B}`, made("A", "xyz", "B", "x"), made("A", "xyz", "B", "y")},
		{`{A|fieldref|endswith: B}`, made("A", "xyz", "B", "z"), made("A", "xyz")},
		{`{A|fieldref|neq: B}`, made("A", "x", "B", "y"), made("A", "x", "B", "x")},
		{`{A|minute: 5}`, made("A", "2026-01-02 03:05:06.123"), made("A", "2026-01-02 03:06:06")},
		{`{A|hour|gte: 22}`, made("A", "2026-01-02T22:05:06Z"), made("A", "2026-01-02T21:05:06Z")},
		{`{A|day: 2}`, made("A", "2026-01-02"), made("A", "2026-02-03")},
		{`{A|week: 1}`, made("A", "2026-01-02"), made("A", "2026-01-12")},
		{`{A|month|lt: 2}`, made("A", "2026-01-02"), made("A", "2026-02-02")},
		{`{A|year: 2026}`, made("A", "2026-01-02"), made("A", "text")},
		{`[evil, 'b?d']`, made("A", "xEVILx"), made("evil", "x")},
		{`{'|all': [evil, bad]}`, made("A", "evil", "B", "bad"), made("A", "evil")},
		{`{'|re': 'e[vw]il'}`, made("A", "an ewil one"), made("A", "eil")},
		{`[{A: x}, {B: y}]`, made("B", "y"), made("A", "y")},
		{`{A: x}`, made("A", "y", "A", "x"), made("A", "y", "A", "z")},
	} {
		text := "title: t\nlogsource: {category: process_creation, product: windows}\ndetection:\n  s: " + c.search + "\n  condition: s\n"
		set := compileText(t, text, cfg)
		if len(set.Match(c.hit)) != 1 {
			t.Errorf("%s misses %v", c.search, c.hit.values)
		}
		if len(set.Match(c.miss)) != 0 {
			t.Errorf("%s matches %v", c.search, c.miss.values)
		}
		// Traced, it finds the same and says why.
		var trials []*rules.Trial
		traced := cfg
		traced.Trace = &Trace{ID: "t", Emit: func(x *rules.Trial, _ *event.Event) { trials = append(trials, x) }}
		set2 := compileText(t, text, traced)
		set2.Match(c.hit)
		set2.Match(c.miss)
		if len(trials) != 2 || !trials[0].Found || trials[0].Stopped() != nil || trials[1].Found || trials[1].Stopped() == nil {
			t.Errorf("%s, traced: %+v", c.search, trials)
		}
		c.hit.source.Product = "linux"
		if len(set.Match(c.hit)) != 0 {
			t.Errorf("%s matches a record of another log source", c.search)
		}
	}
}

// TestRefusals proves that what can't be honored exactly is refused, and what
// is wrong is told.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		search string
		level  rules.Level
	}{
		{`{A|expand: '%tiada%'}`, rules.Refused},
		{`{A|re: '(?=x)'}`, rules.Refused},
		{`{A|base64: 'a*'}`, rules.Wrong},
		{`{A|i: x}`, rules.Wrong},
		{`{A|re|cidr: x}`, rules.Wrong},
		{`{A|gt: x}`, rules.Wrong},
		{`{A|exists: maybe}`, rules.Wrong},
		{`{A|base64offset: a}`, rules.Wrong},
		{`{A: []}`, rules.Wrong},
		{`{}`, rules.Wrong},
		{`[]`, rules.Wrong},
		{`['']`, rules.Wrong},
		{`{A: {B: c}}`, rules.Wrong},
		{`{'|exists': true}`, rules.Wrong},
		{`{A|windash|wide: ' -a -b -c -d -e'}`, rules.Refused},
		{`{A|bogus: x}`, rules.Wrong},
	} {
		set, problems := Compile([]File{{"t.yml", []byte("title: t\nlogsource: {product: windows}\ndetection:\n  s: " + c.search + "\n  condition: s\n")}}, Config{})
		if len(set.Rules) != 0 || len(problems) != 1 || problems[0].Level != c.level || problems[0].Line != 4 {
			t.Errorf("%s: %d rules, %+v", c.search, len(set.Rules), problems)
		}
	}
}

// TestPatterns proves which searches a condition's patterns mean.
func TestPatterns(t *testing.T) {
	const head = "title: t\nlogsource: {product: windows}\ndetection:\n  a_1: {A: x}\n  a_2: {B: x}\n  b_1: {C: x}\n  _c_1: {D: x}\n  condition: "
	for condition, hit := range map[string]log{
		"1 of *_1": made("C", "x"), "all of a*": made("A", "x", "B", "x"), "all of *_1": made("A", "x", "C", "x"), "1 of _c*": made("D", "x"),
		"all of them": made("A", "x", "B", "x", "C", "x"), "1 of b_1": made("C", "x"), "any of a_*": made("B", "x"), "not 1 of them": made("D", "x"),
		"NOT (a_1 OR a_2) AND b_1": made("C", "x"),
	} {
		if set := compileText(t, head+condition+"\n", Config{}); len(set.Match(hit)) != 1 {
			t.Errorf("%s misses %v", condition, hit.values)
		}
	}
	set := compileText(t, head+"1 of *\n", Config{})
	if len(set.Match(made("D", "x"))) != 0 {
		t.Error("1 of * takes a search that begins with an underscore")
	}
	set = compileText(t, head+"[a_1 and a_2, b_1]\n", Config{})
	if len(set.Match(made("C", "x"))) != 1 || len(set.Match(made("A", "x"))) != 0 {
		t.Error("a list of conditions is no or of them")
	}
}

// TestFilters proves that a filter holds for the rules it names, of its log
// source, and for no other.
func TestFilters(t *testing.T) {
	const text = `title: one
id: id-1
name: first
logsource: {category: process_creation, product: windows}
detection: {s: {A: x}, condition: s}
---
title: two
id: id-2
logsource: {category: process_creation, product: windows}
detection: {s: {A: x}, condition: s}
---
title: three
id: id-3
logsource: {product: linux}
detection: {s: {A: x}, condition: s}
---
title: no administrators
logsource: {product: windows}
filter:
  rules: %s
  selection: {User|startswith: adm_}
  condition: not selection
`
	for names, want := range map[string]string{"[id-1]": "two", "[first]": "two", "any": "", "[id-1, id-2]": "", "id-3": "one two", "[]": ""} {
		set := compileText(t, fmt.Sprintf(text, names), Config{})
		var got []string
		for _, r := range set.Match(made("A", "x", "User", "adm_1")) {
			got = append(got, r.Title)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("filter on %s leaves %q, expected %q", names, got, want)
		}
		if len(set.Match(made("A", "x", "User", "u"))) != 2 {
			t.Errorf("filter on %s holds back another user", names)
		}
	}
}

// TestPartialSource proves that a rule or filter that names a log source in
// part means the fields of each source it covers, and is refused where they
// differ.
func TestPartialSource(t *testing.T) {
	dns := &event.Event{}
	dns.Str(event.EventDataset, "saksi.dns")
	dns.Str(event.DNSQuestionName, "a.evil")
	const rule = "title: t\nid: r\nlogsource: {%s}\ndetection: {s: {%s}, condition: s}\n"
	for source, want := range map[string]bool{"product: zeek, service: dns": true, "service: dns": true, "category: dns": true, "service: http": false} {
		set, problems := Compile([]File{{"t.yml", []byte(fmt.Sprintf(rule, source, "query|endswith: .evil"))}}, Config{})
		if got := meets(set, dns); got != want {
			t.Errorf("%s: %t, expected %t (%v)", source, got, want, problems)
		}
	}
	for field, runs := range map[string]bool{"id.orig_h": true, "query|endswith": false} {
		set, problems := Compile([]File{{"t.yml", []byte(fmt.Sprintf(rule, "product: zeek", field+": x"))}}, Config{})
		if len(set.Rules) == 1 != runs || len(problems) == 0 != runs {
			t.Errorf("%s of all of zeek: %d rules, %v", field, len(set.Rules), problems)
		}
	}
	const filter = "---\ntitle: f\nlogsource: {product: zeek}\nfilter: {rules: [r], s: {%s}, condition: not s}\n"
	for field, want := range map[string]bool{"query: a.evil": false, "query: b.evil": true, "nothing: a": true} {
		set, problems := Compile([]File{{"t.yml", []byte(fmt.Sprintf(rule+filter, "product: zeek, service: dns", "query|endswith: .evil", field))}}, Config{})
		if got := meets(set, dns); got != want || len(problems) > 0 != (field == "nothing: a") {
			t.Errorf("filter on %s: %t, expected %t (%v)", field, got, want, problems)
		}
	}
}

// TestTaxonomy proves that rules of the taxonomy of ECS see our flows and names
// asked, that Zeek's names do, and that what can't be meant exactly is refused.
func TestTaxonomy(t *testing.T) {
	flow := &event.Event{}
	flow.Str(event.EventDataset, "saksi.flow")
	flow.Str(event.SaksiFlowState, "SF")
	flow.Int(event.SourcePackets, 98)
	flow.Int(event.SaksiFlowSourcePayload, 1000)
	_ = flow.SetText(event.DestinationIP, "192.0.2.9")
	dns := &event.Event{}
	dns.Str(event.EventDataset, "saksi.dns")
	dns.Str(event.DNSQuestionName, "a.evil")
	dns.Str(event.DNSResponseCode, "NOERROR")
	smb := &event.Event{}
	smb.Str(event.EventDataset, "saksi.smb")
	smb.Str(event.SaksiSmbShare, `\\srv\ADMIN$`)
	smb.Str(event.SaksiSmbName, `SYSTEM32\x.tmp`)
	kerberos := &event.Event{}
	kerberos.Str(event.EventDataset, "saksi.kerberos")
	kerberos.Str(event.EventAction, "tgs")
	kerberos.Str(event.SaksiKerberosCipher, "rc4-hmac")
	for _, c := range []struct {
		head, search string
		e            *event.Event // nil: refused
	}{
		{"taxonomy: ecs\nlogsource: {category: network, service: connection}", "network.state: SF, source.packets|gte: 98, destination.ip|cidr: 192.0.2.0/24", flow},
		{"taxonomy: ecs\nlogsource: {category: network, service: dns}", "dns.question.name|endswith: .evil, dns.response.code: NOERROR", dns},
		{"taxonomy: sigma\nlogsource: {product: zeek, service: conn}", "orig_pkts: 98, orig_bytes|lt: 2000, conn_state: SF", flow},
		{"logsource: {product: zeek, service: smb_files}", `path: '\\\\*\ADMIN$', name|contains: 'SYSTEM32\'`, smb},
		{"logsource: {product: zeek, service: kerberos}", "request_type: TGS, cipher: rc4-hmac", kerberos},
		{"taxonomy: ecs\nlogsource: {category: network, service: connection}", "event.duration|gt: 5", nil},
		{"taxonomy: ecs\nlogsource: {category: process_creation, product: windows}", "process.executable: x", nil},
		{"taxonomy: ocsf\nlogsource: {category: network, service: dns}", "dns.question.name: x", nil},
	} {
		set, problems := Compile([]File{{"t.yml", []byte("title: t\n" + c.head + "\ndetection: {s: {" + c.search + "}, condition: s}\n")}}, Config{})
		switch {
		case c.e != nil && (len(problems) > 0 || !meets(set, c.e)):
			t.Errorf("%s, %s: does not match; %v", c.head, c.search, problems)
		case c.e == nil && (len(problems) != 1 || problems[0].Level != rules.Refused):
			t.Errorf("%s, %s: %v, expected to be refused", c.head, c.search, problems)
		}
	}
}
