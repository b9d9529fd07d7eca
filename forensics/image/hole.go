package image

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"sort"
	"syscall"
)

// holer is a reader that knows where its container, or the file system below it, keeps
// no bytes.
type holer interface {
	// hole is how many bytes from off on are kept nowhere and read as zeros: at
	// least those up to the next border of what it keeps them in; 0 where there are
	// bytes, or nobody can tell.
	hole(off int64) int64
}

// Hole reports whether a stretch of media is kept nowhere, so that all of it reads as
// zeros: it need not be read. False says nothing.
func (im *Image) Hole(off, length int64) bool {
	h, ok := im.r.(holer)
	if !ok || off < 0 || length < 0 || length > im.Size-off {
		return false
	}
	for end := off + length; off < end; {
		n := h.hole(off)
		if n <= 0 {
			return false
		}
		off += n
	}
	return true
}

// seekData is lseek(2)'s SEEK_DATA.
const seekData = 3

// holeIn is the hole of a reader of size bytes.
func holeIn(r io.ReaderAt, off, size int64) int64 {
	switch r := r.(type) {
	case zeros:
		return size - off
	case holer:
		return r.hole(off)
	case *os.File:
		at, err := r.Seek(off, seekData)
		if errors.Is(err, syscall.ENXIO) { // none up to its end
			return size - off
		}
		if err == nil && at > off {
			return min(at, size) - off
		}
	}
	return 0
}

func (c concat) hole(off int64) int64 {
	for i := len(c.start) - 1; i >= 0; i-- {
		if at := off - c.start[i]; at >= 0 {
			return min(max(holeIn(c.segs[i].ReaderAt, at, c.segs[i].Size), 0), c.segs[i].Size-at)
		}
	}
	return 0
}

func (r *qcow) hole(off int64) int64 {
	if r.parent != nil {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	c := off / r.cluster
	if at, err := r.second(c / r.perL2); err == nil && at == 0 {
		return (c/r.perL2+1)*r.perL2*r.cluster - off
	}
	list, err := r.absent(c)
	if err != nil || len(list) != 1 || list[0].Length != r.cluster {
		return 0
	}
	return (c+1)*r.cluster - off
}

func (v *vmdkSparse) hole(off int64) int64 {
	g := off / v.grain
	if v.parent != nil || g/v.perGT >= int64(len(v.gd)/4) {
		return 0
	}
	at := int64(binary.LittleEndian.Uint32(v.gd[g/v.perGT*4:])) * 512
	if at == 0 {
		return (g/v.perGT+1)*v.perGT*v.grain - off
	}
	table, err := v.table(g/v.perGT, at)
	if err != nil {
		return 0
	}
	if sector := binary.LittleEndian.Uint32(table[g%v.perGT*4:]); sector == 0 || sector == 1 && v.zeroes {
		return (g+1)*v.grain - off
	}
	return 0
}

func (v *vdi) hole(off int64) int64 {
	b := off / v.block
	if i, err := v.place(b); err != nil || i < vdiNone {
		return 0
	}
	return (b+1)*v.block - off
}

func (v *vhd) hole(off int64) int64 {
	b := off / v.block
	if at, err := v.place(b); v.parent != nil || err != nil || at >= 0 {
		return 0
	}
	return (b+1)*v.block - off
}

func (v *vhdx) hole(off int64) int64 {
	b := off / v.block
	if e, err := v.entry(b + b/v.ratio); err != nil || e&7 > 3 {
		return 0
	}
	return (b+1)*v.block - off
}

func (v *sparseImage) hole(off int64) int64 {
	if _, ok := v.bands[off/v.band]; ok {
		return 0
	}
	return v.band - off%v.band
}

func (p *parallels) hole(off int64) int64 {
	if at, err := p.place(off / p.cluster); err != nil || at != 0 {
		return 0
	}
	return p.cluster - off%p.cluster
}

func (m *memory) hole(off int64) int64 {
	i := sort.Search(len(m.parts), func(i int) bool { return m.parts[i].address+m.parts[i].length > off })
	if i == len(m.parts) {
		return 0
	}
	return max(0, m.parts[i].address-off)
}
