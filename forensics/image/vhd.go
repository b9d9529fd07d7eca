package image

// VHD: Microsoft's virtual hard disk, fixed, dynamic and differencing.
//
// Specification: Microsoft, "Virtual Hard Disk Image Format Specification",
// version 1.0, October 11, 2006. All numbers are big-endian.
//
//	footer  0 "conectix" | 8 features | 12 version | 16 offset of the dynamic
//	        header | 48 media size | 60 type (2 fixed, 3 dynamic, 4
//	        differencing) | 64 checksum | 68 id; 512 bytes at the end, and a
//	        copy at the start unless fixed
//	header  0 "cxsparse" | 16 table offset | 28 entries | 32 block size | 36
//	        checksum | 40 parent's id | 64 parent's name, UTF-16
//	table   a sector number a block, ffffffff for none
//	block   a bit a sector (1: in this file), padded to 512 | the sectors
//
// A checksum is the one's complement of the sum of the bytes around it.

import (
	"encoding/binary"
	"fmt"
	"unicode/utf16"
)

const (
	vhdMagic   = "conectix"
	vhdFixed   = 2
	vhdDynamic = 3
	vhdDiff    = 4
	vhdNone    = 0xffffffff
)

func init() {
	register(Format{
		Name:      "vhd",
		Doc:       "Microsoft virtual hard disk (Virtual PC, Hyper-V, Azure): fixed, dynamic, and differencing with its parents beside it",
		Reference: "Microsoft, Virtual Hard Disk Image Format Specification 1.0, 2006",
		Detect: func(head, tail []byte) bool {
			if len(head) >= 512 && string(head[:8]) == vhdMagic {
				return true
			}
			return len(tail) >= 512 && string(tail[len(tail)-512:][:8]) == vhdMagic && vhdSum(tail[len(tail)-512:], 64) == nil
		},
		Open:    openVHD,
		Samples: []string{"container/fixed.vhd", "container/dynamic.vhd.gz"},
		Hostile: []string{
			"container/dynamic.vhd.gz cut=600", "container/dynamic.vhd.gz cut=3000", "container/dynamic.vhd.gz @544=ffffffff", "container/dynamic.vhd.gz @540=ffffffff",
			"container/dynamic.vhd.gz @528=7fffffffffffffff", "container/dynamic.vhd.gz @48=7fffffffffffffff", "container/dynamic.vhd.gz @60=00000009",
		},
	})
}

// vhdSum checks a structure's checksum, which stands at offset at.
func vhdSum(b []byte, at int) error {
	var sum uint32
	for i, c := range b {
		if i < at || i >= at+4 {
			sum += uint32(c)
		}
	}
	if stored := binary.BigEndian.Uint32(b[at:]); ^sum != stored {
		return fmt.Errorf("checksum %08x, stored %08x", ^sum, stored)
	}
	return nil
}

func openVHD(segs []Segment, depth int) (*Image, error) {
	s := segs[0]
	im := &Image{Segments: []string{s.Name}}
	foot := make([]byte, 512)
	at := int64(0)
	if err := readFull(s, foot, 0); err != nil {
		return nil, err
	}
	if string(foot[:8]) != vhdMagic {
		at = s.Size - 512
		if err := readFull(s, foot, at); err != nil {
			return nil, err
		}
	}
	if err := vhdSum(foot, 64); err != nil {
		im.Notes = append(im.Notes, fmt.Sprintf("footer at %d: %v", at, err))
	}
	im.Size = int64(binary.BigEndian.Uint64(foot[48:]))
	kind := binary.BigEndian.Uint32(foot[60:])
	switch kind {
	case vhdFixed:
		if im.Size < 0 || im.Size > s.Size-512 {
			return nil, corrupt(s.Name, at+48, "it claims %d bytes of media; the file has %d before its footer", im.Size, s.Size-512)
		}
		im.r = s
		return im, nil
	case vhdDynamic, vhdDiff:
	default:
		return nil, corrupt(s.Name, at+60, "disk type %d; 2, 3 and 4 are known", kind)
	}
	v, err := vhdTable(s, foot, im)
	if err != nil {
		return nil, err
	}
	im.r = v
	if kind == vhdDiff {
		if v.parent, err = vhdParent(segs, v.header, depth); err != nil {
			return nil, err
		}
		im.Segments = append(im.Segments, v.parent.Segments...)
	}
	return im, nil
}

