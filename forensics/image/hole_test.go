package image_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"saksi/forensics/image"
)

// TestHole proves that what is told to be a hole reads as zeros, in every container of
// the samples, and that containers that keep no zeros tell holes.
func TestHole(t *testing.T) {
	dir := "../../testdata/image"
	told := map[string]int{}
	for _, pattern := range []string{"*.qcow2", "container/*", "filesystem/*.qcow2", "recover/*.qcow2"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(paths), err)
		}
		for _, path := range paths {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			name := filepath.Base(path)
			if strings.HasSuffix(name, ".gz") {
				z, err := gzip.NewReader(bytes.NewReader(b))
				if err != nil {
					t.Fatal(err)
				}
				if b, err = io.ReadAll(z); err != nil {
					t.Fatal(err)
				}
				name = strings.TrimSuffix(name, ".gz")
			}
			im, err := image.Open([]image.Segment{{Name: name, Size: int64(len(b)), ReaderAt: bytes.NewReader(b)}})
			if err != nil {
				continue // of several files
			}
			r := rand.New(rand.NewPCG(6, uint64(len(b))))
			for range 400 {
				off := r.Int64N(im.Size)
				n := min(1+r.Int64N(1<<(1+r.IntN(20))), im.Size-off)
				if !im.Hole(off, n) {
					continue
				}
				told[im.Format]++
				p := make([]byte, n)
				if m, err := im.ReadAt(p, off); int64(m) < n || len(bytes.Trim(p, "\x00")) > 0 {
					t.Fatalf("%s: %d bytes at %d are told to be a hole: %d read, %v", name, n, off, m, err)
				}
			}
			if im.Hole(0, im.Size+1) || im.Hole(-1, 1) {
				t.Errorf("%s: what lies outside is a hole", name)
			}
		}
	}
	for _, format := range []string{"qcow2", "vmdk", "vdi", "aff", "aff4", "parallels", "sparseimage", "udif", "lime"} {
		if told[format] == 0 {
			t.Errorf("no hole in a %s: %v", format, told)
		}
	}
	// A sparse file, whose holes its file system tells, where it does.
	path := filepath.Join(t.TempDir(), "disk.raw")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(64 << 20); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("saksi"), 32<<20); err != nil {
		t.Fatal(err)
	}
	im, err := image.Open([]image.Segment{{Name: "disk.raw", Size: 64 << 20, ReaderAt: f}})
	if err != nil {
		t.Fatal(err)
	}
	if im.Hole(32<<20, 1) || im.Hole(0, 64<<20) || im.Hole(31<<20, 2<<20) {
		t.Error("bytes are told to be a hole")
	}
	if !im.Hole(0, 1<<20) {
		t.Skip("the file system of the temporary folder tells no holes")
	}
	if !im.Hole(48<<20, 16<<20) {
		t.Error("the end of a sparse file is no hole")
	}
}

// TestHoleMade proves that containers which qemu-img makes of a sparse disk tell its
// holes, and no more.
func TestHoleMade(t *testing.T) {
	qemu, err := exec.LookPath("qemu-img")
	if err != nil {
		t.Skip("no qemu-img here")
	}
	dir := t.TempDir()
	raw := filepath.Join(dir, "disk.raw")
	if err := os.WriteFile(raw, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(raw, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(64 << 20); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("saksi"), 32<<20); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"vpc", "vhdx", "vdi", "vmdk", "qcow2"} {
		path := filepath.Join(dir, "disk."+format)
		if out, err := exec.Command(qemu, "convert", "-O", format, raw, path).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v %s", format, err, out)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		st, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		im, err := image.Open([]image.Segment{{Name: filepath.Base(path), Size: st.Size(), ReaderAt: f}})
		if err != nil {
			t.Fatal(err)
		}
		if !im.Hole(0, 16<<20) || !im.Hole(48<<20, 8<<20) || im.Hole(32<<20, 1) || im.Hole(0, 64<<20) {
			t.Errorf("%s: holes %t %t, bytes %t %t", im.Format, im.Hole(0, 16<<20), im.Hole(48<<20, 8<<20), im.Hole(32<<20, 1), im.Hole(0, 64<<20))
		}
	}
}
