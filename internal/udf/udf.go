// Package udf reads the Universal Disk Format of optical discs, and of disks that
// were formatted so: revisions 1.02 to 2.60, on write-once media with a table of
// virtual blocks, on rewritable media with spare ones, and with a partition of
// metadata. libtsk has no reader of it. Open gives the file system.
//
// Specification: ECMA-167, 3rd edition; OSTA, Universal Disk Format Specification
// 2.60. Little-endian; a descriptor begins with a tag:
//
//	0 identifier | 4 sum of the tag | 8 CRC | 10 bytes of it | 12 block
package udf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
	"unicode/utf16"

	"saksi/internal/inode"
)

var le = binary.LittleEndian

// Identifiers of descriptors.
const (
	tagPrimary    = 1
	tagAnchor     = 2
	tagPointer    = 3
	tagPartition  = 5
	tagLogical    = 6
	tagTerminator = 8
	tagFileSet    = 256
	tagName       = 257
	tagExtent     = 258
	tagIndirect   = 259
	tagFile       = 261
	tagBitmap     = 264
	tagExtended   = 266
)

// Limits.
const (
	maxSequence = 1024      // descriptors of a volume
	maxMaps     = 64        // partitions
	maxDir      = 64 << 20  // bytes of a directory
	maxName     = 1 << 17   // bytes of a name with all that stands by it
	maxRuns     = 1 << 20   // of one file
	maxTable    = 64 << 20  // bytes of a table of virtual blocks, or of a bitmap
	maxTail     = 256 << 20 // bytes of zeros at the end of write-once media
	maxSteps    = 1 << 27   // that all lists of extents together may cost
	maxFree     = 1 << 21   // stretches of free space
	maxGone     = 1 << 18   // deleted names that are looked into
)

// Detect reports whether the first bytes of a volume, at least 64 KiB of them, say
// that it is UDF.
func Detect(head []byte) bool {
	for _, step := range []int{2048, 4096} {
		for at := 32768; at+6 <= len(head) && at < 32768+16*step; at += step {
			if id := string(head[at+1 : at+6]); id == "NSR02" || id == "NSR03" {
				return true
			}
		}
	}
	return false
}

// part is a partition as the logical volume maps it.
type part struct {
	start, blocks uint64            // of the partition on the media
	virtual       []uint32          // where its blocks lie, for a virtual one
	spare         map[uint32]uint32 // packets that lie elsewhere
	packet        uint32            // blocks of one
	meta          []inode.Run       // where its blocks lie, for one of metadata
	free          [2]uint32         // its bitmap of free space: bytes, block
	problem       string
}

// FS is an open file system. It implements inode.FS.
type FS struct {
	r              io.ReaderAt
	offset, length int64
	block          int64
	label          string
	parts          []part
	root           icb
	notes          []string
	gone           map[uint64]bool
	steps          int
}

// icb names what describes a file.
type icb struct {
	part  uint16
	block uint32
}

func (i icb) ref() inode.Ref { return inode.Ref{Number: uint64(i.part)<<32 | uint64(i.block)} }

func refICB(r inode.Ref) (icb, error) {
	if r.Number>>48 != 0 || r.Tree != 0 {
		return icb{}, fmt.Errorf("inode %d: there is none", r.Number)
	}
	return icb{uint16(r.Number >> 32), uint32(r.Number)}, nil
}

func readFull(r io.ReaderAt, p []byte, at int64) error {
	if n, err := r.ReadAt(p, at); n < len(p) {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("at offset %d: %w", at+int64(n), err)
	}
	return nil
}

// tag gives the identifier of a descriptor whose sums are right; 0 for none.
func tag(b []byte) uint16 {
	if len(b) < 16 {
		return 0
	}
	sum := byte(0)
	for i, x := range b[:16] {
		if i != 4 {
			sum += x
		}
	}
	n := int(le.Uint16(b[10:]))
	if sum != b[4] || n > len(b)-16 || le.Uint16(b) == 0 || n > 0 && crc(b[16:16+n]) != le.Uint16(b[8:]) {
		return 0
	}
	return le.Uint16(b)
}

// crcs is the table of crc.
var crcs = func() (t [256]uint16) {
	for i := range t {
		c := uint16(i) << 8
		for range 8 {
			if c&0x8000 != 0 {
				c = c<<1 ^ 0x1021
			} else {
				c <<= 1
			}
		}
		t[i] = c
	}
	return t
}()

// crc is the CRC of ITU-T V.41.
func crc(b []byte) (c uint16) {
	for _, x := range b {
		c = c<<8 ^ crcs[byte(c>>8)^x]
	}
	return c
}

