package scan

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"saksi/forensics/disk"
	"saksi/forensics/filesystem"
	"saksi/forensics/image"
	"saksi/internal/archive"
	"saksi/internal/worker"
	"saksi/rules/intel"
	"saksi/rules/yara"
)

// scanner is the work on one image.
type scanner struct {
	cfg     *Config
	rules   *yara.Compiled // nil: no scan
	sum     ImageSummary
	src     *disk.Source
	same    bool  // no rule asks for names
	number  int   // of the image
	kept    *kept // what is kept of the run; nil: nothing
	volumes []int
	births  map[int]*disk.Births // what times of files are held against, by volume

	mu     sync.Mutex
	deaths int
	inside int // of them, those that cost members of a file only
}

// unit is a range of the walk: its entries and problems in their order, and
// what was found in the content of the entries.
type unit struct {
	number  int
	volume  int
	opened  bool  // members are steps
	looked  bool  // up in hash sets
	lookErr error // of that
	steps   []step
	items   []disk.Item // content to read; step.item points here
	bytes   int64
	err     error  // why the walk ended here
	lines   []byte // its events, when they were encoded ahead
	encoded bool
	// of the workers
	results  []*disk.Result
	lost     []loss // why an item has no result, by item
	crashes  int
	timeouts int
	deaths   int // of them, those that count against maxDeaths
	inside   int // those that count against maxInside
}

// loss says why content was not read.
type loss struct {
	cause string // crash, time, limit; see Saksi.incomplete
	text  string
}

// interrupted marks what was not read because the run was ended; it is not
// emitted.
var interrupted = loss{"interrupted", "interrupted"}

// step is an entry or a problem.
type step struct {
	entry   filesystem.Entry
	problem *filesystem.Problem
	bad     []known      // hash sets of known-bad files that hold it
	good    bool         // a set of known-good files holds it
	flags   int          // findings of its name, place, times and type
	signs   int          // of set times: what they weigh
	alike   bool         // it is alike to what lists of fuzzy hashes hold
	hits    int          // indicators it holds
	item    int          // its content in unit.items, or -1
	member  *disk.Member // of the archive or document before it; nil: an entry
	at      int64        // time of the entry that holds the member
	place   disk.Area
}

func (s *scanner) image(ctx context.Context) error {
	src, err := disk.Find(ctx, s.sum.Path)
	if err != nil {
		return err
	}
	defer src.Close()
	s.src = src
	walker, err := s.openImage(ctx)
	if err != nil {
		return err
	}
	s.sum.Source, s.sum.Info = src.Key, walker.Info
	for _, n := range walker.Info.Notes {
		s.warn("%s: %s", src.Names[0], n)
	}
	var tried []string
	for _, v := range walker.Info.Table.Volumes {
		if s.cfg.Changed && v.Copy == 0 || !v.Chosen(s.cfg.Volume) {
			continue
		}
		if v.Problem != "" {
			tried = append(tried, fmt.Sprintf("volume %d (%s): %s", v.Number, v.Description, v.Problem))
			continue
		}
		s.volumes = append(s.volumes, v.Number)
	}
	if len(s.volumes) == 0 && !s.cfg.Areas.Has(disk.Raw) {
		walker.Close()
		if len(tried) == 0 {
			switch {
			case s.cfg.Volume >= 0:
				tried = []string{fmt.Sprintf("there is no volume %d", s.cfg.Volume)}
			case s.cfg.Changed:
				tried = []string{"no volume holds shadow copies"}
			}
		}
		table := walker.Info.Table
		if table.Problem != "" {
			tried = append(tried, "partition table: "+table.Problem)
		}
		return fmt.Errorf("%w in %s, a %s container with partition table %s: %s", ErrNoFileSystem, src.Names[0], walker.Info.Format, table.Scheme, strings.Join(tried, "; "))
	}
	for _, t := range tried {
		s.warn("%s: not listed: %s", src.Names[0], t)
	}
	if s.cfg.Flags {
		if walker, err = s.readBirths(ctx, walker); err != nil {
			if walker != nil {
				walker.Close()
			}
			return err
		}
	}
	return s.pipeline(ctx, walker)
}

// countDeath counts a worker's death over an image.
func (s *scanner) countDeath(err error) {
	var timeout *worker.TimeoutError
	if errors.As(err, &timeout) {
		s.sum.Timeouts++
	} else {
		s.sum.Crashes++
	}
}

