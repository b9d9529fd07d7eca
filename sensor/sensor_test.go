package sensor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"saksi/event"
)

// lines is a Sink that keeps documents as NDJSON. It encodes in the merging
// stage; encLines, its twin, in the workers.
type lines struct{ buf bytes.Buffer }

func (l *lines) Emit(e *event.Event) error {
	l.buf.Write(append(e.AppendJSON(nil), '\n'))
	return nil
}

type encLines struct{ lines }

func (l *encLines) AppendEvent(dst []byte, e *event.Event) []byte {
	return append(e.AppendJSON(dst), '\n')
}

func (l *encLines) Write(b []byte) error { l.buf.Write(b); return nil }

const demo = "../testdata/capture/demo.pcap"

// captures lists the captures of testdata and, with SAKSI_CORPUS, all of the
// corpus.
func captures(t testing.TB) []string {
	list, err := filepath.Glob("../testdata/capture/*.pcap*")
	if err != nil || len(list) < 2 {
		t.Fatalf("captures of testdata: %v, %v", list, err)
	}
	corpus := os.Getenv("SAKSI_CORPUS")
	if corpus == "" {
		t.Log("SAKSI_CORPUS is not set: only the captures of testdata are read")
		return list
	}
	for _, dir := range []string{"captures", "suricata"} {
		err := filepath.WalkDir(filepath.Join(corpus, dir), func(p string, d fs.DirEntry, err error) error {
			if err == nil && (strings.HasSuffix(p, ".pcap") || strings.HasSuffix(p, ".pcapng")) {
				list = append(list, p)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return list
}

func read(t testing.TB, path string, workers int, l *lines) (Summary, error) {
	t.Helper()
	s, err := Read(context.Background(), Config{Sources: []Source{{Path: path}}, Workers: workers, Sink: l})
	if err != nil && !errors.Is(err, ErrIncomplete) {
		t.Fatalf("%s: %v", path, err)
	}
	return s, err
}

// TestWorkers proves that 1, 2 and 5 workers give the same bytes, encoded by
// the workers or by the merging stage.
func TestWorkers(t *testing.T) {
	for _, p := range captures(t) {
		var one lines
		read(t, p, 1, &one)
		for _, n := range []int{2, 5} {
			var many lines
			read(t, p, n, &many)
			if !bytes.Equal(one.buf.Bytes(), many.buf.Bytes()) {
				t.Fatalf("%s: %d workers differ from one: %s", p, n, firstDifference(one.buf.Bytes(), many.buf.Bytes()))
			}
		}
		enc := &encLines{}
		if _, err := Read(context.Background(), Config{Sources: []Source{{Path: p}}, Workers: 3, Sink: enc}); err != nil && !errors.Is(err, ErrIncomplete) {
			t.Fatal(err)
		}
		if !bytes.Equal(one.buf.Bytes(), enc.buf.Bytes()) {
			t.Fatalf("%s: encoding by the workers differs: %s", p, firstDifference(one.buf.Bytes(), enc.buf.Bytes()))
		}
		for _, l := range bytes.Split(bytes.TrimSpace(one.buf.Bytes()), []byte("\n")) {
			if len(l) == 0 {
				continue
			}
			if _, err := event.Parse(l); err != nil {
				t.Fatalf("%s: %v: %s", p, err, l)
			}
		}
	}
}

func firstDifference(a, b []byte) string {
	x, y := bytes.Split(a, []byte("\n")), bytes.Split(b, []byte("\n"))
	for i := range min(len(x), len(y)) {
		if !bytes.Equal(x[i], y[i]) {
			return fmt.Sprintf("line %d\n%s\n%s", i+1, x[i], y[i])
		}
	}
	return fmt.Sprintf("%d and %d lines", len(x), len(y))
}

// TestDemo proves what the capture of testdata holds: protocols, the files
// carried over HTTP by their digests, and nothing that could not be read.
func TestDemo(t *testing.T) {
	var l lines
	s, err := read(t, demo, 1, &l)
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]uint64{}
	for _, p := range s.Protocols {
		have[p.Name] = p.Flows
	}
	for _, p := range []string{"dns", "http", "tls", "ssh", "smb"} {
		if have[p] == 0 {
			t.Errorf("no flow is recognized as %s", p)
		}
	}
	files := map[string]FileCount{}
	for _, f := range s.Files {
		files[f.SHA256] = f
	}
	objects, err := os.ReadFile("../testdata/truth/demo_objects.tsv")
	if err != nil {
		t.Fatal(err)
	}
	implant := strings.Split(strings.Split(string(objects), "\n")[1], "\t")
	if f := files[implant[0]]; fmt.Sprint(f.Size) != implant[1] || !f.Whole || f.Name != implant[2] {
		t.Errorf("%s was carved as %+v; expected %s bytes", implant[2], f, implant[1])
	}
	log, err := os.ReadFile("../testdata/capture/demo.access.log")
	if err != nil {
		t.Fatal(err)
	}
	requests := map[string]int{} // as the server logged them; those over TLS too
	for _, line := range strings.Split(strings.TrimSpace(string(log)), "\n") {
		q := strings.SplitN(line, "\"", 3)
		req := strings.Fields(q[1])
		requests[req[0]+" "+req[1]+" "+strings.Fields(q[2])[0]]++
	}
	seen := 0
	for _, e := range documents(t, demo) {
		dst := addr(e, event.DestinationIP)
		if str(e, event.EventDataset) != "saksi.http" || dst != "192.0.2.10" && dst != "2001:db8:2::10" {
			continue
		}
		seen++
		k := fmt.Sprintf("%s %s %d", str(e, event.HTTPRequestMethod), str(e, event.URLOriginal), num(e, event.HTTPResponseStatusCode))
		if requests[k]--; requests[k] < 0 {
			t.Errorf("request %q is not in the server's log", k)
		}
	}
	if seen < 14 {
		t.Errorf("only %d requests to the portal were seen", seen)
	}
}

// TestTruncated proves that a capture cut anywhere keeps every packet before
// the cut, says the offset, and is incomplete unless cut between packets.
func TestTruncated(t *testing.T) {
	data, err := os.ReadFile(demo)
	if err != nil {
		t.Fatal(err)
	}
	for _, cut := range []int{0, 3, 10, 24, 30, 100, 5000, 60001, len(data) - 1} {
		s, err := Read(context.Background(), Config{Sources: []Source{{Reader: bytes.NewReader(data[:cut]), Name: "cut"}}, Workers: 2})
		if cut == 24 {
			if err != nil || s.Sources[0].Stats.Packets != 0 {
				t.Errorf("an empty capture: %v", err)
			}
			continue
		}
		if !errors.Is(err, ErrIncomplete) {
			t.Errorf("cut at %d: %v, expected ErrIncomplete", cut, err)
		}
		if cut == 60001 && s.Sources[0].Stats.Packets < 100 {
			t.Errorf("cut at %d: only %d packets", cut, s.Sources[0].Stats.Packets)
		}
	}
}

// TestInterrupt proves that an interrupted read tells the flows seen so far
// and returns the context's error.
func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	sink := sinkFunc(func(*event.Event) error {
		if n++; n == 1 {
			cancel()
		}
		return nil
	})
	_, err := Read(ctx, Config{Sources: []Source{{Path: demo}}, Workers: 2, Sink: sink})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, expected the context's error", err)
	}
	if n < 10 {
		t.Fatalf("only %d events were emitted", n)
	}
}

type sinkFunc func(*event.Event) error

func (f sinkFunc) Emit(e *event.Event) error { return f(e) }

// TestSinkError proves that a sink's error ends reading and is returned.
func TestSinkError(t *testing.T) {
	full := errors.New("disk full")
	for _, w := range []int{1, 3} {
		_, err := Read(context.Background(), Config{Sources: []Source{{Path: demo}}, Workers: w, Sink: sinkFunc(func(*event.Event) error { return full })})
		if !errors.Is(err, full) {
			t.Fatalf("%d workers: got %v, expected the sink's error", w, err)
		}
	}
}

// TestFlipped proves that captures with bytes flipped, cut and repeated at
// seeded places end without a panic, soon, and in bounded memory. SAKSI_FLIPS
// sets how many are tried for each capture.
func TestFlipped(t *testing.T) {
	tries := 3
	if v := os.Getenv("SAKSI_FLIPS"); v != "" {
		if _, err := fmt.Sscan(v, &tries); err != nil {
			t.Fatal(err)
		}
	}
	if testing.Short() {
		tries = 1
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, p := range captures(t) {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) > 1<<20 {
			data = data[:1<<20]
		}
		for k := range tries {
			bad := bytes.Clone(data)
			switch k % 3 {
			case 0: // single bytes all over
				for range 1 + len(bad)/200 {
					bad[24+rng.IntN(max(len(bad)-24, 1))%max(len(bad)-24, 1)] ^= byte(1 << rng.IntN(8))
				}
			case 1: // a part twice
				a := 24 + rng.IntN(len(bad)-24)
				bad = append(bad[:a:a], bad[a-rng.IntN(a-23):]...)
			case 2: // a part left out
				a := 24 + rng.IntN(len(bad)-24)
				bad = append(bad[:a:a], bad[min(len(bad), a+1+rng.IntN(64)):]...)
			}
			start := time.Now()
			_, err := Read(context.Background(), Config{
				Sources: []Source{{Reader: bytes.NewReader(bad), Name: p}}, Workers: 1, NoChecksum: true, Sink: &lines{},
			})
			if err != nil && !errors.Is(err, ErrIncomplete) {
				t.Fatalf("%s, try %d: %v", p, k, err)
			}
			if d := time.Since(start); d > 10*time.Second {
				t.Fatalf("%s, try %d: took %v", p, k, d)
			}
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.Sys > 1<<30 {
		t.Errorf("the process took %d MB", m.Sys>>20)
	}
}
