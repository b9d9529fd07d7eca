package scan

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/maphash"

	"saksi/forensics/filesystem"
)

// present knows the entries of a volume by 64 bits of each: of the millions that
// a volume may hold, one in 10^12 is taken for another.
type present struct {
	of   int
	seed maphash.Seed
	set  map[uint64]struct{}
	buf  []byte
}

func (p *present) key(e *filesystem.Entry) uint64 {
	b := p.buf[:0]
	for _, n := range [...]uint64{e.Inode, uint64(e.AttrType), uint64(e.AttrID), uint64(e.Size), uint64(e.Modified), uint64(e.Changed), uint64(e.Kind)} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	if e.Deleted {
		b = append(b, 1)
	}
	b = append(append(append(b, e.Path...), 0), e.Stream...)
	p.buf = b
	return maphash.Bytes(p.seed, b)
}

func (p *present) has(e *filesystem.Entry) bool {
	_, ok := p.set[p.key(e)]
	return ok
}

// compare lists the volume that a shadow copy is of, when only what changed is
// asked for.
func (w *walk) compare(ctx context.Context, volume int) error {
	v := &w.im.Info.Table.Volumes[volume]
	if !w.s.cfg.Changed || v.Copy == 0 {
		w.present = nil
		return nil
	}
	if w.present != nil && w.present.of == v.Of {
		return nil
	}
	p := &present{of: v.Of, seed: maphash.MakeSeed(), set: map[uint64]struct{}{}}
	cfg := filesystem.WalkConfig{Deleted: !w.s.cfg.Live, Orphans: !w.s.cfg.Live}
	_, err := w.im.Walk(ctx, v.Of, cfg, func(e *filesystem.Entry, _ *filesystem.Problem) error {
		if e != nil {
			p.set[p.key(e)] = struct{}{}
		}
		return nil
	})
	if err != nil {
		w.im.Close()
		w.im = nil
		return fmt.Errorf("volume %d was not listed: what it is held against, volume %d, could not be: %w", volume, v.Of, err)
	}
	w.present = p
	return nil
}
