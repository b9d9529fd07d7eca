package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/spool"
	"saksi/sensor"
)

// How the index follows the spool of a live capture.
const (
	followEvery = 500 * time.Millisecond
	retryMost   = 30 * time.Second
	followNice  = 15
	// finalFollow bounds how long the end of a capture waits for its index.
	finalFollow = 20 * time.Second
)

// follower brings the index up to the spool, again and again. An index that is
// down is tried again; what was found is in the spool.
type follower struct {
	r      *liveRun
	dir    string
	name   string
	ix     findings.Index // nil: not open
	stored atomic.Int64
	dead   atomic.Int64
	failed atomic.Bool
	end    chan struct{}
	done   chan struct{}
}

func newFollower(r *liveRun, dir string) *follower {
	return &follower{r: r, dir: dir, end: make(chan struct{}), done: make(chan struct{})}
}

func (f *follower) start(ctx context.Context) { go f.run(ctx) }

// stop brings the index up to the spool a last time and closes it.
func (f *follower) stop() {
	close(f.end)
	<-f.done
}

func (f *follower) run(ctx context.Context) {
	defer close(f.done)
	// The index takes what processor time capture leaves: the thread is niced,
	// and ends with this goroutine.
	runtime.LockOSThread()
	_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), followNice)
	defer func() {
		if f.ix != nil {
			_ = f.ix.Close()
		}
	}()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // the end waits for what is in work, but not for long
		<-f.end
		time.AfterFunc(finalFollow, cancel)
	}()
	wait := followEvery
	for last := false; ; {
		select {
		case <-time.After(wait):
		case <-f.end:
			last = true
		}
		err := f.step(ctx)
		if ctx.Err() == nil {
			f.tell(err)
		}
		switch {
		case last && err != nil:
			fmt.Fprintf(f.r.a.stderr, "saksi: the index lacks what is in the spool; 'saksi findings push %s' brings it there\n", f.r.o.words())
			return
		case last:
			return
		case err != nil:
			wait = min(2*wait, retryMost)
		default:
			wait = followEvery
		}
	}
}

// tell says once that the index can't be followed, and once that it can again.
func (f *follower) tell(err error) {
	switch before := f.failed.Swap(err != nil); {
	case err != nil && !before:
		fmt.Fprintf(f.r.a.stderr, "saksi: %s; capture goes on, and it is tried again\n", printable(err.Error()))
	case err == nil && before:
		fmt.Fprintln(f.r.a.stderr, "saksi: the index follows again")
	}
}

var errLowDisk = errors.New("the disk is nearly full: the index waits")

func (f *follower) step(ctx context.Context) error {
	if f.r.queue.Counts().Low && !isURL(f.r.o.index) {
		return errLowDisk
	}
	if f.ix == nil {
		name, ix, err := f.r.o.open(ctx, f.dir)
		if err != nil {
			return err
		}
		f.name, f.ix = name, ix
	}
	if _, err := spool.Follow(ctx, f.dir, f.name, f.ix, f.count()); err != nil {
		return err
	}
	f.retain(ctx)
	return nil
}

// count gives a progress function that adds up over calls of Follow.
func (f *follower) count() func(spool.Delivery) {
	stored, dead := f.stored.Load(), f.dead.Load()
	return func(d spool.Delivery) {
		f.stored.Store(stored + d.Stored + d.Duplicate)
		f.dead.Store(dead + d.Dead)
	}
}

// printEvery is how long a printed event waits at most.
const printEvery = 200 * time.Millisecond

// printer gives what prints an event beside storing it, and what ends the
// output. Output that can't be written is given up; capture goes on.
func (r *liveRun) printer(sum *sensor.Summary) (print func(*event.Event) error, finish func() error, err error) {
	a := r.a
	if a.format == "table" {
		return func(*event.Event) error { return nil }, func() error {
			w, done, err := a.open()
			if err != nil {
				return err
			}
			a.printSummary(w, sum)
			return done()
		}, nil
	}
	var cfg sensor.Config
	w, done, err := a.sensorSink(&cfg, sum, "")
	if err != nil {
		return nil, nil, err
	}
	p := &livePrinter{a: a, sink: cfg.Sink, w: w, end: make(chan struct{})}
	go p.flush()
	return p.Emit, func() error {
		close(p.end)
		p.mu.Lock()
		defer p.mu.Unlock()
		return done()
	}, nil
}

type livePrinter struct {
	a    *app
	mu   sync.Mutex
	sink findings.Sink // nil: given up
	w    *bufio.Writer
	end  chan struct{}
}

// Emit implements findings.Sink.
func (p *livePrinter) Emit(e *event.Event) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sink != nil {
		p.check(p.sink.Emit(e))
	}
	return nil
}

func (p *livePrinter) check(err error) {
	if err != nil {
		p.sink = nil
		fmt.Fprintf(p.a.stderr, "saksi: printing events: %s; no more are printed, capture goes on\n", printable(err.Error()))
	}
}

// flush writes out what was printed, so that a reader does not wait for it.
func (p *livePrinter) flush() {
	t := time.NewTicker(printEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			p.mu.Lock()
			if p.sink != nil {
				p.check(p.w.Flush())
			}
			p.mu.Unlock()
		case <-p.end:
			return
		}
	}
}
