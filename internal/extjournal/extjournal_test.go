package extjournal

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"saksi/forensics/image/imagetest"
)

const folder = "../../testdata/image/"

// media unpacks a sample.
func media(t testing.TB, name string) []byte {
	t.Helper()
	return imagetest.Media(t, folder+name)
}

func nobody(uint64) (string, bool) { return "", false }

// counted counts what is read, so that work is bounded by steps.
type counted struct {
	r    io.ReaderAt
	read int64
}

func (c *counted) ReadAt(p []byte, off int64) (int, error) {
	c.read += int64(len(p))
	return c.r.ReadAt(p, off)
}

// TestNames proves that paths come out of the journal alone, without a live
// directory known.
func TestNames(t *testing.T) {
	for _, name := range []string{"recover/journal-ext4.qcow2", "recover/journal-ext3.qcow2", "recover/journal-ext4-v2.qcow2"} {
		raw := media(t, name)
		f, err := Open(bytes.NewReader(raw), 0)
		if err != nil {
			t.Fatal(err)
		}
		files, notes, err := f.Deleted(context.Background(), nobody, nobody)
		if err != nil || len(notes) > 0 {
			t.Fatalf("%s: %v %q", name, err, notes)
		}
		var paths []string
		for _, x := range files {
			paths = append(paths, x.Path)
		}
		got := strings.Join(paths, "\n")
		want := "/folder/one.txt\n/folder/noise.bin\n/folder/inner/nama fail – ujian.txt\n/gone/gone.bin\n/folder/pieces.bin\n/folder/sparse.bin"
		if got != want {
			t.Errorf("%s gives\n%s", name, got)
		}
	}
}

// TestNoJournal proves what callers branch on.
func TestNoJournal(t *testing.T) {
	raw := media(t, "filesystem/ext2.qcow2")
	if _, err := Open(bytes.NewReader(raw), 0); !errors.Is(err, ErrNoJournal) {
		t.Errorf("ext2: %v", err)
	}
}

// TestHostile changes bytes of the metadata and of the journal: nothing
// panics, and no copy makes it read more than a few times the media.
func TestHostile(t *testing.T) {
	for _, name := range []string{"recover/journal-ext4.qcow2", "recover/journal-ext3.qcow2", "recover/journal-ext4-v2.qcow2"} {
		raw := media(t, name)
		f, err := Open(bytes.NewReader(raw), 0)
		if err != nil {
			t.Fatal(err)
		}
		var places []int // of the journal, of inodes and of the superblock
		for _, r := range f.log.runs {
			places = append(places, int(int64(r.disk)*f.BlockSize))
		}
		places = append(places, 1024, int(int64(f.groups[0].table)*f.BlockSize), int(2*f.BlockSize))
		found := 0
		rnd := rand.New(rand.NewPCG(1, uint64(len(name))))
		for range 250 {
			b := bytes.Clone(raw)
			for range 1 + rnd.IntN(20) {
				at := places[rnd.IntN(len(places))] + rnd.IntN(64<<10)
				if rnd.IntN(3) == 0 {
					at = 1024 + rnd.IntN(1024)
				}
				if at < len(b) {
					b[at] = byte(rnd.Uint32())
				}
			}
			if rnd.IntN(10) == 0 {
				b = b[:rnd.IntN(len(b))]
			}
			c := &counted{r: bytes.NewReader(b)}
			f, err := Open(c, 0)
			if err != nil {
				continue
			}
			files, _, err := f.Deleted(context.Background(), nobody, nobody)
			if err != nil {
				continue
			}
			found += len(files)
			for _, x := range files[:min(len(files), 20)] {
				content, err := f.Content(context.Background(), x.Inode, x.Copy)
				if err != nil {
					continue
				}
				_, _ = content.ReadAt(make([]byte, 4096), max(0, content.Size()-4096))
			}
			if c.read > 64*int64(len(raw)) {
				t.Errorf("%s: %d bytes were read of %d", name, c.read, len(raw))
			}
		}
		if found < 250 {
			t.Errorf("%s: only %d files came back out of 250 damaged copies", name, found)
		}
	}
}
