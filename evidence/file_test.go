package evidence

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestRegular proves that a link, a FIFO, a folder and a device in the place of
// a file are refused at once, and that no file is read beyond its limit.
func TestRegular(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	put(t, at("file"), []byte("12345"))
	if err := errors.Join(os.Symlink(at("file"), at("link")), os.Symlink(at("none"), at("dangling")), os.Mkdir(at("folder"), 0o700), unix.Mkfifo(at("fifo"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		at("link"): ErrFile, at("dangling"): ErrFile, at("folder"): ErrFile, at("fifo"): ErrFile, "/dev/zero": ErrFile,
		at("none"): fs.ErrNotExist,
	} {
		if f, err := OpenRegular(path); f != nil || !errors.Is(err, want) {
			t.Errorf("%s: %v, %v", path, f, err)
		}
	}
	if b, err := ReadRegular(at("file"), 5); err != nil || string(b) != "12345" {
		t.Errorf("%q, %v", b, err)
	}
	if b, err := ReadRegular(at("file"), 4); b != nil || !errors.Is(err, ErrFile) {
		t.Errorf("over the limit: %q, %v", b, err)
	}
	if err := WriteNew(at("dangling"), nil, 0o600); !errors.Is(err, fs.ErrExist) {
		t.Errorf("writing through a link: %v", err)
	}
}

// TestSHA256 proves that a file, a reader and a slice give the digest that
// FIPS 180 gives for "abc", that progress tells the bytes, and that a canceled
// context and a missing file are errors.
func TestSHA256(t *testing.T) {
	const want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	path := filepath.Join(t.TempDir(), "f")
	put(t, path, []byte("abc"))
	var told int64
	sum, n, err := SHA256File(t.Context(), path, func(n int64) { told = n })
	if sum != want || n != 3 || told != 3 || err != nil || SHA256([]byte("abc")) != want {
		t.Error(sum, n, told, err)
	}
	canceled := canceledContext(t)
	if sum, _, err := SHA256Reader(canceled, strings.NewReader("abc"), nil); sum != "" || !errors.Is(err, canceled.Err()) {
		t.Errorf("canceled: %q, %v", sum, err)
	}
	if sum, _, err := SHA256File(t.Context(), path+"x", nil); sum != "" || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %q, %v", sum, err)
	}
}
