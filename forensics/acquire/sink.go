package acquire

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// blockBytes is how much of the source is read, hashed and packed at once. It
// is a multiple of every chunk of an E01.
const blockBytes = 1 << 20

// block is one piece of the source on its way into the image.
type block struct {
	off    int64
	buf    []byte // blockBytes
	n      int    // bytes of it that count
	bad    []Range
	states states // of the hashes behind it
	packed packed
	ready  sync.WaitGroup // hashed and packed
}

// sink is an image being written. Its methods are called by one goroutine, but
// pack, which any may call.
type sink interface {
	// start makes the first file.
	start() error
	nameOf(i int) (string, error)
	// pack does what costs time and needs no order.
	pack(b *block)
	// put writes the block behind all others.
	put(b *block) error
	// full reports that mark must be called before the next block.
	full() bool
	// mark makes what was put complete, a valid image of that many bytes with
	// those digests, if closed; put goes on behind it.
	mark(d Digests) error
	// cut takes back what was put behind off, which is a block's begin that was
	// not marked since, or the last mark, and makes the rest a valid image.
	cut(off int64, d Digests) error
	// finish completes the image with the digests of its media.
	finish(d Digests, bad []Range) error
	// position is what reopen needs to go on from the last mark.
	position() position
	// reopen goes on from a position, taking back what lies behind it.
	reopen(p position, d Digests) error
	// current is the file to be synced; those before it are.
	current() *os.File
	paths() []string
	close() error
}

// position is where a sink stands, for the state file.
type position struct {
	Media    int64     `json:"media"` // bytes
	Segments []segment `json:"segments"`
}

// segment is one file of the image.
type segment struct {
	Name  string `json:"name"` // base name
	Bytes int64  `json:"bytes"`
}

// files are the files of an image that is written, by their names. The first
// stays open, because its lock keeps others away.
type files struct {
	dir        string
	name       func(i int) (string, error) // base name of segment i, from 0
	seg        []segment
	first, cur *os.File
	flushed    int64 // bytes of cur whose writing to the disk was begun
}

// create makes the next segment, which must not exist.
func (f *files) create() error {
	name, err := f.name(len(f.seg))
	if err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Join(f.dir, name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: an image is never overwritten", err)
	}
	if err == nil && f.first == nil {
		err = lock(file)
	}
	if err == nil && f.cur != nil {
		err = f.retire()
	}
	if err != nil {
		return err
	}
	f.use(file)
	f.seg = append(f.seg, segment{Name: name})
	return nil
}

func (f *files) use(file *os.File) {
	if f.first == nil {
		f.first = file
	}
	f.cur, f.flushed = file, 0
}

// retire brings the last segment to the disk and closes it.
func (f *files) retire() error {
	err := f.cur.Sync()
	if f.cur != f.first {
		err = errors.Join(err, f.cur.Close())
	}
	f.cur = nil
	return err
}

// drop takes the last segment back.
func (f *files) drop() error {
	last := len(f.seg) - 1
	name := filepath.Join(f.dir, f.seg[last].Name)
	f.seg = f.seg[:last]
	if f.cur != nil && f.cur != f.first {
		if err := f.cur.Close(); err != nil {
			return err
		}
	}
	if err := os.Remove(name); err != nil {
		return err
	}
	return f.last()
}

// last opens the last segment for writing.
func (f *files) last() error {
	if len(f.seg) <= 1 {
		f.cur = f.first
		return nil
	}
	file, err := os.OpenFile(filepath.Join(f.dir, f.seg[len(f.seg)-1].Name), os.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	f.use(file)
	return nil
}

// reopen opens the segments that were there at a position and removes later
// ones.
func (f *files) reopen(p position) error {
	if len(p.Segments) == 0 {
		return errors.New("the state of the acquisition names no file")
	}
	for i, s := range p.Segments {
		name, err := f.name(i)
		if err != nil {
			return err
		}
		if name != s.Name {
			return fmt.Errorf("segment %d is called %q in the state of the acquisition, not %q", i+1, s.Name, name)
		}
		path := filepath.Join(f.dir, name)
		st, err := os.Lstat(path)
		if err != nil {
			return err
		}
		if !st.Mode().IsRegular() || st.Size() < s.Bytes {
			return fmt.Errorf("%s has %d bytes (%s); %d were written", path, st.Size(), st.Mode().Type(), s.Bytes)
		}
	}
	file, err := os.OpenFile(filepath.Join(f.dir, p.Segments[0].Name), os.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	if err := lock(file); err != nil {
		return errors.Join(err, file.Close())
	}
	f.seg = append([]segment(nil), p.Segments...)
	f.use(file)
	// What lies behind was written after the state was kept.
	for i := len(f.seg); ; i++ {
		name, err := f.name(i)
		if err != nil {
			break
		}
		if err := os.Remove(filepath.Join(f.dir, name)); errors.Is(err, fs.ErrNotExist) {
			break
		} else if err != nil {
			return err
		}
	}
	return f.last()
}

// ErrBusy is returned when another process writes the image.
var ErrBusy = errors.New("another process writes this image")

// lock keeps other processes away; a file system without locks has none.
func lock(f *os.File) error {
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return fmt.Errorf("%s: %w", f.Name(), ErrBusy)
	}
	return nil
}

// flushEvery is after how many bytes the kernel is asked to write, so that
// little is left to wait for at the end.
const flushEvery = 16 << 20

// flush begins to write what stands before pos.
func (f *files) flush(pos int64) {
	if pos-f.flushed < flushEvery {
		return
	}
	// It is advice: Sync, later, has the errors.
	_ = unix.SyncFileRange(int(f.cur.Fd()), f.flushed, pos-f.flushed, unix.SYNC_FILE_RANGE_WRITE)
	f.flushed = pos
}

func (f *files) nameOf(i int) (string, error) { return f.name(i) }

func (f *files) current() *os.File { return f.cur }

func (f *files) close() error {
	var err error
	if f.cur != nil && f.cur != f.first {
		err = f.cur.Close()
	}
	if f.first != nil {
		err = errors.Join(err, f.first.Close())
	}
	f.first, f.cur = nil, nil
	return err
}

// paths are the files of the image.
func (f *files) paths() []string {
	list := make([]string, len(f.seg))
	for i, s := range f.seg {
		list[i] = filepath.Join(f.dir, s.Name)
	}
	return list
}
