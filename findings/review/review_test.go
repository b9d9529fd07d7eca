package review

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/local"
)

var start = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)

func index(t *testing.T, list ...*event.Event) *local.Index {
	t.Helper()
	ix, err := local.Open(context.Background(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ix.Close() })
	var docs []findings.Doc
	for _, e := range list {
		at, _ := e.GetTime(event.Timestamp)
		set, _ := e.GetStr(event.EventDataset)
		docs = append(docs, findings.Doc{ID: e.ID(), Dataset: strings.TrimPrefix(set, "saksi."), Time: time.Unix(0, at).UTC(), Body: e.AppendJSON(nil)})
	}
	if r, err := ix.Put(context.Background(), docs); err != nil || r.Stored != len(docs) {
		t.Fatal(err, r)
	}
	return ix
}

func alert(n int, rule, from string) *event.Event {
	e := &event.Event{}
	e.Time(event.Timestamp, start.Add(time.Duration(n)*time.Minute).UnixNano())
	e.Str(event.EventKind, "alert")
	e.Str(event.EventDataset, "saksi.alert")
	e.Str(event.RuleID, rule)
	e.Str(event.RuleName, "name of "+rule)
	e.Int(event.EventSeverity, int64(1+n%4))
	e.Addr(event.SourceIP, netip.MustParseAddr(from))
	return e
}

func said(t *testing.T, r Review) *event.Event {
	t.Helper()
	e, err := r.Event()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestStates proves that what was said last holds, that all stays, and that what
// was said of one finding says nothing of another.
func TestStates(t *testing.T) {
	a, b, c := alert(0, "1", "192.0.2.1"), alert(1, "1", "192.0.2.2"), alert(2, "2", "192.0.2.3")
	ids := []string{a.ID(), b.ID(), c.ID()}
	ix := index(t, a, b, c,
		said(t, Review{Of: ids[:2], Status: "confirmed", Owner: "Aminah", By: "aminah", At: start.Add(time.Hour)}),
		said(t, Review{Of: ids[:1], Note: "called the portal's owner", By: "ben", At: start.Add(2 * time.Hour)}),
		said(t, Review{Of: ids[:1], Status: "closed", Owner: Nobody, By: "ben", At: start.Add(3 * time.Hour)}))
	got, err := States(context.Background(), ix, ids)
	if err != nil {
		t.Fatal(err)
	}
	if s := got[ids[0]]; s == nil || s.Status != "closed" || s.Owner != "" || len(s.History) != 3 || s.History[1].Note != "called the portal's owner" || s.History[1].By != "ben" {
		t.Errorf("the first is %+v", s)
	}
	if s := got[ids[1]]; s == nil || s.Status != "confirmed" || s.Owner != "Aminah" || len(s.History) != 1 {
		t.Errorf("the second is %+v", s)
	}
	if got[ids[2]] != nil {
		t.Errorf("of the third nothing was said, and it is %+v", got[ids[2]])
	}
	for _, r := range []Review{{Status: "open"}, {Of: ids}, {Of: ids, Status: "done"}, {Of: ids, Note: strings.Repeat("x", MaxNote+1)}} {
		if _, err := r.Event(); err == nil {
			t.Errorf("%.60v passes", r)
		}
	}
}

// TestSuppressions proves what holds at a time, that a later one lifts an
// earlier, and that a host bounds it to either end.
func TestSuppressions(t *testing.T) {
	day := 24 * time.Hour
	var docs []*event.Event
	for _, s := range []Suppression{
		{Rule: "1", Until: start.Add(day), Why: "noise", At: start},
		{Rule: "2", Host: "192.0.2.0/24", Until: start.Add(day), Why: "scanner", At: start},
		{Rule: "3", Until: start.Add(day), Why: "noise", At: start},
		{Rule: "3", Until: start, Why: "again wanted", At: start.Add(time.Hour)},
	} {
		e, err := s.Event()
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, e)
	}
	ix := index(t, docs...)
	at := func(n time.Duration) *Suppressed {
		s, err := Suppressions(context.Background(), ix, start.Add(n))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	now := at(2 * time.Hour)
	for _, c := range []struct {
		rule, from string
		want       bool
	}{{"1", "198.51.100.1", true}, {"2", "192.0.2.9", true}, {"2", "198.51.100.1", false}, {"3", "192.0.2.9", false}, {"4", "192.0.2.9", false}} {
		if got := now.Match(alert(0, c.rule, c.from)); got != c.want {
			t.Errorf("a finding of rule %s from %s: suppressed is %v", c.rule, c.from, got)
		}
	}
	if len(now.List) != 2 || len(at(2*day).List) != 0 {
		t.Errorf("%d hold, and %d a day later", len(now.List), len(at(2*day).List))
	}
	for _, s := range []Suppression{{Why: "x"}, {Rule: "1"}, {Rule: "1", Why: "x", Host: "everywhere"}} {
		if _, err := s.Event(); err == nil {
			t.Errorf("%v passes", s)
		}
	}
}

// TestGroups proves that groups count all findings, with first, last and the
// highest severity, and lose none.
func TestGroups(t *testing.T) {
	var list []*event.Event
	for i := range 40 {
		list = append(list, alert(i, []string{"1", "2"}[i%2], []string{"192.0.2.1", "192.0.2.2"}[i/20]))
	}
	ix := index(t, list...)
	groups, rest, skipped, err := Groups(context.Background(), ix, "", []event.Field{event.RuleID, event.SourceIP}, func(e *event.Event) bool {
		a, _ := e.GetAddr(event.SourceIP)
		n, _ := e.GetStr(event.RuleID)
		return n == "1" && a == netip.MustParseAddr("192.0.2.2")
	})
	if err != nil || len(groups) != 3 || rest != 0 || skipped != 10 {
		t.Fatal(err, len(groups), rest, skipped)
	}
	var n int64
	for _, g := range groups {
		n += g.N
	}
	if g := groups[0]; n != 30 || g.Severity != 4 || g.Values[0] != "2" || g.Last.Sub(g.First) != 18*time.Minute || len(g.Newest) != 64 {
		t.Errorf("%d findings; the first group is %+v", n, g)
	}
}
