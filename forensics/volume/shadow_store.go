package volume

// What volume shadow copies keep: blocks of 16 KiB of the volume as they were.
//
// Specification: libvshadow documentation, "Store block list", "Successive
// block descriptors" and "Reading snapshot data".
//
//	block list  blocks of kind 3, 40 offset of the next, 0 for none; then 32 a
//	            descriptor: 8 original offset | 8 offset in the store | 8 where it
//	            lies | 4 flags | 4 bitmap of 512-byte parts that an overlay has
//	bitmap      blocks of kind 6: a bit a block, set where it was in no use
//
// A copy is what its own store keeps, else what the next newer one does, else
// the volume as it is now.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	vssForward = 1 << iota // read on at another place of the next newer copy
	vssOverlay             // parts of a block only
	vssUnused

	vssDescriptor     = 32
	vssSector         = 512
	vssMaxDescriptors = 8 << 20 // of all stores of a copy: 128 GiB that changed
)

// vssKept is where a block of a copy is kept. Offsets are in blocks.
type vssKept struct {
	at      int64 // bytes of the volume; of a forwarder, of the next newer copy
	over    int64 // where the overlay lies
	bitmap  uint32
	forward bool
	whole   bool // there is more than an overlay
}

// vssStoreOf is what one store keeps.
type vssStoreOf struct {
	index   map[int64]int32 // by block, into kept
	kept    []vssKept
	reverse map[int64]int64 // targets of forwarders, by block: the block they are of
	unused  []byte          // a bit a block: in no use when the copy was made
}

// ShadowVolume reads a volume as it was when a shadow copy was made.
type ShadowVolume struct {
	Size int64

	r              io.ReaderAt
	offset, length int64
	stores         []vssStoreOf // of the copy, then of newer ones
	newest         bool
}

// OpenShadow opens copy n of those that Shadows listed, reading its list of
// blocks and those of all newer ones.
func OpenShadow(r io.ReaderAt, offset, length int64, list []Shadow, n int) (*ShadowVolume, error) {
	v := &ShadowVolume{Size: list[n].Size, r: r, offset: offset, length: length, newest: n == len(list)-1}
	if v.Size <= 0 || v.Size > length {
		v.Size = length // known from the field: the others tell the volume's own
	}
	left := vssMaxDescriptors
	for i := n; i < len(list); i++ {
		s, err := v.store(&list[i], &left, i == n && v.newest)
		if err != nil {
			what := "it"
			if i > n {
				what = fmt.Sprintf("the newer copy %d, which it is read through,", i+1)
			}
			return nil, fmt.Errorf("opening shadow copy %d: %s can't be read: %w", n+1, what, err)
		}
		v.stores = append(v.stores, *s)
	}
	return v, nil
}

func (v *ShadowVolume) store(c *Shadow, left *int, bitmaps bool) (*vssStoreOf, error) {
	if c.Problem != "" {
		return nil, errors.New(c.Problem)
	}
	s := &vssStoreOf{index: map[int64]int32{}, reverse: map[int64]int64{}}
	err := v.blocks(c.list, 3, v.length/vssBlock, func(b []byte) error {
		for ; len(b) >= vssDescriptor; b = b[vssDescriptor:] {
			if binary.LittleEndian.Uint32(b[24:])&vssUnused != 0 || string(b[:vssDescriptor]) == string(make([]byte, vssDescriptor)) {
				continue
			}
			if *left--; *left < 0 {
				return fmt.Errorf("it and newer ones keep more than %d blocks, which are more than are held", vssMaxDescriptors)
			}
			s.add(b)
		}
		return nil
	})
	if err != nil || !bitmaps {
		return s, err
	}
	if s.unused, err = v.bits(c.bitmap); err != nil {
		return nil, err
	}
	if c.previous != 0 {
		before, err := v.bits(c.previous)
		if err != nil {
			return nil, err
		}
		for i := range s.unused {
			if i >= len(before) {
				s.unused[i] = 0
				continue
			}
			s.unused[i] &= before[i]
		}
	}
	return s, nil
}

// blocks gives what stands in a chain of blocks.
func (v *ShadowVolume) blocks(at int64, kind uint32, most int64, f func([]byte) error) error {
	b := make([]byte, vssBlock)
	// Of a chain that leads back a block comes again before twice as many were read (Brent).
	again, next := int64(-1), int64(1)
	for n := int64(0); at != 0; n++ {
		if n > most || at == again {
			return fmt.Errorf("its blocks of kind %d are more than the volume has: they lead back at offset %d", kind, at)
		}
		if n == next {
			again, next = at, 2*next
		}
		if err := vssRead(v.r, v.offset, v.length, at, kind, b); err != nil {
			return err
		}
		if err := f(b[vssHead:]); err != nil {
			return err
		}
		at = le64(b[40:])
	}
	return nil
}

