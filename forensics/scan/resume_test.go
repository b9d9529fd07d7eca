package scan_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"saksi/event"
	"saksi/findings"
	"saksi/forensics/disk"
	"saksi/forensics/scan"
	"saksi/internal/archive"
	"saksi/internal/feature"
	"saksi/internal/journal"
	"saksi/internal/search"
	"saksi/internal/soak"
	"saksi/internal/worker"
)

// Variables by which this binary scans for TestKilled: where it writes what it
// finds, and the journal, if any.
const (
	outVar     = "SAKSI_TEST_SCAN"
	journalVar = "SAKSI_TEST_JOURNAL"
)

// killed are the images that are scanned under kill -9: many units.
var killed = []string{demo, "../../testdata/image/flags.qcow2", "../../testdata/image/filesystem/ext4.qcow2", "../../testdata/image/filesystem/ntfs.qcow2", "../../testdata/image/ext4.raw", "../../testdata/image/recover/carve.qcow2", "../../testdata/image/container/memory.lime", demo}

// scanTo scans them and writes events, then what it counted.
func scanTo(w worker.Config, out, path string, workers int) (_ scan.Summary, err error) {
	f, err := os.Create(out)
	if err != nil {
		return scan.Summary{}, err
	}
	cfg := scan.Config{
		Images: killed, Rules: []string{rules}, Entries: true, Members: true, Flags: true, Volume: -1, Areas: disk.AllAreas, Enter: archive.DefaultLimits,
		Search: search.Config{Keywords: []string{"rahsia", "saksi"}, Features: feature.All}, Hash: scan.SHA256AndMD5, Workers: workers, Worker: w,
		Sink: findings.SinkFunc(func(e *event.Event) error {
			_, err := f.Write(append(e.AppendJSON(nil), '\n'))
			return err
		}),
	}
	var parts *journal.Parts
	if path != "" {
		if parts, err = journal.OpenParts(path, bytes.Repeat([]byte{1}, 32)); err != nil {
			return scan.Summary{}, err
		}
		cfg.Resume = &journal.Resume{In: parts, Name: "scan", Version: "test"}
	}
	sum, err := scan.Run(context.Background(), cfg)
	err = errors.Join(err, parts.Close(err == nil))
	b, jerr := json.Marshal(sum)
	_, werr := f.Write(append(b, '\n'))
	return sum, errors.Join(err, jerr, werr, f.Close())
}

// scanKilled is what TestMain runs where outVar is set.
func scanKilled() int {
	self, err := os.Executable()
	if err != nil {
		return 1
	}
	if _, err := scanTo(worker.Config{Path: self, Version: "test", Limits: worker.Limits{Unit: 30 * time.Second}}, os.Getenv(outVar), os.Getenv(journalVar), 2); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		return 1
	}
	return 0
}

// events are the lines of a scan without its counts.
func events(t *testing.T, path string) (lines []byte, sum scan.Summary) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.LastIndexByte(bytes.TrimSuffix(b, []byte("\n")), '\n') + 1
	if err := json.Unmarshal(b[at:], &sum); err != nil {
		t.Fatal(err)
	}
	return b[:at], sum
}

// TestKilled kills scans (SIGKILL) at random moments and takes them up again: the end
// is byte for byte that of one run, and no more is read than had to be.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	begun := time.Now()
	if _, err := scanTo(workerNamed(t, "sound"), plain, "", 2); err != nil {
		t.Fatal(err)
	}
	took := time.Since(begun)
	want, counts := events(t, plain)
	rounds := soak.Rounds(3, 40)
	kills, taken := 0, 0
	for round := range rounds {
		journal, out := filepath.Join(dir, "journal"), filepath.Join(dir, "out")
		n, err := soak.UntilDone(rand.New(rand.NewPCG(6, uint64(round))), took, outVar+"="+out, journalVar+"="+journal)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		kills += n
		got, sum := events(t, out)
		if !bytes.Equal(got, want) {
			t.Fatalf("round %d: the output differs from that of one run", round)
		}
		if sum.Taken > 0 {
			taken++
		}
		sum.Taken = 0
		if !reflect.DeepEqual(sum, counts) {
			t.Fatalf("round %d: counted %+v\nwant %+v", round, sum, counts)
		}
		if _, err := os.Stat(journal); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("round %d: the journal of what was done is still there: %v", round, err)
		}
	}
	if kills < rounds || taken == 0 {
		t.Errorf("%d kills in %d rounds, %d of which took up what was read", kills, rounds, taken)
	}
}

// TestResumeAsks proves that nothing of another work is taken up, and that what a run
// was told to read it reads whole.
func TestResumeAsks(t *testing.T) {
	w := workerNamed(t, "sound")
	path := filepath.Join(t.TempDir(), "journal")
	var lines [][]byte
	run := func(end int, change func(*scan.Config)) (scan.Summary, error) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		lines = nil
		parts, err := journal.OpenParts(path, bytes.Repeat([]byte{1}, 32))
		if err != nil {
			t.Fatal(err)
		}
		cfg := scan.Config{
			Images: []string{demo}, Rules: []string{rules}, Volume: -1, Workers: 1, Worker: w, Resume: &journal.Resume{In: parts, Name: "scan", Version: "test"},
			Sink: findings.SinkFunc(func(e *event.Event) error {
				if lines = append(lines, e.AppendJSON(nil)); len(lines) == end {
					cancel()
				}
				return nil
			}),
		}
		if change != nil {
			change(&cfg)
		}
		sum, err := scan.Run(ctx, cfg)
		return sum, errors.Join(err, parts.Close(false))
	}
	whole, err := run(0, func(c *scan.Config) { c.Resume = nil })
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Clone(lines)
	if _, err := run(1, nil); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*scan.Config){
		"version": func(c *scan.Config) { c.Resume.Version = "other" },
		"words":   func(c *scan.Config) { c.Search.Keywords = []string{"x"} },
		"places":  func(c *scan.Config) { c.Areas = disk.AllAreas },
		"rules":   func(c *scan.Config) { c.Rules = nil; c.Flags = true },
	} {
		if _, err := run(0, change); !errors.Is(err, journal.ErrResume) || len(lines) > 0 {
			t.Errorf("%s: %v, %d findings", name, err, len(lines))
		}
	}
	for name, open := range map[string]func() (*journal.Parts, error){
		"key":   func() (*journal.Parts, error) { return journal.OpenParts(path, bytes.Repeat([]byte{2}, 32)) },
		"image": func() (*journal.Parts, error) { return journal.OpenParts(demo, bytes.Repeat([]byte{1}, 32)) },
	} {
		if _, err := open(); !errors.Is(err, journal.ErrOther) && !errors.Is(err, journal.ErrNone) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Another limit is asked of each unit: none is taken.
	sum, err := run(1, func(c *scan.Config) { c.Limit = 1 << 20 })
	if sum.Taken > 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("under another limit %d bytes were taken: %v", sum.Taken, err)
	}
	sum, err = run(0, nil)
	if err != nil || sum.Taken == 0 || sum.Taken > whole.Images[0].Bytes || sum.Images[0].Bytes != whole.Images[0].Bytes || !reflect.DeepEqual(lines, want) {
		t.Errorf("%d of %d bytes were taken, %d findings, want %d: %v", sum.Taken, whole.Images[0].Bytes, len(lines), len(want), err)
	}
}
