package image

// VHDX: Microsoft's virtual hard disk, version 2.
//
// Specification: [MS-VHDX], "Virtual Hard Disk v2 (VHDX) File Format". All
// numbers are little-endian.
//
//	0 "vhdxfile" | 64 KiB and 128 KiB headers | 192 KiB and 256 KiB region tables
//	header    0 "head" | 4 CRC-32C | 8 sequence number | 48 log id | 68 log length | 72 log offset
//	region    0 "regi" | 4 CRC-32C | 8 entries | 16: 16 id, 8 offset, 4 length, 4 flags each
//	metadata  0 "metadata" | 10 entries | 32: 16 id, 4 offset, 4 length, 8 each
//	BAT       8 a block: bits 0-2 state (6 present, 7 partly), bits 20-63 offset in MiB;
//	          one sector bitmap entry follows each "chunk ratio" of them
//
// The file of a running machine has a log that must be replayed first; that
// and differencing disks are named, not read.

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

const (
	vhdxMagic   = "vhdxfile"
	vhdxBAT     = "\x66\x77\xc2\x2d\x23\xf6\x00\x42\x9d\x64\x11\x5e\x9b\xfd\x4a\x08"
	vhdxMeta    = "\x06\xa2\x7c\x8b\x90\x47\x9a\x4b\xb8\xfe\x57\x5f\x05\x0f\x88\x6e"
	vhdxParams  = "\x37\x67\xa1\xca\x36\xfa\x43\x4d\xb3\xb6\x33\xf0\xaa\x44\xe7\x6b"
	vhdxSize    = "\x24\x42\xa5\x2f\x1b\xcd\x76\x48\xb2\x11\x5d\xbe\xd8\x3b\xf4\xb8"
	vhdxSector  = "\x1d\xbf\x41\x81\x6f\xa9\x09\x47\xba\x47\xf2\x33\xa8\xfa\xab\x5f"
	vhdxEntries = 2047 // most entries of a region or metadata table
)

func init() {
	register(Format{
		Name:      "vhdx",
		Doc:       "Microsoft virtual hard disk 2 (Hyper-V): fixed and dynamic; an unreplayed log and differencing disks are named, not read",
		Reference: "Microsoft, [MS-VHDX] Virtual Hard Disk v2 File Format",
		Detect:    func(head, _ []byte) bool { return bytes.HasPrefix(head, []byte(vhdxMagic)) },
		Open:      openVHDX,
		Samples:   []string{"container/dynamic.vhdx.gz"},
		Hostile: []string{
			"container/dynamic.vhdx.gz cut=1000", "container/dynamic.vhdx.gz cut=300000", "container/dynamic.vhdx.gz @196616=ffffffff",
			"container/dynamic.vhdx.gz @131072=00000000 @65536=00000000", "container/dynamic.vhdx.gz @3145728=00000000",
		},
	})
}

func openVHDX(segs []Segment, _ int) (*Image, error) {
	s := segs[0]
	im := &Image{Segments: []string{s.Name}}
	h, err := vhdxHeader(s)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(h[48:64], make([]byte, 16)) {
		return nil, fmt.Errorf("opening %s: its log was not replayed (the machine was running), which is %w; open it once in Hyper-V or with 'qemu-img check -r all' on a copy", s.Name, ErrUnsupported)
	}
	regions, err := vhdxRegions(s, im)
	if err != nil {
		return nil, err
	}
	v := &vhdx{seg: s}
	for i := 16; i+32 <= len(regions); i += 32 {
		off, length := int64(binary.LittleEndian.Uint64(regions[i+16:])), int64(binary.LittleEndian.Uint32(regions[i+24:]))
		switch string(regions[i : i+16]) {
		case vhdxBAT:
			v.bat, v.entries = off, length/8
		case vhdxMeta:
			if err := v.metadata(off, length, im); err != nil {
				return nil, err
			}
		}
	}
	if v.bat <= 0 || v.bat > s.Size-8*v.entries {
		return nil, corrupt(s.Name, v.bat, "a block table of %d entries; the file has %d bytes", v.entries, s.Size)
	}
	if v.block < 1<<20 || v.block > 1<<28 || v.block&(v.block-1) != 0 {
		return nil, corrupt(s.Name, v.bat, "blocks of %d bytes; 1 to 256 MiB are possible", v.block)
	}
	if im.SectorSize != 512 && im.SectorSize != 4096 {
		return nil, corrupt(s.Name, v.bat, "sectors of %d bytes; 512 and 4096 are possible", im.SectorSize)
	}
	v.ratio = (1 << 23) * int64(im.SectorSize) / v.block
	if last := (im.Size - 1) / v.block; im.Size <= 0 || last+last/v.ratio >= v.entries {
		return nil, corrupt(s.Name, v.bat, "%d bytes of media are more than its table of %d entries holds", im.Size, v.entries)
	}
	v.pages = newCache(8 * 4096)
	im.r = v
	return im, nil
}

