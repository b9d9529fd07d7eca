package artifact_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"saksi/event"
	"saksi/forensics/artifact"
)

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
		{"plaso_NTUSER.DAT", "registry", map[string]int{"key": 1597, "value": 2310, "userassist": 11, "run": 2}, 0},
		{"plaso_SAM", "registry", map[string]int{"key": 76, "value": 84, "account": 3}, 0},
		{"plaso_win10-Amcache.hve", "registry", map[string]int{"key": 208, "value": 4188, "amcache": 30}, 0},
		{"plaso_CMD.EXE-087B4001.pf", "prefetch", map[string]int{"execution": 1, "file": 33, "volume": 1}, 0},
		{"plaso_PING.EXE-B29F6629.pf", "prefetch", map[string]int{"execution": 1, "file": 27, "volume": 1}, 0},
		{"plaso_TASKHOST.EXE-3AE259FC.pf", "prefetch", map[string]int{"execution": 4, "file": 51, "volume": 1}, 0},
		{"plaso_BYTECODEGENERATOR.EXE-C1E9BCE6.pf", "prefetch", map[string]int{"execution": 7, "file": 1085, "volume": 1}, 0},
		{"plaso_example.lnk", "lnk", map[string]int{"lnk": 1}, 0},
		{"plaso_corrupt_sub_key_list.hiv", "registry", map[string]int{"key": 100, "value": 99}, 1},
	} {
		got := map[string]int{}
		sum, err := artifact.Read(context.Background(), filepath.Join(dir, "images", c.file), options(t), func(r *artifact.Record, _ *event.Event) error {
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
