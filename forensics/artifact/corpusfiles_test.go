package artifact_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"

	"saksi/event"
	"saksi/forensics/artifact"
)

// unpacked is a file of the corpus, taken out of its .xz.
func unpacked(t *testing.T, path string) string {
	t.Helper()
	name, packed := strings.CutSuffix(filepath.Base(path), ".xz")
	if !packed {
		return path
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := xz.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if b, err = io.ReadAll(r); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCorpusFiles proves that artifacts of the corpus give as many records of
// each kind as its manifest and other readers count in them.
func TestCorpusFiles(t *testing.T) {
	dir := os.Getenv("SAKSI_CORPUS")
	if dir == "" {
		t.Skip("SAKSI_CORPUS names no corpus")
	}
	for _, c := range []struct {
		file, format string
		want         map[string]int
		broken       int
	}{
		{"plaso_NTUSER.DAT", "registry", map[string]int{"key": 1597, "value": 2310, "userassist": 11, "run": 2, "opened": 4, "last_folder": 1, "typed_time": 4, "program": 1}, 0},
		{"plaso_SAM", "registry", map[string]int{"key": 76, "value": 84, "account": 3, "group": 18, "group_member": 8}, 0},
		{"plaso_win10-Amcache.hve", "registry", map[string]int{"key": 208, "value": 4188, "amcache": 30, "amcache_program": 75, "amcache_device": 53, "amcache_container": 8}, 0},
		{"plaso_CMD.EXE-087B4001.pf", "prefetch", map[string]int{"execution": 1, "file": 33, "volume": 1}, 0},
		{"plaso_PING.EXE-B29F6629.pf", "prefetch", map[string]int{"execution": 1, "file": 27, "volume": 1}, 0},
		{"plaso_TASKHOST.EXE-3AE259FC.pf", "prefetch", map[string]int{"execution": 4, "file": 51, "volume": 1}, 0},
		{"plaso_BYTECODEGENERATOR.EXE-C1E9BCE6.pf", "prefetch", map[string]int{"execution": 7, "file": 1085, "volume": 1}, 0},
		{"plaso_example.lnk", "lnk", map[string]int{"lnk": 1}, 0},
		{"plaso_Catalog1.edb.xz", "file-history", map[string]int{"version": 1373, "copy": 912, "backup": 150, "table": 2}, 0},
		{"plaso_corrupt_sub_key_list.hiv", "registry", map[string]int{"key": 100, "value": 99}, 1},
	} {
		got := map[string]int{}
		sum, err := artifact.Read(context.Background(), unpacked(t, filepath.Join(dir, "images", c.file)), options(t), func(r *artifact.Record, _ *event.Event) error {
			got[r.Get("record")]++
			return nil
		})
		if err != nil || sum.Format != c.format || sum.Broken != c.broken {
			t.Errorf("%s: read as %q with %d problems, %v", c.file, sum.Format, sum.Broken, err)
		}
		for k, n := range c.want {
			if got[k] != n {
				t.Errorf("%s: %d records of kind %s; expected %d", c.file, got[k], k, n)
			}
		}
	}
}
