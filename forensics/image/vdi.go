package image

// VDI: VirtualBox's disks, dynamic and fixed.
//
// Specification: VirtualBox, src/VBox/Storage/VDICore.h (header 1.1); QEMU,
// block/vdi.c. All numbers are little-endian.
//
//	0 64 text | 64 magic | 68 version 1.1 | 72 header size | 76 type: 1
//	dynamic, 2 fixed, 3 undo, 4 difference | 80 flags | 84 256 comment | 340
//	offset of the map | 344 offset of the data | 360 sector size | 368 media
//	size | 376 block size | 380 bytes before each block | 384 blocks | 388
//	allocated | 392, 408, 424, 440 UUIDs: of it, of its last change, of its
//	parent, of the parent's last change
//	map  4 a block: its number among the data, ffffffff none, fffffffe zeros

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

const (
	vdiMagic    = "\x7f\x10\xda\xbe"
	vdiHeader   = 456
	vdiNone     = 0xfffffffe // this and above: not in the file
	vdiMaxBlock = 256 << 20
	vdiPage     = 4096 // entries of the map read at once
)

func init() {
	register(Format{
		Name:      "vdi",
		Doc:       "VirtualBox disks, dynamic and fixed; differences over another disk, which they know by a UUID only, are named, not read",
		Reference: "VirtualBox, src/VBox/Storage/VDICore.h; QEMU, block/vdi.c",
		Detect:    func(head, _ []byte) bool { return len(head) >= 68 && string(head[64:68]) == vdiMagic },
		Open:      openVDI,
		Samples:   []string{"container/dynamic.vdi.gz"},
		Hostile: []string{
			"container/dynamic.vdi.gz cut=300", "container/dynamic.vdi.gz cut=600", "container/dynamic.vdi.gz cut=300000", "container/dynamic.vdi.gz @376=00000000", "container/dynamic.vdi.gz @376=ffffffff",
			"container/dynamic.vdi.gz @384=ffffffff", "container/dynamic.vdi.gz @368=ffffffffffffff7f", "container/dynamic.vdi.gz @340=ffffffff", "container/dynamic.vdi.gz @76=04000000", "container/dynamic.vdi.gz @512=f0ffff00",
		},
	})
}

func openVDI(segs []Segment, _ int) (*Image, error) {
	s := segs[0]
	h := make([]byte, vdiHeader)
	if err := readFull(s, h, 0); err != nil {
		return nil, err
	}
	u32 := func(off int) int64 { return int64(binary.LittleEndian.Uint32(h[off:])) }
	if v := u32(68); v>>16 != 1 {
		return nil, fmt.Errorf("opening %s: VDI version %d.%d is %w", s.Name, v>>16, v&0xffff, ErrUnsupported)
	}
	switch kind := u32(76); kind {
	case 1, 2:
	case 4:
		return nil, fmt.Errorf("opening %s: it is a difference over the disk with UUID %s, which is %w; join them with 'VBoxManage clonemedium'", s.Name, vdiUUID(h[424:]), ErrUnsupported)
	default:
		return nil, fmt.Errorf("opening %s: VDI type %d is %w", s.Name, kind, ErrUnsupported)
	}
	v := &vdi{seg: s, table: u32(340), data: u32(344), block: u32(376), extra: u32(380), blocks: u32(384)}
	im := &Image{Segments: []string{s.Name}, Size: int64(binary.LittleEndian.Uint64(h[368:])), r: v}
	if n := u32(360); n == 512 || n == 4096 {
		im.SectorSize = int(n)
	}
	if v.block < 512 || v.block > vdiMaxBlock || v.extra > vdiMaxBlock {
		return nil, corrupt(s.Name, 376, "blocks of %d bytes behind %d", v.block, v.extra)
	}
	if im.Size < 0 || im.Size > v.block*v.blocks {
		return nil, corrupt(s.Name, 368, "%d bytes of media; its %d blocks of %d bytes hold less", im.Size, v.blocks, v.block)
	}
	if v.blocks > maxTable || v.table > s.Size-4*v.blocks {
		return nil, corrupt(s.Name, 340, "a map of %d blocks at %d; the file has %d bytes", v.blocks, v.table, s.Size)
	}
	v.pages = newCache(4 * vdiPage)
	im.Meta = append(im.Meta, Meta{"uuid", vdiUUID(h[392:])})
	if text := strings.TrimRight(strings.ToValidUTF8(string(h[84:340]), "\ufffd"), "\x00"); text != "" {
		im.Meta = append(im.Meta, Meta{"description", text})
	}
	return im, nil
}

// vdiUUID prints a UUID whose first three numbers are little-endian.
func vdiUUID(b []byte) string {
	be := []byte{b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]}
	x := hex.EncodeToString(be)
	return x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:]
}

// vdi reads blocks through the map on disk.
type vdi struct {
	seg         Segment
	table, data int64 // offsets
	block       int64 // bytes of media a block
	extra       int64 // bytes before each
	blocks      int64
	pages       *cache
}

func (v *vdi) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		b, in := (off+int64(n))/v.block, (off+int64(n))%v.block
		part := p[n : n+int(min(int64(len(p)-n), v.block-in))]
		i, err := v.place(b)
		if err != nil {
			return n, err
		}
		if i >= vdiNone {
			clear(part)
		} else if err := readFull(v.seg, part, v.data+i*(v.block+v.extra)+v.extra+in); err != nil {
			return n, &ChunkError{Segment: v.seg.Name, Chunk: b, Offset: b * v.block, Length: v.block, Reason: err.Error()}
		}
		n += len(part)
	}
	return n, nil
}

// place is the number under which block b is kept; vdiNone or more for none.
func (v *vdi) place(b int64) (int64, error) {
	page, err := v.pages.get(b/vdiPage, func() ([]byte, error) {
		t := make([]byte, 4*min(vdiPage, v.blocks-b/vdiPage*vdiPage))
		return t, readFull(v.seg, t, v.table+b/vdiPage*vdiPage*4)
	})
	if err != nil {
		return 0, err
	}
	return int64(binary.LittleEndian.Uint32(page[b%vdiPage*4:])), nil
}
