package apfs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"

	"saksi/internal/decmpfs"
	"saksi/internal/inode"
)

// Types of records of the tree of a file system; the type stands in the high bits of
// a key, the number of the object below.
const (
	objectID    = 1<<60 - 1
	recSnapshot = 1
	recInode    = 3
	recXattr    = 4
	recExtent   = 8
	recName     = 9
)

const (
	rootDir   = 2
	maxRuns   = 1 << 22  // of one file
	maxLink   = 64 << 10 // bytes of an attribute that is read whole
	bsdPacked = 0x20
)

// FS is the file system of a volume. It implements inode.FS.
type FS struct {
	v      *Volume
	tree   *tree
	hashed bool
	key    *sectors
}

// FS opens the file system with the key that Unlock gave, nil for a volume that is
// not encrypted, as it is or as a snapshot keeps it. The error matches ErrKey where
// the key is another's.
func (v *Volume) FS(key []byte, snap *Snapshot) (*FS, error) {
	f := &FS{v: v}
	t := &tree{c: v.c, root: v.root, v: v, xid: ^uint64(0), cache: map[uint64][]byte{}}
	sb, kind := v.sb, v.rootType
	if snap != nil {
		b, err := v.c.object(snap.block)
		if err != nil {
			return nil, fmt.Errorf("the snapshot %s: %w", snap.Name, err)
		}
		old, err := v.c.volume(b, snap.block)
		if err != nil {
			return nil, fmt.Errorf("the snapshot %s: %w", snap.Name, err)
		}
		sb, kind, t.root, t.xid = b, old.rootType, old.root, snap.XID
	}
	if kind&storage == physical {
		t.v = nil
	}
	f.hashed = le.Uint64(sb[56:])&(caseInsensitive|normInsensitive) != 0
	if v.Encrypted() {
		s, err := newSectors(key)
		if err != nil {
			return nil, ErrKey
		}
		f.key, t.key = s, s
	}
	f.tree = t
	if _, err := t.node(t.root); err != nil {
		if v.Encrypted() {
			return nil, fmt.Errorf("%w: with it, %w", ErrKey, err)
		}
		return nil, fmt.Errorf("opening the tree of the file system: %w", err)
	}
	return f, nil
}

// Type implements inode.FS.
func (f *FS) Type() string { return "apfs" }

// Label implements inode.FS.
func (f *FS) Label() string { return f.v.Name }

// BlockSize implements inode.FS.
func (f *FS) BlockSize() int64 { return f.v.c.block }

// Size implements inode.FS: that of the container, which its volumes share.
func (f *FS) Size() int64 { return int64(f.v.c.blocks) * f.v.c.block }

// Root implements inode.FS.
func (f *FS) Root() inode.Ref { return inode.Ref{Number: rootDir} }

// Notes implements inode.FS.
func (f *FS) Notes() []string {
	if size := f.Size(); size > f.v.c.length {
		return []string{fmt.Sprintf("the container claims %d bytes, the image holds %d of them: it was cut", size, f.v.c.length)}
	}
	return nil
}

// Deleted implements inode.FS: there is none to find, since blocks are never written
// over in place; snapshots hold earlier states.
func (f *FS) Deleted(context.Context, func(*inode.Deleted) error) error { return nil }

// Free implements inode.FS.
func (f *FS) Free(context.Context) ([]inode.Run, error) {
	return nil, errors.New("free space of APFS belongs to the whole container")
}

// records gives the records of one object of one type.
func (f *FS) records(number uint64, kind uint64, give func(key, val []byte) error) error {
	return f.tree.scan(func(key []byte) int {
		if len(key) < 8 {
			return -1
		}
		k := le.Uint64(key)
		if d := compare(k&objectID, number); d != 0 {
			return d
		}
		return compare(k>>60, kind)
	}, give)
}

var errFound = errors.New("found")

// inode reads an inode.
func (f *FS) inode(number uint64) ([]byte, error) {
	var val []byte
	err := f.records(number, recInode, func(_, v []byte) error {
		val = v
		return errFound
	})
	if err != nil && !errors.Is(err, errFound) {
		return nil, fmt.Errorf("inode %d: %w", number, err)
	}
	if len(val) < 92 {
		return nil, fmt.Errorf("inode %d: there is none", number)
	}
	return val, nil
}

