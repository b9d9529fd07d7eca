package volume

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
)

// snapshot is a volume as it was: what was written over since lies in a store.
//
// Specification: Linux, drivers/md/dm-snap-persistent.c. Little-endian:
//
//	chunk 0   0 "SnAp" | 4 valid | 8 version 1 | 12 sectors of a chunk
//	chunk 1   16 an exception: 8 chunk of the origin | 8 chunk of the store, 0 ends
//	          them; the chunks of a full table follow it, then the next table
type snapshot struct {
	origin, store Span
	chunk         int64
	kept          map[int64]int64
}

// maxKept bounds the pieces that are known of the snapshots and thin volumes of a
// group, all together.
const maxKept = 1 << 21

var errKept = fmt.Errorf("the snapshots and thin volumes of its group lie in more than %d pieces, which are not read: %s", maxKept, lvmHint)

func (g *lvmGroup) snapshot(s *lvmNode, m *lvmMade) (Span, error) {
	origin, store := g.volume(s.text("origin")), g.volume(s.text("cow_store"))
	if err := cmp.Or(origin.err, store.err); err != nil {
		return nil, err
	}
	m.over(origin.cost)
	m.over(store.cost)
	h := make([]byte, 16)
	if err := full(store.span, h, 0); err != nil {
		return nil, fmt.Errorf("reading the store of the snapshot: %w", err)
	}
	le := binary.LittleEndian
	x := &snapshot{origin: origin.span, store: store.span, chunk: int64(le.Uint32(h[12:])) * 512, kept: map[int64]int64{}}
	switch {
	case string(h[:4]) != "SnAp" || le.Uint32(h[8:]) != 1:
		return nil, errors.New("its store has no header of a snapshot")
	case le.Uint32(h[4:]) != 1:
		return nil, errors.New("its store ran full, so that the kernel gave the snapshot up")
	case x.chunk < 512 || x.chunk > 1<<24:
		return nil, fmt.Errorf("its chunks have %d bytes", x.chunk)
	}
	table := make([]byte, x.chunk)
	each := x.chunk / 16
	for at := int64(1); ; at += each + 1 {
		if err := full(store.span, table, at*x.chunk); err != nil {
			return x, nil // the store ends with a full table
		}
		for i := int64(0); i < each; i++ {
			old, to := le.Uint64(table[16*i:]), le.Uint64(table[16*i+8:])
			switch {
			case to == 0:
				return x, nil
			case to > uint64(store.span.Size()/x.chunk) || old > uint64(origin.span.Size()/x.chunk):
				return nil, fmt.Errorf("its store is damaged: it keeps chunk %d in its chunk %d", old, to)
			case g.kept >= maxKept:
				return nil, errKept
			}
			g.kept++
			x.kept[int64(old)] = int64(to)
		}
	}
}

// at is where a byte lies, and how many go on there.
func (x *snapshot) at(off int64) (of Span, from, length int64) {
	c, within := off/x.chunk, off%x.chunk
	length = min(x.chunk-within, x.Size()-off)
	if to, ok := x.kept[c]; ok {
		return x.store, to*x.chunk + within, length
	}
	return x.origin, off, length
}

func (x *snapshot) Size() int64 { return x.origin.Size() }

func (x *snapshot) Place(off int64) (image, length int64) {
	if off < 0 || off >= x.Size() {
		return 0, 0
	}
	of, from, n := x.at(off)
	image, length = of.Place(from)
	return image, min(length, n)
}

func (x *snapshot) ReadAt(b []byte, off int64) (int, error) {
	return pieces(b, off, x.Size(), func(b []byte, off int64) (int64, error) {
		of, from, n := x.at(off)
		n = min(n, int64(len(b)))
		return n, full(of, b[:n], from)
	})
}
