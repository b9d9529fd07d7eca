package image

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"
)

// differs holds the media of the containers whose manifest line is not about
// their media: sleuthkit as Debian builds it has no VMDK support and hashed
// the packed file. The media is that of dfvfs_ext2.E01. See
// docs/differences.md.
var differs = map[string]struct{ size, sum string }{
	"dfvfs_ext2.vmdk": {"4194304", "a6c2f0e39afe6c6a"},
}

// TestCorpusParent proves that a differencing VHD names its missing parent and
// is read through it when it is there.
func TestCorpusParent(t *testing.T) {
	corpus := os.Getenv("SAKSI_CORPUS")
	if corpus == "" {
		t.Skip("SAKSI_CORPUS is not set")
	}
	dir := unpackCorpus(t, filepath.Join(corpus, "images"))
	child, parent := segment(t, filepath.Join(dir, "dfvfs_image-differential.vhd")), segment(t, filepath.Join(dir, "dfvfs_image.vhd"))
	var m *MissingError
	if _, err := Open([]Segment{child}); !errors.As(err, &m) || m.Names[0] != "image.vhd" || m.Why != "parent disk" {
		t.Fatalf("without its parent: %v", err)
	}
	parent.Name = "image.vhd"
	im, err := Open([]Segment{child, parent})
	if err != nil {
		t.Fatal(err)
	}
	base, err := Open([]Segment{parent})
	if err != nil {
		t.Fatal(err)
	}
	if im.Size != base.Size || digest(t, im) != digest(t, base) {
		t.Errorf("%d bytes; the parent alone has %d, and the child repeats it", im.Size, base.Size)
	}
	// Its own copy of the second sector changed and the first left to the
	// parent: the block's bitmap stands at sector 4, its data at sector 5.
	b := read(t, filepath.Join(dir, "dfvfs_image-differential.vhd"))
	b[4*512] = 0x7f
	b[5*512], b[6*512] = 'X', 'Y'
	child.ReaderAt = bytes.NewReader(b)
	if im, err = Open([]Segment{child, parent}); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 1024)
	if _, err := im.ReadAt(got, 0); err != nil || got[0] == 'X' || got[512] != 'Y' {
		t.Errorf("sectors of parent and child: %q %q, %v", got[0], got[512], err)
	}
	if _, err := Open([]Segment{segment(t, filepath.Join(dir, "dfvfs_fat-differential.vhd"))}); !errors.As(err, &m) || m.Names[0] != "fat-parent.vhd" {
		t.Errorf("a parent named by a Windows path: %v", err)
	}
}

// unpackCorpus unpacks the corpus's .xz files into a folder of the test.
func unpackCorpus(t *testing.T, dir string) string {
	t.Helper()
	out := t.TempDir()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus in %s: %v", dir, err)
	}
	for _, path := range files {
		in, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		name, packed := strings.CutSuffix(filepath.Base(path), ".xz")
		var r io.Reader = in
		if packed {
			if r, err = xz.NewReader(in); err != nil {
				t.Fatal(err)
			}
		}
		o, err := os.Create(filepath.Join(out, name))
		if err == nil {
			_, err = io.Copy(o, r)
		}
		if cerr := o.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			t.Fatal(err)
		}
		in.Close()
	}
	return out
}

// TestCorpusUDIF: the media of a real Apple disk image, as pymodi 20260902 and
// qemu-img 7.2 read it.
func TestCorpusUDIF(t *testing.T) {
	corpus := os.Getenv("SAKSI_CORPUS")
	if corpus == "" {
		t.Skip("SAKSI_CORPUS is not set")
	}
	im, err := Open([]Segment{segment(t, filepath.Join(corpus, "images", "dfvfs_hfsplus_zlib.dmg"))})
	if err != nil {
		t.Fatal(err)
	}
	const want = "c86d3616818e175caca2f6022f49e190e5b1cfe39b2e8f9373119e22aa7eaf58"
	if got := digest(t, im); im.Format != "udif" || im.Size != 1954304 || got != want {
		t.Errorf("%s of %d bytes: %s", im.Format, im.Size, got)
	}
}
