package evidence

import (
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestHeld proves that a held file is read whatever its path leads to by then,
// each time from its beginning, and that other paths and contexts are not
// touched.
func TestHeld(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	put(t, path, []byte("first"))
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := Hold(t.Context(), path, f); err != nil {
		t.Error(err)
	}
	ctx, held := WithHeld(t.Context())
	if IsHeld(ctx, path) {
		t.Error("held before")
	}
	if err := Hold(ctx, path, f); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	put(t, path, []byte("other"))
	content := func(name string) string {
		f, err := OpenHeld(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		b, err := io.ReadAll(f)
		if err != nil || f.Name() != name {
			t.Fatal(f.Name(), err)
		}
		return string(b)
	}
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	rel, err := filepath.Rel(wd, path)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, rel, filepath.Dir(path) + "/./x"} {
		if got := content(name); got != "first" || !IsHeld(ctx, name) {
			t.Errorf("%s: %q", name, got)
		}
	}
	held.Close()
	if got := content(path); got != "other" {
		t.Errorf("afterwards: %q", got)
	}
}
