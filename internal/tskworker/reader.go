package tskworker

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"saksi/forensics/filesystem"
	"saksi/internal/tsk"
)

// reader is a file system read by libtsk.
type reader struct {
	fs     *tsk.FS
	format string
}

func openTSK(ti *tsk.Image, m filesystem.Media, f *filesystem.Format) (filesystem.Reader, error) {
	var fs *tsk.FS
	var err error
	if m.Pool {
		fs, err = ti.OpenPoolFS(m.Offset, m.Block)
	} else {
		fs, err = ti.OpenFS(m.Offset)
	}
	switch {
	case errors.Is(err, tsk.ErrEncrypted):
		return nil, fmt.Errorf("opening the %s volume at offset %d: it is encrypted, which is %w", f.Name, m.Offset, filesystem.ErrUnsupported)
	case err != nil:
		return nil, fmt.Errorf("it looks like %s, but %w", f.Name, err)
	}
	r := &reader{fs: fs, format: f.Name}
	if f.Name == "ext" && fs.Type != "ext2" {
		return withJournal(r, m), nil
	}
	return r, nil
}

func (r *reader) Close() { r.fs.Close() }

// typeNames are the names of file systems where libtsk's own say less.
var typeNames = map[string]string{"hfsp": "hfs+", "hfs": "hfs+"}

func (r *reader) Info() filesystem.Info {
	t := r.fs.Type
	if n := typeNames[t]; n != "" {
		t = n
	}
	return filesystem.Info{Type: t, Format: r.format, BlockSize: r.fs.BlockSize, Size: r.fs.Blocks * r.fs.BlockSize, There: r.fs.BlocksThere * r.fs.BlockSize}
}

func (r *reader) Walk(_ context.Context, cfg filesystem.WalkConfig, f func(*filesystem.Entry, *filesystem.Problem) error) error {
	if i := r.Info(); i.There < i.Size {
		err := f(nil, &filesystem.Problem{Path: "/", Text: fmt.Sprintf("the file system claims %d bytes, the image holds %d of them: it was cut", i.Size, i.There)})
		if err != nil {
			return err
		}
	}
	var e filesystem.Entry
	_, err := r.fs.Walk(tsk.WalkConfig{Deleted: cfg.Deleted, Orphans: cfg.Orphans, Runs: cfg.Runs}, func(batch []tsk.Entry) error {
		for i := range batch {
			if p := batch[i].Problem; p != nil {
				if err := f(nil, &filesystem.Problem{Inode: p.Inode, Path: p.Path, Text: p.Text}); err != nil {
					return err
				}
				continue
			}
			convert(&e, &batch[i])
			if err := f(&e, nil); err != nil {
				return err
			}
		}
		return nil
	})
	return err
}

// kinds by libtsk's TSK_FS_META_TYPE_* and TSK_FS_NAME_TYPE_*.
var (
	metaKinds = [...]filesystem.Kind{
		filesystem.Other, filesystem.File, filesystem.Dir, filesystem.Fifo, filesystem.CharDevice, filesystem.BlockDevice,
		filesystem.Symlink, filesystem.Other, filesystem.Socket, filesystem.Other, filesystem.Virtual, filesystem.Virtual,
	}
	nameKinds = [...]filesystem.Kind{
		filesystem.Other, filesystem.Fifo, filesystem.CharDevice, filesystem.Dir, filesystem.BlockDevice, filesystem.File,
		filesystem.Symlink, filesystem.Socket, filesystem.Other, filesystem.Other, filesystem.Virtual, filesystem.Virtual,
	}
)

// Attribute types that hold content; IndexRoot is listed as fls lists it.
const (
	ntfsData  = 128
	ntfsIndex = 144
)