// vhdTable reads the dynamic header; the block table is read by pages.
func vhdTable(s Segment, foot []byte, im *Image) (*vhd, error) {
	off := int64(binary.BigEndian.Uint64(foot[16:]))
	h := make([]byte, 1024)
	if err := readFull(s, h, off); err != nil {
		return nil, err
	}
	if string(h[:8]) != "cxsparse" {
		return nil, corrupt(s.Name, off, "there is no dynamic disk header")
	}
	if err := vhdSum(h, 36); err != nil {
		im.Notes = append(im.Notes, fmt.Sprintf("dynamic header at %d: %v", off, err))
	}
	v := &vhd{seg: s, header: h, table: int64(binary.BigEndian.Uint64(h[16:])), entries: int64(binary.BigEndian.Uint32(h[28:])), block: int64(binary.BigEndian.Uint32(h[32:]))}
	if v.block < 512 || v.block > 1<<28 || v.block%512 != 0 {
		return nil, corrupt(s.Name, off+32, "blocks of %d bytes", v.block)
	}
	if v.entries > maxTable || v.table < 0 || v.table > s.Size-4*v.entries {
		return nil, corrupt(s.Name, off+28, "a block table of %d entries at %d; the file has %d bytes", v.entries, v.table, s.Size)
	}
	if need := (im.Size + v.block - 1) / v.block; im.Size < 0 || need > v.entries {
		return nil, corrupt(s.Name, 48, "%d bytes of media need %d blocks, the table has %d", im.Size, need, v.entries)
	}
	v.bitmap = (v.block/512/8 + 511) / 512 * 512
	v.pages = newCache(4 * 4096)
	v.bits = newCache(v.bitmap)
	return v, nil
}

func vhdParent(segs []Segment, h []byte, depth int) (*Image, error) {
	u := make([]uint16, 0, 256)
	for i := 64; i < 576; i += 2 {
		c := binary.BigEndian.Uint16(h[i:])
		if c == 0 {
			break
		}
		u = append(u, c)
	}
	return openParent(segs, baseName(string(utf16.Decode(u))), false, depth)
}

// vhd reads a dynamic or differencing disk.
type vhd struct {
	seg     Segment
	header  []byte
	table   int64 // offset of the block table
	entries int64
	block   int64 // bytes of media a block
	bitmap  int64 // bytes of bitmap before it
	parent  *Image
	pages   *cache
	bits    *cache
}

// place returns the file offset of block b's bitmap, or -1.
func (v *vhd) place(b int64) (int64, error) {
	page, err := v.pages.get(b/4096, func() ([]byte, error) {
		p := make([]byte, 4*min(4096, v.entries-b/4096*4096))
		return p, readFull(v.seg, p, v.table+b/4096*4096*4)
	})
	if err != nil {
		return 0, err
	}
	sector := binary.BigEndian.Uint32(page[b%4096*4:])
	if sector == vhdNone {
		return -1, nil
	}
	return int64(sector) * 512, nil
}

func (v *vhd) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		m, err := v.readSome(p[n:], off+int64(n))
		if err != nil {
			return n, err
		}
		n += m
	}
	return n, nil
}

// readSome reads up to the next border of a block, or, where a parent may
// hold some of the sectors, of a run of sectors from one of both.
func (v *vhd) readSome(p []byte, off int64) (int, error) {
	b, in := off/v.block, off%v.block
	p = p[:min(int64(len(p)), v.block-in)]
	at, err := v.place(b)
	if err != nil {
		return 0, err
	}
	if at < 0 {
		return v.readParent(p, off)
	}
	if v.parent != nil {
		bits, err := v.bits.get(b, func() ([]byte, error) {
			m := make([]byte, v.bitmap)
			return m, readFull(v.seg, m, at)
		})
		if err != nil {
			return 0, err
		}
		here := func(sector int64) bool { return bits[sector/8]&(0x80>>(sector%8)) != 0 }
		first := in / 512
		end := first + 1
		for end < v.block/512 && end*512-in < int64(len(p)) && here(end) == here(first) {
			end++
		}
		p = p[:min(int64(len(p)), end*512-in)]
		if !here(first) {
			return v.readParent(p, off)
		}
	}
	if err := readFull(v.seg, p, at+v.bitmap+in); err != nil {
		return 0, &ChunkError{Segment: v.seg.Name, Chunk: b, Offset: b * v.block, Length: v.block, Reason: err.Error()}
	}
	return len(p), nil
}

func (v *vhd) readParent(p []byte, off int64) (int, error) {
	if err := readParent(v.parent, p, off); err != nil {
		return 0, err
	}
	return len(p), nil
}
