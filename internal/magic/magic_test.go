package magic

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"saksi/internal/wire"
	"saksi/internal/worker"
)

// TestMain makes this test binary a worker that names files by their first bytes,
// refuses some and dies of others.
func TestMain(m *testing.M) {
	if worker.Serving(os.Args[1:]) {
		name := func(_ context.Context, req []byte, files []*os.File, reply func([]byte) error) error {
			switch {
			case len(files) != 1:
				return errors.New("no database")
			case strings.HasPrefix(string(req), "die"):
				os.Exit(9)
			case strings.HasPrefix(string(req), "bad"):
				return errors.New("no name")
			}
			var w wire.Writer
			w.String(fmt.Sprintf("%d bytes", len(req)))
			return reply(w.B)
		}
		if err := worker.Serve(os.Args[1:], "test", map[string]worker.Handler{OpName: name}); err != nil {
			os.Stderr.WriteString(err.Error())
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestClient proves that what ends the worker costs its own file only and is
// counted, that many of them end the asking, and that a file is looked at by its
// first bytes.
func TestClient(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	before := Databases
	defer func() { Databases = before }()
	Databases = []string{t.TempDir() + "/none", self} // any file
	c, err := Open(context.Background(), worker.Config{Path: self, Version: "test", AllowUnsandboxed: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	step := func(head, want string, failed int) {
		t.Helper()
		if got := c.Name([]byte(head)); got != want || c.Failed() != failed {
			t.Errorf("%.10q: %q and %d failed, want %q and %d", head, got, c.Failed(), want, failed)
		}
	}
	step(strings.Repeat("a", 3*MaxHead), "4096 bytes", 0)
	step("die", "", 1)
	step("die", "", 1) // known by now
	step("ab", "2 bytes", 1)
	step("bad", "", 2)
	for i := range maxFailed - 2 {
		step(fmt.Sprintf("bad %d", i), "", 3+i)
	}
	step("abc", "", maxFailed+1) // asked no more
	step("ab", "2 bytes", maxFailed+1)
	for i := range 2 * maxKept { // what is kept is bounded
		c.Name([]byte(fmt.Sprintf("bad %d more", i)))
	}
	if len(c.kept) > maxKept {
		t.Errorf("%d names kept", len(c.kept))
	}
}
