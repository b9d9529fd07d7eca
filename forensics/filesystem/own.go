package filesystem

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"

	"saksi/internal/inode"
)

// own makes a Reader of a file system that a reader of our own reads.
type own struct {
	fs     inode.FS
	format string
	there  int64
}

// Limits of a walk of our own.
const (
	ownDepth = 4096
	ownDirs  = 1 << 22  // directories remembered, to name loops
	ownPath  = 32 << 10 // bytes of a path
	ownGone  = 1 << 18  // deleted names kept until the deleted inodes are known
)

func openOwn(fs inode.FS, err error, m Media, format string) (Reader, error) {
	if err != nil {
		return nil, fmt.Errorf("it looks like %s, but opening the file system at offset %d: %w", format, m.Offset, err)
	}
	return &own{fs: fs, format: format, there: min(fs.Size(), m.Length)}, nil
}

// OfInodes makes a Reader of a file system on m that was opened before, without what
// it says of free space.
func OfInodes(fs inode.FS, m Media, format string) Reader {
	return struct{ Reader }{&own{fs: fs, format: format, there: min(fs.Size(), m.Length)}}
}

func (o *own) Info() Info {
	return Info{Type: o.fs.Type(), Format: o.format, Label: o.fs.Label(), BlockSize: o.fs.BlockSize(), Size: o.fs.Size(), There: o.there}
}

func (o *own) Close() {}

// ownWalk is a walk under way.
type ownWalk struct {
	*own
	ctx  context.Context
	cfg  WalkConfig
	f    func(*Entry, *Problem) error
	seen map[inode.Ref]bool
	gone []goneName
	e    Entry
}

type goneName struct {
	path string
	ref  inode.Ref
	done bool
}

func (o *own) Walk(ctx context.Context, cfg WalkConfig, f func(*Entry, *Problem) error) error {
	w := &ownWalk{own: o, ctx: ctx, cfg: cfg, f: f, seen: map[inode.Ref]bool{o.fs.Root(): true}}
	for _, n := range o.fs.Notes() {
		if err := f(nil, &Problem{Path: "/", Text: n}); err != nil {
			return err
		}
	}
	if err := w.dir(o.fs.Root(), "", 0); err != nil {
		return err
	}
	if !cfg.Deleted {
		return nil
	}
	return w.deleted()
}

func (w *ownWalk) problem(ref inode.Ref, path, text string) error {
	return w.f(nil, &Problem{Inode: ref.Number, Path: path, Text: text})
}

// dir lists a directory whose path is given without "/" at its end.
func (w *ownWalk) dir(ref inode.Ref, path string, depth int) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	var given error
	err := w.fs.List(ref, func(d inode.Dirent) error {
		p := path + "/" + d.Name
		if d.Gone {
			if w.cfg.Deleted && len(w.gone) < ownGone {
				w.gone = append(w.gone, goneName{path: p, ref: d.Ref})
			} else if w.cfg.Deleted {
				given = w.bare(&goneName{path: p, ref: d.Ref})
			}
			return given
		}
		given = w.name(d, p, depth)
		return given
	})
	if given != nil {
		return given
	}
	if err != nil {
		return w.problem(ref, path+"/", err.Error())
	}
	return nil
}

// name gives a live name, and what is below it.
func (w *ownWalk) name(d inode.Dirent, path string, depth int) error {
	m, err := w.fs.Meta(d.Ref)
	if err != nil {
		if perr := w.problem(d.Ref, path, err.Error()); perr != nil {
			return perr
		}
		w.e = Entry{Path: path, Inode: d.Ref.Number, AttrType: d.Ref.Tree, Modified: NoTime, Accessed: NoTime, Changed: NoTime, Created: NoTime}
		return w.f(&w.e, nil)
	}
	if m.Problem != "" {
		if err := w.problem(d.Ref, path, m.Problem); err != nil {
			return err
		}
	}
	w.fill(&m, path)
	if err := w.f(&w.e, nil); err != nil {
		return err
	}
	if m.Type() != inode.TypeDir || m.Size == 0 && m.Links == 0 {
		return nil
	}
	switch {
	case w.seen[d.Ref]:
		return w.problem(d.Ref, path, "directory loop: it is listed elsewhere too; it is not entered again")
	case depth == ownDepth || len(w.seen) >= ownDirs || len(path) > ownPath:
		return w.problem(d.Ref, path, fmt.Sprintf("it is not entered: directories lie %d deep, are more than %d, or have paths of more than %d bytes", ownDepth, ownDirs, ownPath))
	}
	w.seen[d.Ref] = true
	return w.dir(d.Ref, path, depth+1)
}

var ownKinds = map[uint32]Kind{
	inode.TypeFifo: Fifo, inode.TypeChar: CharDevice, inode.TypeDir: Dir, inode.TypeBlock: BlockDevice, inode.TypeFile: File,
	inode.TypeSymlink: Symlink, inode.TypeSocket: Socket,
}

