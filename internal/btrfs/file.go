package btrfs

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"sort"

	"saksi/internal/inode"
)

// Meta implements inode.FS.
func (f *FS) Meta(r inode.Ref) (inode.Meta, error) {
	if r.Number == emptyFolder {
		return inode.Meta{Ref: r, Mode: inode.TypeDir | 0o755, Modified: inode.NoTime, Accessed: inode.NoTime, Changed: inode.NoTime, Created: inode.NoTime}, nil
	}
	t, err := f.tree(uint64(r.Tree))
	if err != nil {
		return inode.Meta{}, err
	}
	b, _, err := f.find(t, key{r.Number, itemInode, 0})
	if err != nil {
		return inode.Meta{}, fmt.Errorf("inode %d of tree %d: %w", r.Number, r.Tree, err)
	}
	if len(b) < 160 {
		return inode.Meta{}, fmt.Errorf("there is no inode %d in tree %d", r.Number, r.Tree)
	}
	time := func(at int) int64 {
		sec := int64(le.Uint64(b[at:]))
		if sec > 1<<33 || sec < -1<<33 {
			return inode.NoTime
		}
		return sec*1e9 + int64(le.Uint32(b[at+8:])%1e9)
	}
	m := inode.Meta{
		Ref: r, Size: int64(le.Uint64(b[16:])), Links: le.Uint32(b[40:]), UID: le.Uint32(b[44:]), GID: le.Uint32(b[48:]), Mode: le.Uint32(b[52:]),
		Accessed: time(112), Changed: time(124), Modified: time(136), Created: time(148),
	}
	if m.Created == 0 {
		m.Created = inode.NoTime // the root of a subvolume states none
	}
	if m.Size < 0 {
		m.Size, m.Problem = 0, "it states a negative size"
	}
	return m, nil
}

// List implements inode.FS.
func (f *FS) List(r inode.Ref, give func(inode.Dirent) error) error {
	t, err := f.tree(uint64(r.Tree))
	if err != nil {
		return err
	}
	return f.each(t, key{r.Number, itemDirIndex, 0}, key{r.Number, itemDirIndex, ^uint64(0)}, func(k key, b []byte, _ int64) error {
		for len(b) >= 30 {
			n, more := int(le.Uint16(b[27:])), int(le.Uint16(b[25:]))
			if n == 0 || 30+n+more > len(b) {
				return fmt.Errorf("directory %d: the name at %d is damaged", r.Number, k.offset)
			}
			d := inode.Dirent{Name: string(b[30 : 30+n]), Ref: inode.Ref{Number: le.Uint64(b), Tree: r.Tree}}
			if b[8] == itemRoot { // a subvolume or snapshot
				if d.Ref.Number > 1<<32-1 {
					return fmt.Errorf("directory %d: a subvolume with the number %d", r.Number, d.Ref.Number)
				}
				ref, err := f.subvolume(d.Ref.Number, r.Tree)
				if err != nil {
					return err
				}
				d.Ref = ref
			}
			if err := give(d); err != nil {
				return err
			}
			b = b[30+n+more:]
		}
		return nil
	})
}

// subvolume is the root of a subvolume as seen in a tree. A snapshot shows those
// that lie in what it was taken of as empty folders.
func (f *FS) subvolume(number uint64, within uint32) (inode.Ref, error) {
	there := false
	k := key{number, itemRootBackref, uint64(within)}
	err := f.each(f.root, k, k, func(key, []byte, int64) error {
		there = true
		return errStop
	})
	if !there {
		return inode.Ref{Number: emptyFolder, Tree: within}, err
	}
	return inode.Ref{Number: firstFree, Tree: uint32(number)}, err
}

// piece is an extent of a file.
type piece struct {
	file, length int64
	hole         bool
	inline       []byte // unpacked
	at           int64  // of inline content in the image
	packed       uint8  // 0 none, 1 zlib, 2 LZO, 3 zstd
	logical      uint64 // of the extent on the disk
	size         int64  // of it there
	ram          int64  // unpacked
	from         int64  // of the piece in it, unpacked
}

// content is the content of a file.
type content struct {
	f      *FS
	size   int64
	list   []piece
	last   int // number of the piece that is unpacked
	data   []byte
	wrong  int // sectors with another checksum
	first  int64
	failed error
}

