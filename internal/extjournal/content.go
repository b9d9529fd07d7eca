package extjournal

import (
	"context"
	"fmt"
	"io"
	"sort"
)

// Run is a stretch of content in bytes; Image is an offset of the media.
type Run struct {
	File, Image, Length int64
	Hole                bool // it reads as zeros and has no place
}

// Content is the content of a file as an old copy of its inode leads to it.
type Content struct {
	r        io.ReaderAt
	size     int64
	Runs     []Run
	resident []byte // content in the inode itself
	Record   int64  // where the copy lies, when content is resident
}

// Content opens what the copy of an inode in a block of the journal leads to.
func (f *FS) Content(ctx context.Context, ino uint64, copyBlock uint32) (*Content, error) {
	if err := f.scan(ctx); err != nil {
		return nil, err
	}
	table, at, ok := f.inodeBlock(ino)
	if !ok {
		return nil, fmt.Errorf("there is no inode %d", ino)
	}
	var c *jcopy
	list := f.log.copiesOf(table)
	for i := range list {
		if list[i].at == copyBlock {
			c = &list[i]
		}
	}
	if c == nil {
		return nil, fmt.Errorf("block %d of the journal holds no copy of inode %d", copyBlock, ino)
	}
	b := make([]byte, f.BlockSize)
	if err := f.readCopy(b, c.at, c.esc); err != nil {
		return nil, err
	}
	n := f.parseInode(ino, b[at:at+f.inodeSize])
	if !n.hasContent() {
		return nil, fmt.Errorf("the copy of inode %d in block %d of the journal leads to no content", ino, copyBlock)
	}
	out := &Content{r: f.r, size: n.size}
	if n.resident() {
		out.resident = n.inlineContent()
		place, _ := f.log.place(uint64(c.at))
		out.Record = f.offset + int64(place)*f.BlockSize + int64(at)
		return out, nil
	}
	f.mapLeft = maxMapBlocks
	runs, _, err := f.runs(n, f.asOf(c.age))
	if err != nil {
		return nil, fmt.Errorf("inode %d: %w", ino, err)
	}
	var end int64
	for _, r := range runs {
		x := Run{File: int64(r.file) * f.BlockSize, Length: int64(r.count) * f.BlockSize, Hole: r.hole}
		if !r.hole {
			x.Image = f.offset + int64(r.disk)*f.BlockSize
		}
		if x.File > end {
			out.Runs = append(out.Runs, Run{File: end, Length: x.File - end, Hole: true})
		}
		out.Runs = append(out.Runs, x)
		end = x.File + x.Length
	}
	if end < n.size {
		out.Runs = append(out.Runs, Run{File: end, Length: n.size - end, Hole: true})
	}
	return out, nil
}

// Size is the size the inode states, in bytes.
func (c *Content) Size() int64 { return c.size }

// Close does nothing; the content holds no resource.
func (c *Content) Close() error { return nil }

// ReadAt reads content.
func (c *Content) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("negative offset %d", off)
	}
	if c.Runs == nil {
		if off >= int64(len(c.resident)) {
			return 0, io.EOF
		}
		n := copy(p, c.resident[off:])
		if n < len(p) {
			return n, io.EOF
		}
		return n, nil
	}
	total := 0
	for len(p) > 0 {
		if off >= c.size {
			return total, io.EOF
		}
		i := sort.Search(len(c.Runs), func(i int) bool { return c.Runs[i].File+c.Runs[i].Length > off })
		if i == len(c.Runs) {
			return total, io.EOF
		}
		r := c.Runs[i]
		n := min(int64(len(p)), r.Length-(off-r.File), c.size-off)
		if r.Hole {
			clear(p[:n])
		} else if got, err := c.r.ReadAt(p[:n], r.Image+off-r.File); int64(got) < n {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return total + got, fmt.Errorf("at offset %d of the image: %w", r.Image+off-r.File+int64(got), err)
		}
		p, off, total = p[n:], off+n, total+int(n)
	}
	return total, nil
}
