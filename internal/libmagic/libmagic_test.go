package libmagic

import (
	"context"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"saksi/internal/magic"
	"saksi/internal/worker"
)

// TestMain makes this test binary the worker.
func TestMain(m *testing.M) {
	if worker.Serving(os.Args[1:]) {
		if err := worker.Serve(os.Args[1:], "test", Handlers()); err != nil {
			os.Stderr.WriteString(err.Error())
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func client(t *testing.T) *magic.Client {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c, err := magic.Open(context.Background(), worker.Config{Path: self, Version: "test", AllowUnsandboxed: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// TestName proves names of files told within the closed worker, and that files of
// nothing but noise cost it no call.
func TestName(t *testing.T) {
	c := client(t)
	png := "\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
	for _, x := range []struct{ head, want string }{
		{"%PDF-1.7\n", "PDF document, version 1.7"},
		{png, "PNG image data, 1 x 1, 8-bit/color RGBA, non-interlaced"},
		{"hello\n", "ASCII text"},
		{"GIF89a\x01\x00\x01\x00\x80\x00\x00", "GIF image data, version 89a, 1 x 1"},
		{"x", "very short file (no magic)"},
		{"", ""},
	} {
		for range 2 { // the second time without the worker
			if got := c.Name([]byte(x.head)); got != x.want {
				t.Errorf("%.20q: %q, want %q", x.head, got, x.want)
			}
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 3000 {
		b := make([]byte, 1+r.IntN(2*magic.MaxHead))
		for j := range b {
			b[j] = byte(r.Uint32())
		}
		copy(b, []string{png, "%PDF-", "PK\x03\x04", "\x7fELF\x02\x01\x01", "MZ", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "{\"a\":", "<?xml "}[i%8])
		if c.Name(b) == "" {
			t.Fatalf("no name for noise %d", i)
		}
	}
	if n := c.Failed(); n != 0 {
		t.Errorf("%d files not named", n)
	}
}

// TestDatabase proves that a database that is none is told, not used.
func TestDatabase(t *testing.T) {
	for _, db := range []string{"", "no database", strings.Repeat("\x1c\x04\x1e\xf1", 200)} {
		if n, err := New([]byte(db)); err == nil {
			n.Close()
			t.Errorf("%.20q was loaded", db)
		}
	}
	whole, err := os.ReadFile(magic.Databases[0])
	if err != nil {
		t.Fatal(err)
	}
	if n, err := New(whole[:len(whole)/2]); err == nil {
		n.Close()
		t.Error("half a database was loaded")
	}
	before := magic.Databases
	defer func() { magic.Databases = before }()
	magic.Databases = []string{t.TempDir() + "/none"}
	if _, err := magic.Open(context.Background(), worker.Config{}); err == nil || !strings.Contains(err.Error(), "libmagic-mgc") {
		t.Errorf("no database: %v", err)
	}
}
