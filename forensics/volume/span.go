package volume

import (
	"fmt"
	"io"
)

// Span is bytes that a volume is made of. ReadAt reads all that it can; a read
// at or beyond Size gives io.EOF.
type Span interface {
	io.ReaderAt
	Size() int64
	// Place is where in the image a byte lies, and how many go on there; 0 of
	// them beyond the end. A place below 0 says that they lie nowhere as they
	// are, because they are computed from others.
	Place(off int64) (image, length int64)
}

// Stretch is a partition, a disk or a volume in one, as bytes of R.
type Stretch struct {
	R              io.ReaderAt
	Offset, Length int64 // bytes in R
	// Where is the place in the image of a byte of R, as Span.Place; nil where R
	// is the image.
	Where func(off int64) (image, length int64)
	Name  string // for messages
}

// ReadAt reads within the stretch.
func (s *Stretch) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= s.Length {
		return 0, io.EOF
	}
	short := int64(len(p)) > s.Length-off
	if short {
		p = p[:s.Length-off]
	}
	n, err := s.R.ReadAt(p, s.Offset+off)
	if n == len(p) {
		err = nil
		if short {
			err = io.EOF
		}
	}
	return n, err
}

// Size implements Span.
func (s *Stretch) Size() int64 { return s.Length }

// Place implements Span.
func (s *Stretch) Place(off int64) (image, length int64) {
	left := s.Length - off
	if off < 0 || left <= 0 {
		return 0, 0
	}
	if s.Where == nil {
		return s.Offset + off, left
	}
	image, length = s.Where(s.Offset + off)
	return image, min(length, left)
}

// part is a piece of a span.
type part struct {
	of           Span
	from, length int64
}

func (p part) Size() int64 { return p.length }

func (p part) Place(off int64) (image, length int64) {
	if off < 0 || off >= p.length {
		return 0, 0
	}
	image, length = p.of.Place(p.from + off)
	return image, min(length, p.length-off)
}

func (p part) ReadAt(b []byte, off int64) (int, error) {
	return pieces(b, off, p.length, func(b []byte, off int64) (int64, error) {
		return int64(len(b)), full(p.of, b, p.from+off)
	})
}

// joined is spans one behind the other.
type joined []Span

func (j joined) Size() (size int64) {
	for _, s := range j {
		size += s.Size()
	}
	return size
}

// at is the span that holds a byte, and which of it that is.
func (j joined) at(off int64) (Span, int64) {
	for _, s := range j {
		if off < s.Size() {
			return s, off
		}
		off -= s.Size()
	}
	return nil, 0
}

func (j joined) Place(off int64) (image, length int64) {
	s, off := j.at(off)
	if s == nil || off < 0 {
		return 0, 0
	}
	return s.Place(off)
}

func (j joined) ReadAt(b []byte, off int64) (int, error) {
	return pieces(b, off, j.Size(), func(b []byte, off int64) (int64, error) {
		s, from := j.at(off)
		n := min(int64(len(b)), s.Size()-from)
		return n, full(s, b[:n], from)
	})
}

// absent is what would lie on a disk that is not given.
type absent struct {
	size int64
	why  string
}

func (a absent) Size() int64 { return a.size }

func (a absent) Place(off int64) (image, length int64) { return -1, max(a.size-off, 0) }

func (a absent) ReadAt([]byte, int64) (int, error) { return 0, fmt.Errorf("%s", a.why) }

// pieces reads piece by piece what has size bytes: f reads the first of b, and
// says how many these were.
func pieces(b []byte, off, size int64, f func(b []byte, off int64) (int64, error)) (total int, err error) {
	for total < len(b) {
		if off < 0 || off >= size {
			return total, io.EOF
		}
		n, err := f(b[total:total+int(min(size-off, int64(len(b)-total)))], off)
		if err != nil {
			return total, err
		}
		total, off = total+int(n), off+n
	}
	return total, nil
}

// full reads all of b.
func full(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}