// text reads characters that OSTA compressed: the first byte says how.
func text(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	var u []uint16
	switch kind, b := b[0], b[1:]; kind {
	case 8, 254:
		for _, x := range b {
			u = append(u, uint16(x))
		}
	case 16, 255:
		for i := 0; i+1 < len(b); i += 2 {
			u = append(u, uint16(b[i])<<8|uint16(b[i+1]))
		}
	default:
		return strings.ToValidUTF8(string(b), "\ufffd")
	}
	return string(utf16.Decode(u))
}

// dstring reads a field of characters whose last byte is its length.
func dstring(b []byte) string {
	return strings.TrimRight(text(b[:min(int(b[len(b)-1]), len(b)-1)]), "\x00")
}

// Open reads the descriptors of the volume.
func Open(r io.ReaderAt, offset, length int64) (*FS, error) {
	f := &FS{r: r, offset: offset, length: length, gone: map[uint64]bool{}}
	for _, f.block = range []int64{2048, 512, 4096, 1024} {
		for _, at := range []int64{256, length/f.block - 257, length/f.block - 1, 512} {
			b, err := f.sector(at)
			if err != nil || tag(b) != tagAnchor || int64(le.Uint32(b[12:])) != at {
				continue
			}
			var last error
			for i, p := range []int{16, 24} {
				if last = f.sequence(int64(le.Uint32(b[p+4:])), int64(le.Uint32(b[p:]))/f.block); last == nil {
					if size := f.Size(); size > length {
						f.notes = append(f.notes, fmt.Sprintf("the file system claims %d bytes, the image holds %d of them: it was cut", size, length))
					}
					if i > 0 {
						f.notes = append(f.notes, "the main sequence of volume descriptors is damaged: the reserve was read")
					}
					return f, nil
				}
			}
			return nil, last
		}
	}
	return nil, errors.New("no anchor leads to its volume descriptors: they were looked for at blocks 256, 512 and at the end, in blocks of 512, 1024, 2048 and 4096 bytes")
}

// sector reads a block of the media.
func (f *FS) sector(n int64) ([]byte, error) {
	if n < 0 || n >= f.length/f.block {
		return nil, fmt.Errorf("block %d lies beyond the %d bytes of the volume", n, f.length)
	}
	b := make([]byte, f.block)
	return b, readFull(f.r, b, f.offset+n*f.block)
}

// sequence reads the volume descriptors: of each kind, the newest holds.
func (f *FS) sequence(at, n int64) error {
	var primary, logical []byte
	parts := map[uint16][]byte{}
	newer := func(old, b []byte) bool { return old == nil || le.Uint32(b[16:]) >= le.Uint32(old[16:]) }
	for range maxSequence {
		if n <= 0 {
			break
		}
		b, err := f.sector(at)
		if err != nil {
			return fmt.Errorf("reading its volume descriptors: %w", err)
		}
		at, n = at+1, n-1
		switch t := tag(b); {
		case t == tagTerminator:
			n = 0
		case t == tagPointer:
			n, at = int64(le.Uint32(b[20:]))/f.block, int64(le.Uint32(b[24:]))
		case t == tagPrimary && newer(primary, b):
			primary = b
		case t == tagLogical && newer(logical, b):
			logical = b
		case t == tagPartition:
			if number := le.Uint16(b[22:]); newer(parts[number], b) && len(parts) < maxMaps {
				parts[number] = b
			}
		}
	}
	if logical == nil {
		return errors.New("its volume descriptors name no logical volume: they are damaged")
	}
	if size := int64(le.Uint32(logical[212:])); size != f.block {
		return fmt.Errorf("blocks of %d bytes on sectors of %d, which no volume has", size, f.block)
	}
	f.label = dstring(logical[84:212])
	if f.label == "" && primary != nil {
		f.label = dstring(primary[24:56])
	}
	if err := f.maps(logical, parts); err != nil {
		return err
	}
	set := icb{le.Uint16(logical[256:]), le.Uint32(logical[252:])}
	b, err := f.read(set)
	if err != nil {
		return fmt.Errorf("reading its file set: %w", err)
	}
	if tag(b) != tagFileSet {
		return fmt.Errorf("block %d of partition %d is no file set", set.block, set.part)
	}
	f.root = icb{le.Uint16(b[408:]), le.Uint32(b[404:])}
	return nil
}

