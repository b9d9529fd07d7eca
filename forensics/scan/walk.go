package scan

import (
	"context"
	"errors"
	"fmt"

	"saksi/forensics/disk"
	"saksi/forensics/filesystem"
	"saksi/internal/worker"
)

// walk cuts the entries of all volumes into units.
type walk struct {
	s        *scanner
	im       *disk.Image
	jobs     chan<- *unit
	finished chan<- *unit
	places   chan struct{}
	u        *unit
	number   int
	present  *present // what the volume that a shadow copy is of holds now; nil: all is listed
}

func (w *walk) all(ctx context.Context) {
	defer func() {
		if w.im != nil {
			w.im.Close()
		}
	}()
	defer w.spaces(ctx)
	if !w.s.cfg.Areas.Has(disk.Content) && !w.s.cfg.Areas.Has(disk.Slack) {
		return
	}
	for _, v := range w.s.volumes {
		if w.im == nil {
			im, err := w.s.src.Open(ctx, w.s.cfg.Worker)
			if err != nil {
				w.end(ctx, v, fmt.Errorf("volume %d was not listed: %w", v, err))
				continue
			}
			w.im = im
		}
		if err := w.compare(ctx, v); err != nil {
			w.end(ctx, v, err)
			continue
		}
		cfg := filesystem.WalkConfig{Deleted: !w.s.cfg.Live, Orphans: !w.s.cfg.Live}
		_, err := w.im.Walk(ctx, v, cfg, func(e *filesystem.Entry, p *filesystem.Problem) error { return w.add(ctx, v, e, p) })
		if ctx.Err() != nil {
			w.end(ctx, v, nil)
			return
		}
		if err != nil {
			err = fmt.Errorf("the listing of volume %d ended early: %w", v, err)
			var remote *disk.Error
			if !errors.As(err, &remote) {
				w.im.Close()
				w.im = nil
			}
		}
		w.end(ctx, v, err)
	}
}

// start begins a unit, waiting for a place.
func (w *walk) start(ctx context.Context, volume int) bool {
	if w.u != nil {
		return true
	}
	select {
	case w.places <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	w.u = &unit{number: w.number, volume: volume}
	w.number++
	return true
}

func (w *walk) add(ctx context.Context, volume int, e *filesystem.Entry, p *filesystem.Problem) error {
	if w.present != nil && e != nil && w.present.has(e) {
		return nil
	}
	if !w.start(ctx, volume) {
		return ctx.Err()
	}
	u := w.u
	st := step{item: -1, problem: p}
	if e != nil {
		st.entry = *e
		st.entry.Runs = nil
		if w.s.cfg.Hash != NoHash && e.HasContent && w.s.cfg.Areas.Has(disk.Content) {
			st.item = len(u.items)
			u.items = append(u.items, disk.Item{Volume: volume, Ref: e.Ref(), Path: e.Path})
			u.bytes += min(e.Size, unitBytes)
		}
	}
	if p != nil || w.s.cfg.Areas.Has(disk.Content) {
		u.steps = append(u.steps, st)
	}
	// The rest of the last block is the file's own only while it lives.
	if e != nil && w.s.looks() && w.s.cfg.Areas.Has(disk.Slack) && e.HasContent && !e.Deleted && !e.Resident && !e.Compressed && e.Kind == filesystem.File {
		u.steps = append(u.steps, step{entry: st.entry, item: len(u.items), place: disk.Slack})
		u.items = append(u.items, disk.Item{Volume: volume, Ref: e.Ref(), Path: e.Path, Area: disk.Slack})
		u.bytes += 4096
	}
	if len(u.steps) >= unitEntries || u.bytes >= unitBytes {
		w.send(ctx)
	}
	return nil
}

// send hands the unit to the workers, or straight on when it has no content.
func (w *walk) send(ctx context.Context) {
	u := w.u
	w.u = nil
	if len(u.items) == 0 {
		w.finished <- u
		return
	}
	select {
	case w.jobs <- u:
	case <-ctx.Done():
		u.lost = make([]loss, len(u.items))
		for i := range u.lost {
			u.lost[i] = interrupted
		}
		w.finished <- u
	}
}

// end closes a volume with the error that ended its listing, if any.
func (w *walk) end(ctx context.Context, volume int, err error) {
	if w.u == nil && err == nil {
		return
	}
	if w.u == nil && !w.start(ctx, volume) {
		return
	}
	w.u.err = err
	var crash *worker.CrashError
	var timeout *worker.TimeoutError
	switch {
	case errors.As(err, &crash):
		w.u.crashes++
	case errors.As(err, &timeout):
		w.u.timeouts++
	}
	w.send(ctx)
}