// stream gives the size of the default data stream of an inode.
func stream(val []byte) (size int64, ok bool) {
	x := val[92:]
	if len(x) < 4 {
		return 0, false
	}
	n := int(le.Uint16(x))
	at := 4 + 4*n
	for i := range n {
		if 4+4*i+4 > len(x) {
			return 0, false
		}
		kind, size := x[4+4*i], int(le.Uint16(x[4+4*i+2:]))
		if at+size > len(x) {
			return 0, false
		}
		if kind == 8 && size >= 16 {
			return int64(le.Uint64(x[at:])), true
		}
		at += (size + 7) &^ 7
	}
	return 0, false
}

// Meta implements inode.FS.
func (f *FS) Meta(r inode.Ref) (inode.Meta, error) {
	val, err := f.inode(r.Number)
	if err != nil {
		return inode.Meta{}, err
	}
	when := func(at int) int64 {
		if n := int64(le.Uint64(val[at:])); n != 0 {
			return n
		}
		return inode.NoTime
	}
	m := inode.Meta{
		Ref: inode.Ref{Number: r.Number}, Mode: uint32(le.Uint16(val[80:])), UID: le.Uint32(val[72:]), GID: le.Uint32(val[76:]), Links: max(le.Uint32(val[56:]), 1),
		Created: when(16), Modified: when(24), Changed: when(32), Accessed: when(40),
	}
	if m.Type() != inode.TypeFile {
		return m, nil
	}
	m.Size, _ = stream(val)
	if le.Uint32(val[68:])&bsdPacked == 0 {
		return m, nil
	}
	attr, err := f.xattr(r.Number, decmpfs.Attribute)
	if err == nil && attr == nil {
		return m, nil // the flag alone is none
	}
	m.Compressed = true
	if err == nil {
		m.Size, err = decmpfs.Size(attr)
	}
	if err != nil {
		m.Problem = err.Error()
	}
	return m, nil
}

// List implements inode.FS.
func (f *FS) List(r inode.Ref, give func(inode.Dirent) error) error {
	return f.records(r.Number, recName, func(key, val []byte) error {
		if len(val) < 18 {
			return fmt.Errorf("a name of directory %d is damaged", r.Number)
		}
		var name []byte
		switch {
		case f.hashed && len(key) >= 12:
			name = key[12:min(len(key), 12+int(le.Uint32(key[8:])&0x3ff))]
		case !f.hashed && len(key) >= 10:
			name = key[10:min(len(key), 10+int(le.Uint16(key[8:])))]
		}
		return give(inode.Dirent{Name: string(bytes.TrimRight(name, "\x00")), Ref: inode.Ref{Number: le.Uint64(val)}})
	})
}

