package archivefs

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"saksi/internal/inode"
)

// tarOf makes a tar archive of headers.
func tarOf(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := range headers {
		h := headers[i]
		h.Mode = 0o644
		err := w.WriteHeader(&h)
		if err == nil {
			_, err = w.Write(bytes.Repeat([]byte("s"), int(h.Size)))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// names lists all paths.
func names(t testing.TB, fs *FS) (list []string) {
	t.Helper()
	var walk func(r inode.Ref, at string)
	walk = func(r inode.Ref, at string) {
		_ = fs.List(r, func(d inode.Dirent) error {
			list = append(list, at+d.Name)
			if m, err := fs.Meta(d.Ref); err == nil && m.Type() == inode.TypeDir {
				walk(d.Ref, at+d.Name+"/")
			}
			return nil
		})
	}
	walk(fs.Root(), "")
	return list
}

// TestBehindEnd: what stands behind the end of an archive is listed if it is one, and told
// if it is none: an end that was put in hides nothing.
func TestBehindEnd(t *testing.T) {
	one, two := tarOf(t, tar.Header{Name: "satu", Size: 600}), tarOf(t, tar.Header{Name: "dua", Size: 600})
	cpio := func(name string) string {
		f := make([]any, 13)
		for i := range f {
			f[i] = 0
		}
		f[1], f[11] = 0o100644, len(name)+1
		b := fmt.Sprintf("070701"+strings.Repeat("%08x", 13), f...) + name + "\x00"
		for len(b)%4 != 0 {
			b += "\x00"
		}
		return b
	}
	archive := func(name string) []byte { return []byte(cpio(name) + cpio("TRAILER!!!") + strings.Repeat("\x00", 300)) }
	for _, c := range []struct {
		what  string
		data  []byte
		open  func(io.ReaderAt, int64, int64) (*FS, error)
		names string
		note  string
	}{
		{"tar", append(bytes.Clone(one), two...), OpenTar, "satu dua", "another one begins behind it, at "},
		{"tar and more", append(bytes.Clone(one), "something else"...), OpenTar, "satu", "14 bytes behind that are no archive"},
		{"tar alone", append(bytes.Clone(one), make([]byte, 9000)...), OpenTar, "satu", ""},
		{"cpio", append(archive("satu"), archive("dua")...), OpenCpio, "satu dua", "another one begins behind it, at "},
		{"cpio and more", append(archive("satu"), "\x1f\x8b\x08"...), OpenCpio, "satu", "bytes behind that are no archive"},
	} {
		fs, err := c.open(bytes.NewReader(append([]byte("offset  "), c.data...)), 8, int64(len(c.data)))
		if err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		notes := strings.Join(fs.Notes(), "; ")
		if got := strings.Join(names(t, fs), " "); got != c.names || !strings.Contains(notes, c.note) || c.note == "" && notes != "" {
			t.Errorf("%s: %q, notes %q", c.what, got, notes)
		}
	}
}

// TestManyLevels: a name of thousands of folders costs no more than its bytes.
func TestManyLevels(t *testing.T) {
	deep := tarOf(t, tar.Header{Name: strings.Repeat("a/", 10_000) + "x", Size: 1}, tar.Header{Name: strings.Repeat("a/", 10_000) + "y", Size: 1})
	fs, err := OpenTar(bytes.NewReader(deep), 0, int64(len(deep)))
	if err != nil {
		t.Fatal(err)
	}
	if len(fs.nodes) != maxLevels+3 || fs.names > 1<<20 || !strings.Contains(strings.Join(fs.Notes(), ""), "a file in 10000 folders of folders is listed in the first 511") {
		t.Errorf("%d entries, %d bytes of names: %.300q", len(fs.nodes), fs.names, fs.Notes())
	}
}

// TestManyNotes: what is told of thousands of entries is counted.
func TestManyNotes(t *testing.T) {
	fs := newFS("tar", 1)
	for range maxNotes + 7 {
		fs.note("x")
	}
	if n := fs.Notes(); len(n) != maxNotes+1 || n[maxNotes] != "7 more notes of this kind are not listed" {
		t.Errorf("%d notes, the last %q", len(n), n[len(n)-1])
	}
}

// TestBackwards: packed content that is read from its end to its beginning is unpacked twice.
func TestBackwards(t *testing.T) {
	want := bytes.Repeat([]byte("0123456789"), 10_000)
	starts := 0
	c := &streamed{size: int64(len(want)), start: func() (io.Reader, error) { starts++; return bytes.NewReader(want), nil }}
	b := make([]byte, 1000)
	for off := int64(len(want) - 1000); off >= 0; off -= 1000 {
		if n, err := c.ReadAt(b, off); n != len(b) || err != nil || !bytes.Equal(b, want[off:off+1000]) {
			t.Fatalf("at %d: %d, %v", off, n, err)
		}
	}
	if n, err := c.ReadAt(b, c.size-10); n != 10 || err != io.EOF {
		t.Errorf("at its end: %d, %v", n, err)
	}
	if starts != 2 {
		t.Errorf("it was unpacked %d times", starts)
	}
	// Of what is damaged the beginning is read, as often as is asked.
	c = &streamed{size: int64(len(want)), start: func() (io.Reader, error) { return bytes.NewReader(want[:5000]), nil }}
	for _, off := range []int64{4000, 0, 3000} {
		if n, err := c.ReadAt(b, off); n != len(b) || err != nil {
			t.Errorf("of cut content at %d: %d, %v", off, n, err)
		}
	}
}

// TestSparseAlone: a file with holes is read from its own header on, wherever it stands.
func TestSparseAlone(t *testing.T) {
	gnu, err := exec.LookPath("tar")
	if err != nil {
		t.Skip("no tar here")
	}
	dir := t.TempDir()
	want := append(make([]byte, 3<<20), "ekor"...)
	list := []string{}
	for i := range 20 {
		name := fmt.Sprintf("f%d", i)
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Truncate(3 << 20); err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte("ekor"), 3<<20); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		list = append(list, name)
	}
	for _, format := range []string{"gnu", "pax"} {
		out, err := exec.Command(gnu, append([]string{"--sparse", "--format=" + format, "-C", dir, "-cf", "-"}, list...)...).Output()
		if err != nil {
			t.Skipf("this tar makes no sparse archives: %v", err)
		}
		if len(out) > 1<<20 {
			t.Skip("the file system of the temporary folder tells no holes")
		}
		r := &counted{Reader: bytes.NewReader(out)}
		fs, err := OpenTar(r, 0, int64(len(out)))
		if err != nil || len(fs.nodes) != 22 {
			t.Fatalf("%s: %v", format, err)
		}
		for i := 2; i < len(fs.nodes); i++ {
			c, err := fs.Open(inode.Ref{Number: uint64(i)})
			if err != nil {
				t.Fatal(err)
			}
			r.reads = 0
			got := make([]byte, c.Size())
			if n, err := c.ReadAt(got, 0); n != len(want) || err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s, file %d: %d bytes, %v", format, i-2, n, err)
			}
			if r.reads > 40 {
				t.Errorf("%s, file %d: %d reads", format, i-2, r.reads)
			}
		}
	}
}

type counted struct {
	*bytes.Reader
	reads int
}

func (c *counted) ReadAt(p []byte, off int64) (int, error) {
	c.reads++
	return c.Reader.ReadAt(p, off)
}