// fill makes the entry of an inode.
func (w *ownWalk) fill(m *inode.Meta, path string) {
	w.e = Entry{
		Path: path, Kind: ownKinds[m.Type()], Inode: m.Number, AttrType: m.Tree, Size: max(m.Size, 0), Mode: m.Mode & 0o7777, UID: m.UID, GID: m.GID,
		Modified: m.Modified, Accessed: m.Accessed, Changed: m.Changed, Created: m.Created,
		Resident: m.Resident, Compressed: m.Compressed, Encrypted: m.Encrypted, HasContent: m.Type() == inode.TypeFile,
	}
	if w.e.Kind == Symlink {
		if c, err := w.fs.Open(m.Ref); err == nil {
			b := make([]byte, min(c.Size(), 4096))
			n, _ := c.ReadAt(b, 0) // a target that is gone is none
			w.e.Link = string(b[:n])
		}
	}
	if w.cfg.Runs > 0 && w.e.HasContent {
		if c, err := w.fs.Open(m.Ref); err == nil {
			list, record := c.Runs(w.cfg.Runs + 1)
			w.e.Runs, w.e.Record = ownRuns(list), record
			if len(w.e.Runs) > w.cfg.Runs {
				w.e.Runs, w.e.MoreRuns = w.e.Runs[:w.cfg.Runs], true
			}
		}
	}
}

func ownRuns(list []inode.Run) (out []Run) {
	for _, r := range list {
		out = append(out, Run{File: r.File, Image: r.Image, Length: r.Length, Sparse: r.Hole})
	}
	return out
}

// deleted gives the deleted inodes that lead to content, by their names where
// one is left over, and then the names that lead nowhere.
func (w *ownWalk) deleted() error {
	sort.SliceStable(w.gone, func(i, j int) bool { return w.gone[i].ref.Number < w.gone[j].ref.Number })
	var given error
	err := w.fs.Deleted(w.ctx, func(d *inode.Deleted) error {
		path := ""
		i := sort.Search(len(w.gone), func(i int) bool { return w.gone[i].ref.Number >= d.Number })
		for ; i < len(w.gone) && w.gone[i].ref.Number == d.Number; i++ {
			if w.gone[i].ref.Tree == d.Tree && path == "" {
				path, w.gone[i].done = w.gone[i].path, true
			}
		}
		if path == "" {
			if !w.cfg.Orphans {
				return nil
			}
			path = fmt.Sprintf("/$OrphanFiles/OrphanFile-%d", d.Number)
		}
		w.fill(&d.Meta, path)
		w.e.Deleted, w.e.How, w.e.Blocks = true, HowMetadata, BlocksState(d.Used, d.All)
		given = w.f(&w.e, nil)
		return given
	})
	if given != nil {
		return given
	}
	if err != nil {
		if perr := w.problem(inode.Ref{}, "/", "deleted inodes: "+err.Error()); perr != nil {
			return perr
		}
	}
	for i := range w.gone {
		if g := &w.gone[i]; !g.done {
			if err := w.bare(g); err != nil {
				return err
			}
		}
	}
	return nil
}

// bare gives a deleted name that leads to no content.
func (w *ownWalk) bare(g *goneName) error {
	w.e = Entry{Path: g.path, Inode: g.ref.Number, AttrType: g.ref.Tree, Deleted: true, Modified: NoTime, Accessed: NoTime, Changed: NoTime, Created: NoTime}
	if m, err := w.fs.Meta(g.ref); err == nil && m.Mode != 0 {
		w.e.Reused, w.e.Kind = true, ownKinds[m.Type()]
	}
	return w.f(&w.e, nil)
}

func (o *own) Open(ref Ref) (Content, error) {
	if ref.Stream != "" {
		return nil, fmt.Errorf("stream %s of inode %d: %w", ref.Stream, ref.Inode, ErrNotFound)
	}
	r := inode.Ref{Number: ref.Inode, Tree: ref.AttrType}
	m, err := o.fs.Meta(r)
	if err != nil {
		return nil, err
	}
	if t := m.Type(); t != 0 && t != inode.TypeFile && t != inode.TypeSymlink {
		return nil, fmt.Errorf("inode %d is a %s: %w", ref.Inode, ownKinds[t], ErrNoContent)
	}
	c, err := o.fs.Open(r)
	if err != nil {
		return nil, err
	}
	return ownContent{c}, nil
}

type ownContent struct{ inode.Content }

func (ownContent) Close() error { return nil }

func (c ownContent) Runs(limit int) ([]Run, int64) {
	list, record := c.Content.Runs(limit)
	return ownRuns(list), record
}

// Damage implements Damager.
func (c ownContent) Damage() string {
	if d, ok := c.Content.(Damager); ok {
		return d.Damage()
	}
	return ""
}

// errFound ends a listing.
var errFound = errors.New("found")

// Lookup finds a live path.
func (o *own) Lookup(path string) (Ref, error) {
	at := o.fs.Root()
	for _, part := range strings.Split(path, "/") {
		if part == "" {
			continue
		}
		var next *inode.Ref
		err := o.fs.List(at, func(d inode.Dirent) error {
			if d.Gone || d.Name != part {
				return nil
			}
			next = &d.Ref
			return errFound
		})
		if next == nil {
			if err != nil {
				if m, merr := o.fs.Meta(at); merr == nil && m.Type() == inode.TypeDir {
					return Ref{}, err
				}
			}
			return Ref{}, fmt.Errorf("%s: %w", path, ErrNotFound)
		}
		at = *next
	}
	return Ref{Inode: at.Number, AttrType: at.Tree, HasID: at.Tree != 0}, nil
}

// Free implements Freer.
func (o *own) Free(ctx context.Context) ([]Run, bool, error) {
	list, err := o.fs.Free(ctx)
	return ownRuns(list), false, err
}
