package sigma

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"saksi/event"
	"saksi/rules"
)

// onWeb is the rule of a detection on web servers, in a set of its own.
func onWeb(t *testing.T, detection string) *Set {
	t.Helper()
	return compileText(t, "title: t\nlogsource: {category: webserver}\ndetection:\n"+detection, Config{})
}

func compileText(t *testing.T, text string, cfg Config) *Set {
	t.Helper()
	set, problems := Compile([]File{{"t.yml", []byte(text)}}, cfg)
	if len(set.Rules) == 0 {
		t.Fatalf("%s: %+v", text, problems)
	}
	return set
}

func meets(s *Set, e *event.Event) bool { return len(s.MatchEvent(e)) > 0 }

func web(uri, agent string, status int64) *event.Event {
	e := &event.Event{}
	e.Str(event.EventDataset, "saksi.http")
	e.Str(event.URLOriginal, uri)
	e.Str(event.UserAgentOriginal, agent)
	e.Int(event.HTTPResponseStatusCode, status)
	_ = e.SetText(event.SourceIP, "192.0.2.7")
	return e
}

// TestModifiers proves each modifier and form of value on a match and a miss.
func TestModifiers(t *testing.T) {
	for _, c := range []struct {
		item      string
		hit, miss *event.Event
	}{
		{"cs-uri: /A", web("/a", "", 1), web("/ab", "", 1)},
		{"cs-uri|cased: /A", web("/A", "", 1), web("/a", "", 1)},
		{"cs-uri|contains: Etc", web("/x/etc/y", "", 1), web("/x", "", 1)},
		{"cs-uri|startswith: /x", web("/X1", "", 1), web("/y/x", "", 1)},
		{"cs-uri|endswith: .bin", web("/a.BIN", "", 1), web("/a.bin1", "", 1)},
		{"cs-uri|contains|all: [a, b]", web("/ab", "", 1), web("/a", "", 1)},
		{"cs-uri: '/a*c?'", web("/abbcd", "", 1), web("/ac", "", 1)},
		{`cs-uri: '/a\*'`, web("/a*", "", 1), web("/ab", "", 1)},
		{"cs-uri|re: '^/[0-9]{3}$'", web("/123", "", 1), web("/12x", "", 1)},
		{"cs-uri|re|i: '^/ab$'", web("/AB", "", 1), web("/abc", "", 1)},
		{"c-ip|cidr: 192.0.2.0/29", web("/", "", 1), func() *event.Event { e := web("/", "", 1); e.Delete(event.SourceIP); return e }()},
		{"sc-status: 404", web("/", "", 404), web("/", "", 200)},
		{"sc-status|gte: 500", web("/", "", 503), web("/", "", 499)},
		{"sc-status|lt: 300", web("/", "", 200), web("/", "", 300)},
		{"cs-user-agent: null", web("/", "", 1), web("/", "x", 1)},
		{"cs-user-agent|exists: true", web("/", "x", 1), web("/", "", 1)},
		{"cs-uri|base64|contains: admin", web("/YWRtaW4=", "", 1), web("/admin", "", 1)},
		{"cs-uri|base64offset|contains: admin", web("/eGFkbWlu", "", 1), web("/admin", "", 1)},
		{"cs-uri|contains|windash: ' -x'", web("/a /x", "", 1), web("/a x", "", 1)},
		{"cs-uri|fieldref: cs-user-agent", web("/same", "/same", 1), web("/a", "/b", 1)},
		{"cs-uri|neq: /a", web("/b", "", 1), web("/a", "", 1)},
		{"'|contains': sqlmap", web("/", "sqlmap/1", 1), web("/", "curl", 1)},
	} {
		r := onWeb(t, "  s:\n    "+c.item+"\n  condition: s\n")
		if !meets(r, c.hit) {
			t.Errorf("%s misses", c.item)
		}
		if meets(r, c.miss) {
			t.Errorf("%s matches too much", c.item)
		}
	}
}