// maps reads how the logical volume maps its partitions.
func (f *FS) maps(logical []byte, parts map[uint16][]byte) error {
	count, list := le.Uint32(logical[268:]), logical[440:]
	if n := le.Uint32(logical[264:]); int64(n) < int64(len(list)) {
		list = list[:n]
	}
	if count == 0 || count > maxMaps {
		return fmt.Errorf("a logical volume of %d partitions", count)
	}
	type later struct {
		kind string
		at   int
		b    []byte
	}
	var second []later
	for i := range count {
		if len(list) < 6 || int(list[1]) > len(list) || list[1] < 6 {
			return fmt.Errorf("the map of partition %d is damaged", i)
		}
		m := list[:list[1]]
		list = list[list[1]:]
		number := le.Uint16(m[4:])
		if m[0] == 2 && len(m) >= 64 {
			number = le.Uint16(m[38:])
			second = append(second, later{strings.TrimRight(string(m[5:28]), "\x00"), int(i), m})
		} else if m[0] != 1 {
			return fmt.Errorf("the map of partition %d is of the kind %d", i, m[0])
		}
		b := parts[number]
		if b == nil {
			return fmt.Errorf("partition %d: no descriptor has the number %d", i, number)
		}
		f.parts = append(f.parts, part{start: uint64(le.Uint32(b[188:])), blocks: uint64(le.Uint32(b[192:])), free: [2]uint32{le.Uint32(b[64:]) & 0x3fffffff, le.Uint32(b[68:])}})
	}
	for _, l := range second {
		p := &f.parts[l.at]
		var err error
		switch l.kind {
		case "*UDF Virtual Partition":
			err = f.virtual(l.at)
		case "*UDF Sparable Partition":
			err = f.spares(p, l.b)
		case "*UDF Metadata Partition":
			err = f.metadata(l.at, l.b)
		default:
			err = fmt.Errorf("it is of the kind %q, which is none of UDF", l.kind)
		}
		if err != nil {
			p.problem = fmt.Sprintf("partition %d: %v", l.at, err)
			f.notes = append(f.notes, p.problem)
		}
	}
	return nil
}

// place gives the offset of a block in the image, and how many bytes follow it there.
func (f *FS) place(i icb) (at, n int64, err error) {
	if int(i.part) >= len(f.parts) {
		return 0, 0, fmt.Errorf("block %d of partition %d, of %d", i.block, i.part, len(f.parts))
	}
	p := &f.parts[i.part]
	block, left := uint64(i.block), uint64(0)
	switch {
	case p.problem != "":
		return 0, 0, errors.New(p.problem)
	case p.meta != nil:
		off := int64(block) * f.block
		k := sort.Search(len(p.meta), func(k int) bool { return p.meta[k].File+p.meta[k].Length > off })
		if k < len(p.meta) && p.meta[k].File <= off && !p.meta[k].Hole {
			r := p.meta[k]
			return r.Image + off - r.File, r.Length - (off - r.File), nil
		}
		return 0, 0, fmt.Errorf("block %d lies beyond the metadata of partition %d", i.block, i.part)
	case p.virtual != nil:
		if block >= uint64(len(p.virtual)) || p.virtual[block] == 0xffffffff {
			return 0, 0, fmt.Errorf("block %d is none of the %d virtual ones", i.block, len(p.virtual))
		}
		block, left = uint64(p.virtual[block]), 1
	case p.spare != nil:
		packet := i.block / p.packet
		left = uint64(p.packet - i.block%p.packet)
		if to, ok := p.spare[packet*p.packet]; ok {
			at := int64(to) + int64(i.block%p.packet)
			return f.offset + at*f.block, int64(left) * f.block, nil
		}
	}
	if block >= p.blocks && p.virtual == nil || p.start+block >= uint64(f.length/f.block) {
		return 0, 0, fmt.Errorf("block %d of partition %d lies beyond its %d blocks or the end of the image", i.block, i.part, p.blocks)
	}
	if left == 0 {
		left = p.blocks - block
	}
	return f.offset + int64(p.start+block)*f.block, int64(left) * f.block, nil
}

// read reads a block of a partition.
func (f *FS) read(i icb) ([]byte, error) {
	at, _, err := f.place(i)
	if err != nil {
		return nil, err
	}
	b := make([]byte, f.block)
	return b, readFull(f.r, b, at)
}

// Type implements inode.FS.
func (f *FS) Type() string { return "udf" }

// Label implements inode.FS.
func (f *FS) Label() string { return f.label }

// BlockSize implements inode.FS.
func (f *FS) BlockSize() int64 { return f.block }

// Size implements inode.FS: to the end of its last partition.
func (f *FS) Size() (size int64) {
	for _, p := range f.parts {
		size = max(size, int64(p.start+p.blocks)*f.block)
	}
	return size
}

// Root implements inode.FS.
func (f *FS) Root() inode.Ref { return f.root.ref() }

// Notes implements inode.FS.
func (f *FS) Notes() []string { return f.notes }
