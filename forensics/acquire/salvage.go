package acquire

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// pieces are the sizes, in bytes, in which a failed block is read again before
// single sectors are tried.
var pieces = []int{64 << 10, 4 << 10}

// salvage reads what a failed block still gives.
type salvage struct {
	s   *Source
	o   *Options
	ctx context.Context
	bad []Range
}

// pieces reads p in pieces of the level's size; one that fails is read in
// smaller ones. It returns how much of p is read or filled.
func (v *salvage) pieces(p []byte, off int64, level int) (int, error) {
	if level == len(pieces) {
		return v.sectors(p, off)
	}
	size := pieces[level]
	for done := 0; done < len(p); {
		if err := v.ctx.Err(); err != nil {
			return done, err
		}
		// Pieces end at multiples of their size on the device.
		n := min(len(p)-done, size-int((off+int64(done))%int64(size)))
		m, err := v.try(p[done:done+n], off+int64(done))
		if err == nil {
			done += n
			continue
		}
		if v.s.gone(err) {
			return done + m, fmt.Errorf("%w: %w", errGone, err)
		}
		m, err = v.pieces(p[done:done+n], off+int64(done), level+1)
		done += m
		if err != nil {
			return done, err
		}
	}
	return len(p), nil
}

// sectors reads p sector by sector. What fails as often as was asked for is
// filled.
func (v *salvage) sectors(p []byte, off int64) (int, error) {
	sector := v.s.Info.LogicalSector
	for done := 0; done < len(p); done += sector {
		n := min(sector, len(p)-done)
		q := p[done : done+n]
		var err error
		for range 1 + v.o.Retries {
			if cerr := v.ctx.Err(); cerr != nil {
				return done, cerr
			}
			if _, err = v.try(q, off+int64(done)); err == nil {
				break
			}
			if v.s.gone(err) {
				return done, fmt.Errorf("%w: %w", errGone, err)
			}
		}
		if err == nil {
			continue
		}
		if errors.Is(err, errShrunk) {
			return done, err
		}
		fill(q, v.o.Fill, off+int64(done))
		v.bad = addRange(v.bad, Range{off + int64(done), int64(n)})
	}
	return len(p), nil
}

// try reads all of p once: past the page cache where that works, so that a bad
// sector costs itself and not its page.
func (v *salvage) try(p []byte, off int64) (int, error) {
	if v.s.direct != nil {
		if n, err := v.s.direct.ReadAt(p, off); n == len(p) {
			return n, nil
		} else if !errors.Is(err, unix.EINVAL) {
			return 0, err
		}
	}
	n, err := v.s.at.ReadAt(p, off)
	if n == len(p) {
		return n, nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = errShrunk
	}
	return 0, err
}

// fill writes the pattern over p so that it goes on from offset 0 of the source.
func fill(p, pattern []byte, off int64) {
	if len(pattern) == 0 {
		clear(p)
		return
	}
	at := int(off % int64(len(pattern)))
	for i := range p {
		p[i] = pattern[(at+i)%len(pattern)]
	}
}

// addRange adds a range to a sorted list; one that follows the last is part of
// it.
func addRange(list []Range, r Range) []Range {
	if n := len(list); n > 0 && list[n-1].Offset+list[n-1].Bytes == r.Offset {
		list[n-1].Bytes += r.Bytes
		return list
	}
	return append(list, r)
}