// TestConditions proves the grammar of conditions by their truth tables.
func TestConditions(t *testing.T) {
	const searches = "  a: {cs-uri|contains: A}\n  b1: {cs-uri|contains: B}\n  b2: {cs-uri|contains: C}\n  k: [zzz, yyy]\n"
	for _, c := range []struct {
		condition string
		want      func(a, b, c bool) bool
	}{
		{"a and b1 or b2", func(a, b, c bool) bool { return a && b || c }},
		{"a and (b1 or b2)", func(a, b, c bool) bool { return a && (b || c) }},
		{"not a and b1", func(a, b, c bool) bool { return !a && b }},
		{"not (a and b1)", func(a, b, c bool) bool { return !(a && b) }},
		{"1 of b*", func(_, b, c bool) bool { return b || c }},
		{"all of b*", func(_, b, c bool) bool { return b && c }},
		{"1 of them", func(a, b, c bool) bool { return a || b || c }},
		{"a and not 1 of b*", func(a, b, c bool) bool { return a && !b && !c }},
	} {
		r := onWeb(t, searches+"  condition: "+c.condition+"\n")
		for i := range 8 {
			a, b, x := i&1 > 0, i&2 > 0, i&4 > 0
			uri := "/"
			for _, l := range []struct {
				on bool
				s  string
			}{{a, "a"}, {b, "b"}, {x, "c"}} {
				if l.on {
					uri += l.s
				}
			}
			if got := meets(r, web(uri, "", 1)); got != c.want(a, b, x) {
				t.Errorf("%s on %s is %v", c.condition, uri, got)
			}
		}
	}
}

// TestProblems proves that what can't run is told with its place and level.
func TestProblems(t *testing.T) {
	head := "title: t\nid: x\nlogsource: {category: webserver}\ndetection:\n"
	for _, c := range []struct {
		text  string
		line  int
		level rules.Level
	}{
		{"title: [", 1, rules.Wrong},
		{"id: x\n", 1, rules.Wrong},
		{"title: t\ndetection: {a: [b], condition: a}\n", 1, rules.Wrong},
		{head + "  a: {nosuch: 1}\n  condition: a\n", 5, rules.Refused},
		{head + "  a: {cs-uri|bogus: 1}\n  condition: a\n", 5, rules.Wrong},
		{head + "  a: {cs-uri|expand: '%x%'}\n  condition: a\n", 5, rules.Refused},
		{head + "  a: {cs-uri: 1}\n  condition: a and\n", 6, rules.Wrong},
		{head + "  a: {cs-uri: 1}\n  condition: b\n", 6, rules.Wrong},
		{head + "  a: {cs-uri: 1}\n  condition: a | count() > 1\n", 6, rules.Refused},
		{head + "  a: {cs-uri|cidr: x}\n  condition: a\n", 5, rules.Wrong},
		{head + "  a: {cs-uri|re: '(x'}\n  condition: a\n", 5, rules.Wrong},
		{head + "  a: {cs-uri|re: '(?=x)'}\n  condition: a\n", 5, rules.Refused},
		{head + "  a: &x {cs-uri: 1}\n  b: *x\n  condition: a\n", 6, rules.Wrong},
		{"title: t\ncorrelation: {type: event_count}\n", 2, rules.Wrong},
	} {
		set, problems := Compile([]File{{"t.yml", []byte(c.text)}}, Config{})
		list := set.Rules
		if len(list) != 0 || len(problems) != 1 || problems[0].Line != c.line || problems[0].Level != c.level || problems[0].Message == "" {
			t.Errorf("%q: %d rules, %+v; expected line %d, %v", c.text, len(list), problems, c.line, c.level)
		}
	}
}

