package bundle

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"saksi/evidence"
)

// TestDowngrade proves in which order bundles of a name may follow each other.
func TestDowngrade(t *testing.T) {
	s := newKey(t)
	dir := t.TempDir()
	other := map[string]string{"rules/other.rules": "x"}
	steps := []struct {
		name   string
		files  map[string]string
		serial int64
		made   time.Time
		status string
		text   string // of ErrDowngrade, when status is empty
	}{
		{"the first", content, 5, made, Installed, ""},
		{"again", content, 5, made, Already, ""},
		{"older", other, 4, made.Add(time.Hour), "", "demo has serial 4; the installed bundle has serial 5"},
		{"same serial, other content", other, 5, made, "", "the installed bundle has serial 5 too, but manifest "},
		{"same serial, other time", content, 5, made.Add(time.Hour), "", "the installed bundle has serial 5 too"},
		{"newer by serial, older by time", other, 6, made.Add(-time.Second), "", "demo serial 6 was made 2026-01-30T23:59:59Z; the installed bundle, serial 5, was made 2026-01-31T00:00:00Z"},
		{"newer", other, 6, made, Installed, ""},
		{"the first after the newer", content, 5, made, "", "serial 5"},
	}
	for _, st := range steps {
		before := tree(t, dir)
		r, err := install(t, dir, packed(t, st.files, st.serial, st.made, s), s)
		if st.status != "" {
			if err != nil || r.Status != st.status {
				t.Errorf("%s: %+v, %v; expected %q", st.name, r, err, st.status)
			}
			continue
		}
		if !errors.Is(err, ErrDowngrade) || !strings.Contains(err.Error(), st.text) {
			t.Errorf("%s: %v; expected ErrDowngrade with %q", st.name, err, st.text)
		}
		if !maps.Equal(before, tree(t, dir)) {
			t.Errorf("%s: the folder has changed", st.name)
		}
	}
	// Another name has serials of its own.
	file := filepath.Join(t.TempDir(), "b")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Pack(t.Context(), f, folderOf(t, content), "second", 1, made, s, nil)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	if r, err := Install(t.Context(), file, dir, s.Public(), nil); err != nil || r.Status != Installed {
		t.Errorf("another name: %+v, %v", r, err)
	}
}

// TestSerialRemembered proves that removing the folder of a bundle does not
// open the way back, and that the newest may be installed again.
func TestSerialRemembered(t *testing.T) {
	s := newKey(t)
	dir := t.TempDir()
	old, last := packed(t, content, 4, made, s), packed(t, content, 5, made, s)
	if _, err := install(t, dir, last, s); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "demo")); err != nil {
		t.Fatal(err)
	}
	if _, err := install(t, dir, old, s); !errors.Is(err, ErrDowngrade) || !strings.Contains(err.Error(), "the last one installed (serials.json) has serial 5") {
		t.Errorf("an older one: %v", err)
	}
	if r, err := install(t, dir, last, s); err != nil || r.Status != Installed {
		t.Errorf("the last one: %+v, %v", r, err)
	}
	// Without the record, the installed manifest still holds the line.
	if err := os.Remove(filepath.Join(dir, serialsName)); err != nil {
		t.Fatal(err)
	}
	if _, err := install(t, dir, old, s); !errors.Is(err, ErrDowngrade) {
		t.Errorf("without the record: %v", err)
	}
	if r, err := install(t, dir, last, s); err != nil || r.Status != Already {
		t.Errorf("without the record: %+v, %v", r, err)
	}
	if _, err := os.Stat(filepath.Join(dir, serialsName)); err != nil {
		t.Errorf("the record was not made again: %v", err)
	}
	for _, b := range []string{"{", `{"format":1,"bundles":{},"x":1}`, `{"format":2}`} {
		if err := os.WriteFile(filepath.Join(dir, serialsName), []byte(b), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := install(t, dir, last, s); err == nil || errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "reading the serials of earlier bundles") {
			t.Errorf("serials.json holds %s: %v", b, err)
		}
	}
}

