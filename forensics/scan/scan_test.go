package scan_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"saksi/event"
	"saksi/findings"
	"saksi/forensics/disk"
	"saksi/forensics/image"
	"saksi/forensics/scan"
	"saksi/internal/ecs"
	"saksi/internal/libyara"
	"saksi/internal/tskworker"
	"saksi/internal/wire"
	"saksi/internal/worker"
)

const (
	demo  = "../../testdata/image/demo.E01"
	rules = "../../testdata/rules/demo.yar"
	// victim is the file over which the workers named crash and hang die.
	victim = "/Users/nurul/Documents/senarai/rekod-100.txt"
)

// TestMain makes this test binary the worker too; under the names crash and
// hang it is one that dies over the victim, under inside only while that is entered, under the name walk one that dies
// while it lists. Where outVar is set it scans for TestKilled.
func TestMain(m *testing.M) {
	if !worker.Serving(os.Args[1:]) {
		if os.Getenv(outVar) != "" {
			os.Exit(scanKilled())
		}
		os.Exit(m.Run())
	}
	h := tskworker.Handlers()
	maps.Copy(h, libyara.Handlers())
	if name := filepath.Base(os.Args[0]); name == "crash" || name == "hang" || name == "inside" {
		whole := h[disk.OpUnit]
		h[disk.OpUnit] = func(ctx context.Context, req []byte, files []*os.File, reply func([]byte) error) error {
			cfg, items := disk.ReadUnit(&wire.Reader{B: req})
			n := 0
			return whole(ctx, req, files, func(frame []byte) error {
				if items[n].Path == victim && (name != "inside" || cfg.Enter.Depth > 0) {
					if name != "hang" {
						os.Exit(139)
					}
					time.Sleep(time.Hour)
				}
				n++
				return reply(frame)
			})
		}
	}
	if filepath.Base(os.Args[0]) == "walk" {
		h[disk.OpWalk] = func(context.Context, []byte, []*os.File, func([]byte) error) error {
			os.Exit(139)
			return nil
		}
	}
	if err := worker.Serve(os.Args[1:], "test", h); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// workerNamed gives the configuration of a worker with a name.
func workerNamed(t testing.TB, name string) worker.Config {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	return worker.Config{Path: path, Version: "test"}
}

func config(t testing.TB, sink findings.Sink) scan.Config {
	return scan.Config{
		Images: []string{demo}, Rules: []string{rules}, Entries: true, Volume: -1, Workers: 2,
		Worker: workerNamed(t, "sound"), Sink: sink, Warn: func(line string) { t.Log(line) },
	}
}

// recorder keeps events as their JSON; one that is not ECS's ends what emits it.
type recorder struct {
	lines  []string
	events []*event.Event
}

func (r *recorder) Emit(e *event.Event) error {
	doc := e.AppendJSON(nil)
	if wrong := ecs.Check(doc); len(wrong) > 0 {
		return fmt.Errorf("%s: %s", doc, strings.Join(wrong, "; "))
	}
	r.lines = append(r.lines, string(doc))
	r.events = append(r.events, e.Clone())
	return nil
}

func run(t testing.TB, change func(*scan.Config)) (*recorder, scan.Summary) {
	t.Helper()
	r := &recorder{}
	cfg := config(t, r)
	if change != nil {
		change(&cfg)
	}
	sum, err := scan.Run(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r, sum
}

func str(e *event.Event, f event.Field) string { s, _ := e.GetStr(f); return s }

// TestSameForAnyWorkers proves that one worker and several emit the same bytes.
func TestSameForAnyWorkers(t *testing.T) {
	want, sum := run(t, func(c *scan.Config) { c.Workers = 1 })
	if s := sum.Images[0]; s.Entries != 509 || s.Matches != 6 || s.Incomplete() || sum.Rules != 4 {
		t.Fatalf("%+v", s)
	}
	for _, n := range []int{2, 5} {
		got, _ := run(t, func(c *scan.Config) { c.Workers = n })
		if strings.Join(got.lines, "\n") != strings.Join(want.lines, "\n") {
			t.Errorf("%d workers emit other bytes than one", n)
		}
	}
}

// TestDeath proves that a crash and a hang cost the file under work, named
// and counted, and nothing else.
func TestDeath(t *testing.T) {
	whole, _ := run(t, nil)
	for _, name := range []string{"crash", "hang"} {
		t.Run(name, func(t *testing.T) {
			got, sum := run(t, func(c *scan.Config) {
				c.Worker = workerNamed(t, name)
				c.Worker.Limits.Unit = 2 * time.Second
			})
			s := sum.Images[0]
			if s.Crashes+s.Timeouts != 1 || (name == "hang") != (s.Timeouts == 1) || !sum.Incomplete() {
				t.Errorf("%d crashes, %d timeouts, incomplete %v", s.Crashes, s.Timeouts, sum.Incomplete())
			}
			if len(s.Lost) != 1 || !strings.Contains(s.Lost[0], victim) {
				t.Errorf("lost: %q", s.Lost)
			}
			if len(got.lines) != len(whole.lines) {
				t.Fatalf("%d events, without the death %d", len(got.lines), len(whole.lines))
			}
			for i := range got.lines {
				e := got.events[i]
				if str(e, event.FilePath) == victim {
					if e.Has(event.FileHashSHA256) || str(e, event.SaksiFileIncomplete) == "" || !e.Has(event.SaksiIncomplete) {
						t.Errorf("the victim: %s", got.lines[i])
					}
				} else if got.lines[i] != whole.lines[i] {
					t.Errorf("another event: %s", got.lines[i])
				}
			}
		})
	}
}

// TestDeathWalking proves that the death of a worker that lists, here one for
// each volume, is counted and named as well.
func TestDeathWalking(t *testing.T) {
	_, sum := run(t, func(c *scan.Config) { c.Worker = workerNamed(t, "walk") })
	if s := sum.Images[0]; s.Crashes != 2 || len(s.Lost) != 2 || !strings.Contains(s.Lost[0], "the listing of volume 0 ended early") || !sum.Incomplete() {
		t.Errorf("%+v", s)
	}
}

// TestInterrupted proves that what was found until then is kept, in order.
func TestInterrupted(t *testing.T) {
	whole, _ := run(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r := &recorder{}
	cfg := config(t, findings.SinkFunc(func(e *event.Event) error {
		if len(r.lines) == 100 {
			cancel()
		}
		return r.Emit(e)
	}))
	_, err := scan.Run(ctx, cfg)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("the error is %v", err)
	}
	if len(r.lines) < 100 {
		t.Fatalf("%d events kept", len(r.lines))
	}
	i := 0
	for _, l := range r.lines {
		for i < len(whole.lines) && whole.lines[i] != l {
			i++
		}
		if i == len(whole.lines) {
			t.Fatalf("not in the order of the whole run: %s", l)
		}
	}
}

// TestSinkFails proves that the sink's error ends the run and is returned.
func TestSinkFails(t *testing.T) {
	full := errors.New("disk full")
	n := 0
	_, err := scan.Run(context.Background(), config(t, findings.SinkFunc(func(*event.Event) error {
		if n++; n > 10 {
			return full
		}
		return nil
	})))
	if !errors.Is(err, full) || n != 11 {
		t.Errorf("after %d events: %v", n, err)
	}
}

// TestWorkerMissing proves that a missing worker is its own error.
func TestWorkerMissing(t *testing.T) {
	cfg := config(t, &recorder{})
	cfg.Worker.Path = filepath.Join(t.TempDir(), "none")
	if _, err := scan.Run(context.Background(), cfg); !errors.Is(err, worker.ErrMissing) {
		t.Errorf("%v", err)
	}
}

// TestTruth proves the listing and every digest against fls, istat and icat
// (testdata/truth/demo_entries.tsv).
func TestTruth(t *testing.T) {
	got, sum := run(t, func(c *scan.Config) { c.Rules, c.Hash = nil, scan.SHA256 })
	text, err := os.ReadFile("../../testdata/truth/demo_entries.tsv")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{}
	for _, l := range strings.Split(strings.TrimSpace(string(text)), "\n")[1:] {
		c := strings.Split(l, "\t")
		name, _, _ := strings.Cut(c[1], " -> ")
		want[strings.Join([]string{c[0], name, c[2], c[4], c[5], c[6], c[7]}, "|")]++
	}
	if len(want) != 507 {
		t.Fatalf("%d entries in the truth", len(want))
	}
	journal := 0
	for _, e := range got.events {
		if str(e, event.SaksiFileRecovery) == "journal" { // The Sleuth Kit has none of them
			journal++
			continue
		}
		vol, _ := e.GetInt(event.SaksiFileVolume)
		name := strings.TrimPrefix(str(e, event.FilePath), "/")
		if s := str(e, event.SaksiFileStream); s != "" {
			name += ":" + s
		}
		deleted, size, mtime, sha := "0", "0", "0", "-"
		if d, _ := e.GetBool(event.SaksiFileDeleted); d {
			deleted = "1"
		}
		if n, ok := e.GetInt(event.FileSize); ok {
			size = strconv.FormatInt(n, 10)
		}
		if n, ok := e.GetTime(event.FileMtime); ok {
			mtime = strconv.FormatInt(n/1e9, 10)
		}
		if h := str(e, event.FileHashSHA256); h != "" {
			sha = h
		}
		key := strings.Join([]string{fmt.Sprint(sum.Images[0].Info.Table.Volumes[vol].Offset / 512), name, str(e, event.FileInode), deleted, size, mtime, sha}, "|")
		if want[key]--; want[key] < 0 {
			t.Errorf("not in the truth: %s", key)
		}
	}
	for key, n := range want {
		if n > 0 {
			t.Errorf("only in the truth: %s", key)
		}
	}
	if journal != 2 {
		t.Errorf("%d files out of the journal, expected 2", journal)
	}
}

// TestOffsets proves that the bytes of each match stand at the image offset
// the finding names, in media read without libtsk.
func TestOffsets(t *testing.T) {
	got, _ := run(t, func(c *scan.Config) { c.Entries = false })
	packed, err := os.ReadFile(demo)
	if err != nil {
		t.Fatal(err)
	}
	media, err := image.Open([]image.Segment{{Name: "demo.E01", Size: int64(len(packed)), ReaderAt: bytes.NewReader(packed)}})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range got.events {
		if str(e, event.SaksiEvidenceCommand) == "" || !e.Has(event.ThreatTechniqueID) || str(e, event.EventKind) != "alert" {
			t.Errorf("a finding without command, technique or kind: %s", e.AppendJSON(nil))
		}
		var offsets []int64
		for v := range e.Values(event.SaksiEvidenceMatchOffset) {
			offsets = append(offsets, v.Int())
		}
		i := 0
		for v := range e.Values(event.SaksiEvidenceMatch) {
			_, hexed, _ := strings.Cut(v.Str(), ":")
			want, err := hex.DecodeString(hexed)
			if err != nil {
				t.Fatal(err)
			}
			b := make([]byte, len(want))
			if str(e, event.SaksiFileStream) != "" {
				b = make([]byte, 1024) // resident: somewhere in its MFT record
			}
			if _, err := media.ReadAt(b, offsets[i]); err != nil || !bytes.Contains(b, want) {
				t.Errorf("%s: %s: not at %d", str(e, event.FilePath), v.Str(), offsets[i])
			}
			i++
			n++
		}
		if i != len(offsets) {
			t.Errorf("%d pieces, %d offsets", i, len(offsets))
		}
	}
	if n < 8 {
		t.Errorf("%d pieces", n)
	}
}