// TestHostile proves that each of the hostile rules is told apart from a good
// one, within three lines of its fault (what is missing has no line of its own, and
// the parser of YAML names some faults early), and that nothing of them runs.
func TestHostile(t *testing.T) {
	dir := filepath.Join("..", "..", "testdata", "rules", "hostile")
	b, err := os.ReadFile(filepath.Join(dir, "expected.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, row := range strings.Split(strings.TrimSpace(string(b)), "\n")[1:] {
		cells := strings.Split(row, "\t")
		if !strings.HasSuffix(cells[0], ".yml") {
			continue
		}
		n++
		set, problems, err := Load([]string{filepath.Join(dir, cells[0])}, Config{})
		if err != nil {
			t.Fatal(err)
		}
		if len(set.Rules) != 0 || len(problems) == 0 || problems[0].Level == rules.Advice || problems[0].Message == "" {
			t.Errorf("%s: %d rules run, %+v", cells[0], len(set.Rules), problems)
			continue
		}
		want, err := strconv.Atoi(cells[1])
		if err != nil {
			t.Fatal(err)
		}
		if got := problems[0].Line; got < want-3 || got > want+3 {
			t.Errorf("%s: line %d, expected about %d: %s", cells[0], got, want, problems[0].Message)
		}
	}
	if n < 8 {
		t.Errorf("only %d hostile rules", n)
	}
}

// TestFinding proves that a match becomes a finding with the rule's severity
// and techniques and the event's evidence, and that an event of another data
// set meets no rule.
func TestFinding(t *testing.T) {
	set, problems, err := Load([]string{filepath.Join("..", "..", "testdata", "rules", "sigma")}, Config{})
	if err != nil || len(problems) != 0 || len(set.Rules) != 4 {
		t.Fatalf("%d rules, %+v, %v", len(set.Rules), problems, err)
	}
	e := web("/", "sqlmap/1.7", 200)
	e.Time(event.Timestamp, 1)
	e.Int(event.SaksiEvidencePacket, 167)
	hits := set.MatchEvent(e)
	if len(hits) != 1 {
		t.Fatalf("%d rules match", len(hits))
	}
	var f event.Event
	hits[0].Finding(&f, e)
	var got []string
	for _, field := range []event.Field{event.EventKind, event.RuleName, event.ThreatTechniqueID, event.EventSeverity, event.SaksiEvidencePacket, event.SourceIP, event.SaksiRuleDigest} {
		for v := range f.Values(field) {
			got = append(got, string(v.AppendText(nil)))
		}
	}
	if want := "alert|User Agent of an SQL Injection Tool|T1595.002|2|167|192.0.2.7|" + hits[0].Digest; strings.Join(got, "|") != want {
		t.Errorf("%q, expected %q", got, want)
	}
	e.Delete(event.EventDataset)
	e.Str(event.EventDataset, "saksi.flow")
	if hits := set.MatchEvent(e); len(hits) != 0 {
		t.Errorf("%d rules match an event of another data set", len(hits))
	}
}

// TestCorpus reads all of SigmaHQ's rules: each loads or is refused by reason,
// none is called wrong.
func TestCorpus(t *testing.T) {
	dir := os.Getenv("SAKSI_CORPUS")
	if dir == "" {
		t.Skip("SAKSI_CORPUS is not set")
	}
	set, problems, err := Load([]string{filepath.Join(dir, "sigma", "rules")}, Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if p.Level == rules.Wrong {
			t.Errorf("%v", p.Error())
		}
	}
	t.Logf("%d rules run; refused: %v", len(set.Rules), rules.CountReasons(problems, rules.Refused))
	if len(set.Rules) < 3130 {
		t.Errorf("only %d rules run", len(set.Rules))
	}
}

// FuzzParse proves that no rule panics or takes long, and that what compiles
// can be matched.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "rules", "*", "*.yml"))
	if err != nil {
		f.Fatal(err)
	}
	for _, p := range files {
		b, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	e := web("/a?"+strings.Repeat("b", 100), "curl", 200)
	f.Fuzz(func(t *testing.T, s string) {
		set, _ := Compile([]File{{"f.yml", []byte(s)}}, Config{})
		set.MatchEvent(e)
	})
}

// BenchmarkMatch measures one event against the demo's rules.
func BenchmarkMatch(b *testing.B) {
	set, _, err := Load([]string{filepath.Join("..", "..", "testdata", "rules", "sigma")}, Config{})
	if err != nil {
		b.Fatal(err)
	}
	e := web("/index.html", "Mozilla/5.0", 200)
	for b.Loop() {
		set.MatchEvent(e)
	}
}