// Open implements inode.FS.
func (f *FS) Open(r inode.Ref) (inode.Content, error) {
	m, err := f.Meta(r)
	if err != nil {
		return nil, err
	}
	t, err := f.tree(uint64(r.Tree))
	if err != nil {
		return nil, err
	}
	c := &content{f: f, size: m.Size, last: -1, first: -1}
	c.failed = f.each(t, key{r.Number, itemExtent, 0}, key{r.Number, itemExtent, ^uint64(0)}, func(k key, b []byte, at int64) error {
		if len(c.list) == maxExtents {
			return fmt.Errorf("inode %d has more than %d extents", r.Number, maxExtents)
		}
		p, err := f.piece(k, b, at)
		if err != nil {
			return fmt.Errorf("inode %d: %w", r.Number, err)
		}
		if n := len(c.list); n > 0 && p.file < c.list[n-1].file+c.list[n-1].length {
			return fmt.Errorf("inode %d: its extents are not in order at %d", r.Number, p.file)
		}
		c.list = append(c.list, p)
		return nil
	})
	if c.failed != nil && len(c.list) == 0 && m.Size > 0 {
		return nil, c.failed
	}
	return c, nil
}

// piece reads an extent item.
func (f *FS) piece(k key, b []byte, at int64) (piece, error) {
	if len(b) < 21 || k.offset > 1<<60 {
		return piece{}, fmt.Errorf("the extent at %d is cut short", k.offset)
	}
	p := piece{file: int64(k.offset), ram: int64(le.Uint64(b[8:])), packed: b[16]}
	switch kind := b[20]; {
	case b[17] != 0 || p.packed > 3 || kind > 2:
		return p, fmt.Errorf("the extent at %d is of a kind that is not known (compression %d, encryption %d, type %d)", k.offset, p.packed, b[17], kind)
	case kind == 0:
		p.inline, p.at, p.length = bytes.Clone(b[21:]), at+21, p.ram
		if p.ram < 0 || p.ram > maxPacked {
			return p, fmt.Errorf("the inline extent at %d states %d bytes", k.offset, p.ram)
		}
		if p.packed != 0 {
			out, err := unpack(p.packed, p.inline, int(p.ram), int(f.sector))
			if err != nil {
				return p, fmt.Errorf("the inline extent at %d: %w", k.offset, err)
			}
			p.inline = out
		}
		p.length = min(p.length, int64(len(p.inline)))
		return p, nil
	case len(b) < 53:
		return p, fmt.Errorf("the extent at %d is cut short", k.offset)
	default:
		p.logical, p.size, p.from, p.length = le.Uint64(b[21:]), int64(le.Uint64(b[29:])), int64(le.Uint64(b[37:])), int64(le.Uint64(b[45:]))
		p.hole = p.logical == 0 || kind == 2
		if p.length <= 0 || p.from < 0 || p.size < 0 || p.length > 1<<60 || !p.hole && (p.from > p.ram || p.length > p.ram-p.from) {
			return p, fmt.Errorf("the extent at %d has %d bytes from %d of %d", k.offset, p.length, p.from, p.ram)
		}
		if p.packed != 0 && !p.hole && (p.size > maxPacked || p.ram > maxPacked) {
			return p, fmt.Errorf("the compressed extent at %d has %d bytes, unpacked %d", k.offset, p.size, p.ram)
		}
		return p, nil
	}
}

// Size implements inode.Content.
func (c *content) Size() int64 { return c.size }

// Runs implements inode.Content. Compressed extents have no run: their bytes
// are not the content's.
func (c *content) Runs(limit int) (out []inode.Run, record int64) {
	for i := range c.list {
		p := &c.list[i]
		switch {
		case p.inline != nil:
			if p.packed == 0 {
				record = p.at
			}
			continue
		case p.hole:
			out = append(out, inode.Run{File: p.file, Length: p.length, Hole: true})
		case p.packed != 0:
			if at, _, err := c.f.places(p.logical); err == nil && record == 0 {
				record = at[0]
			}
			continue
		default:
			at, n, err := c.f.places(p.logical + uint64(p.from))
			if err != nil {
				continue
			}
			out = append(out, inode.Run{File: p.file, Image: at[0], Length: min(p.length, n)})
		}
		if len(out) == limit {
			break
		}
	}
	return out, record
}

// Damage says which content has another checksum than was stored, "" for none.
func (c *content) Damage() string {
	if c.wrong > 0 {
		return fmt.Sprintf("checksum: %d blocks are not what was stored, the first at %d", c.wrong, c.first)
	}
	return ""
}

