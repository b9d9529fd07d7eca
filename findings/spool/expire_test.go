package spool

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"saksi/findings"
)

// taker takes everything.
type taker struct{}

func (*taker) Put(_ context.Context, docs []findings.Doc) (findings.Result, error) {
	return findings.Result{Stored: len(docs)}, nil
}

// TestExpire proves that what goes is gone from segments and from what was
// refused, that the rest keeps its order and its bytes, that an index behind
// keeps its segments, and that places stay right: nothing is put twice or left
// out afterwards.
func TestExpire(t *testing.T) {
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
	ix := &taker{}
	if _, err := Follow(t.Context(), dir, "one", ix, nil); err != nil {
		t.Fatal(err)
	}
	before := readAll(t, dir)
	dead := []findings.Dead{{Doc: before[3], Reason: "odd"}, {Doc: before[4], Reason: "even"}}
	if err := bury(dir, "one", dead); err != nil {
		t.Fatal(err)
	}
	odd := func(d findings.Doc) (bool, error) { return d.Time.UnixNano()%2 == 1, nil }

	// One that has passed nothing keeps all of it.
	if err := saveCursor(dir, "late", Cursor{1, headerSize}); err != nil {
		t.Fatal(err)
	}
	x, err := w.Expire(t.Context(), odd)
	if err != nil || x.Left != 50 || x.Behind != "late" || x.Documents != 1 {
		t.Fatalf("%+v, %v; expected 50 left for the index that is behind and one refused taken out", x, err)
	}
	if list, err := Letters(dir); err != nil || len(list) != 1 || list[0].Doc.ID != before[4].ID || list[0].Reason != "even" {
		t.Errorf("refused: %+v, %v", list, err)
	}
	emit(t, w, 100, 110)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if d, err := Follow(t.Context(), dir, "late", &taker{}, nil); err != nil || d.Sent != 110 {
		t.Fatalf("the index behind got %+v, %v", d, err)
	}
	if d, err := Follow(t.Context(), dir, "one", ix, nil); err != nil || d.Sent != 10 {
		t.Fatalf("the other got %+v, %v", d, err)
	}
	x, err = w.Expire(t.Context(), odd)
	if err != nil || x.Left != 0 || x.Documents != 55 || x.Bytes <= 0 {
		t.Fatalf("%+v, %v; expected 55 taken out", x, err)
	}
	after := readAll(t, dir)
	if len(after) != 55 {
		t.Fatalf("%d documents left, expected 55", len(after))
	}
	for i, d := range after {
		if d.Time != time.Unix(0, int64(2*i)).UTC() || i < 50 && string(d.Body) != string(before[2*i].Body) {
			t.Fatalf("document %d: %s %s", i, d.Time, d.Body)
		}
	}
	emit(t, w, 110, 113)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one", "late"} {
		if d, err := Follow(t.Context(), dir, name, &taker{}, nil); err != nil || d.Sent != 3 {
			t.Errorf("index %s then got %+v, %v", name, d, err)
		}
	}
	if d, err := Follow(t.Context(), dir, "new", &taker{}, nil); err != nil || d.Sent != 58 {
		t.Errorf("a new index got %+v, %v", d, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.new")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestExpireBroken proves that a segment that can't be read stays as it is, and
// that the error names it and the offset.
func TestExpireBroken(t *testing.T) {
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
	if err := Skip(t.Context(), dir, "one"); err != nil {
		t.Fatal(err)
	}
	path := segmentPath(dir, 1)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = w.Expire(t.Context(), func(findings.Doc) (bool, error) { return true, nil })
	if err == nil || !strings.Contains(err.Error(), "00000001.seg") || !strings.Contains(err.Error(), "offset") {
		t.Fatal(err)
	}
	if have, err := os.ReadFile(path); err != nil || string(have) != string(b) {
		t.Error(fmt.Errorf("the broken segment was changed: %w", err))
	}
}
