package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"saksi/event"
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
	list, err := os.ReadDir(dir)
	if err != nil || len(list) < 3 {
		t.Fatalf("%v, %v", list, err)
	}
	for _, e := range list {
		if st, err := e.Info(); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", e.Name(), st.Mode(), err)
		}
	}
}

// TestCorrupt proves that a broken file is told as such, with what to do, and
// never answers what is not so: a byte is changed at many places of the manifest
// and of a segment, in turn.
func TestCorrupt(t *testing.T) {
	dir := t.TempDir()
	w, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	const changes = 120
	docs := indextest.Docs(100)
	if _, err := w.Put(t.Context(), docs); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	want, err := answers(t.Context(), dir, docs)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 1))
	for _, name := range []string{manifestName, "00000001" + suffix} {
		path := filepath.Join(dir, name)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		failed := 0
		for range changes {
			b := bytes.Clone(whole)
			at := r.IntN(len(b))
			switch r.IntN(8) {
			case 0:
				b = b[:at]
			default:
				b[at] ^= byte(1 + r.IntN(255))
			}
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := answers(t.Context(), dir, docs)
			switch {
			case err == nil && got != want:
				t.Errorf("%s, changed at %d, answers otherwise", name, at)
			case err != nil && !errors.Is(err, findings.ErrCorrupt):
				t.Errorf("%s, changed at %d: %v", name, at, err)
			case err != nil:
				failed++
				if !strings.Contains(err.Error(), "findings push") {
					t.Errorf("the error says not what to do: %v", err)
				}
			}
		}
		if failed < changes*95/100 {
			t.Errorf("of %d changes of %s %d were seen", changes, name, failed)
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// answers is what the index in dir answers to some of everything, as text.
func answers(ctx context.Context, dir string, docs []findings.Doc) (string, error) {
	ix, err := OpenReadOnly(ctx, dir)
	if err != nil {
		return "", err
	}
	defer ix.Close()
	var b strings.Builder
	for _, d := range docs {
		got, err := ix.Get(ctx, d.ID)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "%s %s %s %s\n", got.ID, got.Dataset, got.Time, got.Body)
	}
	for _, q := range indextest.Queries {
		p, err := ix.Search(ctx, findings.Request{Query: q, Size: 5})
		if err != nil {
			return "", err
		}
		fmt.Fprintln(&b, q, p)
	}
	for _, f := range event.AllFields() {
		if f.Type() == event.Date {
			continue
		}
		l, err := ix.Terms(ctx, "", f.Name(), 5)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(&b, f.Name(), l)
	}
	h, err := ix.Histogram(ctx, "", time.Hour)
	fmt.Fprintln(&b, h)
	return b.String(), err
}

// TestEarlierFormat proves that an index of SQLite is told from none, and what
// to do.
func TestEarlierFormat(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, oldName), []byte("SQLite format 3\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "is of format 1") {
		t.Errorf("opening for writing: %v", err)
	}
	if _, err := OpenReadOnly(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "is of format 1") {
		t.Errorf("opening for reading: %v", err)
	}
}

// TestMissing proves that an index that lost a segment is told as broken, and is
// not taken for one that is not there yet.
func TestMissing(t *testing.T) {
	dir := t.TempDir()
	w, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Put(t.Context(), indextest.Docs(10)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "00000001"+suffix)); err != nil {
		t.Fatal(err)
	}
	_, err = OpenReadOnly(t.Context(), dir)
	if !errors.Is(err, findings.ErrCorrupt) || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("opening for reading: %v", err)
	}
	_, err = Open(t.Context(), dir)
	if !errors.Is(err, findings.ErrCorrupt) {
		t.Errorf("opening for writing: %v", err)
	}
	if m, _, err := loadManifest(dir); err != nil || len(m.List) != 1 {
		t.Errorf("the manifest is %v, %v", m, err)
	}
}

// TestEqual proves that bytes are found eight at a time as one at a time.
func TestEqual(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for range 300 {
		b := make([]byte, r.IntN(chunk+1))
		most := 1 + r.IntN(256)
		for i := range b {
			b[i] = byte(r.IntN(most))
		}
		value := byte(r.IntN(most))
		var got, want mask
		equal(b, value, &got)
		for i, v := range b {
			if v == value {
				want[i/64] |= 1 << (i % 64)
			}
		}
		if got != want {
			t.Fatalf("%d in %x", value, b)
		}
	}
}

// TestMadeAnew proves that a reader of an index that is removed and made again
// meanwhile reads the new one, though its files have the same names.
func TestMadeAnew(t *testing.T) {
	dir := t.TempDir()
	docs := indextest.Docs(20)
	var r *Index
	for i := range 2 {
		w, err := Open(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Put(t.Context(), docs[10*i:10*i+10]); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if r == nil {
			if r, err = OpenReadOnly(t.Context(), dir); err != nil {
				t.Fatal(err)
			}
			defer r.Close()
		}
		if _, err := r.Get(t.Context(), docs[10*i].ID); err != nil {
			t.Errorf("the index made %d times: %v", i+1, err)
		}
		if err := os.Remove(filepath.Join(dir, manifestName)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCutWhileOpen proves that a file that is cut short under a reader ends no
// process.
func TestCutWhileOpen(t *testing.T) {
	dir := t.TempDir()
	ix, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer ix.Close()
	docs := indextest.Docs(2000)
	if _, err := ix.Put(t.Context(), docs); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "00000001"+suffix), 4096); err != nil {
		t.Fatal(err)
	}
	if _, err := ix.Get(t.Context(), docs[1999].ID); !errors.Is(err, findings.ErrCorrupt) {
		t.Errorf("get: %v", err)
	}
	if _, err := ix.Search(t.Context(), findings.Request{Query: "passwd"}); !errors.Is(err, findings.ErrCorrupt) {
		t.Errorf("search: %v", err)
	}
	if _, err := ix.Terms(t.Context(), "", "rule.name", 5); !errors.Is(err, findings.ErrCorrupt) {
		t.Errorf("terms: %v", err)
	}
	if _, err := ix.Put(t.Context(), docs); !errors.Is(err, findings.ErrCorrupt) {
		t.Errorf("put: %v", err)
	}
}
