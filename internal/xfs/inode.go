package xfs

import (
	"fmt"
	"io"

	"saksi/internal/inode"
)

const (
	formatLocal   = 1
	formatExtents = 2
	formatBtree   = 3

	flagRealtime = 0x1
	flagBigtime  = 0x8
	flagCounts64 = 0x10
)

// core is an inode as the disk holds it.
type core struct {
	raw     []byte
	place   int64 // of it in the image
	format  byte
	extents uint64
	flags   uint16
	fork    []byte // the data fork
	meta    inode.Meta
}

// read reads an inode; its signature must be there.
func (f *FS) read(number uint64) (*core, error) {
	block := number >> f.inopLog
	at, err := f.place(block)
	if err != nil {
		return nil, fmt.Errorf("inode %d: %w", number, err)
	}
	at += int64(number&(1<<f.inopLog-1)) * f.inodeSize
	raw := make([]byte, f.inodeSize)
	if err := readFull(f.r, raw, at); err != nil {
		return nil, fmt.Errorf("reading inode %d: %w", number, err)
	}
	if string(raw[:2]) != "IN" {
		return nil, fmt.Errorf("inode %d at offset %d has no signature", number, at)
	}
	return f.parse(number, raw, at), nil
}

func (f *FS) parse(number uint64, raw []byte, at int64) *core {
	c := &core{raw: raw, place: at, format: raw[5], extents: uint64(be.Uint32(raw[76:])), flags: be.Uint16(raw[90:])}
	c.meta = inode.Meta{
		Ref: inode.Ref{Number: number}, Mode: uint32(be.Uint16(raw[2:])), UID: be.Uint32(raw[8:]), GID: be.Uint32(raw[12:]),
		Links: be.Uint32(raw[16:]), Size: int64(be.Uint64(raw[56:])), Created: inode.NoTime,
	}
	if raw[4] == 1 {
		c.meta.Links = uint32(be.Uint16(raw[6:]))
	}
	size, big := 100, false
	if raw[4] >= 3 {
		size = 176
		more := be.Uint64(raw[120:])
		big = more&flagBigtime != 0
		if more&flagCounts64 != 0 {
			c.extents = be.Uint64(raw[24:])
		}
		c.meta.Created = stamp(raw[144:], big)
		if !sumOK(raw, 100) {
			c.meta.Problem = "its checksum is another"
		}
	}
	c.meta.Accessed, c.meta.Modified, c.meta.Changed = stamp(raw[32:], big), stamp(raw[40:], big), stamp(raw[48:], big)
	end := len(raw)
	if n := int(raw[82]) * 8; n > 0 && size+n <= end {
		end = size + n
	}
	c.fork = raw[size:end]
	c.meta.Resident = c.format == formatLocal
	return c
}

// stamp is a time: seconds and nanoseconds, or nanoseconds since 1901.
func stamp(b []byte, big bool) int64 {
	if big {
		n := be.Uint64(b)
		sec := int64(n/1e9) - 1<<31
		return sec*1e9 + int64(n%1e9)
	}
	return int64(int32(be.Uint32(b)))*1e9 + int64(be.Uint32(b[4:])%1e9)
}

// Meta implements inode.FS.
func (f *FS) Meta(r inode.Ref) (inode.Meta, error) {
	c, err := f.read(r.Number)
	if err != nil {
		return inode.Meta{}, err
	}
	return c.meta, nil
}

// extent reads a record of 128 bits: a flag (never written), 54 bits of place
// in the file, 52 of block, 21 of count.
func extent(b []byte) (file, block, count uint64, unwritten bool) {
	hi, lo := be.Uint64(b), be.Uint64(b[8:])
	return hi & (1<<63 - 1) >> 9, hi&0x1ff<<43 | lo>>21, lo & (1<<21 - 1), hi>>63 != 0
}

// run makes the run of an extent; ok is false where it has no place.
func (f *FS) run(b []byte) (r inode.Run, ok bool) {
	file, block, count, unwritten := extent(b)
	if count == 0 || file > 1<<44 {
		return r, false
	}
	at, err := f.place(block)
	if err != nil {
		return r, false
	}
	ag, n := block>>f.agLog, block&(1<<f.agLog-1)
	if n+count > f.agBlocks || ag*f.agBlocks+n+count > f.blocks {
		return r, false
	}
	r = inode.Run{File: int64(file) * f.block, Image: at, Length: int64(count) * f.block, Hole: unwritten}
	if unwritten {
		r.Image = 0
	}
	return r, true
}

