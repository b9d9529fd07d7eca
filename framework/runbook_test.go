package framework

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const testRunbooks = `runbooks: 1
version: "1"
list:
  - id: rb-web
    title: {en: Web shell, ms: Cangkerang web}
    kinds: [intrusion]
    severity: 3
    steps:
      - {do: {en: Take the server off, ms: Asingkan pelayan}, by: CSIRT, command: "saksi findings search --case KES 'event.severity:>=3'"}
      - {do: {en: Seal the case, ms: Meterai kes}, by: examiner}
    escalate:
      - {after: 4h, to: ICTSO}
      - {after: 30m, to: CSIRT, unless: acknowledged}
  - {id: rb-any, title: {en: Any, ms: Apa-apa}, steps: [{do: {en: Look, ms: Lihat}}], escalate: [{after: 2d, to: CDO, unless: closed}]}
`

// TestRunbooks proves which runbooks an incident has and whom its escalations
// tell, and when.
func TestRunbooks(t *testing.T) {
	r, err := ParseRunbooks("rb.yaml", []byte(testRunbooks))
	if err != nil {
		t.Fatal(err)
	}
	know := asOf.Add(-5 * time.Hour)
	i := &Incident{ID: "I-1", Kind: "Intrusion", Severity: 4, Known: know, New: Moment{At: know.Add(-time.Hour)}}
	tell := func(at time.Time) string {
		var s []string
		for _, e := range r.Escalations(i, at) {
			s = append(s, fmt.Sprintf("%s %s", e.To, e.State))
		}
		n, ok := r.Next(i, at)
		return fmt.Sprintf("%s; next %s %t", strings.Join(s, ", "), n.To, ok)
	}
	for _, c := range []struct {
		change func()
		at     time.Time
		want   string
	}{
		{func() {}, know.Add(29 * time.Minute), "CSIRT pending, ICTSO pending, CDO pending; next CSIRT true"},
		{func() {}, know.Add(30 * time.Minute), "CSIRT due, ICTSO pending, CDO pending; next CSIRT true"},
		{func() { i.Acknowledged = Moment{At: know.Add(time.Hour)} }, know.Add(2 * time.Hour), "CSIRT late, ICTSO pending, CDO pending; next ICTSO true"},
		{func() {}, asOf, "CSIRT late, ICTSO due, CDO pending; next ICTSO true"},
		{func() { i.Contained = Moment{At: know.Add(3 * time.Hour)} }, asOf, "CSIRT late, ICTSO needless, CDO pending; next CDO true"},
		{func() { i.Contained = Moment{}; i.Closed = Moment{At: know.Add(3 * time.Hour)} }, asOf, "CSIRT late, ICTSO needless, CDO needless; next  false"},
		{func() { i.Kind, i.Closed = "loss", Moment{} }, asOf, "CDO pending; next CDO true"},
	} {
		c.change()
		if got := tell(c.at); got != c.want {
			t.Errorf("at %s: %s, expected %s", c.at.Sub(know), got, c.want)
		}
	}
	if (*Runbooks)(nil).Escalations(i, asOf) != nil {
		t.Error("escalations without runbooks")
	}
	for _, c := range []struct{ from, to, want string }{
		{"runbooks: 1", "runbooks: 2", "reads 1"},
		{"id: rb-any", "id: rb-web", "rb.yaml:14: runbook \"rb-web\": it is there twice"},
		{"severity: 3", "severity: 9", "rb.yaml:4"},
		{"after: 4h", "after: soon", "no time such as"},
		{"to: ICTSO", "to: ''", "to whom"},
		{"unless: closed", "unless: sunny", "sunny"},
		{"steps: [{do: {en: Look, ms: Lihat}}]", "steps: []", "expected 1 to"},
		{"{do: {en: Look, ms: Lihat}}", "{by: x}", "nothing to do"},
		{"kinds:", "kindz:", "line 6"},
	} {
		if _, err := ParseRunbooks("rb.yaml", []byte(strings.Replace(testRunbooks, c.from, c.to, 1))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, expected %q", c.to, err, c.want)
		}
	}
}

// TestBuiltInRunbooks proves that the examples are read, in both languages, and that
// each says whom it tells in the end.
func TestBuiltInRunbooks(t *testing.T) {
	r, err := ReadRunbooks(BuiltInRunbooks)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.List) < 6 {
		t.Errorf("%d runbooks", len(r.List))
	}
	for _, b := range r.List {
		if len(b.Escalate) == 0 || b.Title.EN == "" || b.Title.MS == "" {
			t.Errorf("%s: %+v", b.ID, b)
		}
		for _, s := range b.Steps {
			if s.Do.EN == "" || s.Do.MS == "" || s.By == "" {
				t.Errorf("%s: %+v", b.ID, s)
			}
		}
	}
}
