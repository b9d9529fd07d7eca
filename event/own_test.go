package event

import (
	"fmt"
	"strings"
	"testing"
)

// TestStore proves that what is kept stands when the bytes it was a view of and
// the event change, however much follows, and that memory is used again.
func TestStore(t *testing.T) {
	var s Store
	var e Event
	buf := make([]byte, 0, 64)
	for round := range 3 {
		const n = 3000
		for i := range n {
			e.Reset()
			buf = fmt.Appendf(buf[:0], "host-%d-%d", round, i)
			e.Bytes(URLDomain, buf)
			e.Int(SourcePort, int64(i))
			s.Add(&e)
		}
		if s.Len() != n {
			t.Fatalf("%d events kept of %d", s.Len(), n)
		}
		s.At(7).Str(EventKind, "event") // must not write over the next
		for i := range n {
			name, _ := s.At(i).GetStr(URLDomain)
			port, _ := s.At(i).GetInt(SourcePort)
			if want := fmt.Sprintf("host-%d-%d", round, i); name != want || port != int64(i) {
				t.Fatalf("event %d of round %d: %q, %d; expected %q", i, round, name, port, want)
			}
		}
		s.Reset()
	}
	e.Reset()
	e.Str(URLDomain, "example.com")
	s.Add(&e)
	if got := testing.AllocsPerRun(100, func() { s.Reset(); s.Add(&e) }); got != 0 {
		t.Errorf("%v allocations for an event once there is room", got)
	}
}

// TestEncode proves that Encode writes what AppendJSON does, id and all.
func TestEncode(t *testing.T) {
	var plain, derived Event
	plain.Str(EventDataset, "saksi.flow")
	plain.Int(SourcePort, 1)
	derived.Str(EventDataset, "saksi.flow")
	derived.Str(SaksiControl, "rk-3")
	for _, e := range []*Event{{}, &plain, &derived} {
		got := string(e.Encode(nil))
		want := string(e.AppendJSON(nil))
		if got != want {
			t.Errorf("%s\nexpected %s", got, want)
		}
		if id, _ := e.GetStr(EventID); len(id) != 64 || id != e.ID() {
			t.Errorf("AppendJSON left the id %q; expected %s", id, e.ID())
		}
	}
}

// TestObjects proves what the encoder rests on: the fields of one object follow
// each other.
func TestObjects(t *testing.T) {
	closed := map[string]bool{}
	var open []string
	for _, f := range AllFields() {
		parts := strings.Split(f.Name(), ".")
		for k := range len(parts) - 1 {
			object := strings.Join(parts[:k+1], ".")
			if k < len(open) && open[k] == object {
				continue
			}
			for _, o := range open[min(k, len(open)):] {
				closed[o] = true
			}
			open = append(open[:min(k, len(open))], object)
			if closed[object] {
				t.Errorf("%s lies apart from the fields of %s before it", f.Name(), object)
			}
		}
		for _, o := range open[min(len(parts)-1, len(open)):] {
			closed[o] = true
		}
		open = open[:min(len(parts)-1, len(open))]
	}
	if len(closed) < 50 {
		t.Errorf("only %d objects", len(closed))
	}
}
