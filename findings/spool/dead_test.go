package spool

import (
	"context"
	"os"
	"strings"
	"testing"

	"saksi/findings"
)

// lenient takes what its own refused.
type lenient struct{ refuse string }

func (l *lenient) Put(_ context.Context, docs []findings.Doc) (r findings.Result, err error) {
	for _, d := range docs {
		if l.refuse != "" && strings.Contains(string(d.Body), l.refuse) {
			r.Dead = append(r.Dead, findings.Dead{Doc: d, Reason: "still refused"})
			continue
		}
		r.Stored++
	}
	return r, nil
}

// TestReplay proves that what was refused is listed with its reason, is put
// again, and stays when it is refused again; an index that fails loses nothing.
func TestReplay(t *testing.T) {
	dir := t.TempDir()
	w, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	emit(t, w, 0, 400)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if _, err := Follow(t.Context(), dir, "memory", &memory{ids: map[string]bool{}}, nil); err != nil {
		t.Fatal(err)
	}
	list, err := Letters(dir)
	if err != nil || len(list) != 8 || list[0].Reason != "no sevens" || list[0].Index != "memory" || list[0].Doc.Dataset != "dns" || list[0].Doc.Time.UnixNano() != 7 {
		t.Fatalf("%v, %d letters", err, len(list))
	}
	if _, err := Replay(t.Context(), dir, "memory", &memory{fail: 1}); err == nil {
		t.Error("an index that is down takes them")
	}
	if list, err = Letters(dir); err != nil || len(list) != 8 {
		t.Fatalf("%v, %d letters after an index that is down", err, len(list))
	}
	d, err := Replay(t.Context(), dir, "memory", &lenient{refuse: "document 157"})
	if err != nil || d.Sent != 8 || d.Stored != 7 || d.Dead != 1 {
		t.Fatalf("%+v, %v", d, err)
	}
	if list, err = Letters(dir); err != nil || len(list) != 1 || list[0].Reason != "still refused" {
		t.Fatalf("%v, %v", err, list)
	}
	if d, err = Replay(t.Context(), dir, "memory", &lenient{}); err != nil || d.Stored != 1 {
		t.Fatalf("%+v, %v", d, err)
	}
	if list, err = Letters(dir); err != nil || len(list) != 0 {
		t.Fatalf("%v, %v", err, list)
	}
	if err := os.WriteFile(deadPath(dir, "bad"), []byte("{}\n{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Letters(dir); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("a broken file gives %v", err)
	}
}

// TestPrune proves that only what every follower has passed is removed, nothing
// while none follows, and never what is written to.
func TestPrune(t *testing.T) {
	dir := t.TempDir()
	w, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for i := range 4 { // a segment each
		emit(t, w, i*10, i*10+10)
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		if i < 3 {
			w.mu.Lock()
			err := w.next(i + 2)
			w.mu.Unlock()
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if p, err := Prune(dir); err != nil || p.Segments != 0 || p.Behind != "" {
		t.Fatalf("nobody follows: %+v, %v", p, err)
	}
	if err := saveCursor(dir, "slow", Cursor{Segment: 2, Offset: headerSize}); err != nil {
		t.Fatal(err)
	}
	if _, err := Follow(t.Context(), dir, "fast", &lenient{}, nil); err != nil {
		t.Fatal(err)
	}
	if p, err := Prune(dir); err != nil || p.Segments != 1 || p.Bytes == 0 || p.Behind != "slow" {
		t.Fatalf("%+v, %v", p, err)
	}
	if d, err := Follow(t.Context(), dir, "slow", &lenient{}, nil); err != nil || d.Sent != 30 {
		t.Fatalf("the slow one got %+v, %v", d, err)
	}
	if p, err := Prune(dir); err != nil || p.Segments != 2 {
		t.Fatalf("%+v, %v", p, err)
	}
	emit(t, w, 40, 45)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if d, err := Follow(t.Context(), dir, "slow", &lenient{}, nil); err != nil || d.Sent != 5 {
		t.Fatalf("after pruning the slow one got %+v, %v", d, err)
	}
	if all := readAll(t, dir); len(all) != 15 {
		t.Errorf("%d documents are left in the spool, expected those of the last segment", len(all))
	}
}

// TestTornLetter proves that a line that a crash tore costs nothing: it is not
// listed, and the next refusal stands in its place.
func TestTornLetter(t *testing.T) {
	dir := t.TempDir()
	w, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	emit(t, w, 0, 100)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if _, err := Follow(t.Context(), dir, "memory", &memory{ids: map[string]bool{}}, nil); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(deadPath(dir, "memory"))
	if err != nil {
		t.Fatal(err)
	}
	first := strings.IndexByte(string(b), '\n') + 1
	for _, cut := range []int{first, first + 1, len(b) - 1, 5, 0} {
		if err := os.WriteFile(deadPath(dir, "memory"), b[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		want := strings.Count(string(b[:cut]), "\n")
		if list, err := Letters(dir); err != nil || len(list) != want {
			t.Errorf("cut at %d: %d letters, %v", cut, len(list), err)
		}
		list, err := Letters(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := bury(dir, "memory", []findings.Dead{{Doc: findings.Doc{ID: "x", Body: []byte(`{"@timestamp":"2026-01-01T00:00:00Z","event":{"dataset":"saksi.dns"}}`)}, Reason: "again"}}); err != nil {
			t.Fatal(err)
		}
		if more, err := Letters(dir); err != nil || len(more) != len(list)+1 || more[len(list)].Reason != "again" {
			t.Errorf("cut at %d: %v, %v", cut, more, err)
		}
	}
}

// TestLettersOnce proves that a document that was refused again, because a crash
// came before the index's place was kept, is one refused document.
func TestLettersOnce(t *testing.T) {
	dir := t.TempDir()
	w, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	emit(t, w, 0, 400)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	ix := &memory{ids: map[string]bool{}}
	for range 2 {
		if _, err := Follow(t.Context(), dir, "memory", ix, nil); err != nil {
			t.Fatal(err)
		}
		if err := Rewind(dir, "memory"); err != nil { // as if the place was never kept
			t.Fatal(err)
		}
	}
	if list, err := Letters(dir); err != nil || len(list) != 8 {
		t.Fatalf("%v, %d refused documents, expected 8", err, len(list))
	}
	if d, err := Replay(t.Context(), dir, "memory", &lenient{}); err != nil || d.Sent != 8 {
		t.Fatalf("%+v, %v", d, err)
	}
}
