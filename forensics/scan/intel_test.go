package scan_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"saksi/event"
	"saksi/forensics/scan"
	"saksi/rules/intel"
)

// lines takes events as lines, which are encoded on all processors.
type lines struct {
	recorder
	text strings.Builder
}

func (l *lines) EmitLines(b []byte) error {
	_, err := l.text.Write(b)
	return err
}

// TestIndicators proves that digests of every kind and names of files are
// looked for on a disk, that each hit is a finding with the command that shows
// the file, and that workers and the form of output change nothing.
func TestIndicators(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk.csv")
	const text = `type,value,valid_until
sha256,d5e5f94e1aef8e25d46d1d0d671a8598fa86661cbc0a811a013d91b687a07477,2001-01-01
sha1,b6e37c6e6ca8b43f0a6e3b2cbb7d6c5e6d7a0a9a,
filename,invoice-viewer.bin,
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	set, problems, err := intel.Load([]string{path})
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	run1, sum := run(t, func(c *scan.Config) { c.Intel, c.Rules, c.Entries, c.Workers = set, nil, false, 1 })
	if sum.Images[0].Matches != int64(len(run1.events)) || len(run1.events) != 3 { // the name is that of its alternate stream too
		t.Fatalf("%d findings, %d counted", len(run1.events), sum.Images[0].Matches)
	}
	for _, e := range run1.events {
		if !strings.HasPrefix(str(e, event.SaksiEvidenceCommand), "saksi forensics cat demo.E01 --volume 0 --inode ") || str(e, event.EventKind) != "alert" || str(e, event.FileHashSHA1) == "" {
			t.Errorf("%s", e.AppendJSON(nil))
		}
	}
	out := &lines{}
	cfg := config(t, out)
	cfg.Intel, cfg.Rules, cfg.Entries, cfg.Workers = set, nil, false, 3
	if sum, err := scan.Run(context.Background(), cfg); err != nil || sum.Images[0].Matches != 3 {
		t.Fatalf("%+v, %v", sum, err)
	}
	if want := strings.Join(run1.lines, "\n") + "\n"; out.text.String() != want {
		t.Errorf("three workers and lines:\n%s\nexpected\n%s", out.text.String(), want)
	}
}
