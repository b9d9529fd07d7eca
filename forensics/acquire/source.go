package acquire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Reader is random access to the bytes of a source.
type Reader interface {
	io.ReaderAt
	// Size is its length in bytes now: a device that went away has none.
	Size() (int64, error)
}

// Source is what an image is made of, open for reading only.
type Source struct {
	Info Info

	size   int64       // bytes when it was opened, -1 for a stream
	at     Reader      // nil for a stream
	direct io.ReaderAt // past the page cache, for sectors that fail; nil where there is none
	stream io.Reader
	close  func() error
	device *blockDevice // nil for what is no block device
	stat   os.FileInfo
}

// Open opens a block device, a file, or standard input ("-").
// Nothing of it is written: it is opened O_RDONLY, and where it is a device that
// nobody uses, so that nobody can mount it meanwhile.
func Open(path string, stdin io.Reader) (*Source, error) {
	if path == "-" {
		s := FromStream("-", stdin)
		if f, ok := stdin.(*os.File); ok {
			if st, err := f.Stat(); err == nil {
				s.stat = st
			}
		}
		return s, nil
	}
	st, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("opening the source: %w", err)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("opening the source: %w", err)
	}
	var s *Source
	switch m := st.Mode(); {
	case m.IsRegular():
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("opening the source: %w", err)
		}
		s = &Source{size: st.Size(), at: fileReader{f}, close: f.Close}
		s.Info = Info{Kind: KindFile, Bytes: st.Size(), LogicalSector: 512, Modified: stamp(st.ModTime())}
		s.Info.Protection.Opened = "O_RDONLY"
	case m.Type() == os.ModeDevice:
		if s, err = openDevice(path, st); err != nil {
			return nil, err
		}
	case m.IsDir():
		return nil, fmt.Errorf("opening the source: %s is a folder; name a device or a file", path)
	default:
		return nil, fmt.Errorf("opening the source: %s is a pipe, a socket or a character device; name a block device or a file, or send it to standard input (-)", path)
	}
	s.stat, s.Info.Path = st, abs
	return s, nil
}

// FromStream is a source that can be read once, from its beginning to its end.
func FromStream(name string, r io.Reader) *Source {
	s := &Source{size: -1, stream: r, close: func() error { return nil }}
	s.Info = Info{Path: name, Kind: KindStream, Bytes: -1, LogicalSector: 512}
	s.Info.Protection.Opened = "a stream: what it comes from is not seen"
	return s
}

// Close closes the source.
func (s *Source) Close() error { return s.close() }

type fileReader struct{ *os.File }

func (f fileReader) Size() (int64, error) {
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

// blockReader reads a block device.
type blockReader struct{ *os.File }

// Size asks the kernel, whose answer for a device that was pulled out is 0.
func (b blockReader) Size() (int64, error) {
	n, err := ioctlSize(int(b.Fd()))
	if err == nil && n == 0 {
		err = unix.ENODEV
	}
	return n, err
}

func openDevice(path string, st os.FileInfo) (*Source, error) {
	how := "O_RDONLY|O_EXCL: nobody could mount it or open it exclusively meanwhile"
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_EXCL, 0)
	if errors.Is(err, unix.EBUSY) {
		how = "O_RDONLY: it is in use, so it could not be had exclusively"
		f, err = os.OpenFile(path, os.O_RDONLY, 0)
	}
	if errors.Is(err, unix.ENOMEDIUM) {
		return nil, fmt.Errorf("opening the source: %w: put the medium in", err)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the source: %w", err)
	}
	n, err := ioctlSize(int(f.Fd()))
	if err == nil && n == 0 {
		err = errors.New("the kernel says it has 0 bytes; is the medium in?")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the source %s: its size: %w", path, err), f.Close())
	}
	rdev, err := rdevOf(st)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the source: %w", err), f.Close())
	}
	d := thisHost.device(rdev)
	s := &Source{size: n, at: blockReader{f}, device: d}
	s.Info = d.info()
	s.Info.Bytes = n
	s.Info.Protection.Opened = how
	askDevice(f, &s.Info)
	d.areas(f, &s.Info)
	// Errors of a whole page of the cache would cost eight sectors for one. It
	// is not exclusive: the first descriptor holds that.
	direct, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECT, 0)
	if err == nil {
		s.direct = direct
	}
	s.close = func() error {
		if s.direct != nil {
			err = direct.Close()
		}
		return errors.Join(err, f.Close())
	}
	return s, nil
}

// names are what an authority may call the source by.
func (s *Source) names() []string {
	var list []string
	for _, n := range []string{s.Info.Path, filepath.Base(s.Info.Path), s.Info.Serial, s.Info.WWN, s.Info.Model, strings.TrimSpace(s.Info.Vendor + " " + s.Info.Model)} {
		if n != "" && n != "-" {
			list = append(list, n)
		}
	}
	return list
}

// errGone is a device that went away, errShrunk a source that ends before the
// size it had.
var (
	errGone   = errors.New("the device is gone")
	errShrunk = errors.New("the source ends before the size it had at first")
)

// gone reports whether nothing more can be had.
func (s *Source) gone(err error) bool {
	if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ENOMEDIUM) {
		return true
	}
	if s.at == nil {
		return true
	}
	n, serr := s.at.Size()
	return serr != nil || n == 0
}

// read fills p from off. What fails is retried in ever smaller pieces, down to
// one sector; sectors that can't be read are filled and named. n bytes of p
// are good or filled when it returns; the error says why there are no more.
func (s *Source) read(ctx context.Context, o *Options, p []byte, off int64) (n int, bad []Range, err error) {
	if s.at == nil {
		n, err = io.ReadFull(s.stream, p)
		if err == io.ErrUnexpectedEOF {
			err = io.EOF
		}
		if ctx.Err() != nil && err != nil && err != io.EOF {
			err = ctx.Err() // what ends a read from a pipe that nobody writes to
		}
		return n, nil, err
	}
	n, err = s.at.ReadAt(p, off)
	switch {
	case n == len(p):
		return n, nil, nil
	case errors.Is(err, io.EOF):
		return n, nil, errShrunk
	}
	n -= n % s.Info.LogicalSector
	sv := &salvage{s: s, o: o, ctx: ctx}
	m, err := sv.pieces(p[n:], off+int64(n), 0)
	return n + m, sv.bad, err
}
