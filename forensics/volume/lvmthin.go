package volume

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"sort"
)

// thin is a volume whose blocks lie anywhere in a pool; one that was never
// written reads as zeros and lies nowhere.
//
// Specification: Linux, drivers/md/dm-thin-metadata.c and
// persistent-data/dm-btree-internal.h. Little-endian, blocks of 4 KiB:
//
//	block 0  32 magic 27022010 | 40 version | 320 root of the mappings | 336
//	         sectors of a data block
//	node     4 flags (1 inner, 2 leaf) | 8 its block | 16 entries | 20 room for
//	         entries | 24 bytes of a value | 32 keys | values
//
// The first tree has the root of each device's own, whose values are a data block
// in the upper 40 bits.
type thin struct {
	pool   Span
	block  int64
	size   int64
	blocks []thinBlock // by from
}

// thinBlock is blocks that follow each other in the volume and in the pool.
type thinBlock struct{ from, to, count int64 }

const (
	thinBlockSize = 4096
	thinMagic     = 27022010
	thinMaxDepth  = 16
)

func (g *lvmGroup) thin(s *lvmNode, length int64, m *lvmMade) (Span, error) {
	if s.text("external_origin") != "" {
		return nil, fmt.Errorf("it is thin over another volume, which is not supported: %s", lvmHint)
	}
	pool := g.lvs.sub(s.text("thin_pool")).sub("segment1")
	meta, data := g.volume(pool.text("metadata")), g.volume(pool.text("pool"))
	if err := cmp.Or(meta.err, data.err); err != nil {
		return nil, err
	}
	m.over(data.cost)
	b := make([]byte, thinBlockSize)
	if err := full(meta.span, b, 0); err != nil {
		return nil, fmt.Errorf("reading the metadata of its pool: %w", err)
	}
	le := binary.LittleEndian
	x := &thin{pool: data.span, size: length, block: int64(le.Uint32(b[336:])) * 512}
	if le.Uint64(b[32:]) != thinMagic || x.block < 64<<10 || x.block > 1<<30 {
		return nil, errors.New("the metadata of its pool is damaged: it has no superblock")
	}
	t := &thinTree{g: g, meta: meta.span, seen: map[uint64]bool{}}
	roots := g.pools[s.text("thin_pool")]
	if roots == nil {
		roots = map[uint64]uint64{}
		if err := t.walk(le.Uint64(b[320:]), 0, func(key, value uint64) error {
			if g.kept++; g.kept > maxKept {
				return errKept
			}
			roots[key] = value
			return nil
		}); err != nil {
			return nil, err
		}
		g.pools[s.text("thin_pool")] = roots
	}
	root := roots[uint64(s.number("device_id"))]
	if root == 0 {
		return x, nil // nothing was ever written
	}
	clear(t.seen)
	err := t.walk(root, 0, func(key, value uint64) error {
		from, to := int64(key), int64(value>>24)
		if key > uint64(length/x.block) || to > x.pool.Size()/x.block {
			return fmt.Errorf("the metadata of its pool is damaged: block %d in block %d of the pool", key, to)
		}
		if n := len(x.blocks) - 1; n >= 0 {
			last := &x.blocks[n]
			if last.from+last.count == from && last.to+last.count == to {
				last.count++
				return nil
			}
			if from < last.from+last.count {
				return fmt.Errorf("the metadata of its pool is damaged: block %d after block %d", from, last.from+last.count-1)
			}
		}
		if g.kept >= maxKept {
			return errKept
		}
		g.kept++
		x.blocks = append(x.blocks, thinBlock{from, to, 1})
		return nil
	})
	return x, err
}

// thinTree reads a tree of a pool.
type thinTree struct {
	g    *lvmGroup
	meta Span
	seen map[uint64]bool // blocks on the way, so that it ends
}

func (t *thinTree) walk(block uint64, depth int, f func(key, value uint64) error) error {
	if depth > thinMaxDepth || t.seen[block] || block > uint64(t.meta.Size()/thinBlockSize) {
		return fmt.Errorf("the metadata of its pool is damaged at block %d", block)
	}
	if t.g.walked++; t.g.walked > maxKept {
		return errKept
	}
	t.seen[block] = true
	b := make([]byte, thinBlockSize)
	if err := full(t.meta, b, int64(block)*thinBlockSize); err != nil {
		return fmt.Errorf("reading the metadata of its pool at block %d: %w", block, err)
	}
	le := binary.LittleEndian
	flags, n, room, size := le.Uint32(b[4:]), int(le.Uint32(b[16:])), int(le.Uint32(b[20:])), le.Uint32(b[24:])
	if le.Uint64(b[8:]) != block || size != 8 || n > room || room < 0 || room > (thinBlockSize-32)/16 {
		return fmt.Errorf("the metadata of its pool is damaged at block %d", block)
	}
	for i := range n {
		key, value := le.Uint64(b[32+8*i:]), le.Uint64(b[32+8*(room+i):])
		err := error(nil)
		if flags&1 != 0 {
			err = t.walk(value, depth+1, f)
		} else {
			err = f(key, value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// at is the place in the pool of a byte, -1 for zeros, and how many go on there.
func (x *thin) at(off int64) (from, length int64) {
	b := off / x.block
	i := sort.Search(len(x.blocks), func(i int) bool { return x.blocks[i].from > b }) - 1
	end := x.size
	if i+1 < len(x.blocks) {
		end = min(end, x.blocks[i+1].from*x.block)
	}
	if i >= 0 {
		if p := x.blocks[i]; b < p.from+p.count {
			return p.to*x.block + off - p.from*x.block, min((p.from+p.count)*x.block, x.size) - off
		}
	}
	return -1, end - off
}

// Hole is how many bytes from off on were never written, 0 where some were.
func (x *thin) Hole(off int64) int64 {
	if off < 0 || off >= x.size {
		return 0
	}
	if from, n := x.at(off); from < 0 {
		return n
	}
	return 0
}

func (x *thin) Size() int64 { return x.size }

func (x *thin) Place(off int64) (image, length int64) {
	if off < 0 || off >= x.size {
		return 0, 0
	}
	from, n := x.at(off)
	if from < 0 {
		return -1, n
	}
	image, length = x.pool.Place(from)
	return image, min(length, n)
}

func (x *thin) ReadAt(b []byte, off int64) (int, error) {
	return pieces(b, off, x.size, func(b []byte, off int64) (int64, error) {
		from, n := x.at(off)
		n = min(n, int64(len(b)))
		if from < 0 {
			clear(b[:n])
			return n, nil
		}
		return n, full(x.pool, b[:n], from)
	})
}
