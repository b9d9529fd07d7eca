package framework

import (
	"testing"
	"time"

	"saksi/event"
)

// TestFuture proves that a file whose time was set into the future is a finding
// all the same and makes nothing fresh, while what a sensor saw later than the
// assessment does not count.
func TestFuture(t *testing.T) {
	m := &memory{}
	doc := func(id string, at time.Time, kind, dataset string, fields map[event.Field]string) {
		var e event.Event
		e.Time(event.Timestamp, at.UnixNano())
		e.Str(event.EventID, id)
		e.Str(event.EventKind, kind)
		e.Str(event.EventDataset, dataset)
		for f, v := range fields {
			e.Str(f, v)
		}
		if err := m.Emit(&e); err != nil {
			t.Fatal(err)
		}
	}
	future := time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
	doc("old", asOf.AddDate(-2, 0, 0), "event", "saksi.entry", map[event.Field]string{event.FileInode: "4"})
	doc("a-shell", future, "event", "saksi.entry", map[event.Field]string{event.FileInode: "5"})
	doc("alert", future, "alert", "saksi.alert", map[event.Field]string{event.FileInode: "5", event.SaksiRuleLanguage: "yara"})
	doc("wire", future, "alert", "saksi.alert", map[event.Field]string{event.SaksiRuleLanguage: "suricata"})
	a, err := Assess(t.Context(), m, Inputs{Framework: "rakkssa", AsOf: asOf})
	if err != nil {
		t.Fatal(err)
	}
	if a.Documents != 3 || a.Findings != 1 {
		t.Errorf("%d documents, %d findings", a.Documents, a.Findings)
	}
	met := 0
	for _, o := range a.Outcomes {
		for _, ob := range o.Observations {
			switch ob.Check.ID {
			case "host-malware":
				met++
				if ob.State != Fail || ob.Value != 1 {
					t.Errorf("%+v", ob)
				}
			case "scan-coverage":
				met++
				if ob.State != Stale || ob.AgeS < 700*86400 {
					t.Errorf("%+v", ob)
				}
			}
		}
	}
	if met != 2 {
		t.Errorf("%d of 2 checks met", met)
	}
	c, err := Load("rakkssa")
	if err != nil {
		t.Fatal(err)
	}
	if again, bad := Replay(a, c); again == nil || len(bad) != 0 {
		t.Errorf("it can't be made again: %+v", bad)
	}
}