func convert(e *filesystem.Entry, t *tsk.Entry) {
	runs := e.Runs[:0]
	*e = filesystem.Entry{
		Path: "/" + string(t.Path) + string(t.Name), Stream: string(t.Stream), Link: string(t.Link), Inode: t.Inode,
		Deleted: t.NameDeleted || t.HasMeta && t.MetaDeleted, Reused: t.NameDeleted && t.HasMeta && !t.MetaDeleted,
		Modified: filesystem.NoTime, Accessed: filesystem.NoTime, Changed: filesystem.NoTime, Created: filesystem.NoTime,
		AttrType: t.AttrType, AttrID: t.AttrID,
	}
	if int(t.NameType) < len(nameKinds) {
		e.Kind = nameKinds[t.NameType]
	}
	if !t.HasMeta || e.Reused {
		return
	}
	if k := metaKinds[min(int(t.MetaType), len(metaKinds)-1)]; k != filesystem.Other {
		e.Kind = k
	}
	e.Size, e.Mode, e.UID, e.GID = t.Size, t.Mode, t.UID, t.GID
	e.Resident, e.Compressed, e.Encrypted, e.Record, e.MoreRuns = t.Resident, t.Compressed, t.Encrypted, t.Record, t.MoreRuns
	for i, to := range [...]*int64{&e.Modified, &e.Accessed, &e.Changed, &e.Created} {
		*to = nanos(t.Times[i])
	}
	if t.HasNameTimes {
		e.Name, e.Sequence = new([4]int64), t.Seq
		for i := range e.Name {
			e.Name[i] = nanos(t.NameTimes[i])
		}
	}
	e.HasContent = e.Kind == filesystem.File || e.Kind == filesystem.Virtual && t.Size > 0 || e.Stream != "" && t.AttrType == ntfsData
	if t.AttrType == ntfsIndex {
		e.HasContent = e.Stream != ""
	}
	if e.Deleted && e.HasContent && e.Size > 0 {
		e.How, e.Blocks = filesystem.HowMetadata, filesystem.BlocksState(t.BlocksUsed, t.Blocks)
	}
	for _, r := range t.Runs {
		runs = append(runs, filesystem.Run(r))
	}
	e.Runs = runs
}

// maxSeconds is where Unix nanoseconds leave 64 bits (the year 2262).
const maxSeconds = (1<<63-1)/1_000_000_000 - 1

func nanos(t tsk.Time) int64 {
	if t.Sec == 0 && t.Nano == 0 || t.Sec > maxSeconds || t.Sec < -maxSeconds {
		return filesystem.NoTime
	}
	return t.Sec*1e9 + int64(t.Nano%1e9)
}

// Lookup finds "/dir/file" and, where files have streams, "/dir/file:stream".
func (r *reader) Lookup(path string) (filesystem.Ref, error) {
	file, stream := path, ""
	if i := strings.LastIndexByte(path, ':'); i > strings.LastIndexByte(path, '/') && (r.format == "ntfs" || r.format == "hfs") {
		// libtsk drops what follows a colon; here it must exist.
		file, stream = path[:i], path[i+1:]
	}
	inode, err := r.fs.Lookup(file)
	if err == nil && stream != "" {
		var a tsk.Attr
		if a, err = r.fs.Stream(inode, stream); err == nil {
			return filesystem.Ref{Inode: inode, AttrType: a.Type, AttrID: a.ID, HasID: a.HasID}, nil
		}
	}
	switch {
	case errors.Is(err, tsk.ErrNotFound):
		return filesystem.Ref{}, fmt.Errorf("%s: %w", path, filesystem.ErrNotFound)
	case err != nil:
		return filesystem.Ref{}, err
	}
	return filesystem.Ref{Inode: inode}, nil
}

func (r *reader) Open(ref filesystem.Ref) (filesystem.Content, error) {
	if ref.Stream != "" {
		a, err := r.fs.Stream(ref.Inode, ref.Stream)
		if err != nil {
			return nil, fmt.Errorf("stream %s of inode %d: %w", ref.Stream, ref.Inode, filesystem.ErrNotFound)
		}
		ref.AttrType, ref.AttrID, ref.HasID = a.Type, a.ID, a.HasID
	}
	f, err := r.fs.OpenFile(ref.Inode, tsk.Attr{Type: ref.AttrType, ID: ref.AttrID, HasID: ref.HasID})
	if errors.Is(err, tsk.ErrNoStream) {
		return nil, fmt.Errorf("inode %d: %w", ref.Inode, filesystem.ErrNoContent)
	}
	if err != nil {
		return nil, err
	}
	if r.format == "ntfs" && (ref.AttrType == 0 || ref.AttrType == ntfsData) && !f.Named {
		return r.overlaid(ref.Inode, content{f})
	}
	return content{f}, nil
}

// Free implements filesystem.Freer.
func (r *reader) Free(context.Context) ([]filesystem.Run, bool, error) {
	if r.format == "apfs" {
		return nil, false, fmt.Errorf("free space of APFS belongs to the whole container: %w", filesystem.ErrUnsupported)
	}
	list, more, err := r.fs.Free()
	out := make([]filesystem.Run, len(list))
	for i, s := range list {
		out[i] = filesystem.Run{Image: s.Offset, Length: s.Length}
	}
	return out, more, err
}

type content struct{ *tsk.File }

func (c content) Size() int64 { return c.File.Size }

func (c content) Close() error {
	c.File.Close()
	return nil
}

func (c content) Runs(limit int) ([]filesystem.Run, int64) {
	runs, record := c.File.Runs(limit)
	out := make([]filesystem.Run, len(runs))
	for i, r := range runs {
		out[i] = filesystem.Run(r)
	}
	return out, record
}