// attribute finds an extended attribute: its bytes where the tree holds them, else
// the object that does, and its size. All are nothing where there is none.
func (f *FS) attribute(number uint64, name string) (inline []byte, object uint64, size int64, err error) {
	err = f.records(number, recXattr, func(key, val []byte) error {
		if len(key) < 10 || len(val) < 4 || strings.TrimRight(string(key[10:min(len(key), 10+int(le.Uint16(key[8:])))]), "\x00") != name {
			return nil
		}
		flags, data := le.Uint16(val), val[4:min(len(val), 4+int(le.Uint16(val[2:])))]
		switch {
		case flags&2 != 0:
			inline = bytes.Clone(data)
			if inline == nil {
				inline = []byte{}
			}
		case flags&1 != 0 && len(data) >= 16:
			object, size = le.Uint64(data), int64(le.Uint64(data[8:]))
		default:
			return fmt.Errorf("the attribute %s of inode %d is damaged", name, number)
		}
		return errFound
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	return inline, object, size, err
}

// xattr gives an extended attribute whole, nil where there is none.
func (f *FS) xattr(number uint64, name string) ([]byte, error) {
	inline, object, size, err := f.attribute(number, name)
	if err != nil || object == 0 {
		return inline, err
	}
	if size < 0 || size > maxLink {
		return nil, fmt.Errorf("the attribute %s of inode %d has %d bytes, at most %d are read", name, number, size, maxLink)
	}
	c, err := f.data(object, size)
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	if n, err := c.ReadAt(b, 0); n < len(b) {
		return nil, err
	}
	return b, nil
}

// Open implements inode.FS.
func (f *FS) Open(r inode.Ref) (inode.Content, error) {
	val, err := f.inode(r.Number)
	if err != nil {
		return nil, err
	}
	if uint32(le.Uint16(val[80:]))&inode.TypeMask == inode.TypeSymlink {
		b, err := f.xattr(r.Number, "com.apple.fs.symlink")
		return &inode.Bytes{B: bytes.TrimRight(b, "\x00")}, err
	}
	if le.Uint32(val[68:])&bsdPacked != 0 {
		attr, err := f.xattr(r.Number, decmpfs.Attribute)
		if err != nil {
			return nil, err
		}
		if attr != nil {
			return f.packed(r.Number, attr)
		}
	}
	size, _ := stream(val)
	return f.data(le.Uint64(val[8:]), size)
}

// packed opens a compressed file.
func (f *FS) packed(number uint64, attr []byte) (inode.Content, error) {
	p, err := decmpfs.Open(attr, func() (io.ReaderAt, int64, error) {
		inline, object, size, err := f.attribute(number, decmpfs.Fork)
		switch {
		case err != nil:
			return nil, 0, err
		case inline != nil:
			return bytes.NewReader(inline), int64(len(inline)), nil
		case object == 0:
			return nil, 0, errors.New("there is none")
		}
		c, err := f.data(object, size)
		if err != nil {
			return nil, 0, err
		}
		return c, size, nil
	})
	if err != nil {
		return nil, fmt.Errorf("inode %d: %w", number, err)
	}
	return packedContent{p}, nil
}

// packedContent is that of a compressed file: none of it lies anywhere as it is.
type packedContent struct{ *decmpfs.File }

// Runs implements inode.Content.
func (packedContent) Runs(int) ([]inode.Run, int64) { return nil, 0 }

// data opens the data of an object.
func (f *FS) data(object uint64, size int64) (inode.Content, error) {
	if size < 0 {
		return nil, fmt.Errorf("object %d claims %d bytes", object, size)
	}
	c := &content{f: f}
	c.Bytes, c.R = size, f.v.c.r
	var runs []inode.Run
	var end int64
	err := f.records(object, recExtent, func(key, val []byte) error {
		if len(key) < 16 || len(val) < 24 {
			return fmt.Errorf("an extent of object %d is damaged", object)
		}
		at, length, block := int64(le.Uint64(key[8:])), int64(le.Uint64(val)&(1<<56-1)), le.Uint64(val[8:])
		if at < end || at > 1<<60 || length <= 0 || length%f.v.c.block != 0 || block >= f.v.c.blocks || length/f.v.c.block > int64(f.v.c.blocks-block) && block != 0 || len(runs) == maxRuns {
			return fmt.Errorf("object %d: an extent of %d bytes at offset %d in block %d", object, length, at, block)
		}
		end = at + length
		runs = append(runs, inode.Run{File: at, Image: f.v.c.offset + int64(block)*f.v.c.block, Length: length, Hole: block == 0})
		c.tweaks = append(c.tweaks, tweak{at: at, number: le.Uint64(val[16:])})
		return nil
	})
	if err != nil {
		return nil, err
	}
	c.List = inode.Fill(runs, size)
	return c, nil
}

// tweak is the number that the encryption of an extent begins with, in blocks.
type tweak struct {
	at     int64
	number uint64
}

// content is that of a file.
type content struct {
	inode.Mapped
	f      *FS
	tweaks []tweak
}

// ReadAt implements inode.Content.
func (c *content) ReadAt(p []byte, off int64) (int, error) {
	if c.f.key == nil {
		return c.Mapped.ReadAt(p, off)
	}
	if off < 0 {
		return 0, fmt.Errorf("negative offset %d", off)
	}
	block := c.f.v.c.block
	total := 0
	for len(p) > 0 {
		if off >= c.Bytes {
			return total, io.EOF
		}
		i := sort.Search(len(c.List), func(i int) bool { return c.List[i].File+c.List[i].Length > off })
		if i == len(c.List) || c.List[i].File > off {
			return total, fmt.Errorf("offset %d of the content has no place", off)
		}
		r := c.List[i]
		if r.Hole {
			n := min(int64(len(p)), r.File+r.Length-off, c.Bytes-off)
			clear(p[:n])
			p, off, total = p[n:], off+n, total+int(n)
			continue
		}
		first := (off - r.File) / block * block
		n := min((off-r.File-first+int64(len(p))+block-1)/block*block, r.Length-first, 256<<10)
		b := make([]byte, n)
		if err := readFull(c.R, b, r.Image+first); err != nil {
			return total, err
		}
		k := sort.Search(len(c.tweaks), func(k int) bool { return c.tweaks[k].at >= r.File })
		number := c.tweaks[k].number // each run that is no hole has one
		c.f.key.decrypt(b, (number+uint64(first/block))*uint64(block/512))
		m := copy(p[:min(int64(len(p)), c.Bytes-off)], b[off-r.File-first:])
		p, off, total = p[m:], off+int64(m), total+m
	}
	return total, nil
}
