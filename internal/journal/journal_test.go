package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

var key = bytes.Repeat([]byte{7}, 32)

// reopen gives the records that a journal holds.
func reopen(t *testing.T, path string) (*Journal, []string) {
	t.Helper()
	var got []string
	j, err := Open(path, key, []byte("work"), func(i int, b []byte) error {
		if i != len(got) {
			t.Errorf("record %d, want %d", i, len(got))
		}
		got = append(got, string(b))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return j, got
}

// TestTorn proves that a journal cut at any byte gives the records before it, and goes
// on behind them; and that one whose bytes changed gives nothing false.
func TestTorn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	j, _ := reopen(t, path)
	ends := []int64{j.end}
	want := []string{"rahsia 0", "", "rahsia 2"}
	for _, s := range want {
		if err := j.Append([]byte(s)); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, j.end)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(whole, []byte("rahsia")) {
		t.Error("it is in clear")
	}
	for cut := range whole {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		n := 0
		for n < len(want) && ends[n+1] <= int64(cut) {
			n++
		}
		j, got := reopen(t, path)
		if fmt.Sprint(got) != fmt.Sprint(want[:n]) {
			t.Fatalf("cut at %d: %q, want %q", cut, got, want[:n])
		}
		if err := errors.Join(j.Append([]byte("next")), j.Close()); err != nil {
			t.Fatal(err)
		}
		j, got = reopen(t, path)
		if len(got) != n+1 || got[n] != "next" {
			t.Fatalf("cut at %d, then more: %q", cut, got)
		}
		if b, err := j.Read(n); err != nil || string(b) != "next" {
			t.Fatalf("cut at %d: read %q, %v", cut, b, err)
		}
		_ = j.Close()
	}
	for at := range whole {
		b := bytes.Clone(whole)
		b[at] ^= 1
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		var got []string
		j, err := Open(path, key, []byte("work"), func(_ int, b []byte) error {
			got = append(got, string(b))
			return nil
		})
		if err == nil {
			_ = j.Close()
		} else if !errors.Is(err, ErrOther) && !errors.Is(err, ErrNone) || int64(at) >= ends[0] {
			t.Fatalf("byte %d changed: %v", at, err)
		}
		for i, s := range got {
			if s != want[i] || int64(at) >= ends[i] && int64(at) < ends[i+1] {
				t.Fatalf("byte %d changed: record %d is %q", at, i, s)
			}
		}
	}
}

// TestOther proves that what is no journal, or another's, is left as it is.
func TestOther(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "j")
	j, _ := reopen(t, path)
	none := func(int, []byte) error { return nil }
	if _, err := Open(path, key, []byte("work"), none); !errors.Is(err, ErrBusy) {
		t.Errorf("twice: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ key, work []byte }{{key, []byte("other")}, {bytes.Repeat([]byte{8}, 32), []byte("work")}} {
		if _, err := Open(path, c.key, c.work, none); !errors.Is(err, ErrOther) {
			t.Errorf("%q: %v", c.work, err)
		}
	}
	image := filepath.Join(dir, "image")
	for _, s := range []string{"MZ", "an image of a disk that is longer than the head of a journal, and holds evidence"} {
		if err := os.WriteFile(image, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(image, key, nil, none); !errors.Is(err, ErrNone) {
			t.Errorf("%q: %v", s, err)
		}
		if b, _ := os.ReadFile(image); string(b) != s {
			t.Errorf("it was changed: %q", b)
		}
	}
	if _, err := Open(dir, key, nil, none); !errors.Is(err, ErrNone) {
		t.Errorf("a folder: %v", err)
	}
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v, %v", st.Mode(), err)
	}
	j, _ = reopen(t, path)
	if err := j.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}
