package tskworker

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"saksi/forensics/filesystem"
	"saksi/internal/extjournal"
)

// journalAttr is the type by which a stream's address says that its inode is
// an old copy; the id is the block of the journal that holds it.
const journalAttr = 27246

// maxDirText bounds the paths of directories that are kept for naming what
// the journal gives back, in bytes.
const maxDirText = 64 << 20

// journaled is ext3 or ext4 read by libtsk, with what its journal gives back.
type journaled struct {
	*reader
	ext    *extjournal.FS
	failed error // why there is none
}

func withJournal(r *reader, m filesystem.Media) filesystem.Reader {
	j := &journaled{reader: r}
	j.ext, j.failed = extjournal.Open(m, m.Offset)
	if errors.Is(j.failed, extjournal.ErrNoJournal) {
		return r
	}
	return j
}

func (j *journaled) Walk(ctx context.Context, cfg filesystem.WalkConfig, f func(*filesystem.Entry, *filesystem.Problem) error) error {
	if !cfg.Deleted {
		return j.reader.Walk(ctx, cfg, f)
	}
	dirs, gone, text := map[uint64]string{}, map[uint64]string{}, 0
	err := j.reader.Walk(ctx, cfg, func(e *filesystem.Entry, p *filesystem.Problem) error {
		if e != nil && text < maxDirText {
			switch {
			case e.Kind == filesystem.Dir && !e.Deleted:
				dirs[e.Inode] = e.Path
				text += len(e.Path)
			case e.Deleted && !strings.HasPrefix(e.Path, "/$OrphanFiles/"):
				gone[e.Inode] = e.Path
				text += len(e.Path)
			}
		}
		return f(e, p)
	})
	if err != nil {
		return err
	}
	problem := func(text string) error {
		return f(nil, &filesystem.Problem{Path: "/", Text: "the journal was not searched as a whole for deleted files: " + text})
	}
	if j.ext == nil {
		return problem(j.failed.Error())
	}
	if text >= maxDirText {
		if err := problem(fmt.Sprintf("directories with more than %d bytes of paths; files in the rest are listed without theirs", maxDirText)); err != nil {
			return err
		}
	}
	look := func(m map[uint64]string) func(uint64) (string, bool) {
		return func(n uint64) (string, bool) { p, ok := m[n]; return p, ok }
	}
	files, notes, err := j.ext.Deleted(ctx, look(dirs), look(gone))
	if err != nil {
		return problem(err.Error())
	}
	for _, n := range notes {
		if err := problem(n); err != nil {
			return err
		}
	}
	var e filesystem.Entry
	for i := range files {
		j.entry(ctx, &e, &files[i], cfg.Runs)
		if err := f(&e, nil); err != nil {
			return err
		}
	}
	return nil
}

// entry makes the entry of a file that the journal gives back.
func (j *journaled) entry(ctx context.Context, e *filesystem.Entry, x *extjournal.File, runs int) {
	*e = filesystem.Entry{
		Path: x.Path, Link: x.Link, Kind: filesystem.File, Inode: x.Inode, Size: x.Size, Deleted: true, Resident: x.Resident, HasContent: true,
		Mode: uint32(x.Mode) & 0o7777, UID: x.UID, GID: x.GID, Modified: journalTime(x.Modified), Accessed: journalTime(x.Accessed),
		Changed: journalTime(x.Changed), Created: journalTime(x.Created), AttrType: journalAttr, AttrID: x.Copy, How: filesystem.HowJournal,
		Blocks: filesystem.BlocksState(min(x.Blocks, x.InUse+x.Later), x.Blocks),
	}
	switch {
	case x.Lost > 0:
		e.Blocks = filesystem.BlocksIncomplete
	case x.Unknown:
		e.Blocks = filesystem.BlocksUnknown
	}
	if e.Path == "" {
		e.Path = fmt.Sprintf("/$OrphanFiles/OrphanFile-%d", x.Inode)
	}
	if !x.Symlink() && runs == 0 {
		return
	}
	c, err := j.ext.Content(ctx, x.Inode, x.Copy)
	if err != nil {
		e.HasContent = false
		return
	}
	e.Record = c.Record
	e.Runs, e.MoreRuns = cutRuns(journalRuns(c, runs+1), runs)
	if !x.Symlink() {
		return
	}
	e.Kind, e.HasContent = filesystem.Symlink, false
	if e.Link == "" {
		b := make([]byte, min(x.Size, 4096))
		n, _ := c.ReadAt(b, 0) // a target that is gone is none
		e.Link = string(b[:n])
	}
}

// journalTime is NoTime for a time that an inode does not hold.
func journalTime(t int64) int64 {
	if t == 0 {
		return filesystem.NoTime
	}
	return t
}

func journalRuns(c *extjournal.Content, limit int) (out []filesystem.Run) {
	for i, r := range c.Runs {
		if i == limit {
			break
		}
		out = append(out, filesystem.Run{File: r.File, Image: r.Image, Length: r.Length, Sparse: r.Hole})
	}
	return out
}

func (j *journaled) Open(ref filesystem.Ref) (filesystem.Content, error) {
	if ref.AttrType != journalAttr {
		return j.reader.Open(ref)
	}
	if j.ext == nil {
		return nil, fmt.Errorf("inode %d in block %d of the journal: %w", ref.Inode, ref.AttrID, j.failed)
	}
	c, err := j.ext.Content(context.Background(), ref.Inode, ref.AttrID)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, filesystem.ErrNotFound)
	}
	return journalContent{c}, nil
}

type journalContent struct{ *extjournal.Content }

func (c journalContent) Runs(limit int) ([]filesystem.Run, int64) {
	return journalRuns(c.Content, limit), c.Record
}
