// Package disk is the parent's view of an image that saksi-worker holds open:
// its container, volumes and file systems, their entries, and the content
// behind them. Start with Open. Nothing of the image is parsed in this
// process; files are opened read-only here and handed over as descriptors.
package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"sync"

	"saksi/evidence"
	"saksi/forensics/filesystem"
	"saksi/forensics/image"
	"saksi/forensics/volume"
	"saksi/internal/wire"
	"saksi/internal/worker"
)

// Source is the files of an image, open for reading.
type Source struct {
	Path  string   // of the first file, as given
	Names []string // base names, the first first
	Disks []string // paths of the first file of each disk that is examined with it, its own first
	Key   string   // source key over all files, see evidence.SourceKey
	Bytes int64    // of all files

	files []*os.File
	sizes []int64
	of    []int // disk of each file

	mu   sync.Mutex
	keys []Key // of encrypted volumes, once they were opened
}

// Info is what a worker found an image to be.
type Info struct {
	Format     string
	Size       int64 // bytes of media
	SectorSize int
	Segments   []string
	MD5, SHA1  string // stored in the container
	Meta       []image.Meta
	Notes      []string
	Bad        []image.Range
	Table      volume.Table
	Keys       []Key // of encrypted volumes that were opened; they stay in memory
}

// maxAsks bounds how often a container may ask for more files.
const maxAsks = 20

// Image is an image open in one worker. It is used by one goroutine at a
// time; Source.Open gives more of them. After an error that is no *Error the
// worker is dead and the Image MUST be closed.
type Image struct {
	Info   Info
	Source *Source
	w      *worker.Worker

	members []Member // of the item under work
}

