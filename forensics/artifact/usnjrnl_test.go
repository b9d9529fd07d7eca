package artifact_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"saksi/event"
	"saksi/forensics/artifact"
)

// TestUSNPaths proves that a journal takes the paths it does not tell from an
// $MFT beside it, and that a sparse beginning of any size costs no time.
func TestUSNPaths(t *testing.T) {
	const hole = 64 << 30
	journal, err := os.ReadFile(filepath.Join(samples, "sample.usn"))
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile(filepath.Join(samples, "sample.mft"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "$J")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(journal[8192:], hole); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".mft", table, 0o600); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	var got []string
	sum, err := artifact.Read(context.Background(), path, options(t), func(r *artifact.Record, _ *event.Event) error {
		if r.Get("name") == "svchost.exe" && r.Get("parent") == "66-1" {
			got = append(got, r.Get("path")+r.Get("path_incomplete"))
		}
		if r.Offset < hole {
			t.Errorf("a record at %d", r.Offset)
		}
		return nil
	})
	if err != nil || sum.Records != 10 || sum.Broken > 0 || len(got) != 1 || got[0] != `\Users\nurul\Desktop\svchost.exe` {
		t.Errorf("%d records, %q: %v %v", sum.Records, got, sum.Problems, err)
	}
	if d := time.Since(begun); d > 5*time.Second {
		t.Errorf("it took %v", d)
	}
}
