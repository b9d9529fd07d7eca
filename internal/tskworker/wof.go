package tskworker

import (
	"errors"
	"fmt"

	"saksi/forensics/filesystem"
	"saksi/internal/tsk"
	"saksi/internal/wof"
)

const ntfsReparse = 192

// overlaid is a file of which the Windows Overlay Filter gives the content: c is
// its unnamed stream, which is closed where it is not given back.
func (r *reader) overlaid(inode uint64, c content) (filesystem.Content, error) {
	if c.Resident || c.File.Size == 0 {
		return c, nil
	}
	// What the filter packed is a hole, all of it.
	if runs, _ := c.File.Runs(2); len(runs) != 1 || !runs[0].Sparse {
		return c, nil
	}
	point, err := r.fs.OpenFile(inode, tsk.Attr{Type: ntfsReparse})
	if err != nil {
		return c, nil // a hole as any
	}
	b := make([]byte, 64)
	n, _ := point.ReadAt(b, 0)
	point.Close()
	a, ok, err := wof.Parse(b[:n])
	if !ok {
		return c, nil
	}
	size := c.File.Size
	c.File.Close()
	if err != nil {
		return nil, fmt.Errorf("inode %d: %w", inode, err)
	}
	at, err := r.fs.Stream(inode, wof.Stream)
	if errors.Is(err, tsk.ErrNotFound) {
		return nil, fmt.Errorf("inode %d: it is compressed by the Windows Overlay Filter, and its stream %s is not there", inode, wof.Stream)
	}
	if err != nil {
		return nil, err
	}
	stream, err := r.fs.OpenFile(inode, at)
	if err != nil {
		return nil, err
	}
	f, err := wof.Open(stream, stream.Size, size, a)
	if err != nil {
		stream.Close()
		return nil, fmt.Errorf("inode %d: %w", inode, err)
	}
	return overlay{f, stream}, nil
}

// overlay is content that the Windows Overlay Filter packed: none of it lies
// anywhere as it is.
type overlay struct {
	*wof.File
	stream *tsk.File
}

func (o overlay) Close() error {
	o.stream.Close()
	return nil
}

func (overlay) Runs(int) ([]filesystem.Run, int64) { return nil, 0 }