// Find opens the files of the image whose first file is path; those that ctx
// holds (evidence.Held) by their descriptors.
func Find(ctx context.Context, path string) (*Source, error) {
	s := &Source{Path: path, Disks: []string{path}}
	s.Disks = append(s.Disks, Others(ctx)...)
	if len(s.Disks) > image.MaxDisks {
		return nil, fmt.Errorf("opening %d images together: at most %d are", len(s.Disks), image.MaxDisks)
	}
	for i, path := range s.Disks {
		if slices.ContainsFunc(s.Disks[:i], func(p string) bool { return filepath.Clean(p) == filepath.Clean(path) }) {
			s.Close()
			return nil, fmt.Errorf("opening the images: %s is named twice", path)
		}
		if err := s.addDisk(ctx, i, path); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

// addDisk opens the files of one disk.
func (s *Source) addDisk(ctx context.Context, number int, path string) error {
	if err := s.add(ctx, number, path); err != nil {
		return err
	}
	dir := filepath.Dir(path)
	for _, name := range image.Siblings(filepath.Base(path), func(n string) bool { _, err := os.Stat(filepath.Join(dir, n)); return err == nil }) {
		if err := s.add(ctx, number, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Source) add(ctx context.Context, number int, path string) error {
	if evidence.IsHeld(ctx, path) { // an exhibit: checked, and regular
		f, err := evidence.OpenHeld(ctx, path)
		if err != nil {
			return err
		}
		st, err := f.Stat()
		if err != nil {
			_ = f.Close()
			return err
		}
		s.take(f, number, path, st.Size())
		return nil
	}
	st, err := os.Stat(path) // first: opening a pipe may take for ever
	switch {
	case err != nil:
		return fmt.Errorf("opening the image: %w", err)
	case st.IsDir():
		return fmt.Errorf("opening the image: %s is a folder; name a file or a device", path)
	case !st.Mode().IsRegular() && st.Mode().Type() != os.ModeDevice:
		return fmt.Errorf("opening the image: %s is a pipe, a socket or a character device, which can't be read twice; name a file or a disk", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("opening the image: %w", err)
	}
	size := st.Size()
	if st.Mode()&os.ModeDevice != 0 {
		size, err = f.Seek(0, io.SeekEnd)
	}
	if err != nil {
		_ = f.Close()
		return err
	}
	s.take(f, number, path, size)
	return nil
}

func (s *Source) take(f *os.File, number int, path string, size int64) {
	s.files = append(s.files, f)
	s.of = append(s.of, number)
	s.sizes = append(s.sizes, size)
	s.Names = append(s.Names, filepath.Base(path))
	s.Bytes += size
}

// Close closes the files.
func (s *Source) Close() {
	for _, f := range s.files {
		_ = f.Close()
	}
}

// ReadAt reads the files one after the other, as they lie on this machine.
func (s *Source) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for i, f := range s.files {
		if off >= s.sizes[i] {
			off -= s.sizes[i]
			continue
		}
		m, err := f.ReadAt(p[n:min(len(p), n+int(min(s.sizes[i]-off, int64(len(p)))))], off)
		n += m
		if n == len(p) {
			return n, nil
		}
		if err != nil && err != io.EOF {
			return n, err
		}
		off = 0
	}
	return n, io.EOF
}

// Open opens the image at path in a worker of its own. The caller closes the
// Image and its Source.
func Open(ctx context.Context, path string, cfg worker.Config) (*Image, error) {
	s, err := Find(ctx, path)
	if err != nil {
		return nil, err
	}
	im, err := s.Open(ctx, cfg)
	if err != nil {
		s.Close()
		return nil, err
	}
	return im, nil
}

// Open starts a worker and opens the image there. Files the container names
// as missing are looked for beside the image and added to the source.
func (s *Source) Open(ctx context.Context, cfg worker.Config) (*Image, error) {
	w, err := worker.Start(ctx, cfg)
	if err != nil {
		return nil, err
	}
	im := &Image{Source: s, w: w}
	if err := im.open(ctx); err != nil {
		_ = w.Close()
		return nil, err
	}
	if s.Key == "" {
		if s.Key, err = evidence.SourceKey(s, s.Bytes); err != nil {
			_ = w.Close()
			return nil, err
		}
	}
	return im, nil
}

func (im *Image) open(ctx context.Context) error {
	attached := 0
	for ask := 0; ; ask++ {
		if err := im.attach(ctx, attached); err != nil {
			return err
		}
		attached = len(im.Source.files)
		err := im.call(ctx, OpOpen, im.Source.secretsFor(ctx), nil, func(tag byte, r *wire.Reader) error {
			if tag != TagData {
				return nil
			}
			readInfo(r, &im.Info)
			return r.Err()
		})
		im.Source.keep(im.Info.Keys)
		var m *image.MissingError
		if !errors.As(err, &m) || ask == maxAsks {
			return err
		}
		if m.Disk < 0 || m.Disk >= len(im.Source.Disks) {
			return err
		}
		dir := filepath.Dir(im.Source.Disks[m.Disk])
		names := append([]string(nil), m.Names...)
		sort.Strings(names)
		for _, name := range names {
			// A base name only: a reference never leads out of the folder.
			if name == "" || name != filepath.Base(name) || im.has(m.Disk, name) {
				continue
			}
			if aerr := im.Source.add(ctx, m.Disk, filepath.Join(dir, name)); aerr != nil && !errors.Is(aerr, os.ErrNotExist) {
				return aerr
			}
		}
		if attached == len(im.Source.files) {
			return err
		}
		im.Source.Key = ""
	}
}

func (im *Image) has(number int, name string) bool {
	for i, n := range im.Source.Names {
		if n == name && im.Source.of[i] == number {
			return true
		}
	}
	return false
}

// attach hands the files from number first on to the worker.
func (im *Image) attach(ctx context.Context, first int) error {
	for first < len(im.Source.files) {
		n := min(len(im.Source.files)-first, worker.MaxFiles)
		var w wire.Writer
		w.Bool(first == 0)
		w.Uint(uint64(n))
		for i := first; i < first+n; i++ {
			w.String(im.Source.Names[i])
			w.Int(im.Source.sizes[i])
			w.Uint(uint64(im.Source.of[i]))
		}
		if err := im.call(ctx, OpAttach, w.B, im.Source.files[first:first+n], nil); err != nil {
			return err
		}
		first += n
	}
	return nil
}

// Close ends the worker; the source stays open.
func (im *Image) Close() { _ = im.w.Close() }

// call runs an operation; an error the worker answers with comes back as an
// *Error and leaves the worker usable.
func (im *Image) call(ctx context.Context, op string, req []byte, files []*os.File, onData func(tag byte, r *wire.Reader) error) error {
	var failed error
	err := im.w.Call(ctx, op, req, files, func(frame []byte) error {
		if len(frame) == 0 {
			return fmt.Errorf("%w: an empty frame in answer to %s", worker.ErrProtocol, op)
		}
		r := wire.Reader{B: frame[1:]}
		switch {
		case frame[0] == TagError:
			failed = ReadError(&r)
			return r.Err()
		case frame[0] == TagAlive || onData == nil:
			return nil
		}
		return onData(frame[0], &r)
	})
	if err != nil {
		return err
	}
	return failed
}

// WalkResult says how complete a listing is.
type WalkResult struct {
	Entries    int
	Problems   int // parts that could not be read, as the walk told them
	ReadErrors int // reads of the container that failed
	ReadError  string
}

// Walk lists a volume's file system in one order that depends on the image
// only; f MUST NOT keep what it is given.
func (im *Image) Walk(ctx context.Context, number int, cfg filesystem.WalkConfig, f func(*filesystem.Entry, *filesystem.Problem) error) (WalkResult, error) {
	var w wire.Writer
	w.Uint(uint64(number))
	w.Bool(cfg.Deleted)
	w.Bool(cfg.Orphans)
	w.Uint(uint64(cfg.Runs))
	var res WalkResult
	var e filesystem.Entry
	err := im.call(ctx, OpWalk, w.B, nil, func(tag byte, r *wire.Reader) error {
		if tag == TagEnd {
			res.Problems, res.ReadErrors, res.ReadError = int(r.Uint()), int(r.Uint()), r.String()
			return r.Err()
		}
		for r.Len() > 0 && r.Err() == nil {
			if r.Bool() {
				p := filesystem.Problem{Inode: r.Uint(), Path: r.String(), Text: r.String()}
				if r.Err() == nil {
					if err := f(nil, &p); err != nil {
						return err
					}
				}
				continue
			}
			filesystem.ReadEntry(r, &e)
			if r.Err() != nil {
				break
			}
			res.Entries++
			if err := f(&e, nil); err != nil {
				return err
			}
		}
		return r.Err()
	})
	return res, err
}

// Lookup finds the stream a path names: "/dir/file" or "/dir/file:stream".
func (im *Image) Lookup(ctx context.Context, number int, path string) (filesystem.Ref, error) {
	var w wire.Writer
	w.Uint(uint64(number))
	w.String(path)
	var ref filesystem.Ref
	err := im.call(ctx, OpLookup, w.B, nil, func(_ byte, r *wire.Reader) error {
		ref = filesystem.ReadRef(r)
		return r.Err()
	})
	return ref, err
}

// Copy writes the content of a stream, exactly its bytes, and returns how
// many there were and, when they are not all, why.
func (im *Image) Copy(ctx context.Context, number int, ref filesystem.Ref, out io.Writer) (n int64, incomplete string, err error) {
	return im.CopyRange(ctx, number, ref, 0, -1, out)
}

// CopyRange writes length bytes from offset on; a negative length is all.
func (im *Image) CopyRange(ctx context.Context, number int, ref filesystem.Ref, offset, length int64, out io.Writer) (n int64, incomplete string, err error) {
	var w wire.Writer
	w.Uint(uint64(number))
	filesystem.AppendRef(&w, ref)
	w.Int(offset)
	w.Int(length)
	err = im.call(ctx, OpRead, w.B, nil, func(tag byte, r *wire.Reader) error {
		if tag == TagEnd {
			incomplete = r.String()
			return r.Err()
		}
		m, err := out.Write(r.B)
		n += int64(m)
		return err
	})
	return n, incomplete, err
}

// Digests are of the media; MD5 and SHA1 only when asked for.
type Digests struct{ SHA256, MD5, SHA1 string }

// Digest hashes all media. progress is told the bytes done.
func (im *Image) Digest(ctx context.Context, md5sha1 bool, progress func(done int64)) (Digests, error) {
	var w wire.Writer
	w.Bool(md5sha1)
	var d Digests
	err := im.call(ctx, OpDigest, w.B, nil, func(tag byte, r *wire.Reader) error {
		if tag != TagEnd {
			if done := r.Int(); progress != nil {
				progress(done)
			}
			return r.Err()
		}
		d = Digests{SHA256: r.String(), MD5: r.String(), SHA1: r.String()}
		return r.Err()
	})
	return d, err
}
