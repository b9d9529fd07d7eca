package spool

import (
	"os"
	"testing"
)

// TestFormat1 proves that the spool an earlier release left is opened and gone
// on with, with the places of its indices and what they refused; also one
// that was copied away and back. testdata/format1 was written by the first release
// and is never made anew: a later format gets a folder of its own beside it.
func TestFormat1(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/format1")); err != nil {
		t.Fatal(err)
	}
	// 20 documents in the first segment, 10 in the second, 24 of them delivered.
	if n, err := Pending(dir, "memory"); err != nil || n != 6 {
		t.Errorf("%d documents pending, expected 6: %v", n, err)
	}
	if list, err := Letters(dir); err != nil || len(list) != 1 || list[0].Reason != "no sevens" || list[0].Doc.Time.UnixNano() != 7 {
		t.Errorf("refused documents: %+v, %v", list, err)
	}
	w, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	if w.Cut() != 0 {
		t.Errorf("%d bytes of a whole spool were cut off", w.Cut())
	}
	emit(t, w, 30, 40)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	backup := t.TempDir()
	if err := os.CopyFS(backup, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{dir, backup} {
		all := readAll(t, dir)
		if len(all) != 40 {
			t.Fatalf("%d documents, expected 40", len(all))
		}
		for i, d := range all {
			if e, err := docOf(d.ID, d.Body); err != nil || d.Time.UnixNano() != int64(i) || d.Dataset != "dns" || e.Dataset != "dns" {
				t.Errorf("document %d is %+v, %v", i, d, err)
			}
		}
		d, err := Follow(t.Context(), dir, "memory", &memory{ids: map[string]bool{}}, nil)
		if err != nil || d.Sent != 16 || d.Stored != 16 {
			t.Errorf("what is left is delivered: %+v, %v", d, err)
		}
		if err := Rewind(dir, "memory"); err != nil {
			t.Fatal(err)
		}
		if d, err := Follow(t.Context(), dir, "memory", &memory{ids: map[string]bool{}}, nil); err != nil || d.Stored != 39 || d.Dead != 1 {
			t.Errorf("an index is rebuilt of it: %+v, %v", d, err)
		}
	}
}
