package yara

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"saksi/event"
	"saksi/internal/wire"
)

// TestSplit proves that rules are found with their lines whatever stands in
// their comments, strings and regular expressions, and that blanking one keeps
// the lines of the others.
func TestSplit(t *testing.T) {
	text := []byte("// rule no { }\n/* rule no\n{ */ import \"pe\"\nprivate global rule a : tag\n{ strings: $a = \"}\\\"{\" $b = /[\\/}]/ $h = { 00 }\n condition: $a }\nrule b { condition: true }rule open { {")
	got := Split(text)
	for i, want := range []struct {
		name string
		line int
	}{{"a", 4}, {"b", 7}, {"open", 7}} {
		if i >= len(got) || got[i].Name != want.name || got[i].Line != want.line {
			t.Fatalf("%+v, expected %+v at %d", got, want, i)
		}
	}
	lines := strings.Count(string(text), "\n")
	Blank(text, got[0])
	if s := string(text); strings.Contains(s, "private") || !strings.Contains(s, "\nrule b {") || strings.Count(s, "\n") != lines {
		t.Errorf("blanked: %q", s)
	}
}

// TestEvent proves that techniques and severity come from the keys that rule
// writers use, and that pieces keep their place.
func TestEvent(t *testing.T) {
	for _, c := range []struct {
		metas      []Meta
		tags       []string
		severity   int64
		techniques []string
	}{
		{nil, nil, 2, nil},
		{[]Meta{{"attack", "T1105, T1027.002"}, {"severity", "critical"}}, nil, 4, []string{"T1105", "T1027.002"}},
		{[]Meta{{"mitre_att", "T1059;t1105"}, {"score", "80"}}, []string{"T1566", "malware"}, 4, []string{"T1059", "T1105", "T1566"}},
		{[]Meta{{"technique", "none"}, {"score", "-5"}}, nil, 1, nil},
	} {
		m := Match{Rule: "r", Namespace: "n.yar", Tags: c.tags, Metas: c.metas, Strings: []String{{Name: "$a", Offset: 3, Length: 2, Data: []byte("ab")}}, More: true}
		var e event.Event
		m.Event(&e)
		var got []string
		for v := range e.Values(event.ThreatTechniqueID) {
			got = append(got, v.Str())
		}
		if n, _ := e.GetInt(event.EventSeverity); n != c.severity || !slices.Equal(got, c.techniques) {
			t.Errorf("%v: severity %d and %v, expected %d and %v", c.metas, n, got, c.severity, c.techniques)
		}
		if doc := string(e.AppendJSON(nil)); !strings.Contains(doc, "$a@3+2:6162") || !strings.Contains(doc, `"yara"`) {
			t.Errorf("%s", doc)
		}
	}
}

// TestReadMatch proves that a match cut anywhere is an error and no panic, and
// that a whole one comes back.
func TestReadMatch(t *testing.T) {
	m := Match{Rule: "r", Namespace: "n", Tags: []string{"t"}, Metas: []Meta{{"k", "v"}}, Strings: []String{{Name: "$a", Offset: 7, Length: 2, Data: []byte("ab")}}, More: true}
	var w wire.Writer
	WriteMatch(&w, &m)
	for n := range len(w.B) {
		r := wire.Reader{B: w.B[:n]}
		if ReadMatch(&r); r.Err() == nil {
			t.Errorf("%d of %d bytes are taken as whole", n, len(w.B))
		}
	}
	r := wire.Reader{B: w.B}
	if got := ReadMatch(&r); r.Err() != nil || !got.More || got.Strings[0].Offset != 7 || got.Metas[0] != m.Metas[0] {
		t.Errorf("%+v, %v", got, r.Err())
	}
	// A count far beyond the record must not be believed.
	r = wire.Reader{B: []byte{0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}}
	if got := ReadMatch(&r); r.Err() == nil || len(got.Tags) > 1 {
		t.Errorf("%d tags, %v", len(got.Tags), r.Err())
	}
}

// TestParts proves that a rule's strings and condition are told apart whatever
// stands in them, that Public takes private away and nothing else, and that
// Alone keeps what a rule rests on.
func TestParts(t *testing.T) {
	text := []byte(`import "pe"
private rule helper { condition: true }
private global rule always { condition: true }
rule other { condition: false }
rule r : tag {
  meta: strings = "condition: x"
  strings:
    $a = "condition: $b = {" wide // $c = no
    $ = { 41 [2] (42|43) }
    $re = /a\/b{1,2} $z = /
  condition: $a and helper or pe.x == 1
}
`)
	spans := Split(text)
	texts, condition := sections(text[spans[3].Start:spans[3].End])
	if want := []string{`$a = "condition: $b = {" wide // $c = no`, `$ = { 41 [2] (42|43) }`, `$re = /a\/b{1,2} $z = /`}; !slices.Equal(texts, want) || strings.TrimSpace(condition) != "$a and helper or pe.x == 1" {
		t.Errorf("%q, condition %q", texts, condition)
	}
	public := string(Public([]Source{{Text: text}})[0].Text)
	if strings.Contains(public, "private") || !strings.Contains(public, "global rule always") || len(public) != len(text) || !strings.Contains(string(text), "private") {
		t.Errorf("public: %s", public)
	}
	alone := string(Alone(text, "r"))
	if !strings.Contains(alone, "rule helper") || !strings.Contains(alone, "rule always") || !strings.Contains(alone, `import "pe"`) || strings.Contains(alone, "rule other") || strings.Count(alone, "\n") != strings.Count(string(text), "\n") {
		t.Errorf("alone: %s", alone)
	}
}

// TestVerdict proves that a verdict crosses the socket whole.
func TestVerdict(t *testing.T) {
	want := Verdict{Rule: "r", Namespace: "n", Matched: true, Global: true, Strings: []Places{{Name: "$a", At: []String{{Name: "$a", Offset: 7, Length: 2, Data: []byte("ab")}}, More: true}, {Name: "$b"}}}
	var w wire.Writer
	WriteVerdict(&w, &want)
	r := wire.Reader{B: w.B}
	if got := ReadVerdict(&r); r.Err() != nil || r.Len() > 0 || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%+v, %v", got, r.Err())
	}
}
