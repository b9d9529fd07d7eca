package collect_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"saksi/event"
	"saksi/forensics/artifact"
	"saksi/forensics/collect"
	"saksi/internal/journal"
	"saksi/internal/soak"
	"saksi/internal/worker"
)

// outVar names the file that this binary writes records into, for TestKilled.
const outVar = "SAKSI_TEST_COLLECT"

// collectTo reads the artifacts of images and writes records, warnings and counts.
func collectTo(self, out, path string) (taken int64, err error) {
	f, err := os.Create(out)
	if err != nil {
		return 0, err
	}
	var parts *journal.Parts
	if path != "" {
		if parts, err = journal.OpenParts(path, bytes.Repeat([]byte{1}, 32)); err != nil {
			return 0, err
		}
	}
	for i, image := range slices.Repeat([]string{demo, "../../testdata/image/filesystem/ntfs.qcow2", "../../testdata/image/flags.qcow2"}, 3) {
		cfg := collect.Config{
			Image: image, Year: 2026, Bulk: true, Volume: -1, Worker: worker.Config{Path: self, Version: "test", Limits: worker.Limits{Unit: 30 * time.Second}},
			Emit: func(_ *artifact.Record, e *event.Event) error {
				_, err := f.Write(append(e.AppendJSON(nil), '\n'))
				return err
			},
			Warn: func(line string) { fmt.Fprintln(f, line) },
		}
		if parts != nil {
			cfg.Resume = &journal.Resume{In: parts, Name: fmt.Sprint(i, image), Version: "test"}
		}
		sum, rerr := collect.Run(context.Background(), cfg)
		taken += sum.Taken
		sum.Taken = 0
		fmt.Fprintf(f, "%+v\n", sum)
		err = errors.Join(err, rerr)
	}
	return taken, errors.Join(err, f.Close(), parts.Close(err == nil))
}

func collectKilled() int {
	self, err := os.Executable()
	if err != nil {
		return 1
	}
	out := os.Getenv(outVar)
	taken, err := collectTo(self, out, out+".journal")
	if err == nil && taken > 0 {
		err = os.WriteFile(out+".taken", nil, 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// TestKilled kills the reading of artifacts (SIGKILL) at random moments and takes it up
// again: records, warnings and counts are byte for byte those of one run, with a worker
// that dies over a file too.
func TestKilled(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	begun := time.Now()
	if _, err := collectTo(self, plain, ""); err != nil {
		t.Fatal(err)
	}
	took := time.Since(begun)
	want, err := os.ReadFile(plain)
	if err != nil || bytes.Count(want, []byte("\n")) < 500 {
		t.Fatalf("%d bytes: %v", len(want), err)
	}
	rounds := soak.Rounds(2, 40)
	kills, taken := 0, 0
	for round := range rounds {
		out := filepath.Join(dir, fmt.Sprint(round))
		n, err := soak.UntilDone(rand.New(rand.NewPCG(8, uint64(round))), took, outVar+"="+out)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		kills += n
		if _, err := os.Stat(out + ".taken"); err == nil {
			taken++
		}
		got, err := os.ReadFile(out)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("round %d: the output differs from that of one run: %d bytes, want %d: %v", round, len(got), len(want), err)
		}
		if _, err := os.Stat(out + ".journal"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("round %d: the journal is still there: %v", round, err)
		}
	}
	if kills == 0 || taken == 0 {
		t.Errorf("%d kills in %d rounds, %d of which took up what was done", kills, rounds, taken)
	}
	t.Logf("%d kills in %d rounds", kills, rounds)
}

// TestResumeDeath proves that a worker's death that was kept is told and counted again as
// it was, and that another work is not taken up.
func TestResumeDeath(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	deadly := filepath.Join(t.TempDir(), "deadly")
	if err := os.Symlink(self, deadly); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "journal")
	once := func(version string) (text string, sum collect.Summary, err error) {
		parts, err := journal.OpenParts(path, bytes.Repeat([]byte{1}, 32))
		if err != nil {
			t.Fatal(err)
		}
		lines, warned, sum, err := run(t, deadly, demo, func(c *collect.Config) { c.Resume = &journal.Resume{In: parts, Name: "a", Version: version} })
		taken := sum.Taken
		sum.Taken = 0
		text = strings.Join(lines, "\n") + strings.Join(warned, "\n") + fmt.Sprintf("%+v", sum)
		sum.Taken = taken
		return text, sum, errors.Join(err, parts.Close(false))
	}
	first, sum, err := once("test")
	if err != nil || sum.Crashes == 0 || sum.Taken != 0 {
		t.Fatalf("%+v %v", sum, err)
	}
	second, sum, err := once("test")
	if err != nil || second != first || sum.Taken == 0 {
		t.Errorf("taken up: %+v %v\n%.2000s\nwant\n%.2000s", sum, err, second, first)
	}
	if _, _, err := once("other"); !errors.Is(err, journal.ErrResume) {
		t.Errorf("of another version: %v", err)
	}
}
