package casefile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"saksi/evidence"
)

// Exhibit is one thing under custody, as the log says.
type Exhibit struct {
	ID        string // E1, E2 ...
	Name      string // base name
	Path      string // in the case folder, or where it stands when not copied
	Copied    bool
	Size      int64
	SHA256    string
	SourceKey string
	Seq       int64     // custody entry that added it
	Segments  []Segment // its further files; Size and SHA256 are of the first, SourceKey of all
}

// exhibitsOf reads the exhibits out of the custody log.
func exhibitsOf(entries *evidence.Entries) []Exhibit {
	var list []Exhibit
	for i, e := range entries.All(ActAdd) {
		n, err := strconv.ParseInt(e.Detail["bytes"], 10, 64)
		if err != nil {
			n = -1
		}
		list = append(list, Exhibit{
			ID: e.Exhibit, Name: e.Detail["name"], Path: e.Where, Copied: e.Detail["copied"] == "true", Size: n,
			SHA256: e.SHA256, SourceKey: e.SourceKey, Seq: e.Seq, Segments: segmentsOf(entries, i),
		})
	}
	return list
}

// Exhibits lists the exhibits of the case in dir, as its custody log says.
func Exhibits(dir string) ([]Exhibit, error) {
	entries, err := readLog(dir)
	if err != nil {
		return nil, err
	}
	return exhibitsOf(entries), nil
}

// AddExhibit takes a file under custody: it is hashed in one read, and copied
// into the case meanwhile unless reference is true. The source is only read.
// After an error the copy is gone, except after evidence.ErrUnfinished, when
// the exhibit may be recorded.
func (c *Case) AddExhibit(ctx context.Context, path string, reference bool, progress func(int64)) (*Exhibit, error) {
	err := c.Unsealed()
	if err == nil {
		err = c.MayAct(ActAdd)
	}
	var x *Exhibit
	if err == nil {
		x, err = c.addExhibit(ctx, path, reference, progress)
	}
	if err != nil {
		return nil, fmt.Errorf("adding exhibit %s: %w", path, err)
	}
	c.Exhibits = append(c.Exhibits, *x)
	return x, nil
}

func (c *Case) addExhibit(ctx context.Context, path string, reference bool, progress func(int64)) (x *Exhibit, err error) {
	// A FIFO must not hold us up.
	src, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	st, err := src.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("it is no regular file (%s)", st.Mode().Type())
	}
	x = &Exhibit{ID: fmt.Sprintf("E%d", len(c.Exhibits)+1), Name: filepath.Base(path), Copied: !reference, Size: st.Size(), Seq: c.log.Len()}
	if x.SourceKey, err = evidence.SourceKey(src, st.Size()); err != nil {
		return nil, err
	}
	kept, dst := src, io.Discard
	if reference {
		if x.Path, err = filepath.Abs(path); err != nil {
			return nil, err
		}
		if l, err := os.Lstat(path); err != nil || !os.SameFile(l, st) {
			return nil, errors.Join(errors.New("it is a link, and what stays where it is must be a file; name the one that the link leads to"), err)
		}
	} else {
		x.Path = ExhibitsDir + "/" + x.ID + "-" + safeName(x.Name)
		copied := filepath.Join(c.Dir, x.Path)
		out, err := os.OpenFile(copied, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o400)
		if errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("%w: an interrupted run left it, and the custody log does not know it; move it out of the case", err)
		}
		if err != nil {
			return nil, err
		}
		defer func() {
			if cerr := out.Close(); err == nil {
				err = cerr
			}
		}()
		kept, dst = out, out
	}
	if err = c.take(ctx, x, src, kept, dst, progress); err != nil {
		if !reference && !errors.Is(err, evidence.ErrUnfinished) {
			err = errors.Join(err, os.Remove(kept.Name()))
		}
		return nil, err
	}
	return x, nil
}

// take hashes src, copies it to dst, and records the exhibit. kept is what
// stands under custody from now on.
func (c *Case) take(ctx context.Context, x *Exhibit, src io.Reader, kept *os.File, dst io.Writer, progress func(int64)) error {
	var n int64
	var err error
	// One byte more than there were shows that it grows; all it may grow to is
	// not waited for.
	src = io.LimitReader(src, x.Size+1)
	if x.SHA256, n, err = evidence.SHA256Reader(ctx, io.TeeReader(src, dst), progress); err != nil {
		return err
	}
	if n != x.Size {
		return fmt.Errorf("it had %d bytes at first and not when read: it is changing; stop what writes to it, or copy it first", x.Size)
	}
	if x.Copied {
		if err := kept.Sync(); err != nil {
			return err
		}
		if err := evidence.SyncDir(filepath.Dir(kept.Name())); err != nil {
			return err
		}
	}
	key, err := evidence.SourceKey(kept, n)
	if err != nil {
		return err
	}
	if key != x.SourceKey {
		return fmt.Errorf("it had source key %s at first and %s when read: it is changing; stop what writes to it, or copy it first", x.SourceKey, key)
	}
	return c.Record(ctx, evidence.Entry{
		Act: ActAdd, Exhibit: x.ID, SHA256: x.SHA256, SourceKey: x.SourceKey, Where: x.Path, To: c.who,
		Detail: map[string]string{"name": x.Name, "bytes": strconv.FormatInt(n, 10), "copied": strconv.FormatBool(x.Copied)},
	})
}

