package scan_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"saksi/event"
	"saksi/forensics/hashset"
	"saksi/forensics/scan"
)

// TestKnown proves that a known-bad file is a finding, and that nothing is
// told of a known-good one unless it is bad too.
func TestKnown(t *testing.T) {
	plain, _ := run(t, func(c *scan.Config) { c.Entries = false })
	if len(plain.events) == 0 {
		t.Fatal("the rules find nothing")
	}
	digest := str(plain.events[0], event.FileHashSHA256)
	dir := t.TempDir()
	list, path := filepath.Join(dir, "list"), filepath.Join(dir, "known.set")
	if err := os.WriteFile(list, []byte(digest+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := hashset.Build(context.Background(), path, "sha256", []string{list}, 0, nil); err != nil {
		t.Fatal(err)
	}
	set, err := hashset.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	count := func(r *recorder) (rules, known int) {
		for _, e := range r.events {
			switch {
			case str(e, event.SaksiRuleLanguage) == "hashset":
				known++
				if str(e, event.RuleID) != "known.set:"+digest || str(e, event.FileHashSHA256) != digest {
					t.Errorf("%s", e.AppendJSON(nil))
				}
			case str(e, event.FileHashSHA256) == digest:
				rules++
			}
		}
		return rules, known
	}
	before, _ := count(plain)
	sets := []*hashset.Set{set}
	good, sum := run(t, func(c *scan.Config) { c.Entries, c.Good = false, sets })
	if n, k := count(good); n != 0 || k != 0 || sum.Images[0].Good == 0 || len(good.events) != len(plain.events)-before || sum.Images[0].Matches != int64(len(good.events)) {
		t.Errorf("good: %d, %d, %+v", n, k, sum.Images[0])
	}
	both, sum := run(t, func(c *scan.Config) { c.Entries, c.Good, c.Bad = false, sets, sets })
	if n, k := count(both); n != before || k == 0 || sum.Images[0].Good != 0 || sum.Images[0].Matches != int64(len(both.events)) {
		t.Errorf("both: %d, %d, %+v", n, k, sum.Images[0])
	}
	// Files that are skipped are those of which nothing is told, and no others.
	whole, counted := run(t, func(c *scan.Config) { c.Entries, c.Good = true, sets })
	skip, sum := run(t, func(c *scan.Config) { c.Entries, c.Good, c.SkipGood = true, sets, true })
	s := &sum.Images[0]
	if s.Skipped == 0 || s.Skipped != s.Good || s.Good != counted.Images[0].Good || s.Bytes != counted.Images[0].Bytes || len(skip.events) != len(whole.events) {
		t.Errorf("skipped: %d events of %d, %+v", len(skip.events), len(whole.events), s)
	}
	for i := range skip.events {
		if a, b := skip.events[i].AppendJSON(nil), whole.events[i].AppendJSON(nil); !bytes.Equal(a, b) {
			t.Fatalf("skipped:\n%s\n%s", a, b)
		}
	}
	both, sum = run(t, func(c *scan.Config) { c.Entries, c.Good, c.Bad, c.SkipGood = false, sets, sets, true })
	if n, k := count(both); n != before || k == 0 || sum.Images[0].Skipped != 0 {
		t.Errorf("skipped but bad: %d, %d, %+v", n, k, sum.Images[0])
	}
}
