package carve

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path/filepath"

	"saksi/forensics/disk"
	"saksi/internal/journal"
	"saksi/internal/wire"
)

// Kinds of what a record of the journal holds, before the point that it reaches.
const (
	keptFile = iota
	keptProblem
	keptPoint
)

// work is a digest of what the results depend on.
func (c *carver) work() []byte {
	cfg := c.cfg
	var w wire.Writer
	w.String("carve " + cfg.Resume.Version)
	w.String(c.src.Key)
	w.Int(int64(cfg.Volume))
	w.Bool(cfg.All)
	w.Int(cfg.Every)
	w.Uint(uint64(len(cfg.Types)))
	for _, t := range cfg.Types {
		w.String(t)
	}
	w.String("")
	if cfg.To != "" {
		to, err := filepath.Abs(cfg.To)
		if err != nil {
			to = cfg.To
		}
		w.String(to)
	}
	sum := sha256.Sum256(w.B)
	return sum[:]
}

// takeUp gives again what an ended run had found, and stands where it was.
func (c *carver) takeUp(ctx context.Context) error {
	if c.cfg.Resume == nil {
		return nil
	}
	n := 0
	var err error
	c.kept, err = c.cfg.Resume.In.Part(c.cfg.Resume.Name, c.work(), func(int, []byte) error { n++; return nil })
	if err != nil {
		return fmt.Errorf("%w: %w", journal.ErrResume, err)
	}
	for i := range n {
		b, err := c.kept.Read(i)
		if err == nil {
			err = c.again(ctx, b)
		}
		if err != nil {
			return fmt.Errorf("taking up carving: %w", err)
		}
		c.batch = c.batch[:0]
	}
	c.at = c.point.Offset
	c.sum.Taken = c.sum.Looked
	return nil
}

// again gives what a record holds.
func (c *carver) again(ctx context.Context, b []byte) error {
	r := wire.Reader{B: b}
	for r.Err() == nil {
		switch r.Uint() {
		case keptFile:
			f := disk.ReadCarved(&r)
			if r.Err() != nil || len(f.Runs) == 0 {
				return fmt.Errorf("a record of a carved file: %w", r.Err())
			}
			if err := c.tell(ctx, item{file: &f}); err != nil {
				return err
			}
		case keptProblem:
			if text := r.String(); r.Err() == nil {
				_ = c.tell(ctx, item{problem: text})
			}
		case keptPoint:
			c.deaths = int(r.Uint())
			c.point.Read(&r)
			c.sum.Looked = c.point.Done - int64(c.deaths)*lost
			return r.Err()
		}
	}
	return r.Err()
}

// keep puts what was found since the last point into the journal, with the point.
func (c *carver) keep() {
	batch := c.batch
	c.batch = c.batch[:0]
	if c.kept == nil || c.lost {
		return
	}
	var w wire.Writer
	for _, it := range batch {
		if it.file != nil {
			w.Uint(keptFile)
			disk.AppendCarved(&w, it.file)
			continue
		}
		w.Uint(keptProblem)
		w.String(it.problem)
	}
	w.Uint(keptPoint)
	w.Uint(uint64(c.deaths))
	c.point.Append(&w)
	if err := c.kept.Append(w.B); err != nil {
		c.lost = true
		c.cfg.Warn(fmt.Sprintf("what was done is not all kept for --resume: %v", err))
	}
}
