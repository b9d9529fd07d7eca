package xfs

import (
	"fmt"
	"strings"

	"saksi/internal/inode"
)

// leafSpace is where in a directory its index begins, in bytes: names stand
// before.
const leafSpace = 32 << 30

// maxDamaged is how many damaged blocks of a directory are passed over.
const maxDamaged = 64

// List implements inode.FS.
func (f *FS) List(r inode.Ref, give func(inode.Dirent) error) error {
	c, err := f.read(r.Number)
	if err != nil {
		return err
	}
	if c.meta.Type() != inode.TypeDir {
		return fmt.Errorf("inode %d is no directory", r.Number)
	}
	if c.format == formatLocal {
		return f.shortDir(c, give)
	}
	list, failed := f.runs(c)
	size := f.block << f.dirLog
	block := make([]byte, size)
	content := &inode.Mapped{R: f.r, Bytes: leafSpace, List: inode.Fill(list, leafSpace)}
	damaged := 0
	for _, run := range list {
		for at := run.File / size * size; at < run.File+run.Length && at < leafSpace && !run.Hole; at += size {
			if at < run.File {
				continue // its beginning is in the run before
			}
			if damaged > maxDamaged {
				return fmt.Errorf("directory %d has more than %d damaged blocks; the rest was not read: %w", r.Number, maxDamaged, failed)
			}
			if n, err := content.ReadAt(block, at); n < len(block) {
				failed = err
				damaged++
				continue
			}
			if err := f.dirBlock(block, give); err != nil {
				if _, ok := err.(stop); ok {
					return err.(stop).error
				}
				damaged++
				failed = fmt.Errorf("block at %d of directory %d: %w", at, r.Number, err)
			}
		}
	}
	return failed
}

// stop is an error of the caller.
type stop struct{ error }

// shortDir reads a directory that lies in its inode.
func (f *FS) shortDir(c *core, give func(inode.Dirent) error) error {
	b := c.fork
	broken := fmt.Errorf("directory %d, which lies in its inode, is damaged", c.meta.Number)
	if len(b) < 6 {
		return broken
	}
	count, width := int(b[0]), 4
	if b[1] > 0 {
		width = 8
	}
	at := 2 + width
	for range count {
		if at+3 > len(b) {
			return broken
		}
		n := int(b[at])
		end := at + 3 + n
		number := end
		if f.ftype {
			number++
		}
		if n == 0 || number+width > len(b) {
			return broken
		}
		d := inode.Dirent{Name: string(b[at+3 : end])}
		if width == 8 {
			d.Ref.Number = be.Uint64(b[number:])
		} else {
			d.Ref.Number = uint64(be.Uint32(b[number:]))
		}
		if err := give(d); err != nil {
			return err
		}
		at = number + width
	}
	return nil
}

// entrySize is the length of an entry with a name of n bytes: number, length,
// name, type, tag, to a multiple of 8.
func (f *FS) entrySize(n int) int {
	size := 8 + 1 + n + 2
	if f.ftype {
		size++
	}
	return (size + 7) &^ 7
}

// dirBlock reads the names in a block, and those left over in its free space.
func (f *FS) dirBlock(b []byte, give func(inode.Dirent) error) error {
	head, single := 16, false
	switch string(b[:4]) {
	case "XD2B":
		single = true
	case "XD2D":
	case "XDB3":
		head, single = 64, true
	case "XDD3":
		head = 64
	default:
		return fmt.Errorf("it has no signature")
	}
	end := len(b)
	if single {
		n := int(be.Uint32(b[end-8:]))
		if n < 0 || n > (end-8-head)/8 {
			return fmt.Errorf("it states %d names", n)
		}
		end -= 8 + 8*n
	}
	for at := head; at+8 <= end; {
		if be.Uint16(b[at:]) == 0xffff {
			n := int(be.Uint16(b[at+2:]))
			if n < 8 || n%8 != 0 || at+n > end {
				return fmt.Errorf("free space at %d has %d bytes", at, n)
			}
			if err := f.leftOver(b, at, at+n, give); err != nil {
				return stop{err}
			}
			at += n
			continue
		}
		n := int(b[at+8])
		size := f.entrySize(n)
		if n == 0 || at+size > end || int(be.Uint16(b[at+size-2:])) != at {
			return fmt.Errorf("the entry at %d is damaged", at)
		}
		if name := string(b[at+9 : at+9+n]); name != "." && name != ".." {
			if err := give(inode.Dirent{Name: name, Ref: inode.Ref{Number: be.Uint64(b[at:])}}); err != nil {
				return stop{err}
			}
		}
		at += size
	}
	return nil
}

// leftOver gives the names in a stretch of free space: removing one overwrites
// the upper half of its number and, at the end of the stretch, its tag.
func (f *FS) leftOver(b []byte, from, to int, give func(inode.Dirent) error) error {
	for at := from; at+16 <= to; {
		n := int(b[at+8])
		size := f.entrySize(n)
		tag := 0
		if n > 0 && at+size <= to {
			tag = int(be.Uint16(b[at+size-2:]))
		}
		upper := be.Uint32(b[at:])
		if upper>>16 == 0xffff {
			upper = 0
		}
		number := uint64(upper)<<32 | uint64(be.Uint32(b[at+4:]))
		name := ""
		if n > 0 && at+size <= to {
			name = string(b[at+9 : at+9+n])
		}
		if n == 0 || at+size > to || tag != at && at+size != to || strings.ContainsAny(name, "/\x00") || f.ftype && b[at+9+n] > 8 || number == 0 || number>>f.inopLog>>f.agLog >= f.agCount {
			at += 8
			continue
		}
		if name != "." && name != ".." {
			if err := give(inode.Dirent{Name: name, Ref: inode.Ref{Number: number}, Gone: true}); err != nil {
				return err
			}
		}
		at += size
	}
	return nil
}
