package artifact_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"saksi/event"
	"saksi/forensics/artifact"
)

// TestCorpusNoHash proves that of a real SAM hive the accounts come out, and of
// their V values, which hold hashes, nothing but that they were withheld.
func TestCorpusNoHash(t *testing.T) {
	corpus := os.Getenv("SAKSI_CORPUS")
	if corpus == "" {
		t.Skip("SAKSI_CORPUS is not set")
	}
	accounts, withheld := 0, 0
	_, err := artifact.Read(context.Background(), filepath.Join(corpus, "images", "plaso_SAM"), options(t), func(r *artifact.Record, _ *event.Event) error {
		if r.Get("record") == "account" {
			accounts++
		}
		if r.Get("value") == "V" && strings.Contains(r.Get("key"), `\Users\0000`) {
			if r.Get("withheld") == "" || r.Get("data") != "" {
				t.Errorf("%s shows %.40q", r.Get("key"), r.Get("data"))
			}
			withheld++
		}
		return nil
	})
	if err != nil || accounts < 3 || withheld < accounts {
		t.Errorf("%d accounts, %d values withheld: %v", accounts, withheld, err)
	}
}

// TestHiveLogs proves that the transaction logs beside a hive are replayed and that
// each record that is of one says so; without them, what is missing is told.
func TestHiveLogs(t *testing.T) {
	dir := filepath.Join(samples, "hive")
	read := func(path string) (records, logged, replayed int, sum artifact.Summary) {
		sum, err := artifact.Read(context.Background(), path, options(t), func(r *artifact.Record, e *event.Event) error {
			records++
			where, _ := e.GetStr(event.SaksiArtifactRecovered)
			if where == "log" {
				logged++
			}
			if (where == "log") != (r.Get("recovered") == "log") || where == "log" && r.Placed() {
				t.Errorf("%v: recovered %q, placed %v", r.Fields, where, r.Placed())
			}
			if r.Get("record") == "hive" && r.Get("replayed") != "" {
				replayed++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return records, logged, replayed, sum
	}
	whole, _, _, _ := read(filepath.Join(samples, "sample.hive"))
	for _, name := range []string{"dirty.hive", "old.hive"} {
		records, logged, replayed, sum := read(filepath.Join(dir, name))
		if records != whole || logged == 0 || logged == records || replayed != 1 || sum.Broken != 0 {
			t.Errorf("%s: %d records of %d, %d of a log, replayed %d, %v", name, records, whole, logged, replayed, sum.Problems)
		}
	}
	b, err := os.ReadFile(filepath.Join(dir, "dirty.hive"))
	if err != nil {
		t.Fatal(err)
	}
	alone := filepath.Join(t.TempDir(), "dirty.hive")
	if err := os.WriteFile(alone, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, logged, replayed, sum := read(alone); logged > 0 || replayed > 0 || sum.Broken == 0 {
		t.Errorf("without logs: %d of a log, %v", logged, sum.Problems)
	}
}
