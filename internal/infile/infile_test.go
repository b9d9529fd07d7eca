package infile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestRead proves what is read, and that nothing is waited for.
func TestRead(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	pipe := filepath.Join(dir, "pipe")
	if err := errors.Join(os.Symlink(file, link), unix.Mkfifo(pipe, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path  string
		limit int64
		want  string // or the error
		fails bool
	}{
		{file, 10, "0123456789", false},
		{link, 10, "0123456789", false},
		{file, 9, "has more than the 9 bytes", true},
		{filepath.Join(dir, "none"), 9, "no such file", true},
		{dir, 9, "is a folder", true},
		{pipe, 9, "is a pipe that nobody writes to", true},
		{"/dev/null", 9, "", false},
		{"/dev/zero", 9, "has more than the 9 bytes", true},
	} {
		b, err := Read(c.path, c.limit)
		switch {
		case c.fails && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, expected %q", c.path, err, c.want)
		case !c.fails && (err != nil || string(b) != c.want):
			t.Errorf("%s: %q, %v, expected %q", c.path, b, err, c.want)
		}
	}
	if _, err := Read(filepath.Join(dir, "none"), 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// TestReadPipe proves that a pipe with a writer is read to its end, and one
// whose writer is silent not for ever.
func TestReadPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	old := patience
	defer func() { patience = old }()
	patience = 50 * time.Millisecond
	if _, err := Read(pipe, 9); err == nil || !strings.Contains(err.Error(), "nothing came from it") {
		t.Errorf("a silent writer: %v", err)
	}
	patience = old
	if _, err := w.WriteString("of a pipe"); err != nil {
		t.Fatal(err)
	}
	go func() { // its end comes when the reader has begun
		time.Sleep(20 * time.Millisecond)
		w.Close()
	}()
	if b, err := Read(pipe, 9); err != nil || string(b) != "of a pipe" {
		t.Errorf("%q, %v", b, err)
	}
}

// TestOpen proves that only files are opened, and nothing is waited for.
func TestOpen(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, pipe, "/dev/null"} {
		if _, err := Open(path); !errors.Is(err, ErrNoFile) {
			t.Errorf("%s: %v", path, err)
		}
	}
	f, err := Open("infile.go")
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}
