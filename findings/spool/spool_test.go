package spool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"saksi/event"
	"saksi/findings"
)

func emit(t *testing.T, w *Writer, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		var e event.Event
		e.Time(event.Timestamp, int64(i))
		e.Str(event.EventDataset, "saksi.dns")
		e.Str(event.Message, fmt.Sprint("document ", i))
		if err := w.Emit(&e); err != nil {
			t.Fatal(err)
		}
	}
}

func readAll(t *testing.T, dir string) []findings.Doc {
	t.Helper()
	var all []findings.Doc
	var c Cursor
	for {
		docs, next, err := Read(dir, c, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(docs) == 0 {
			return all
		}
		all, c = append(all, docs...), next
	}
}

// TestAppendRead proves that documents come back in order over a restart, and
// that a second writer is told the spool is locked.
func TestAppendRead(t *testing.T) {
	dir := t.TempDir()
	for i := range 3 {
		w, err := Create(dir)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Create(dir); !errors.Is(err, findings.ErrLocked) {
			t.Errorf("a second writer got %v", err)
		}
		emit(t, w, i*100, i*100+100)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	all := readAll(t, dir)
	if len(all) != 300 {
		t.Fatalf("%d documents, expected 300", len(all))
	}
	for i, d := range all {
		if d.Time.UnixNano() != int64(i) || d.Dataset != "dns" {
			t.Fatalf("document %d is %+v", i, d)
		}
	}
}

// TestTornTail proves that a crash in the middle of a record, at any byte,
// costs that record only, and that the cut is told.
func TestTornTail(t *testing.T) {
	dir := t.TempDir()
	w, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	emit(t, w, 0, 10)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := segmentPath(dir, 1)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	last := len(whole) / 10
	for cut := 1; cut < last; cut += 7 {
		if err := os.WriteFile(path, whole[:len(whole)-cut], 0o600); err != nil {
			t.Fatal(err)
		}
		if n := len(readAll(t, dir)); n != 9 {
			t.Fatalf("cut by %d: %d documents, expected 9", cut, n)
		}
		w, err := Create(dir)
		if err != nil {
			t.Fatal(err)
		}
		if w.Cut() == 0 {
			t.Errorf("cut by %d: not told", cut)
		}
		emit(t, w, 10, 11)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if n := len(readAll(t, dir)); n != 10 {
			t.Fatalf("cut by %d, one more: %d documents, expected 10", cut, n)
		}
	}
}

// TestCorrupt proves that a changed byte before the end is told with its
// offset, and that what stands before it is still read.
func TestCorrupt(t *testing.T) {
	dir := t.TempDir()
	w, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	emit(t, w, 0, 10)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(segmentPath(dir, 1))
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(segmentPath(dir, 1), b, 0o600); err != nil {
		t.Fatal(err)
	}
	docs, _, err := Read(dir, Cursor{}, 1<<20)
	if !errors.Is(err, findings.ErrCorrupt) || len(docs) < 3 {
		t.Errorf("%d documents, %v", len(docs), err)
	}
}

type memory struct {
	ids  map[string]bool
	fail int
}

func (m *memory) Put(_ context.Context, docs []findings.Doc) (r findings.Result, err error) {
	if m.fail--; m.fail == 0 {
		return r, errors.New("index is down")
	}
	for _, d := range docs {
		switch {
		case d.Time.UnixNano()%50 == 7:
			r.Dead = append(r.Dead, findings.Dead{Doc: d, Reason: "no sevens"})
		case m.ids[d.ID]:
			r.Duplicate++
		default:
			m.ids[d.ID] = true
			r.Stored++
		}
	}
	return r, nil
}

// TestFollow proves that an index that fails now and then gets every document
// once, that refused ones are kept with the reason, and that the sum is right.
func TestFollow(t *testing.T) {
	dir := t.TempDir()
	w, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ix := &memory{ids: map[string]bool{}}
	var sum Delivery
	for i := range 4 {
		emit(t, w, i*100, i*100+100)
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		ix.fail = i % 2
		d, err := Follow(t.Context(), dir, "memory", ix, nil)
		if (err != nil) != (i%2 == 1) {
			t.Fatalf("round %d: %v", i, err)
		}
		if d.Sent != d.Stored+d.Duplicate+d.Dead {
			t.Errorf("the sum is wrong: %+v", d)
		}
		sum.Sent += d.Sent
		sum.Dead += d.Dead
	}
	if d, err := Follow(t.Context(), dir, "memory", ix, nil); err != nil || d.Sent+sum.Sent != 400 {
		t.Errorf("%+v after %+v, %v", d, sum, err)
	}
	if len(ix.ids) != 392 {
		t.Errorf("%d documents in the index, expected 392", len(ix.ids))
	}
	if st, err := os.Stat(dir + "/dead-memory.ndjson"); err != nil || st.Mode().Perm() != 0o600 || st.Size() == 0 {
		t.Errorf("dead letters: %v, %v", st, err)
	}
}
