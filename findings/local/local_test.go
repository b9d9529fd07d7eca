package local

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"saksi/findings"
	"saksi/findings/indextest"
)

// TestContract holds the embedded index to the contract.
func TestContract(t *testing.T) {
	indextest.Run(t, func(t *testing.T) findings.Index {
		ix, err := Open(t.Context(), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		return ix
	})
}

// TestTwoProcesses proves that a reader sees what a writer commits, that a
// second writer is refused, and that files are the owner's alone.
func TestTwoProcesses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a?b#c")
	w, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := Open(t.Context(), dir); !errors.Is(err, findings.ErrLocked) {
		t.Errorf("a second writer got %v", err)
	}
	docs := indextest.Docs(200)
	if _, err := w.Put(t.Context(), docs[:100]); err != nil {
		t.Fatal(err)
	}
	r, err := OpenReadOnly(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for want := int64(100); want <= 200; want += 100 {
		if p, err := r.Search(t.Context(), findings.Request{}); err != nil || p.Total != want {
			t.Errorf("reader sees %d, expected %d, %v", p.Total, want, err)
		}
		if _, err := w.Put(t.Context(), docs[100:]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Put(t.Context(), docs); err == nil {
		t.Error("a reader wrote")
	}
	st, err := os.Stat(filepath.Join(dir, fileName))
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
}

// TestCorrupt proves that a broken file is told as such, with what to do.
func TestCorrupt(t *testing.T) {
	dir := t.TempDir()
	w, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Put(t.Context(), indextest.Docs(500)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, fileName)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 4096; i < len(b); i++ {
		b[i] ^= 0x5a
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	ix, err := OpenReadOnly(t.Context(), dir)
	if err == nil {
		_, err = ix.Search(t.Context(), findings.Request{Query: "passwd"})
		_ = ix.Close()
	}
	if !errors.Is(err, findings.ErrCorrupt) {
		t.Errorf("a broken file gave %v", err)
	}
	if err := os.WriteFile(path, []byte("not a database at all, but long enough to be read as one"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenReadOnly(t.Context(), dir); !errors.Is(err, findings.ErrCorrupt) {
		t.Errorf("another file gave %v", err)
	}
}