// safeName keeps a name that no file system or terminal trips over.
func safeName(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r) {
			return r
		}
		return '_'
	}, s)
	return strings.TrimLeft(s[max(0, len(s)-100):], ".-")
}

// PathOf is where an exhibit's bytes stand.
func (c *Case) PathOf(x *Exhibit) string {
	if x.Copied {
		return filepath.Join(c.Dir, filepath.FromSlash(x.Path))
	}
	return x.Path
}

// OpenExhibit records an act on an exhibit, such as "examine", and opens it
// for reading. Bytes that by their size or source key are not those taken under
// custody give evidence.ErrDigest, and nothing is recorded; only Verify reads
// all of them. The caller closes the file, and MUST read from it, or from what
// evidence.OpenHeld gives in ctx for the paths of the exhibit: all its files are
// held there, so that whoever reads them gets what was checked.
func (c *Case) OpenExhibit(ctx context.Context, id, act, why string) (*os.File, *Exhibit, error) {
	return c.OpenExhibitFor(ctx, id, evidence.Entry{Act: act, Why: why})
}

// OpenExhibitFor is OpenExhibit for an act of which more is to be recorded: e
// says what, exhibit and digests are filled in.
func (c *Case) OpenExhibitFor(ctx context.Context, id string, e evidence.Entry) (*os.File, *Exhibit, error) {
	i := slices.IndexFunc(c.Exhibits, func(x Exhibit) bool { return x.ID == id })
	if i < 0 {
		return nil, nil, fmt.Errorf("the case has no exhibit %q", id)
	}
	x := &c.Exhibits[i]
	for _, old := range c.log.Entries().All() {
		if old.Act == ActDispose && old.Exhibit == id {
			return nil, nil, fmt.Errorf("opening exhibit %s: custody of it ended in entry %d", id, old.Seq)
		}
	}
	set, err := x.open(c.Dir)
	if err != nil {
		return nil, nil, fmt.Errorf("opening exhibit %s: %w; run 'saksi evidence verify'", id, err)
	}
	e.Exhibit, e.SHA256, e.SourceKey = id, x.SHA256, x.SourceKey
	err = c.Record(ctx, e)
	for _, f := range set.files {
		if err == nil {
			err = evidence.Hold(ctx, f.Name(), f)
		}
	}
	if err != nil {
		set.close()
		return nil, nil, err
	}
	first := set.files[0]
	set.files = set.files[1:]
	set.close()
	return first, x, nil
}

// open opens the files of the exhibit and compares what a glance shows of them.
func (x *Exhibit) open(dir string) (*fileSet, error) {
	paths, err := x.paths(dir)
	if err != nil {
		return nil, err
	}
	set, err := openSet(paths)
	if err != nil {
		return nil, err
	}
	if err := x.check(set); err != nil {
		set.close()
		return nil, err
	}
	return set, nil
}

func (x *Exhibit) check(set *fileSet) error {
	if set.sizes[0] != x.Size {
		return fmt.Errorf("%w: %s has %d bytes; %d were taken under custody", evidence.ErrDigest, set.files[0].Name(), set.sizes[0], x.Size)
	}
	key, err := x.keyOf(set)
	if err != nil {
		return err
	}
	if key != x.SourceKey {
		return fmt.Errorf("%w: %s has source key %s; %s was taken under custody", evidence.ErrDigest, set.files[0].Name(), key, x.SourceKey)
	}
	return nil
}

// Transfer records that an exhibit changed hands: e says who released and
// received it, why, where and on whose authority. Only who last received it can
// release it. It returns the number of the entry.
func (c *Case) Transfer(ctx context.Context, id string, e evidence.Entry) (int64, error) {
	e.Act = ActTransfer
	return c.pass(ctx, id, e)
}

// pass records an act by which an exhibit leaves its holder.
func (c *Case) pass(ctx context.Context, id string, e evidence.Entry) (int64, error) {
	i := slices.IndexFunc(c.Exhibits, func(x Exhibit) bool { return x.ID == id })
	if i < 0 {
		return 0, fmt.Errorf("recording a %s: the case has no exhibit %q", e.Act, id)
	}
	for _, old := range c.log.Entries().All() {
		if old.Act == ActDispose && old.Exhibit == id {
			return 0, fmt.Errorf("recording a %s: custody of %s ended in entry %d", e.Act, id, old.Seq)
		}
	}
	e.Exhibit, e.SHA256, e.SourceKey = id, c.Exhibits[i].SHA256, c.Exhibits[i].SourceKey
	seq := c.log.Len()
	if err := c.Record(ctx, e); err != nil {
		return 0, fmt.Errorf("recording a %s: %w", e.Act, err)
	}
	return seq, nil
}
