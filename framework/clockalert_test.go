package framework

import (
	"testing"
	"time"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/local"
	"saksi/findings/review"
)

// TestClockAlerts proves from which moment a clock is told of, that one moment is one
// document whenever one looks, that what is overdue is told once a day, and that an owner acknowledges it.
func TestClockAlerts(t *testing.T) {
	start := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	six := Obligation{ID: "act854-6h", Within: "6h", span: 6 * time.Hour, Title: Text{EN: "Notice"}}
	year := Obligation{ID: "audit", Every: "8760h", span: 8760 * time.Hour}
	open := Obligation{ID: "open"}
	at := func(x *Obligation, asOf, met time.Time) []ClockAlert {
		t.Helper()
		c := x.clock(start, met, asOf)
		c.UUID, c.Incident = "clock-"+x.ID, "I-1"
		list, err := ClockAlerts([]Clock{c}, asOf, 2*time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	none := time.Time{}
	for _, c := range []struct {
		name  string
		x     *Obligation
		after time.Duration
		met   time.Time
		alert string
		at    time.Duration // of the finding, after the start
	}{
		{"two hours and a moment are left", &six, 4*time.Hour - time.Second, none, "", 0},
		{"two hours are left", &six, 4 * time.Hour, none, AlertRunningOut, 4 * time.Hour},
		{"later", &six, 5 * time.Hour, none, AlertRunningOut, 4 * time.Hour},
		{"met", &six, 5 * time.Hour, start.Add(time.Hour), "", 0},
		{"met too late", &six, 9 * time.Hour, start.Add(8 * time.Hour), "", 0},
		{"overdue", &six, 6*time.Hour + time.Second, none, AlertOverdue, 6 * time.Hour},
		{"the same day", &six, 29 * time.Hour, none, AlertOverdue, 6 * time.Hour},
		{"a day after", &six, 31 * time.Hour, none, AlertOverdue, 30 * time.Hour},
		{"a tenth of a year", &year, 7884 * time.Hour, none, AlertRunningOut, 7884 * time.Hour},
		{"before that", &year, 7883 * time.Hour, none, "", 0},
		{"no time is known", &open, 9999 * time.Hour, none, "", 0},
	} {
		list := at(c.x, start.Add(c.after), c.met)
		switch {
		case c.alert == "" && len(list) > 0:
			t.Errorf("%s: %+v", c.name, list)
		case c.alert != "" && (len(list) != 1 || list[0].Alert != c.alert || !list[0].At.Equal(start.Add(c.at))):
			t.Errorf("%s: %+v; expected %s at %s", c.name, list, c.alert, c.at)
		}
	}

	ix, err := local.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer ix.Close()
	put := func(e *event.Event, set string) string {
		t.Helper()
		d := findings.Doc{Body: e.AppendJSON(nil), Dataset: set}
		d.ID, _ = e.GetStr(event.EventID)
		ns, _ := e.GetTime(event.Timestamp)
		d.Time = time.Unix(0, ns).UTC()
		if r, err := ix.Put(t.Context(), []findings.Doc{d}); err != nil || len(r.Dead) > 0 {
			t.Fatalf("%+v, %v", r, err)
		}
		return d.ID
	}
	x := at(&six, start.Add(7*time.Hour), none)[0]
	e, err := x.Event()
	if err != nil {
		t.Fatal(err)
	}
	id := put(e, "alert")
	y := at(&six, start.Add(9*time.Hour), none)[0]
	if again, _ := y.Event(); put(again, "alert") != id {
		t.Error("one day of one clock is two documents")
	}
	next := at(&six, start.Add(31*time.Hour), none)[0]
	if err := next.Acknowledged(t.Context(), ix); err != nil || next.By != "" {
		t.Fatalf("acknowledged by %q, %v, before anybody did", next.By, err)
	}
	said, err := (&review.Review{Of: []string{id}, Owner: "Aminah", By: "aminah", At: start.Add(8 * time.Hour)}).Event()
	if err != nil {
		t.Fatal(err)
	}
	put(said, "review")
	if err := next.Acknowledged(t.Context(), ix); err != nil || next.By != "aminah" {
		t.Errorf("acknowledged by %q, %v", next.By, err)
	}
	out := at(&six, start.Add(5*time.Hour), none)[0]
	if err := out.Acknowledged(t.Context(), ix); err != nil || out.By != "" {
		t.Errorf("another state is acknowledged by %q, %v", out.By, err)
	}
}