// openImage opens the image in a new worker.
func (s *scanner) openImage(ctx context.Context) (*disk.Image, error) {
	im, err := s.src.Open(ctx, s.cfg.Worker)
	var crash *worker.CrashError
	var timeout *worker.TimeoutError
	switch {
	case errors.As(err, &crash):
		s.sum.Crashes++
		return nil, fmt.Errorf("opening %s: %w", s.src.Names[0], err)
	case errors.As(err, &timeout):
		s.sum.Timeouts++
		return nil, fmt.Errorf("opening %s: %w", s.src.Names[0], err)
	case err != nil && !errors.Is(err, image.ErrEmpty) && !isAbout(err):
		return nil, &fatalError{err} // no worker to be had
	}
	return im, err
}

// isAbout reports whether err is about the image and not the worker.
func isAbout(err error) bool {
	var e *disk.Error
	var m *image.MissingError
	return errors.As(err, &e) || errors.As(err, &m) || errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission)
}

// pipeline runs the walk, the workers and the merge.
func (s *scanner) pipeline(ctx context.Context, walker *disk.Image) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	jobs := make(chan *unit)
	finished := make(chan *unit)
	// A unit holds a place from its start to its emission: what is under way
	// stays bounded however slow one unit is.
	places := make(chan struct{}, 4*s.cfg.Workers+4)
	var wg sync.WaitGroup
	for range s.cfg.Workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			w := unitWorker{s: s}
			defer w.close()
			for u := range jobs {
				w.do(ctx, u)
				finished <- u
			}
		}()
	}
	wg.Add(1)
	go func() {
		defer wg.Done()
		defer close(jobs)
		wk := walk{s: s, im: walker, jobs: jobs, finished: finished, places: places}
		wk.all(ctx)
	}()
	go func() {
		wg.Wait()
		close(finished)
	}()
	turned := finished
	// What unallocated space tells again is known in order only.
	if _, ok := s.cfg.Sink.(LineSink); ok && !s.cfg.Areas.Has(disk.Unallocated) {
		turned = s.encoders(finished)
	}
	e := &emitter{s: s, entries: s.entrySink()}
	pending := map[int]*unit{}
	next := 0
	var failed error
	for u := range turned {
		pending[u.number] = u
		for pending[next] != nil {
			if failed == nil {
				failed = e.unit(pending[next])
				if failed != nil {
					cancel()
				}
			}
			delete(pending, next)
			next++
			<-places
		}
	}
	// Interrupted: what is complete is kept, in its order.
	for n := next; len(pending) > 0; n++ {
		if u := pending[n]; u != nil {
			if failed == nil {
				failed = e.unit(u)
			}
			delete(pending, n)
		}
	}
	if failed != nil {
		return &fatalError{failed}
	}
	return ctx.Err()
}

// encoders encode finished units on all processors.
func (s *scanner) encoders(finished <-chan *unit) chan *unit {
	out := make(chan *unit)
	var wg sync.WaitGroup
	for range runtime.NumCPU() {
		wg.Add(1)
		go func() {
			defer wg.Done()
			e := &emitter{s: s}
			for u := range finished {
				e.encode(u)
				out <- u
			}
		}()
	}
	go func() {
		wg.Wait()
		close(out)
	}()
	return out
}

// unitWorker reads the content of units in a process of its own, started at
// the first unit and again after each death.
type unitWorker struct {
	s       *scanner
	im      *disk.Image
	scratch *os.File
}

func (w *unitWorker) close() {
	if w.im != nil {
		w.im.Close()
	}
	if w.scratch != nil {
		_ = w.scratch.Close()
	}
}

func (w *unitWorker) open(ctx context.Context) error {
	if w.im != nil {
		return nil
	}
	if w.scratch == nil && (w.s.looks() || w.s.cfg.every()) {
		f, err := os.CreateTemp("", "saksi-scan-*")
		if err != nil {
			return fmt.Errorf("making a scratch file: %w", err)
		}
		if err := os.Remove(f.Name()); err != nil { // unlinked: it goes with the process
			_ = f.Close()
			return fmt.Errorf("making a scratch file: %w", err)
		}
		w.scratch = f
	}
	im, err := w.s.src.Open(ctx, w.s.cfg.Worker)
	if err != nil {
		return err
	}
	if w.s.rules != nil {
		if err := im.Rules(ctx, w.s.rules); err != nil {
			im.Close()
			return err
		}
	}
	if !w.s.cfg.Search.Empty() {
		if err := im.Search(ctx, &w.s.cfg.Search); err != nil {
			im.Close()
			return err
		}
	}
	if w.s.cfg.SkipGood {
		if err := im.Sets(ctx, w.s.cfg.Good, w.s.cfg.Bad); err != nil {
			im.Close()
			return err
		}
	}
	w.im = im
	return nil
}

