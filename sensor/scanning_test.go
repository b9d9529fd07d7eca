package sensor

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"saksi/event"
	"saksi/findings"
)

// slow looks at files ahead; each look ends when its gate is opened.
type slow struct {
	mu    sync.Mutex
	gates map[string]chan struct{} // by name; those that are not there are open
	begun []string
	fail  string
}

type slowLook struct {
	s    *slow
	f    *File
	gate chan struct{}
}

func (s *slow) Begin(_ context.Context, f *File) Look {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun = append(s.begun, f.Name)
	return &slowLook{s, f, s.gates[f.Name]}
}

func (s *slow) ScanFile(context.Context, *File, findings.Sink) error {
	return errors.New("a scanner that began ahead is asked again")
}

func (l *slowLook) Done() bool {
	select {
	case <-l.gate:
		return true
	default:
		return l.gate == nil
	}
}

func (l *slowLook) Finish(alerts findings.Sink) error {
	if l.gate != nil {
		<-l.gate
	}
	if l.s.fail != "" && l.s.fail == l.f.Name {
		return errors.New("this file breaks")
	}
	var e event.Event
	l.f.Event.CopyTo(&e)
	e.Str(event.RuleID, "look")
	return alerts.Emit(&e)
}

// TestAhead proves that files are looked at ahead, all of them once, and that
// what is found stands right behind its file, for any number of workers.
func TestAhead(t *testing.T) {
	run := func(workers int, files FileScanner) []string {
		var out []string
		cfg := Config{Workers: workers, Sources: []Source{{Path: "../testdata/capture/demo.pcap"}}, Rules: RuleSet{Files: []FileScanner{files}}}
		cfg.Sink = findings.SinkFunc(func(e *event.Event) error {
			if hash, ok := e.GetStr(event.FileHashSHA256); ok {
				id, _ := e.GetStr(event.RuleID)
				out = append(out, strings.Clone(hash+id))
			}
			return nil
		})
		if _, err := Read(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		return out
	}
	s := &slow{}
	one := run(1, s)
	if len(one) != 40 || len(s.begun) != 20 {
		t.Fatalf("%d events, %d looks; expected 20 files with one finding each", len(one), len(s.begun))
	}
	for i := 0; i < len(one); i += 2 {
		if one[i]+"look" != one[i+1] {
			t.Errorf("behind file %s stands %s", one[i], one[i+1])
		}
	}
	if three := run(3, &slow{}); !slices.Equal(one, three) {
		t.Error("three workers give another order")
	}
}

// TestAheadLive proves that a live capture does not wait for a look, that what
// is found is told in the order of the files, that too many files wait, and
// that the end of the capture waits for all.
func TestAheadLive(t *testing.T) {
	var found []string
	cfg := Config{Sink: findings.SinkFunc(func(e *event.Event) error {
		name, _ := e.GetStr(event.FileName)
		found = append(found, strings.Clone(name))
		return nil
	})}
	cfg.Health = &Health{}
	s := &slow{gates: map[string]chan struct{}{"b": make(chan struct{})}, fail: "a"}
	cfg.Rules.Files = []FileScanner{s}
	sum := newSummary()
	o := newOrder(t.Context(), &cfg, sum, &source{live: true, key: "live"})
	give := func(names ...string) {
		for _, n := range names {
			f := &File{Name: n, SHA256: n, Content: []byte(n), Event: &event.Event{}}
			f.Event.Str(event.FileName, n)
			f.looks = []Look{s.Begin(t.Context(), f)}
			o.scan(f)
		}
		o.settle(false)
	}
	give("a", "b", "c")
	if len(found) != 0 || len(o.pending.files) != 2 || sum.unscanned != 1 {
		t.Fatalf("found %q, %d wait, %d failed", found, len(o.pending.files), sum.unscanned)
	}
	close(s.gates["b"])
	o.settle(false)
	if !slices.Equal(found, []string{"b", "c"}) || o.pending.bytes != 0 {
		t.Fatalf("found %q, %d bytes wait", found, o.pending.bytes)
	}
	found = nil
	s.gates["d"] = make(chan struct{})
	give("d", "e")
	go close(s.gates["d"])
	if err := o.close(); err != nil || !slices.Equal(found, []string{"d", "e"}) {
		t.Errorf("at the end: %q, %v", found, err)
	}
}