// bits reads a bitmap.
func (v *ShadowVolume) bits(at int64) (bits []byte, err error) {
	need := (v.length/vssBlock)/8 + 1
	err = v.blocks(at, 6, need/(vssBlock-vssHead)+1, func(b []byte) error {
		bits = append(bits, b...)
		return nil
	})
	return bits[:min(int64(len(bits)), need)], err
}

// add takes a descriptor in, as "Successive block descriptors" says.
func (s *vssStoreOf) add(b []byte) {
	block, relative, at := le64(b)/vssBlock, inVolume(le64(b[8:])), inVolume(le64(b[16:]))
	flags := binary.LittleEndian.Uint32(b[24:])
	if flags&vssOverlay != 0 {
		k := s.at(block)
		if k.bitmap == 0 {
			k.over = at
		}
		k.bitmap |= binary.LittleEndian.Uint32(b[28:])
		return
	}
	if from, ok := s.reverse[block]; ok {
		delete(s.reverse, block)
		block = from
		if flags&vssForward != 0 && block == relative/vssBlock {
			return
		}
	}
	k := s.at(block)
	k.at, k.whole, k.forward = at, true, flags&vssForward != 0
	if k.forward {
		k.at = relative
		s.reverse[relative/vssBlock] = block
	}
}

// inVolume is an offset, one beyond any volume where it is negative.
func inVolume(off int64) int64 {
	if off < 0 || off > 1<<61 {
		return 1 << 61
	}
	return off
}

func (s *vssStoreOf) at(block int64) *vssKept {
	i, ok := s.index[block]
	if !ok {
		i = int32(len(s.kept))
		s.index[block] = i
		s.kept = append(s.kept, vssKept{})
	}
	return &s.kept[i]
}

// Place is where a byte of the copy lies in the volume, and how many go on
// there; at is -1 where zeros are read, length 0 beyond the end.
func (v *ShadowVolume) Place(off int64) (at, length int64) {
	if off < 0 || off >= v.Size {
		return 0, 0
	}
	for i := range v.stores {
		s := &v.stores[i]
		block, rel := off/vssBlock, off%vssBlock
		n := vssBlock - rel
		x, ok := s.index[block]
		if ok {
			k := s.kept[x]
			if i == 0 && k.bitmap != 0 {
				bit := rel / vssSector
				over := k.bitmap>>bit&1 != 0
				end := bit + 1
				for end < vssBlock/vssSector && k.bitmap>>end&1 != 0 == over {
					end++
				}
				n = end*vssSector - rel
				if over {
					return k.over + rel, n
				}
				length = n
			}
			switch {
			case k.whole && k.forward && i+1 < len(v.stores):
				off = k.at + rel
				length = less(length, n)
				continue
			case k.whole:
				return k.at + rel, less(length, n)
			}
		}
		length = less(length, n)
		if _, target := s.reverse[block]; i+1 < len(v.stores) || target {
			continue
		}
		if i == 0 && v.newest && block/8 < int64(len(s.unused)) && s.unused[block/8]>>(block%8)&1 != 0 {
			return -1, length
		}
	}
	return off, length
}

// less is the smaller of two lengths; 0 is none yet.
func less(a, b int64) int64 {
	if a == 0 {
		return b
	}
	return min(a, b)
}

// ReadAt reads the volume as it was.
func (v *ShadowVolume) ReadAt(p []byte, off int64) (int, error) {
	total := 0
	for len(p) > 0 {
		at, n := v.Place(off)
		if n == 0 {
			return total, io.EOF
		}
		n = min(n, int64(len(p)), v.Size-off)
		// Neighbors that lie as they do in the volume are read at once.
		for at != -1 && n < int64(len(p)) {
			next, more := v.Place(off + n)
			if more == 0 || next != at+n {
				break
			}
			n = min(n+more, int64(len(p)), v.Size-off)
		}
		if at == -1 {
			clear(p[:n])
		} else {
			if at < 0 || at > v.length-n {
				return total, fmt.Errorf("reading a shadow copy at offset %d: it should be kept at %d, the volume has %d bytes", off, at, v.length)
			}
			if err := readAll(v.r, p[:n], v.offset+at); err != nil {
				return total, fmt.Errorf("reading a shadow copy at offset %d: %w", off, err)
			}
		}
		p, off, total = p[n:], off+n, total+int(n)
	}
	return total, nil
}
