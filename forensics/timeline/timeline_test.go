package timeline

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"saksi/event"
)

// entry is the event of a file with the times that are not 0.
func entry(m, a, c, b int64) *event.Event {
	e := &event.Event{}
	e.Str(event.EventDataset, "saksi.entry")
	e.Str(event.FilePath, "/a|b\n")
	e.Str(event.FileInode, "12-128-1")
	e.Str(event.FileType, "file")
	e.Str(event.FileMode, "4755")
	e.Int(event.FileSize, 7)
	e.Int(event.SaksiFileVolume, 1)
	for _, t := range []struct {
		f event.Field
		t int64
	}{{event.FileMtime, m}, {event.FileAccessed, a}, {event.FileCtime, c}, {event.FileCreated, b}} {
		if t.t != 0 {
			e.Time(t.f, t.t)
		}
	}
	return e
}

// TestLines proves that moments of one time are one line, that a file without a
// time gives none, and that an event gives its own.
func TestLines(t *testing.T) {
	z := &Zones{}
	for _, c := range []struct {
		e    *event.Event
		want string
	}{
		{entry(5, 5, 5, 5), "5 macb"},
		{entry(5, 7, 5, 3), "5 m.c. 7 .a.. 3 ...b"},
		{entry(0, 7, 0, 0), "7 .a.."},
		{entry(0, 0, 0, 0), ""},
	} {
		var got []string
		for _, l := range z.Lines(nil, c.e) {
			got = append(got, fmt.Sprint(l.Time), l.MACB)
			if l.Zone != "UTC" || l.Inode != "12-128-1" || l.Size != 7 || l.Kind != "entry" {
				t.Errorf("%+v", l)
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%q; expected %q", s, c.want)
		}
	}
	e := &event.Event{}
	e.Str(event.EventDataset, "saksi.dns")
	e.Time(event.Timestamp, 9)
	e.Str(event.DNSQuestionName, "a.example")
	if l := z.Lines(nil, e); len(l) != 1 || l[0].Time != 9 || l[0].Kind != "dns" || l[0].Message != "a.example" || l[0].MACB != "" {
		t.Errorf("%+v", l)
	}
}

// TestZones proves that times without a zone are taken in the one given, that
// the exhibit's clock is corrected, and that each line says so.
func TestZones(t *testing.T) {
	kl, err := time.LoadLocation("Asia/Kuala_Lumpur")
	if err != nil {
		t.Fatal(err)
	}
	noon := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	fat := func(int64) bool { return false }
	for _, c := range []struct {
		z    Zones
		want time.Time
		zone string
	}{
		{Zones{}, noon, "UTC"},
		{Zones{HasZone: fat}, noon, "local, taken as UTC"},
		{Zones{HasZone: fat, Local: kl}, noon.Add(-8 * time.Hour), "local, Asia/Kuala_Lumpur"},
		{Zones{HasZone: fat, Local: kl, Skew: time.Minute}, noon.Add(-8*time.Hour - time.Minute), "local, Asia/Kuala_Lumpur, clock corrected by -1m0s"},
		{Zones{HasZone: func(int64) bool { return true }, Local: kl, Skew: -time.Second}, noon.Add(time.Second), "UTC, clock corrected by 1s"},
	} {
		l := c.z.Lines(nil, entry(noon.UnixNano(), 0, 0, 0))
		if len(l) != 1 || l[0].Time != c.want.UnixNano() || l[0].Zone != c.zone {
			t.Errorf("%+v: %+v; expected %s, %s", c.z, l, c.want, c.zone)
		}
	}
}

// TestBodyfile proves the columns, and that a hostile name stays in its own.
func TestBodyfile(t *testing.T) {
	z := &Zones{}
	e := entry(2e9, 1e9, 3e9, 0)
	e.Bool(event.SaksiFileDeleted, true)
	if got, want := string(z.AppendBodyfile(nil, e, "/volume1")), "0|/volume1/a^b^ (deleted)|12-128-1|r/rrwsr-xr-x|0|0|7|1|2|3|0\n"; got != want {
		t.Errorf("%q; expected %q", got, want)
	}
	if b := z.AppendBodyfile(nil, &event.Event{}, ""); len(b) != 0 {
		t.Errorf("an event that is no entry: %q", b)
	}
}

// TestTimesketch proves that a line holds what Timesketch asks for.
func TestTimesketch(t *testing.T) {
	l := Line{Time: 1500, What: "Creation Time", Message: "x", Path: "/x"}
	b, err := l.AppendTimesketch(nil)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	if m["message"] != "x" || m["timestamp_desc"] != "Creation Time" || m["datetime"] != "1970-01-01T00:00:00.000001+00:00" || m["timestamp"] != 1.0 || b[len(b)-1] != '\n' {
		t.Errorf("%s", b)
	}
}

// TestSorter proves that lines come in the order of time, those of one time in
// the order of adding, whether they fit in memory or not.
func TestSorter(t *testing.T) {
	for _, limit := range []int{1 << 30, 1000, 1} {
		s := NewSorter(t.TempDir())
		s.limit = limit
		r := rand.New(rand.NewPCG(1, 2))
		type in struct {
			time int64
			text string
		}
		var want []in
		for i := range 500 {
			x := in{int64(r.IntN(50)) - 25, fmt.Sprint(i)}
			want = append(want, x)
			if err := s.Add(x.time, []byte(x.text)); err != nil {
				t.Fatal(err)
			}
		}
		slices.SortStableFunc(want, func(a, b in) int { return int(a.time - b.time) })
		var got []in
		if err := s.Each(func(at int64, b []byte) error { got = append(got, in{at, string(b)}); return nil }); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("limit %d: %d lines in another order", limit, len(got))
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestHistogram proves that every moment is counted once, whichever unit the
// span asks for, and that empty stretches are shown.
func TestHistogram(t *testing.T) {
	for _, c := range []struct {
		days int
		unit string
		n    int
	}{{0, "hour", 24}, {3, "hour", 96}, {40, "day", 41}, {400, "month", 14}, {5000, "year", 14}} {
		h := NewHistogram()
		begun := time.Date(2026, 1, 15, 1, 2, 3, 0, time.UTC)
		h.Add(&Line{Time: begun.UnixNano(), MACB: "m..."})
		h.Add(&Line{Time: begun.AddDate(0, 0, c.days).UnixNano()})
		unit, list := h.Buckets()
		var files, events int64
		for _, b := range list {
			files, events = files+b.Files, events+b.Events
		}
		if unit != c.unit || len(list) != c.n || files != 1 || events != 1 {
			t.Errorf("%d days: %d of a %s, %d files, %d events; expected %d of a %s", c.days, len(list), unit, files, events, c.n, c.unit)
		}
	}
}

// TestRecords proves that a record says its file, what was assumed of its time,
// and that the clock of the exhibit is corrected.
func TestRecords(t *testing.T) {
	e := &event.Event{}
	e.Str(event.EventDataset, "saksi.packages")
	e.Time(event.Timestamp, int64(10*time.Second))
	e.Str(event.SaksiAssumed, "zone UTC")
	e.Str(event.LogFilePath, "/var/log/dpkg.log")
	e.Str(event.SaksiArtifactInode, "17")
	e.Bool(event.SaksiArtifactDeleted, true)
	l := (&Zones{Skew: 3 * time.Second}).Lines(nil, e)
	if len(l) != 1 || l[0].Time != int64(7*time.Second) || l[0].Zone != "none, taken as UTC, clock corrected by -3s" || l[0].Inode != "17" || !l[0].Deleted || l[0].What != "Event Time in /var/log/dpkg.log" {
		t.Errorf("%+v", l)
	}
}
