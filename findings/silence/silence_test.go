package silence

import (
	"strings"
	"testing"
	"time"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/local"
)

// TestFind proves that a sensor is silent after its time and not at it, that
// what comes later does not count, and that one silence is one document whenever it
// is looked at, which is no sign of life.
func TestFind(t *testing.T) {
	ix, err := local.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer ix.Close()
	put := func(e *event.Event) string {
		t.Helper()
		set, _ := e.GetStr(event.EventDataset)
		d := findings.Doc{Body: e.AppendJSON(nil), Dataset: strings.TrimPrefix(set, "saksi.")}
		d.ID, _ = e.GetStr(event.EventID)
		ns, _ := e.GetTime(event.Timestamp)
		d.Time = time.Unix(0, ns).UTC()
		if r, err := ix.Put(t.Context(), []findings.Doc{d}); err != nil || len(r.Dead) > 0 {
			t.Fatalf("%+v, %v", r, err)
		}
		return d.ID
	}
	base := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	heard := func(name string, at time.Time) string {
		e := &event.Event{}
		e.Time(event.Timestamp, at.UnixNano())
		e.Str(event.EventKind, "metric")
		e.Str(event.EventDataset, "saksi.sensor")
		e.Str(event.ObserverName, name)
		return put(e)
	}
	last := heard(`tap "1"`, base)
	heard(`tap "1"`, base.Add(-time.Hour))
	heard("other", base.Add(3*time.Hour))
	list := []Sensor{{Name: `tap "1"`, Agency: "jc", After: time.Hour}, {Name: "other", After: time.Hour}, {Name: "never", After: time.Hour}}
	find := func(at time.Time) map[string]State {
		t.Helper()
		states, err := Find(t.Context(), ix, list, at)
		if err != nil || len(states) != 3 {
			t.Fatalf("%+v, %v", states, err)
		}
		m := map[string]State{}
		for _, s := range states {
			m[s.Name] = s
		}
		return m
	}
	if s := find(base.Add(time.Hour))[`tap "1"`]; s.Silent || !s.Last.Equal(base) {
		t.Errorf("at its time: %+v", s)
	}
	m := find(base.Add(time.Hour + 1))
	s := m[`tap "1"`]
	if !s.Silent || s.LastID != last || !m["other"].Silent || !m["never"].Silent || !m["never"].Last.IsZero() {
		t.Errorf("after it: %+v", m)
	}
	id := put(s.Event())
	s = find(base.Add(50 * time.Hour))[`tap "1"`]
	if again := put(s.Event()); !s.Silent || again != id {
		t.Errorf("one silence is two documents: %s, %s, %+v", id, again, s)
	}
	heard(`tap "1"`, base.Add(51*time.Hour))
	if s := find(base.Add(51 * time.Hour))[`tap "1"`]; s.Silent {
		t.Errorf("heard again: %+v", s)
	}
	never := find(base.Add(time.Hour))["never"]
	later := find(base.Add(2 * time.Hour))["never"]
	next := find(base.Add(24 * time.Hour))["never"]
	if a, b, c := put(never.Event()), put(later.Event()), put(next.Event()); a != b || a == c {
		t.Errorf("never heard: %s, %s, %s; expected one a day", a, b, c)
	}
}
