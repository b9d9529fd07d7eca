package retain

import (
	"slices"
	"strings"
	"testing"
	"time"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/local"
)

func doc(at time.Time, dataset, agency, caseID string) *event.Event {
	e := &event.Event{}
	e.Time(event.Timestamp, at.UnixNano())
	e.Str(event.EventDataset, "saksi."+dataset)
	e.Str(event.EventKind, "event")
	e.Str(event.OrganizationName, agency)
	e.Str(event.SaksiCase, caseID)
	return e
}

// TestPlan proves which rule decides about which document, at the day.
func TestPlan(t *testing.T) {
	p, err := Parse([]byte(`retention: 1
keep:
  - {dataset: alert, agency: "jpn \"x\"", days: 730}
  - {dataset: alert, days: 365}
  - {case: A-1, days: 0}
  - {case: "*", dataset: flow, days: 10}
  - {dataset: flow, days: 90}
`))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	ago := func(days int) time.Time { return now.AddDate(0, 0, -days) }
	held, err := ScopeOf("B-2", "", "flow", "", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		e    *event.Event
		own  string
		goes bool
	}{
		{"the first rule that fits", doc(ago(400), "alert", `jpn "x"`, ""), "", false},
		{"another agency's", doc(ago(400), "alert", "mof", ""), "", true},
		{"of no agency", doc(ago(400), "alert", "", ""), "", true},
		{"of no agency in that agency's index", doc(ago(400), "alert", "", ""), `jpn "x"`, false},
		{"a case that is kept for good", doc(ago(4000), "flow", "", "A-1"), "", false},
		{"another case", doc(ago(11), "flow", "", "A-2"), "", true},
		{"another case, not yet", doc(ago(10), "flow", "", "A-2"), "", false},
		{"a case that is held", doc(ago(11), "flow", "", "B-2"), "", false},
		{"of a case, which no rule names", doc(ago(4000), "alert", "", "A-2"), "", false},
		{"of no case", doc(ago(91), "flow", "", ""), "", true},
		{"a data set that no rule names", doc(ago(4000), "dns", "", ""), "", false},
		{"the record of removals", doc(ago(4000), "retention", "", ""), "", false},
	} {
		gone, err := Gone(p.Plan(now, c.own), Held([]Hold{{Scope: held}, {Scope: "*", Released: true}}))
		if err != nil {
			t.Fatal(err)
		}
		if got := gone(c.e); got != c.goes {
			t.Errorf("%s: goes %v, expected %v", c.name, got, c.goes)
		}
	}
	all, err := Parse([]byte("retention: 1\nkeep: [{days: 1}]"))
	if err != nil {
		t.Fatal(err)
	}
	gone, err := Gone(all.Plan(now, ""), "")
	if err != nil || gone(doc(ago(9), "hold", "", "")) || gone(doc(ago(9), "retention", "", "")) || gone(doc(ago(9), "access", "", "")) || !gone(doc(ago(9), "review", "", "")) {
		t.Errorf("a rule for everything: %v", err)
	}
}

func TestParseWrong(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "retention: 0",
		"retention: 2\nkeep: [{days: 1}]":     "expected 1",
		"retention: 1":                        "at least one rule",
		"retention: 1\nkeep: [{days: -1}]":    "rule 1: days: -1",
		"retention: 1\nkeep: [{days: 99999}]": "rule 1: days",
		"retention: 1\nkeep: [{dataset: saksi.flow, days: 1}]":      "rule 1: dataset",
		"retention: 1\nkeep: [{days: 1}, {dataset: hold, days: 1}]": "rule 2: dataset: hold",
		"retention: 1\nkeep: [{day: 1}]":                            "field day not found",
		"retention: 1\nkeep: [{days: 1}]\n---\nkeep: []":            "more than one document",
		strings.Repeat("#", MaxPolicy+1):                            "bytes",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v; expected %q", text, err, want)
		}
	}
}

// TestHolds proves that what was said last of a name counts, that nothing is
// said without reason, and that a hold nobody can read stops everything.
func TestHolds(t *testing.T) {
	ix, err := local.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer ix.Close()
	put := func(e *event.Event) {
		t.Helper()
		d := findings.Doc{Body: e.AppendJSON(nil), Dataset: "hold"}
		d.ID, _ = e.GetStr(event.EventID)
		ns, _ := e.GetTime(event.Timestamp)
		d.Time = time.Unix(0, ns).UTC()
		if r, err := ix.Put(t.Context(), []findings.Doc{d}); err != nil || r.Stored != 1 {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	at := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	for i, h := range []Hold{
		{Name: "a", Scope: "rule.id:1"},
		{Name: "b", Scope: "rule.id:2"},
		{Name: "a", Scope: "rule.id:1", Released: true},
		{Name: "b", Scope: "rule.id:2", Released: true},
		{Name: "b", Scope: "rule.id:3"},
	} {
		h.Why, h.By, h.At = "why", "who", at.Add(time.Duration(i)*time.Second)
		e, err := h.Event()
		if err != nil {
			t.Fatal(err)
		}
		put(e)
	}
	list, err := Holds(t.Context(), ix)
	if err != nil || len(list) != 2 || Held(list) != "(rule.id:3)" || list[0].Name != "a" || !list[0].Released {
		t.Errorf("%+v, %v", list, err)
	}
	for _, h := range []Hold{{Scope: "*", Why: "x"}, {Name: "x", Scope: "*"}, {Name: "x", Why: "y", Scope: strings.Repeat("a ", maxHold)}} {
		if _, err := h.Event(); err == nil {
			t.Errorf("%+.60v was taken", h)
		}
	}
	e := doc(at, "hold", "", "")
	e.Str(event.SaksiHoldName, "c")
	e.Str(event.SaksiHoldState, "placed")
	e.Str(event.SaksiHoldScope, "no.such:field")
	put(e)
	if list, err := Holds(t.Context(), ix); err == nil {
		t.Errorf("a hold that can't be read was passed over: %+v", list)
	}
}

func TestScopeOf(t *testing.T) {
	for _, c := range []struct{ in, want []string }{
		{[]string{"", "", "", "", ""}, []string{"*"}},
		{[]string{`K "1"`, "", "", "", ""}, []string{`Saksi.case:"K \"1\""`}},
		{[]string{"", "jpn", "", "", "jpn"}, []string{"*"}},
		{[]string{"", "", "alert", "rule.id:1 OR rule.id:2", ""}, []string{"event.dataset:(saksi.alert OR saksi.review)", "(rule.id:1 OR rule.id:2)"}},
	} {
		got, err := ScopeOf(c.in[0], c.in[1], c.in[2], c.in[3], c.in[4])
		if err != nil || !slices.Equal(strings.Split(got, " AND "), c.want) {
			t.Errorf("%v: %s, %v", c.in, got, err)
		}
	}
	for _, q := range []string{"(a", "x) OR (event.kind:alert"} {
		if got, err := ScopeOf("", "", "", q, ""); err == nil {
			t.Errorf("%q was taken: %s", q, got)
		}
	}
}
