package carve

import (
	"encoding/binary"
	"io"
)

var (
	le = binary.LittleEndian
	be = binary.BigEndian
)

// Stream is a candidate's bytes, to the end of the space it may lie in.
type Stream struct {
	r     io.ReaderAt
	runs  []Range
	Limit int64 // bytes
	read  int64 // of the media, for the budget
	buf   []byte
	at    int64 // of buf
	big   []byte
}

const streamBuffer = 64 << 10

func newStream(r io.ReaderAt, runs []Range) *Stream {
	s := &Stream{r: r, runs: runs, at: -1}
	for _, x := range runs {
		s.Limit += x.Length
	}
	return s
}

// ReadAt reads over the runs.
func (s *Stream) ReadAt(p []byte, off int64) (int, error) {
	total := 0
	for _, x := range s.runs {
		if len(p) == 0 {
			return total, nil
		}
		if off >= x.Length {
			off -= x.Length
			continue
		}
		n := int(min(int64(len(p)), x.Length-off))
		got, err := s.r.ReadAt(p[:n], x.Offset+off)
		total += got
		s.read += int64(got)
		if got < n {
			if err == nil {
				err = io.ErrUnexpectedEOF
			}
			return total, err
		}
		p, off = p[n:], 0
	}
	if len(p) > 0 {
		return total, io.EOF
	}
	return total, nil
}

// bytes gives n bytes at a place; they stay valid until the next call. It is nil
// where there are not so many.
func (s *Stream) bytes(off int64, n int) []byte {
	if off < 0 || n < 0 || off > s.Limit-int64(n) {
		return nil
	}
	if s.at >= 0 && off >= s.at && off+int64(n) <= s.at+int64(len(s.buf)) {
		return s.buf[off-s.at:][:n]
	}
	if n > streamBuffer {
		if cap(s.big) < n {
			s.big = make([]byte, n)
		}
		if got, _ := s.ReadAt(s.big[:n], off); got < n {
			return nil
		}
		return s.big[:n]
	}
	if s.buf == nil {
		s.buf = make([]byte, streamBuffer)
	}
	s.buf = s.buf[:streamBuffer]
	got, _ := s.ReadAt(s.buf[:min(streamBuffer, s.Limit-off)], off)
	s.buf, s.at = s.buf[:got], off
	if got < n {
		return nil
	}
	return s.buf[:n]
}

// reader reads from a place on.
func (s *Stream) reader(off int64) *counter { return &counter{s: s, at: off} }

// counter is a byte reader that knows how far it is, so that what reads it
// (compress/flate) takes no byte too much.
type counter struct {
	s  *Stream
	at int64
}

func (c *counter) ReadByte() (byte, error) {
	b := c.s.bytes(c.at, 1)
	if b == nil {
		return 0, io.EOF
	}
	c.at++
	return b[0], nil
}

func (c *counter) Read(p []byte) (int, error) {
	n := int(min(int64(len(p)), streamBuffer, c.s.Limit-c.at))
	if n <= 0 {
		return 0, io.EOF
	}
	b := c.s.bytes(c.at, n)
	if b == nil {
		return 0, io.ErrUnexpectedEOF
	}
	c.at += int64(n)
	return copy(p, b), nil
}

// fragment is a candidate that ends before its structure does.
func fragment(m Measured, size, expected int64) (Measured, bool) {
	m.Size, m.Expected, m.Whole, m.Sure = size, expected, false, Low
	return m, size > 0
}
