package artifact_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"saksi/event"
	"saksi/forensics/artifact"
	"saksi/internal/ecs"
	"saksi/internal/worker"
	"saksi/rules/sigma"
)

var update = flag.Bool("update", false, "write the golden files anew")

const samples = "../../testdata/artifact"

// TestMain makes this test binary the worker too.
func TestMain(m *testing.M) {
	if worker.Serving(os.Args[1:]) {
		if err := worker.Serve(os.Args[1:], "test", artifact.Handlers()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func options(t testing.TB) artifact.Options {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return artifact.Options{Worker: worker.Config{Path: self, Version: "test", Limits: worker.Limits{Unit: 10 * time.Second}}, Year: 2026}
}

// TestGolden proves that each sample of each artifact gives the events and the
// log sources its golden file states.
func TestGolden(t *testing.T) {
	for _, f := range artifact.Formats() {
		for _, name := range f.Samples {
			t.Run(f.Name+"/"+name, func(t *testing.T) {
				var got []byte
				sum, err := artifact.Read(context.Background(), filepath.Join(samples, name), options(t), func(r *artifact.Record, e *event.Event) error {
					for _, s := range r.Sources() {
						got = fmt.Appendf(got, "# %s\n", s)
					}
					doc := e.AppendJSON(nil)
					for _, w := range ecs.Check(doc) {
						t.Error(w)
					}
					got = append(append(got, doc...), '\n')
					return nil
				})
				if err != nil || sum.Broken > 0 || sum.Format != f.Name {
					t.Fatalf("read as %q: %v %v", sum.Format, sum.Problems, err)
				}
				golden := filepath.Join("testdata", filepath.Base(name)+".txt")
				if *update {
					if err := os.WriteFile(golden, got, 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatal(err)
				}
				if string(got) != string(want) {
					t.Errorf("got\n%s\nwant\n%s", got, want)
				}
			})
		}
	}
}

// broken writes the sample of a recipe with what the recipe changes.
func broken(t testing.TB, recipe string) string {
	t.Helper()
	parts := strings.Fields(recipe)
	b, err := os.ReadFile(filepath.Join(samples, parts[0]))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts[1:] {
		if n, ok := strings.CutPrefix(p, "cut="); ok {
			size, err := strconv.Atoi(n)
			if err != nil {
				t.Fatal(err)
			}
			b = b[:size]
			continue
		}
		at, value, _ := strings.Cut(strings.TrimPrefix(p, "@"), "=")
		off, err := strconv.Atoi(at)
		var patch []byte
		if _, serr := fmt.Sscanf(value, "%x", &patch); err != nil || serr != nil {
			t.Fatalf("recipe %q: %v %v", recipe, err, serr)
		}
		copy(b[off:], patch)
	}
	path := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestHostile proves that every hostile sample is read or refused within
// seconds, and that what is wrong is said.
func TestHostile(t *testing.T) {
	for _, f := range artifact.Formats() {
		for _, recipe := range f.Hostile {
			t.Run(recipe, func(t *testing.T) {
				begun := time.Now()
				n := 0
				sum, err := artifact.Read(context.Background(), broken(t, recipe), options(t), func(*artifact.Record, *event.Event) error { n++; return nil })
				if err == nil && sum.Broken == 0 {
					t.Error("nothing was said")
				}
				if d := time.Since(begun); d > 5*time.Second {
					t.Errorf("it took %v", d)
				}
				t.Logf("%d records; %v %v", n, sum.Problems, err)
			})
		}
	}
}

// TestErrors proves what callers branch on.
func TestErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "note.txt")
	if err := os.WriteFile(path, []byte("nota"), 0o600); err != nil {
		t.Fatal(err)
	}
	nothing := func(*artifact.Record, *event.Event) error { return nil }
	if _, err := artifact.Read(context.Background(), path, options(t), nothing); !errors.Is(err, artifact.ErrUnknown) {
		t.Errorf("a text: %v", err)
	}
	if _, err := artifact.Read(context.Background(), filepath.Dir(path), options(t), nothing); err == nil {
		t.Error("a folder: no error")
	}
	stop := errors.New("stop")
	sample := filepath.Join(samples, "sysmon.evtx")
	if _, err := artifact.Read(context.Background(), sample, options(t), func(*artifact.Record, *event.Event) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("an error of emit: %v", err)
	}
}

// FuzzArtifact changes bytes of every sample of every artifact: the parser
// neither panics nor hangs, and what it gives can be mapped and matched.
func FuzzArtifact(f *testing.F) {
	type seed struct {
		format artifact.Format
		b      []byte
	}
	var seeds []seed
	for _, format := range artifact.Formats() {
		for _, name := range format.Samples {
			b, err := os.ReadFile(filepath.Join(samples, name))
			if err != nil {
				f.Fatal(err)
			}
			seeds = append(seeds, seed{format, b})
		}
	}
	for i := range seeds {
		f.Add(uint8(i), uint32(4612), []byte{0xff}, uint32(0))
		f.Add(uint8(i), uint32(0), []byte{}, uint32(9000))
	}
	set, _ := sigma.Compile([]sigma.File{{Name: "f.yml", Text: []byte("title: f\nlogsource: {product: windows}\ndetection:\n  k: [a]\n  s: {EventID: 1}\n  condition: k and not s\n")}}, sigma.Config{})
	f.Fuzz(func(t *testing.T, which uint8, offset uint32, patch []byte, cut uint32) {
		s := seeds[int(which)%len(seeds)]
		b := bytes.Clone(s.b)
		copy(b[int(offset)%len(b):], patch)
		if cut > 0 {
			b = b[:min(len(b), int(cut))]
		}
		begun := time.Now()
		if !s.format.Detect(b[:min(len(b), 4096)]) {
			return
		}
		var e event.Event
		err := s.format.Parse(artifact.Input{ReaderAt: bytes.NewReader(b), Size: int64(len(b)), Year: 2026}, func(r *artifact.Record) error {
			e.Reset()
			s.format.Event(r, &e)
			e.AppendJSON(nil)
			set.Match(r)
			return nil
		}, func(artifact.Problem) {})
		if d := time.Since(begun); d > 5*time.Second {
			t.Errorf("it took %v (%v)", d, err)
		}
	})
}
