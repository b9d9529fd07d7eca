package filesystem_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ulikunitz/xz"
)

// unlisted are files of the corpus that hold no file system we list, each
// with its reason; see docs/differences.md.
var unlisted = map[string]string{
	"dfvfs_hfsplus_zlib.dmg":       "UDIF is named, not read",
	"dfvfs_fat-differential.vhd":   "its parent is not in the corpus",
	"dfvfs_image-differential.vhd": "its parent has another name in the corpus",
	"dfvfs_ext2.splitraw.001":      "the second piece of a set",
	"dfvfs_ext2.split.E02":         "the second segment of a set",
	"plaso_image-split.E02":        "the second segment of a set",
}

// TestCorpusSleuthkit proves that every file system of the corpus lists the
// entries fls lists, with the content icat gives.
func TestCorpusSleuthkit(t *testing.T) {
	corpus := os.Getenv("SAKSI_CORPUS")
	if corpus == "" {
		t.Skip("SAKSI_CORPUS is not set")
	}
	dir := t.TempDir()
	files, err := filepath.Glob(filepath.Join(corpus, "images", "*"))
	if err != nil || len(files) < 40 {
		t.Fatalf("%d files of the corpus: %v", len(files), err)
	}
	var names []string
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".xz")
		unpack(t, path, filepath.Join(dir, name))
		names = append(names, name)
	}
	volumes := 0
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			begun := time.Now()
			im, err := open(t, filepath.Join(dir, name))
			if err != nil {
				if unlisted[name] == "" {
					t.Error(err)
				}
				t.Skip(err)
			}
			raw := filepath.Join(dir, "media.raw")
			for _, v := range im.Info.Table.Volumes {
				if v.Problem != "" {
					t.Logf("volume %d: %s", v.Number, v.Problem)
					continue
				}
				lines, problems, err := list(t, im, v.Number)
				if err != nil || len(problems) > 0 {
					t.Errorf("volume %d: %v %q", v.Number, err, problems)
				}
				if d := time.Since(begun); d > 30*time.Second {
					t.Errorf("it took %v", d)
				}
				if im.Info.Format == "raw" && len(im.Info.Segments) == 1 {
					raw = filepath.Join(dir, name)
				} else {
					rawMedia(t, im.Source.Names, dir, raw)
				}
				volumes++
				if v.FileSystem.Type == "xfs" || v.FileSystem.Type == "btrfs" || v.Copy != 0 {
					continue // fls does not know them
				}
				compare(t, raw, v.Offset, v.Block, lines)
			}
		})
	}
	if volumes < 26 {
		t.Errorf("only %d file systems were listed", volumes)
	}
}

func unpack(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var r io.Reader = in
	if strings.HasSuffix(from, ".xz") {
		if r, err = xz.NewReader(in); err != nil {
			t.Fatal(err)
		}
	}
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := io.Copy(out, r); err != nil {
		t.Fatal(err)
	}
}
