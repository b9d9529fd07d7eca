package extjournal

import (
	"fmt"
	"slices"
)

const (
	typeMask    = 0xf000
	typeFile    = 0x8000
	typeDir     = 0x4000
	typeSymlink = 0xa000

	flagExtents = 0x80000
	flagInline  = 0x10000000

	extentMagic = 0xf30a
)

// inode is an inode as some block holds it.
type inode struct {
	number             uint64
	mode, links        uint16
	uid, gid           uint32
	size               int64
	flags, generation  uint32
	dtime              uint32
	modified, accessed int64 // Unix nanoseconds
	changed, created   int64 // created is 0 where the inode has no room for it
	block              [60]byte
	inline             []byte // what follows the 60 bytes of inline data
	wrong              bool   // its checksum is another
}

// parseInode reads the inode with this number; raw is one inode long.
func (f *FS) parseInode(number uint64, raw []byte) *inode {
	n := &inode{
		number: number, mode: le.Uint16(raw), links: le.Uint16(raw[26:]),
		uid:  uint32(le.Uint16(raw[2:])) | uint32(le.Uint16(raw[0x78:]))<<16,
		gid:  uint32(le.Uint16(raw[24:])) | uint32(le.Uint16(raw[0x7a:]))<<16,
		size: int64(le.Uint32(raw[4:])), flags: le.Uint32(raw[32:]), generation: le.Uint32(raw[0x64:]), dtime: le.Uint32(raw[20:]),
	}
	if n.mode&typeMask == typeFile || n.mode&typeMask == typeDir {
		n.size |= int64(le.Uint32(raw[0x6c:])) << 32
	}
	copy(n.block[:], raw[40:])
	extra := 0
	if len(raw) > 132 {
		extra = int(le.Uint16(raw[128:]))
	}
	time := func(at, more int) int64 {
		sec, nano := int64(int32(le.Uint32(raw[at:]))), int64(0)
		if more+4 <= 128+extra && more+4 <= len(raw) {
			x := le.Uint32(raw[more:])
			sec += int64(x&3) << 32
			nano = int64(x >> 2)
		}
		return sec*1e9 + nano%1e9
	}
	n.accessed, n.changed, n.modified = time(8, 140), time(12, 132), time(16, 136)
	if 148 <= 128+extra && 148 <= len(raw) {
		n.created = time(144, 148)
	}
	if n.flags&flagInline != 0 && 128+extra+4 <= len(raw) {
		n.inline = inlineRest(raw[128+extra:])
	}
	if f.csum {
		n.wrong = !f.inodeSum(number, raw, extra)
	}
	return n
}

// inodeSum checks an inode's checksum (Linux, ext4_inode_csum).
func (f *FS) inodeSum(number uint64, raw []byte, extra int) bool {
	var id [8]byte
	le.PutUint32(id[:], uint32(number))
	copy(id[4:], raw[0x64:0x68])
	b := slices.Clone(raw)
	b[124], b[125] = 0, 0
	high := len(raw) > 132 && extra >= 4
	want := uint32(le.Uint16(raw[124:]))
	if high {
		b[130], b[131] = 0, 0
		want |= uint32(le.Uint16(raw[130:])) << 16
	}
	got := crc32c(crc32c(f.seed, id[:]), b)
	if !high {
		got &= 0xffff
	}
	return got == want
}

// inlineRest is the value of the attribute system.data in the room behind an
// inode: b begins with the magic of attributes.
func inlineRest(b []byte) []byte {
	if le.Uint32(b) != 0xea020000 {
		return nil
	}
	b = b[4:]
	for at := 0; at+16 <= len(b) && le.Uint32(b[at:]) != 0; {
		name, index := int(b[at]), b[at+1]
		value, size := int(le.Uint16(b[at+2:])), le.Uint32(b[at+8:])
		if at+16+name > len(b) {
			return nil
		}
		if index == 7 && string(b[at+16:at+16+name]) == "data" && le.Uint32(b[at+4:]) == 0 && value <= len(b) && size <= uint32(len(b)-value) {
			return slices.Clone(b[value : value+int(size)])
		}
		at += 16 + (name+3)&^3
	}
	return nil
}

func (n *inode) kind() uint16 { return n.mode & typeMask }

// live reports whether the inode is in use.
func (n *inode) live() bool { return n.mode != 0 && n.links > 0 && n.dtime == 0 }

// same reports whether both are of one file.
func (n *inode) same(m *inode) bool { return n.generation == m.generation && n.created == m.created }

// fast reports whether a symbolic link's target lies in the inode.
func (n *inode) fast() bool {
	return n.kind() == typeSymlink && n.size < 60 && n.flags&(flagExtents|flagInline) == 0
}

// resident reports whether all content lies in the inode.
func (n *inode) resident() bool { return n.flags&flagInline != 0 || n.fast() }

// inlineContent is the content of a resident inode, as much as there is.
func (n *inode) inlineContent() []byte {
	b := append(slices.Clone(n.block[:]), n.inline...)
	return b[:min(int64(len(b)), n.size)]
}

// hasContent reports whether the inode leads to content.
func (n *inode) hasContent() bool {
	if k := n.kind(); k != typeFile && k != typeSymlink && k != typeDir || n.size <= 0 {
		return false
	}
	if n.resident() {
		return true
	}
	if n.flags&flagExtents != 0 {
		return le.Uint16(n.block[:]) == extentMagic && le.Uint16(n.block[2:]) > 0
	}
	return n.block != [60]byte{}
}

