package intel

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"saksi/event"
	"saksi/internal/soak"
)

// samples are files of every form, by their names.
func samples(tb testing.TB) map[string][]byte {
	tb.Helper()
	m := map[string][]byte{"list.txt": []byte(plain), "feed.csv": []byte(sheet)}
	for _, name := range []string{"bundle.json", "event.json"} {
		b, err := os.ReadFile("../../testdata/rules/intel/" + name)
		if err != nil {
			tb.Fatal(err)
		}
		m[name] = b
	}
	return m
}

// try reads text as a file, asks for an event, and makes the findings. A problem
// MUST have its place.
func try(name string, text []byte) (indicators, problems int, err error) {
	b, report := newBuilder(), &reporter{}
	if err := b.read(name, bytes.NewReader(text), int64(len(text)), report, b.add); err != nil {
		return 0, 0, err
	}
	s := b.finish(report)
	lines := bytes.Count(text, []byte("\n")) + 1
	for _, p := range report.finish() {
		if p.File != name || p.Line < 0 || p.Line > lines || p.Line > 0 && p.Column < 1 || p.Message == "" || p.Reason == "" {
			return 0, 0, fmt.Errorf("a problem without its place, in %d lines: %+v", lines, p)
		}
		problems++
	}
	var e event.Event
	e.Str(event.EventDataset, "saksi.http")
	e.Time(event.Timestamp, 1769000000e9)
	for f := event.Field(1); int(f) < event.NumFields; f++ {
		if len(compared[f]) > 0 && f.Type() == event.Keyword {
			e.Str(f, "c2.penyerang.example")
		}
	}
	hits := s.Match(&e)
	var f event.Event
	for i := range hits {
		s.Finding(&f, &e, &hits[i])
		if v, _ := f.GetStr(event.RuleID); v == "" {
			return 0, 0, fmt.Errorf("a finding without an id: %s", f.AppendJSON(nil))
		}
	}
	return s.Len(), problems, nil
}

var words = strings.Fields(`[ ] ( ) ' " \ AND OR NOT IN LIKE MATCHES FOLLOWEDBY ISSUBSET '%.a.example' file:hashes.MD5 ipv4-addr:value = != 192.0.2.0/0 ::/0 1.2.3.4/33 { } , : null
	"valid_from":"0000-01-01T00:00:00Z" "confidence":-1 hxxp:// [.] xn-- | || %zz user@ @host to_ids , ,, ; *. .. 99999999999999999999`)

// TestSoakIntel proves that files of which bytes and words were changed are
// taken or refused, each problem with its place, without a panic and within
// seconds.
func TestSoakIntel(t *testing.T) {
	files := samples(t)
	names := []string{"list.txt", "feed.csv", "bundle.json", "event.json"}
	var run, refused atomic.Int64
	soak.Run(t, soak.Config{Full: 40_000, Parallel: 2, Limit: 10 * time.Second}, func(r *rand.Rand) error {
		name := names[r.IntN(len(names))]
		text := files[name]
		for range r.IntN(4) {
			at := r.IntN(len(text))
			for range 1 << r.IntN(12) >> r.IntN(12) {
				text = append(append(bytes.Clone(text[:at]), words[r.IntN(len(words))]...), text[at:]...)
			}
		}
		if r.IntN(4) > 0 {
			text, _ = soak.Mutate(r, text)
		}
		n, p, err := try(name, text)
		run.Add(int64(n))
		refused.Add(int64(p))
		return err
	})
	t.Logf("%d indicators taken, %d problems", run.Load(), refused.Load())
	if run.Load() == 0 || refused.Load() == 0 {
		t.Error("all indicators, or none, were taken: nothing was tried")
	}
}

// FuzzRead tries files of indicators.
func FuzzRead(f *testing.F) {
	for name, text := range samples(f) {
		f.Add(name, text)
	}
	f.Add("pattern.json", []byte(`{"objects":[{"type":"indicator","id":"indicator--1f0c6f8e-3b1c-4c42-8f5e-1d1a7f3b9a01","valid_from":"2026-01-01","pattern":"[(file:name = 'a' OR url:value = '//x') AND network-traffic:dst_port NOT IN (1, 2)]"}]}`))
	f.Fuzz(func(t *testing.T, name string, text []byte) {
		if _, _, err := try(name, text); err != nil {
			t.Error(err)
		}
	})
}