// vhdxHeader returns the valid header with the higher sequence number.
func vhdxHeader(s Segment) ([]byte, error) {
	var best []byte
	for _, off := range []int64{64 << 10, 128 << 10} {
		h := make([]byte, 4096)
		if err := readFull(s, h, off); err != nil {
			return nil, err
		}
		if string(h[:4]) != "head" || !vhdxSum(h) {
			continue
		}
		if best == nil || binary.LittleEndian.Uint64(h[8:]) > binary.LittleEndian.Uint64(best[8:]) {
			best = h
		}
	}
	if best == nil {
		return nil, corrupt(s.Name, 64<<10, "neither of its two headers is whole")
	}
	return best, nil
}

// vhdxRegions returns the first whole region table, cut after its entries.
func vhdxRegions(s Segment, im *Image) ([]byte, error) {
	for i, off := range []int64{192 << 10, 256 << 10} {
		t := make([]byte, 64<<10)
		if err := readFull(s, t, off); err != nil {
			return nil, err
		}
		n := binary.LittleEndian.Uint32(t[8:])
		if string(t[:4]) == "regi" && vhdxSum(t) && n <= vhdxEntries {
			if i > 0 {
				im.Notes = append(im.Notes, "its first region table is damaged; the second is used")
			}
			return t[:16+32*n], nil
		}
	}
	return nil, corrupt(s.Name, 192<<10, "neither of its two region tables is whole")
}

// vhdxSum checks the CRC-32C at offset 4, counted with zeros in its place.
func vhdxSum(b []byte) bool {
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Update(0, table, b[:4])
	sum = crc32.Update(sum, table, make([]byte, 4))
	return crc32.Update(sum, table, b[8:]) == binary.LittleEndian.Uint32(b[4:])
}

// vhdx reads a fixed or dynamic disk.
type vhdx struct {
	seg     Segment
	bat     int64
	entries int64
	block   int64 // bytes of media a block
	ratio   int64 // payload entries before each bitmap entry
	pages   *cache
}

// metadata reads the items of the metadata region.
func (v *vhdx) metadata(off, length int64, im *Image) error {
	t := make([]byte, 64<<10)
	if err := readFull(v.seg, t, off); err != nil {
		return err
	}
	n := binary.LittleEndian.Uint16(t[10:])
	if string(t[:8]) != "metadata" || n > vhdxEntries {
		return corrupt(v.seg.Name, off, "the metadata table is damaged (%d entries)", n)
	}
	for i := 32; i < 32+32*int(n); i += 32 {
		at := int64(binary.LittleEndian.Uint32(t[i+16:]))
		item := make([]byte, 8)
		if at > length-8 {
			return corrupt(v.seg.Name, off+int64(i), "a metadata item at %d of a region of %d bytes", at, length)
		}
		if err := readFull(v.seg, item, off+at); err != nil {
			return err
		}
		low := binary.LittleEndian.Uint32(item)
		switch string(t[i : i+16]) {
		case vhdxParams:
			v.block = int64(low)
			if binary.LittleEndian.Uint32(item[4:])&2 != 0 {
				return fmt.Errorf("opening %s: it is a differencing disk, which is %w; merge it with its parent in Hyper-V", v.seg.Name, ErrUnsupported)
			}
		case vhdxSize:
			im.Size = int64(binary.LittleEndian.Uint64(item))
		case vhdxSector:
			im.SectorSize = int(low)
		}
	}
	return nil
}

func (v *vhdx) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		at := off + int64(n)
		b, in := at/v.block, at%v.block
		part := p[n : n+int(min(int64(len(p)-n), v.block-in))]
		e, err := v.entry(b + b/v.ratio)
		if err != nil {
			return n, err
		}
		switch e & 7 {
		case 6:
			if err := readFull(v.seg, part, int64(e>>20)<<20+in); err != nil {
				return n, &ChunkError{Segment: v.seg.Name, Chunk: b, Offset: b * v.block, Length: v.block, Reason: err.Error()}
			}
		case 0, 1, 2, 3: // not present, undefined, zero, unmapped
			clear(part)
		default:
			return n, &ChunkError{Segment: v.seg.Name, Chunk: b, Offset: b * v.block, Length: v.block, Reason: fmt.Sprintf("block state %d", e&7)}
		}
		n += len(part)
	}
	return n, nil
}

func (v *vhdx) entry(i int64) (uint64, error) {
	page, err := v.pages.get(i/4096, func() ([]byte, error) {
		p := make([]byte, 8*min(4096, v.entries-i/4096*4096))
		return p, readFull(v.seg, p, v.bat+i/4096*4096*8)
	})
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(page[i%4096*8:]), nil
}