// runs gives where the content of an inode lies, in order.
func (f *FS) runs(c *core) ([]inode.Run, error) {
	var list []inode.Run
	add := func(b []byte) error {
		r, ok := f.run(b)
		if !ok {
			return fmt.Errorf("inode %d: an extent lies beyond the file system", c.meta.Number)
		}
		if k := len(list); k > 0 && r.File < list[k-1].File+list[k-1].Length {
			return fmt.Errorf("inode %d: its extents are not in order", c.meta.Number)
		}
		if len(list) == maxRuns {
			return fmt.Errorf("inode %d has more than %d extents", c.meta.Number, maxRuns)
		}
		list = append(list, r)
		return nil
	}
	switch c.format {
	case formatExtents:
		if c.extents > uint64(len(c.fork)/16) {
			return nil, fmt.Errorf("inode %d states %d extents, %d have room in it", c.meta.Number, c.extents, len(c.fork)/16)
		}
		for i := range int(c.extents) {
			if err := add(c.fork[16*i:][:16]); err != nil {
				return list, err
			}
		}
		return list, nil
	case formatBtree:
		return list, f.tree(c, add, &list)
	}
	return nil, fmt.Errorf("inode %d has no extents: its format is %d", c.meta.Number, c.format)
}

// tree walks the tree of extents whose root is in the fork.
func (f *FS) tree(c *core, add func([]byte) error, list *[]inode.Run) error {
	if len(c.fork) < 20 {
		return fmt.Errorf("inode %d has no room for the root of its tree", c.meta.Number)
	}
	left := maxBlocks
	head := 24
	if f.v5 {
		head = 72
	}
	var walk func(fsb uint64, level int) error
	walk = func(fsb uint64, level int) error {
		if left--; left < 0 {
			return errTree
		}
		shared, err := f.readBlock(fsb)
		if err != nil {
			return fmt.Errorf("inode %d: %w", c.meta.Number, err)
		}
		b := append([]byte(nil), shared...)
		if m := string(b[:4]); m != "BMAP" && m != "BMA3" || int(be.Uint16(b[4:])) != level {
			return fmt.Errorf("inode %d: block %d is none of its tree of extents", c.meta.Number, fsb)
		}
		count := int(be.Uint16(b[6:]))
		for i := range min(count, (len(b)-head)/16) {
			if level == 0 {
				err = add(b[head+16*i:][:16])
			} else {
				err = walk(be.Uint64(b[head+(len(b)-head)/16*8+8*i:]), level-1)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	level, count := int(be.Uint16(c.fork)), int(be.Uint16(c.fork[2:]))
	most := (len(c.fork) - 4) / 16
	if level == 0 || level > 9 || count > most {
		return fmt.Errorf("inode %d: the root of its tree is damaged", c.meta.Number)
	}
	for i := range count {
		if err := walk(be.Uint64(c.fork[4+most*8+8*i:]), level-1); err != nil {
			return err
		}
	}
	return nil
}

// Open implements inode.FS. A symbolic link's content is its target.
func (f *FS) Open(r inode.Ref) (inode.Content, error) {
	c, err := f.read(r.Number)
	if err != nil {
		return nil, err
	}
	if c.meta.Mode == 0 {
		return f.openDeleted(c)
	}
	if c.meta.Type() == inode.TypeSymlink {
		return f.openLink(c)
	}
	if c.format == formatLocal {
		return &inode.Bytes{B: c.fork[:min(int64(len(c.fork)), c.meta.Size)], Record: c.place}, nil
	}
	if c.flags&flagRealtime != 0 {
		return nil, fmt.Errorf("inode %d: its content lies on a realtime device, which is not read", r.Number)
	}
	list, err := f.runs(c)
	if err != nil && len(list) == 0 {
		return nil, err
	}
	if err != nil { // what is before the damage is read
		m := &inode.Mapped{R: f.r, Bytes: c.meta.Size, List: inode.Fill(list, list[len(list)-1].File+list[len(list)-1].Length)}
		return m, nil
	}
	return &inode.Mapped{R: f.r, Bytes: c.meta.Size, List: inode.Fill(list, c.meta.Size)}, nil
}

// openLink opens a target: in the inode, or in blocks, with a header in each in
// version 5.
func (f *FS) openLink(c *core) (inode.Content, error) {
	if c.meta.Size < 0 || c.meta.Size > maxLink {
		return nil, fmt.Errorf("inode %d: a target of %d bytes", c.meta.Number, c.meta.Size)
	}
	if c.format == formatLocal {
		return &inode.Bytes{B: c.fork[:min(int64(len(c.fork)), c.meta.Size)], Record: c.place}, nil
	}
	list, err := f.runs(c)
	if err != nil {
		return nil, err
	}
	var out []byte
	for _, r := range list {
		for at := int64(0); at < r.Length && int64(len(out)) < c.meta.Size && !r.Hole; at += f.block {
			b := make([]byte, f.block)
			if err := readFull(f.r, b, r.Image+at); err != nil {
				return nil, err
			}
			if f.v5 {
				if string(b[:4]) != "XSLM" {
					return nil, fmt.Errorf("inode %d: the block of its target at offset %d is damaged", c.meta.Number, r.Image+at)
				}
				b = b[56:]
			}
			out = append(out, b[:min(int64(len(b)), c.meta.Size-int64(len(out)))]...)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("inode %d: its target has no place", c.meta.Number)
	}
	return &inode.Mapped{R: bytesAt(out), Bytes: int64(len(out)), List: []inode.Run{{Length: int64(len(out))}}}, nil
}

// bytesAt reads bytes of memory.
type bytesAt []byte

func (b bytesAt) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(b)) {
		return 0, io.EOF
	}
	return copy(p, b[off:]), nil
}