// ReadAt implements inode.Content.
func (c *content) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("negative offset %d", off)
	}
	total := 0
	for len(p) > 0 {
		if off >= c.size {
			return total, io.EOF
		}
		n := min(int64(len(p)), c.size-off)
		i := sort.Search(len(c.list), func(i int) bool { return c.list[i].file+c.list[i].length > off })
		if i == len(c.list) || c.list[i].file > off {
			if c.failed != nil {
				return total, c.failed
			}
			if i < len(c.list) {
				n = min(n, c.list[i].file-off)
			}
			clear(p[:n])
		} else {
			x := &c.list[i]
			n = min(n, x.file+x.length-off)
			if err := c.read(i, x, p[:n], off-x.file); err != nil {
				return total, err
			}
		}
		p, off, total = p[n:], off+n, total+int(n)
	}
	return total, nil
}

// read reads from a place of a piece on.
func (c *content) read(i int, x *piece, p []byte, from int64) error {
	switch {
	case x.hole:
		clear(p)
		return nil
	case x.inline != nil:
		copy(p, x.inline[from:])
		return nil
	case x.packed == 0:
		return c.f.readData(p, x.logical+uint64(x.from+from), c)
	}
	if c.last != i {
		raw := make([]byte, x.size)
		if err := c.f.readData(raw, x.logical, c); err != nil {
			return err
		}
		data, err := unpack(x.packed, raw, int(x.ram), int(c.f.sector))
		if err != nil {
			return fmt.Errorf("the compressed extent at address %d: %w", x.logical, err)
		}
		c.last, c.data = i, data
	}
	at := x.from + from
	if at >= int64(len(c.data)) {
		clear(p)
		return nil
	}
	clear(p[copy(p, c.data[at:]):])
	return nil
}

// readData reads content by its logical address, by whole sectors, and compares
// their checksums; where one is another, other copies are tried.
func (f *FS) readData(p []byte, logical uint64, c *content) error {
	if logical > math.MaxInt64-uint64(len(p))-uint64(f.sector) {
		return fmt.Errorf("%d bytes at the logical address %d, which are beyond any volume", len(p), logical)
	}
	start := logical / uint64(f.sector) * uint64(f.sector)
	end := (logical + uint64(len(p)) + uint64(f.sector) - 1) / uint64(f.sector) * uint64(f.sector)
	for start < end {
		at, length, err := f.places(start)
		if err != nil {
			return err
		}
		n := min(int64(end-start), length, 256<<10)
		b := make([]byte, n)
		if err := f.copies(b, at, start, c); err != nil {
			return err
		}
		from := int64(0)
		if start < logical {
			from = int64(logical - start)
		}
		p = p[copy(p, b[from:]):]
		start += uint64(n)
	}
	return nil
}

// copies reads b from the first copy, and single sectors from others where the
// checksum says so.
func (f *FS) copies(b []byte, at []int64, logical uint64, c *content) error {
	if err := readFull(f.r, b, at[0]); err != nil {
		if len(at) == 1 {
			return err
		}
		if err := readFull(f.r, b, at[1]); err != nil {
			return err
		}
	}
	sums, err := f.dataSums(logical, len(b)/int(f.sector))
	if err != nil {
		return err
	}
	size := int64(f.sumSize())
	for i := range sums {
		if sums[i] == nil || size == 0 {
			continue
		}
		s := b[int64(i)*f.sector:][:f.sector]
		for k := 0; !f.sumOK(s, sums[i]); {
			if k++; k >= len(at) {
				if c.wrong++; c.first < 0 || int64(logical)+int64(i)*f.sector < c.first {
					c.first = at[0] + int64(i)*f.sector
				}
				break
			}
			if err := readFull(f.r, s, at[k]+int64(i)*f.sector); err != nil {
				return err
			}
		}
	}
	return nil
}

// dataSums are the stored checksums of sectors from an address on; nil for a
// sector without one.
func (f *FS) dataSums(logical uint64, count int) ([][]byte, error) {
	out := make([][]byte, count)
	size := f.sumSize()
	t, err := f.tree(treeCsum)
	if err != nil || size == 0 {
		return out, nil // a file system may have none
	}
	const object = ^uint64(9) // -10
	// The item before may reach into the stretch: it holds at most a node of sums.
	back := uint64(f.node) / uint64(size) * uint64(f.sector)
	from := logical - min(logical, back)
	err = f.each(t, key{object, itemCsum, from}, key{object, itemCsum, logical + uint64(count-1)*uint64(f.sector)}, func(k key, b []byte, _ int64) error {
		for i := 0; (i+1)*size <= len(b); i++ {
			at := k.offset + uint64(i)*uint64(f.sector)
			if at >= logical && (at-logical)/uint64(f.sector) < uint64(count) {
				out[(at-logical)/uint64(f.sector)] = bytes.Clone(b[i*size : (i+1)*size])
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("the tree of checksums: %w", err)
	}
	return out, nil
}