// looks reports whether anything is looked for in content.
func (s *scanner) looks() bool { return s.rules != nil || !s.cfg.Search.Empty() }

// do reads the items of u. A death costs the item under work; the rest goes
// on in a new process.
func (w *unitWorker) do(ctx context.Context, u *unit) {
	cfg := disk.UnitConfig{Enter: w.s.cfg.Enter, Every: w.s.cfg.every(), MD5: w.s.cfg.Hash == SHA256AndMD5 || w.s.cfg.wants(intel.MD5) || w.s.cfg.sets("md5"), SHA1: w.s.cfg.wants(intel.SHA1) || w.s.cfg.sets("sha1"), Scan: w.s.rules != nil, Runs: maxRuns, Limit: w.s.cfg.Limit, Exhibit: w.s.cfg.Exhibits[w.s.sum.Path], Same: w.s.same, Kinds: w.s.cfg.Flags, Fuzzy: w.s.cfg.Fuzzy != nil}
	key := unitKey{}
	if w.s.kept != nil {
		if key = w.s.key(u, &cfg); w.s.take(u, key) {
			return
		}
	}
	w.read(ctx, u, cfg)
	w.s.keep(u, key)
}

// read has the worker read the items of u.
func (w *unitWorker) read(ctx context.Context, u *unit, cfg disk.UnitConfig) {
	u.results = make([]*disk.Result, len(u.items))
	u.lost = make([]loss, len(u.items))
	retried, lost, members := -1, loss{}, []disk.Member(nil) // an item whose members were left out, and why
	for at := 0; at < len(u.items); {
		if ctx.Err() != nil || w.s.tooMany() {
			why := interrupted
			if ctx.Err() == nil {
				why = loss{"limit", fmt.Sprintf("not read: %d workers died over this image", maxDeaths)}
			}
			for ; at < len(u.items); at++ {
				u.lost[at] = why
			}
			return
		}
		err := w.open(ctx)
		first := at
		if err == nil {
			one, items := cfg, u.items[at:]
			one.Closed = w.s.closed()
			if retried == at {
				one.Enter, items = archive.Limits{}, items[:1]
			}
			err = w.im.Unit(ctx, one, items, w.scratch, func(r *disk.Result) error {
				if retried == at {
					r.Members = members
					r.Entered.Problems = []archive.Problem{{Kind: lost.cause, Text: "its members were not all looked at: " + lost.text}}
				}
				if r.Item != at-first {
					return fmt.Errorf("%w: result %d, expected %d", worker.ErrProtocol, r.Item, at-first)
				}
				u.results[at] = r
				at++
				return nil
			})
		}
		if err == nil || ctx.Err() != nil {
			continue
		}
		var remote *disk.Error
		var told []disk.Member
		if w.im != nil && !errors.As(err, &remote) {
			told = w.im.Members()
			w.im.Close()
			w.im = nil
		}
		w.s.died()
		u.deaths++
		cause := "crash"
		var timeout *worker.TimeoutError
		if errors.As(err, &timeout) {
			cause = "time"
			u.timeouts++
		} else {
			u.crashes++
		}
		switch {
		case at >= len(u.items):
		case cfg.Enter.Depth > 0 && retried != at && u.items[at].Area == disk.Content:
			// What is in it may have done that: once more without.
			retried, lost, members = at, loss{cause, err.Error()}, told
			w.s.diedInside()
			u.deaths, u.inside = u.deaths-1, u.inside+1
		default:
			u.lost[at] = loss{cause, err.Error()}
			at++
		}
	}
}

func (s *scanner) died() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deaths++
}

// diedInside takes a death over what a file holds from those that end the scan.
func (s *scanner) diedInside() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deaths--
	s.inside++
}

func (s *scanner) closed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inside >= maxInside
}

func (s *scanner) tooMany() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deaths >= maxDeaths
}

// evidenceName is how events name the image.
func (s *scanner) evidenceName() string { return filepath.Base(s.sum.Path) }
