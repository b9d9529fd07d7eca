package collect_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"saksi/event"
	"saksi/forensics/artifact"
	"saksi/forensics/collect"
	"saksi/forensics/disk"
	"saksi/forensics/filesystem"
	"saksi/internal/tskworker"
	"saksi/internal/worker"
)

// TestMain makes this test binary the worker too; under the name "deadly" it dies
// over one file.
func TestMain(m *testing.M) {
	if worker.Serving(os.Args[1:]) {
		handlers := tskworker.Handlers()
		parse := handlers[disk.OpArtifacts]
		handlers[disk.OpArtifacts] = func(ctx context.Context, req []byte, files []*os.File, reply func([]byte) error) error {
			if !strings.Contains(os.Args[0], "deadly") {
				return parse(ctx, req, files, reply)
			}
			return parse(ctx, req, files, func(frame []byte) error {
				err := reply(frame)
				if bytes.Contains(frame, []byte("Server listening on ::")) {
					os.Exit(9)
				}
				return err
			})
		}
		if err := worker.Serve(os.Args[1:], "test", handlers); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if os.Getenv(outVar) != "" {
		os.Exit(collectKilled())
	}
	os.Exit(m.Run())
}

const demo = "../../testdata/image/demo.E01"

func run(t *testing.T, self, image string, change func(*collect.Config)) (lines []string, warned []string, sum collect.Summary, err error) {
	t.Helper()
	cfg := collect.Config{
		Image: image, Year: 2026, Volume: -1, Worker: worker.Config{Path: self, Version: "test", Limits: worker.Limits{Unit: 10 * time.Second}},
		Emit: func(_ *artifact.Record, e *event.Event) error {
			lines = append(lines, string(e.AppendJSON(nil)))
			return nil
		},
		Warn: func(line string) { warned = append(warned, line) },
	}
	if change != nil {
		change(&cfg)
	}
	sum, err = collect.Run(context.Background(), cfg)
	return lines, warned, sum, err
}

func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRun proves that the artifacts of an image are found, the same on each run,
// with the bytes at the offset in the image that a record names.
func TestRun(t *testing.T) {
	one, _, sum, err := run(t, self(t), demo, nil)
	if err != nil || sum.Incomplete() || sum.Artifacts["syslog"] != 1 || sum.Records["syslog"] != 15 {
		t.Fatalf("%+v, %v", sum, err)
	}
	two, _, _, _ := run(t, self(t), demo, nil)
	if !slices.Equal(one, two) {
		t.Error("the second run gives something else")
	}
	im, err := disk.Open(context.Background(), demo, worker.Config{Path: self(t), Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer im.Source.Close()
	defer im.Close()
	e, err := event.Parse([]byte(one[1]))
	if err != nil {
		t.Fatal(err)
	}
	at, ok := e.GetInt(event.SaksiEvidenceOffset)
	original, _ := e.GetStr(event.EventOriginal)
	var media bytes.Buffer
	if _, err := im.CopyMedia(context.Background(), -1, []filesystem.Run{{Image: at, Length: int64(len(original))}}, &media); err != nil || !ok || media.String() != original {
		t.Errorf("at %d lies %q; expected %q (%v)", at, media.String(), original, err)
	}
	stop := errors.New("stop")
	if _, _, _, err := run(t, self(t), demo, func(c *collect.Config) { c.Emit = func(*artifact.Record, *event.Event) error { return stop } }); !errors.Is(err, stop) {
		t.Errorf("an error of Emit: %v", err)
	}
}

// TestDeath proves that what makes the worker die costs one file, which is named
// and counted, and that what was read of it is kept.
func TestDeath(t *testing.T) {
	deadly := filepath.Join(t.TempDir(), "deadly")
	if err := os.Link(self(t), deadly); err != nil {
		b, err := os.ReadFile(self(t))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(deadly, b, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	lines, warned, sum, err := run(t, deadly, demo, func(c *collect.Config) { c.Kinds = []string{"syslog"} })
	if err != nil || sum.Crashes != 1 || !sum.Incomplete() || sum.Files != 441 || len(lines) != 15 {
		t.Errorf("%+v, %d records, %v", sum, len(lines), err)
	}
	if !strings.Contains(strings.Join(warned, "\n"), "/var/log/auth.log: the worker died") {
		t.Errorf("%q", warned)
	}
}

// TestCut proves that an image that was cut keeps what is there and says so.
func TestCut(t *testing.T) {
	b, err := os.ReadFile("../../testdata/image/ext4.raw")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cut.raw")
	if err := os.WriteFile(path, b[:len(b)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	_, warned, sum, err := run(t, self(t), path, nil)
	if err == nil && !sum.Incomplete() {
		t.Errorf("nothing was said: %+v %q", sum, warned)
	}
}