// run is a stretch of a file in blocks; hole has no place.
type run struct {
	file, disk, count uint64
	hole              bool
}

// blockAs gives the block of a map as it was when a copy of order n was
// written, of all copies that valid takes.
type blockAs func(block uint64, valid func([]byte) bool) ([]byte, error)

// runs gives where the content of an inode lies. What of the map can't be read
// is left out and counted in lost.
func (f *FS) runs(n *inode, get blockAs) (list []run, lost int, err error) {
	m := mapper{f: f, get: get, blocks: (uint64(n.size) + uint64(f.BlockSize) - 1) / uint64(f.BlockSize)}
	if n.flags&flagExtents != 0 {
		err = m.extents(n.block[:], -1)
	} else {
		err = m.pointers(n.block[:])
	}
	return m.list, m.lost, err
}

// mapper reads the map of a file.
type mapper struct {
	f      *FS
	get    blockAs
	blocks uint64 // of the file
	list   []run
	read   int // blocks of the map
	lost   int // parts of it
	at     uint64
}

func (m *mapper) add(r run) error {
	if r.file >= m.blocks || r.count == 0 {
		return nil
	}
	r.count = min(r.count, m.blocks-r.file)
	if !r.hole && (r.disk >= m.f.blocks || r.count > m.f.blocks-r.disk || r.disk == 0) {
		m.lost++
		return nil
	}
	if k := len(m.list); k > 0 {
		p := &m.list[k-1]
		if r.file < p.file+p.count {
			m.lost++ // it runs backwards
			return nil
		}
		if p.hole == r.hole && p.file+p.count == r.file && (r.hole || p.disk+p.count == r.disk) {
			p.count += r.count
			return nil
		}
	}
	if len(m.list) == maxRuns {
		return fmt.Errorf("it lies in more than %d pieces", maxRuns)
	}
	m.list = append(m.list, r)
	return nil
}

// extents reads a node; depth is what its parent says it is, -1 for the root.
func (m *mapper) extents(b []byte, depth int) error {
	if le.Uint16(b) != extentMagic || depth >= 0 && int(le.Uint16(b[6:])) != depth {
		m.lost++
		return nil
	}
	depth = int(le.Uint16(b[6:]))
	if depth > 5 {
		m.lost++
		return nil
	}
	for i := range int(le.Uint16(b[2:])) {
		at := 12 + 12*i
		if at+12 > len(b) {
			m.lost++
			break
		}
		e := b[at : at+12]
		if depth == 0 {
			r := run{file: uint64(le.Uint32(e)), count: uint64(le.Uint16(e[4:])), disk: uint64(le.Uint16(e[6:]))<<32 | uint64(le.Uint32(e[8:]))}
			if r.count > 0x8000 { // allocated and never written: it reads as zeros
				r.count, r.hole = r.count-0x8000, true
			}
			if err := m.add(r); err != nil {
				return err
			}
			continue
		}
		node, err := m.child(uint64(le.Uint32(e[4:]))|uint64(le.Uint16(e[8:]))<<32, func(b []byte) bool {
			return le.Uint16(b) == extentMagic && int(le.Uint16(b[6:])) == depth-1 && le.Uint16(b[2:]) > 0
		})
		if err != nil {
			return err
		}
		if node == nil {
			continue
		}
		if err := m.extents(node, depth-1); err != nil {
			return err
		}
	}
	return nil
}

// child reads a block of the map; nil without an error is one that is lost.
func (m *mapper) child(block uint64, valid func([]byte) bool) ([]byte, error) {
	m.f.mapLeft--
	if m.read++; m.read > maxMapBlocks || m.f.mapLeft < 0 {
		return nil, fmt.Errorf("its map has more than %d blocks, or all maps have more than any sound journal leads to", maxMapBlocks)
	}
	b, err := m.get(block, valid)
	if err != nil {
		m.lost++
		return nil, nil
	}
	return b, nil
}

// pointers reads the map of ext2 and ext3: 12 blocks, then trees of depth 1 to 3.
func (m *mapper) pointers(b []byte) error {
	for i := range 15 {
		if err := m.pointer(uint64(le.Uint32(b[4*i:])), max(0, i-11)); err != nil {
			return err
		}
	}
	return nil
}

func (m *mapper) pointer(block uint64, depth int) error {
	span := uint64(1)
	for range depth {
		span *= uint64(m.f.BlockSize) / 4
	}
	if m.at >= m.blocks || block == 0 {
		m.at += span
		return nil
	}
	if depth == 0 {
		m.at++
		return m.add(run{file: m.at - 1, disk: block, count: 1})
	}
	b, err := m.child(block, func(b []byte) bool {
		some := false
		for i := 0; i+4 <= len(b); i += 4 {
			p := uint64(le.Uint32(b[i:]))
			if p >= m.f.blocks {
				return false
			}
			some = some || p != 0
		}
		return some
	})
	if err != nil || b == nil {
		m.at += span
		return err
	}
	for i := 0; i+4 <= len(b); i += 4 {
		if err := m.pointer(uint64(le.Uint32(b[i:])), depth-1); err != nil {
			return err
		}
	}
	return nil
}