// TestRestored proves that a bundle whose installed files changed is put right
// by installing it again.
func TestRestored(t *testing.T) {
	s := newKey(t)
	dir := t.TempDir()
	b := packed(t, content, 5, made, s)
	if _, err := install(t, dir, b, s); err != nil {
		t.Fatal(err)
	}
	want := tree(t, dir)
	rule := filepath.Join(dir, "demo/rules/demo.rules")
	for name, change := range map[string]func() error{
		"changed": func() error { return os.WriteFile(rule, []byte("x"), 0o600) },
		"removed": func() error { return os.Remove(rule) },
		"added":   func() error { return os.WriteFile(rule+".bak", nil, 0o600) },
		"linked":  func() error { return errors.Join(os.Remove(rule), os.Symlink("/etc/passwd", rule)) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if r, err := install(t, dir, b, s); err != nil || r.Status != Restored || r.Previous != 5 {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		if !maps.Equal(want, tree(t, dir)) {
			t.Errorf("%s: not put right", name)
		}
	}
}

// TestCrash proves that what a crash can leave behind does no harm.
func TestCrash(t *testing.T) {
	s := newKey(t)
	dir := t.TempDir()
	old, last := packed(t, content, 4, made, s), packed(t, map[string]string{"rules/x": "x"}, 5, made, s)
	if _, err := install(t, dir, old, s); err != nil {
		t.Fatal(err)
	}
	// Between remembering the serial and changing places, with a half-written
	// record of another run.
	book, err := readSerials(dir)
	if err != nil {
		t.Fatal(err)
	}
	heads, bodies := members(t, last)
	if heads[0].Name != manifestName {
		t.Fatal(heads[0].Name)
	}
	sum := evidence.SHA256([]byte(bodies[0]))
	if err := errors.Join(book.remember(dir, "demo", record{5, "2026-01-31T00:00:00Z", sum}),
		os.MkdirAll(filepath.Join(dir, stagingName, "rules"), 0o700),
		os.WriteFile(filepath.Join(dir, stagingName, "rules/half"), []byte("ha"), 0o600),
		os.WriteFile(filepath.Join(dir, serialsName+".new"), []byte("{"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := install(t, dir, old, s); !errors.Is(err, ErrDowngrade) {
		t.Errorf("the old one: %v", err)
	}
	r, err := install(t, dir, last, s)
	if err != nil || r.Status != Installed || r.Previous != 4 {
		t.Errorf("%+v, %v", r, err)
	}
	if got := tree(t, dir); len(got) != 3 || got["demo/rules/x"] != "x" {
		t.Errorf("%d files are left: %q", len(got), got)
	}
}

// TestInterrupted proves that an interrupt leaves the old bundle in force.
func TestInterrupted(t *testing.T) {
	s := newKey(t)
	dir := t.TempDir()
	if _, err := install(t, dir, packed(t, content, 4, made, s), s); err != nil {
		t.Fatal(err)
	}
	before := tree(t, dir)
	file := filepath.Join(t.TempDir(), "b.tar.gz")
	if err := os.WriteFile(file, packed(t, content, 5, made, s), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Install(ctx, file, dir, s.Public(), func(n int64) {
		if n > 4 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || errors.Is(err, ErrDamaged) {
		t.Errorf("%v", err)
	}
	if !maps.Equal(before, tree(t, dir)) {
		t.Error("the folder has changed")
	}
	if r, err := Install(t.Context(), file, dir, s.Public(), nil); err != nil || r.Status != Installed {
		t.Errorf("afterwards: %+v, %v", r, err)
	}
}

// TestOneStep proves that whoever reads the folder while bundles follow each
// other always finds one.
func TestOneStep(t *testing.T) {
	s := newKey(t)
	dir := t.TempDir()
	var bundles [][]byte
	for i := range 20 {
		bundles = append(bundles, packed(t, map[string]string{"rules/x": "x"}, int64(i+1), made, s))
	}
	if _, err := install(t, dir, bundles[0], s); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	missing := make(chan error, 1)
	go func() {
		defer close(missing)
		for {
			select {
			case <-done:
				return
			default:
				if _, err := os.Stat(filepath.Join(dir, "demo", "rules", "x")); err != nil {
					missing <- err
					return
				}
			}
		}
	}()
	for _, b := range bundles[1:] {
		if _, err := install(t, dir, b, s); err != nil {
			t.Error(err)
		}
	}
	close(done)
	if err := <-missing; err != nil {
		t.Error(err)
	}
}

// TestInTheWay proves that nothing is removed that is no bundle, that no two
// install at once, and that a key is needed.
func TestInTheWay(t *testing.T) {
	s := newKey(t)
	dir := t.TempDir()
	b := packed(t, content, 1, made, s)
	mine := filepath.Join(dir, "demo", "mine.txt")
	if err := errors.Join(os.Mkdir(filepath.Dir(mine), 0o700), os.WriteFile(mine, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := install(t, dir, b, s); err == nil || !strings.Contains(err.Error(), "is in the way: it holds no bundle") {
		t.Errorf("a folder of the user's: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "demo", manifestName), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := install(t, dir, b, s); err == nil || errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "is in the way: its manifest can't be read") {
		t.Errorf("a damaged manifest: %v", err)
	}
	if _, err := os.Stat(mine); err != nil {
		t.Error(err)
	}
	unlock, err := lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := install(t, dir, b, s); !errors.Is(err, ErrLocked) {
		t.Errorf("while another installs: %v", err)
	}
	unlock()
	if _, err := Install(t.Context(), mine, dir, nil, nil); !errors.Is(err, evidence.ErrTrust) {
		t.Errorf("without a key: %v", err)
	}
}
