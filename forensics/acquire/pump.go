package acquire

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"runtime"
	"slices"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"saksi/evidence"
)

type hasher = hash.Hash

// acquisition is one run.
type acquisition struct {
	s    *Source
	o    *Options
	st   *state
	sink sink

	hashes  []hasher
	bad     []Range
	written int64   // bytes of the source in the image
	sums    Digests // of them
	broken  bool    // the image could not be made valid where it ends

	saving chan error // the result of the save under way; nil if none
}

// snapshot is a point to which the image can go back.
type snapshot struct {
	off    int64
	states states
	bad    int // ranges before it
}

// markBytes is how much of the source may be lost to a crash, besides what the
// time between two marks gives.
const markBytes = 256 << 20

// pump brings the source into the sink: one goroutine reads, one a hash hashes,
// as many as there are processors pack, and this one writes in order. It
// returns why it ended before the source did, nil if it did not; what is in
// the image then is valid, but for finish.
func (r *acquisition) pump(ctx context.Context) (stopped error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	start, n := r.here(), r.o.blocks
	free, order, pack := make(chan *block, n), make(chan *block, n), make(chan *block, n)
	lanes := make([]chan *block, len(r.hashes))
	for range n {
		free <- &block{buf: alignedBlock(), states: make(states, len(r.hashes))}
	}
	var workers sync.WaitGroup
	for i, h := range r.hashes {
		lanes[i] = make(chan *block, n)
		workers.Go(func() {
			for b := range lanes[i] {
				h.Write(b.buf[:b.n])
				b.states[i] = appendState(h, b.states[i][:0])
				b.ready.Done()
			}
		})
	}
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for b := range pack {
				r.sink.pack(b)
				b.ready.Done()
			}
		})
	}
	var rerr error
	go func() {
		rerr = r.read(ctx, free, func(b *block) {
			b.ready.Add(len(lanes) + 1)
			for _, l := range lanes {
				l <- b
			}
			pack <- b
			order <- b
		})
		for _, l := range lanes {
			close(l)
		}
		close(pack)
		close(order)
	}()
	werr := r.write(start, order, free, cancel)
	workers.Wait()
	if err := r.saved(); werr == nil {
		werr = err
	}
	switch {
	case werr != nil:
		return werr
	case errors.Is(rerr, io.EOF):
		return nil
	}
	return rerr
}

// alignedBlock is a buffer that O_DIRECT takes: at a multiple of a page.
func alignedBlock() []byte {
	b := make([]byte, blockBytes+page)
	skip := -uintptr(unsafe.Pointer(&b[0])) % page
	return b[skip : skip+blockBytes : skip+blockBytes]
}

// read gives blocks to next until the source ends, which is io.EOF, or it can't
// go on.
func (r *acquisition) read(ctx context.Context, free <-chan *block, next func(*block)) error {
	for off := r.written; ; {
		if off == r.s.size {
			return io.EOF
		}
		var b *block
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case b = <-free:
		}
		want := len(b.buf)
		if r.s.size >= 0 {
			want = int(min(int64(want), r.s.size-off))
		}
		n, bad, err := r.s.read(ctx, r.o, b.buf[:want], off)
		b.off, b.n, b.bad = off, n, bad
		if err != nil && !errors.Is(err, io.EOF) {
			if errors.Is(err, context.Canceled) {
				return err // what a block has of it is read again
			}
			b.n -= b.n % r.s.Info.LogicalSector
		}
		if b.n > 0 {
			off += int64(b.n)
			next(b)
		}
		if err != nil {
			return err
		}
	}
}

// write puts the blocks into the sink as they come, and marks it now and then.
func (r *acquisition) write(start snapshot, order <-chan *block, free chan<- *block, stop func()) (failed error) {
	points := []snapshot{start}
	marked := time.Now()
	for b := range order {
		b.ready.Wait()
		if failed != nil {
			continue // what is on the way ends first
		}
		err := r.sink.put(b)
		if err == nil {
			r.written += int64(b.n)
			for _, x := range b.bad {
				r.bad = addRange(r.bad, x)
			}
			points = append(points, snapshot{off: r.written, states: b.states.clone(), bad: len(r.bad)})
			// A block that is not full is the last: a resumed run reads it again.
			if b.n == len(b.buf) && (r.sink.full() || r.written-points[0].off >= markBytes || time.Since(marked) >= r.o.every) {
				err = r.mark(&points)
				marked = time.Now()
			}
		}
		if err != nil {
			failed = r.back(err, points)
			stop()
		}
		if r.o.Progress != nil {
			r.o.Progress("acquiring", r.written, max(r.s.size, 0))
		}
		b.packed.data = b.packed.data[:0]
		free <- b
	}
	if failed == nil {
		failed = r.settle(&points)
	}
	return failed
}

func (s states) clone() states {
	c := make(states, len(s))
	for i := range s {
		c[i] = slices.Clone(s[i])
	}
	return c
}

// settle marks the last whole block, so that a resumed run goes on there, and
// makes the sums.
func (r *acquisition) settle(points *[]snapshot) error {
	last := (*points)[len(*points)-1]
	if last.off%blockBytes == 0 && len(*points) > 1 {
		if err := r.mark(points); err != nil {
			return r.back(err, *points)
		}
	}
	return r.digest(last)
}

// digest makes sums of what is in the image.
func (r *acquisition) digest(p snapshot) error {
	list, err := p.states.resume(r.o.Hashes)
	if err != nil {
		return err
	}
	r.hashes, r.sums = list, sums(r.o.Hashes, list)
	return nil
}

// mark makes the image valid as it stands, keeps the state, and begins the
// points anew.
func (r *acquisition) mark(points *[]snapshot) error {
	p := (*points)[len(*points)-1]
	if err := r.digest(p); err != nil {
		return err
	}
	if err := r.sink.mark(r.sums); err != nil {
		return err
	}
	*points = append((*points)[:0], p)
	if err := r.saved(); err != nil {
		return err
	}
	kept, file := r.keep(p), r.sink.current()
	done := make(chan error, 1)
	go func() { done <- kept.write(file) }()
	r.saving = done
	return nil
}

// saved waits for the save under way.
func (r *acquisition) saved() error {
	if r.saving == nil {
		return nil
	}
	err := <-r.saving
	r.saving = nil
	return err
}

// back takes the image back to the last point that leaves room for its end,
// because the writing of what followed failed.
func (r *acquisition) back(why error, points []snapshot) error {
	why = fmt.Errorf("%w: %w", ErrWriting, why)
	err := r.saved()
	if errors.Is(err, unix.ENOSPC) {
		err = nil // the state before holds
	}
	for _, p := range slices.Backward(points) {
		if err != nil {
			break
		}
		if err = r.digest(p); err != nil {
			break
		}
		if err = r.sink.cut(p.off, r.sums); err == nil {
			r.written, r.bad = p.off, r.bad[:p.bad]
			return why
		}
		if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
			err = nil // an earlier point leaves more room
		}
	}
	r.broken = true
	return errors.Join(why, err)
}

// sync brings all that was written to the disk.
func (r *acquisition) sync() error {
	f := r.sink.current()
	if f == nil {
		return nil
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return evidence.SyncDir(r.dir())
}
