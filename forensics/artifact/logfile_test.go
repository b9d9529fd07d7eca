package artifact_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"saksi/event"
	"saksi/forensics/artifact"
)

// leastLogRecords is the floor of records in the $LogFile that Windows wrote.
const leastLogRecords = 2060

// TestCorpusLogFile proves that each record of a log that Windows wrote is found
// and named, and that nothing of it is a problem.
func TestCorpusLogFile(t *testing.T) {
	corpus := os.Getenv("SAKSI_CORPUS")
	if corpus == "" {
		t.Skip("SAKSI_CORPUS is not set")
	}
	for _, tool := range []string{"icat", "xz"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	image, log := filepath.Join(t.TempDir(), "image"), filepath.Join(t.TempDir(), "log")
	for _, c := range []struct {
		out  string
		args []string
	}{{image, []string{"xz", "-dc", filepath.Join(corpus, "images", "gontfs_test.ntfs.dd.xz")}}, {log, []string{"icat", image, "2"}}} {
		b, err := exec.Command(c.args[0], c.args[1:]...).Output()
		if err != nil {
			t.Fatalf("%s: %v", c.args[0], err)
		}
		if err := os.WriteFile(c.out, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	unnamed := 0
	sum, err := artifact.Read(context.Background(), log, options(t), func(r *artifact.Record, _ *event.Event) error {
		if r.Get("kind") == "update" && (r.Get("redo") == "" || r.Get("redo")[0] == '0') {
			unnamed++
		}
		return nil
	})
	if err != nil || sum.Broken > 0 || sum.Records < leastLogRecords || unnamed > 0 {
		t.Errorf("%d records, %d without a name: %v %v", sum.Records, unnamed, sum.Problems, err)
	}
}
