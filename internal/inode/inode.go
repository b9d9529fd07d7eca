// Package inode is what the readers of our own of file systems (internal/xfs,
// internal/btrfs) share with forensics/filesystem: inodes, names, runs and
// content. FS is what such a reader gives.
package inode

import (
	"context"
	"fmt"
	"io"
	"sort"
)

// Ref names an inode: its number, and the tree it is in where a file system
// has several.
type Ref struct {
	Number uint64
	Tree   uint32
}

// NoTime stands for a time that is not held.
const NoTime = -1 << 63

// Types in Meta.Mode, as in st_mode.
const (
	TypeMask    = 0xf000
	TypeFifo    = 0x1000
	TypeChar    = 0x2000
	TypeDir     = 0x4000
	TypeBlock   = 0x6000
	TypeFile    = 0x8000
	TypeSymlink = 0xa000
	TypeSocket  = 0xc000
)

// Meta is what an inode says.
type Meta struct {
	Ref
	Mode       uint32 // type and permissions
	UID, GID   uint32
	Links      uint32
	Size       int64
	Modified   int64 // Unix nanoseconds, or NoTime
	Accessed   int64
	Changed    int64
	Created    int64
	Resident   bool // content lies in the metadata
	Compressed bool
	Encrypted  bool
	Problem    string // what is wrong with it though it can be read
}

// Type is the type of the mode.
func (m *Meta) Type() uint32 { return m.Mode & TypeMask }

// Dirent is a name in a directory. Gone ones are left over in free space.
type Dirent struct {
	Name string
	Ref  Ref
	Gone bool
}

// Run is a stretch of content in bytes. A hole has no place.
type Run struct {
	File, Image, Length int64
	Hole                bool
}

// Content is the content of one file.
type Content interface {
	io.ReaderAt
	Size() int64
	// Runs gives at most limit runs, and the image offset of the metadata that
	// holds resident content, or 0.
	Runs(limit int) ([]Run, int64)
}

// Deleted is a deleted inode that still leads to content.
type Deleted struct {
	Meta
	Used, All uint64 // blocks of its content: in use by others now, and in all
}

// FS is an open file system. It is used by one goroutine at a time.
type FS interface {
	Type() string
	Label() string
	BlockSize() int64
	Size() int64 // bytes as it states
	Root() Ref
	Meta(r Ref) (Meta, error)
	// List gives the names in a directory, without "." and "..".
	List(r Ref, f func(Dirent) error) error
	Open(r Ref) (Content, error)
	// Deleted gives deleted inodes that still lead to content.
	Deleted(ctx context.Context, f func(*Deleted) error) error
	// Free gives the unallocated stretches in their order.
	Free(ctx context.Context) ([]Run, error)
	// Notes says what of the whole is wrong or not read.
	Notes() []string
}

// Mapped is content that lies in runs of the media.
type Mapped struct {
	R     io.ReaderAt
	Bytes int64
	List  []Run // in order, without gaps; see Fill
}

// Fill puts holes between runs in order, to the size; runs beyond it are cut.
func Fill(runs []Run, size int64) (out []Run) {
	var end int64
	for _, r := range runs {
		if r.File >= size {
			break
		}
		if r.File > end {
			out = append(out, Run{File: end, Length: r.File - end, Hole: true})
		}
		out = append(out, r)
		end = r.File + r.Length
	}
	if end < size {
		out = append(out, Run{File: end, Length: size - end, Hole: true})
	}
	return out
}

// Size implements Content.
func (c *Mapped) Size() int64 { return c.Bytes }

// Runs implements Content.
func (c *Mapped) Runs(limit int) ([]Run, int64) { return c.List[:min(limit, len(c.List))], 0 }

// ReadAt implements Content.
func (c *Mapped) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("negative offset %d", off)
	}
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
		n := min(int64(len(p)), r.Length-(off-r.File), c.Bytes-off)
		if r.Hole {
			clear(p[:n])
		} else if got, err := c.R.ReadAt(p[:n], r.Image+off-r.File); int64(got) < n {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return total + got, fmt.Errorf("at offset %d of the image: %w", r.Image+off-r.File+int64(got), err)
		}
		p, off, total = p[n:], off+n, total+int(n)
	}
	return total, nil
}

// Bytes is resident content.
type Bytes struct {
	B      []byte
	Record int64 // where it lies
}

// Size implements Content.
func (c *Bytes) Size() int64 { return int64(len(c.B)) }

// Runs implements Content.
func (c *Bytes) Runs(int) ([]Run, int64) { return nil, c.Record }

// ReadAt implements Content.
func (c *Bytes) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= int64(len(c.B)) {
		return 0, io.EOF
	}
	n := copy(p, c.B[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
