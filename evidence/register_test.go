package evidence

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// TestRegisterTogether: of keys that are enrolled at once none is lost.
func TestRegisterTogether(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "trust")
	keys := make([]*Public, 8)
	for i := range keys {
		file := filepath.Join(t.TempDir(), "k.key")
		if _, err := GenerateKey(file, KeyEd25519, nil); err != nil {
			t.Fatal(err)
		}
		s, err := LoadSigner(file, nil)
		if err != nil {
			t.Fatal(err)
		}
		keys[i] = s.Public()
	}
	var wait sync.WaitGroup
	for i, k := range keys {
		wait.Go(func() {
			if _, err := Enroll(dir, k, fmt.Sprintf("person %d", i), Roles[0], "", time.Now()); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if list, err := Register(dir); err != nil || len(list) != len(keys) {
		t.Errorf("%d of %d keys, %v", len(list), len(keys), err)
	}
}

// TestRegisterMany: a register of thousands of keys can be read, and none is written that can't.
func TestRegisterMany(t *testing.T) {
	dir := t.TempDir()
	list := make([]KeyRecord, 3000)
	for i := range list {
		list[i] = KeyRecord{Hint: fmt.Sprint(i), Person: "a person of some name", Role: Roles[0], From: "2026-11-28T00:00:00Z", File: "0123456789abcdef.pub"}
	}
	if err := writeRegister(dir, list); err != nil {
		t.Fatal(err)
	}
	if got, err := Register(dir); err != nil || len(got) != len(list) {
		t.Errorf("%d keys, %v", len(got), err)
	}
	big := make([]KeyRecord, 1)
	big[0].Person = string(make([]byte, maxRegister))
	if err := writeRegister(dir, big); !errors.Is(err, ErrTrust) {
		t.Error(err)
	}
	if got, err := Register(dir); err != nil || len(got) != len(list) {
		t.Errorf("after one that is too large: %d keys, %v", len(got), err)
	}
}

// TestReplace: the name is of the old file or of the new one, and what a run that was ended left
// stops nothing.
func TestReplace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path+".tmp", []byte("torn"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"one", "two"} {
		if err := Replace(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if st, serr := os.Stat(path); err != nil || serr != nil || string(b) != want || st.Mode().Perm() != 0o600 {
			t.Errorf("%q, %v, %v", b, err, serr)
		}
	}
	if _, err := os.Lstat(path + ".tmp"); err == nil {
		t.Error("something is left")
	}
}
