package acquire

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rawSink writes media as it is, into one file or into pieces. Blocks of zeros
// become holes. Whole pages go past the page cache: copying them there costs
// as much as hashing them, and to wait for it at the end costs more.
type rawSink struct {
	files
	piece  int64 // bytes of a piece, 0 when there is one file
	pos    int64 // in the last piece
	media  int64
	direct *os.File // cur, opened with O_DIRECT; nil where that can't be
}

const page = 4096

// maxPieces is how many pieces have names: .001 to .999.
const maxPieces = 999

func newRaw(to string, piece int64) *rawSink {
	s := &rawSink{piece: piece}
	s.dir = filepath.Dir(to)
	base := filepath.Base(to)
	s.name = func(i int) (string, error) {
		switch {
		case piece == 0 && i > 0:
			return "", errors.New("a raw image is one file")
		case piece == 0:
			return base, nil
		case i >= maxPieces:
			return "", fmt.Errorf("more than %d pieces; take a larger --segment-size", maxPieces)
		}
		return fmt.Sprintf("%s.%03d", strings.TrimSuffix(base, ".001"), i+1), nil
	}
	return s
}

func (s *rawSink) pack(*block) {}
func (s *rawSink) full() bool  { return false }

var zeros = make([]byte, 64<<10)

// isZero reports whether p is all zeros.
func isZero(p []byte) bool {
	for len(p) > len(zeros) {
		if !bytes.Equal(p[:len(zeros)], zeros) {
			return false
		}
		p = p[len(zeros):]
	}
	return bytes.Equal(p, zeros[:len(p)])
}

func (s *rawSink) put(b *block) error {
	for p := b.buf[:b.n]; len(p) > 0; {
		if s.cur == nil || s.piece > 0 && s.pos == s.piece {
			if err := s.next(); err != nil {
				return err
			}
		}
		n := len(p)
		if s.piece > 0 {
			n = int(min(int64(n), s.piece-s.pos))
		}
		if !isZero(p[:n]) {
			if err := s.writeAt(p[:n]); err != nil {
				return err
			}
		}
		s.pos += int64(n)
		s.media += int64(n)
		p = p[n:]
		s.flush(s.pos)
	}
	return nil
}

// writeAt writes p at pos.
func (s *rawSink) writeAt(p []byte) error {
	done := 0
	if s.direct != nil && s.pos%page == 0 && uintptr(unsafe.Pointer(&p[0]))%page == 0 {
		n, err := s.direct.WriteAt(p[:len(p)-len(p)%page], s.pos)
		done = n
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) {
			err = s.direct.Close()
			s.direct = nil
		}
		if err != nil {
			return err
		}
	}
	_, err := s.cur.WriteAt(p[done:], s.pos+int64(done))
	return err
}

// open opens the last file a second time. What the two write does not overlap.
func (s *rawSink) open() error {
	if err := s.closeDirect(); err != nil {
		return err
	}
	// Where it can't be had, all goes through the cache.
	s.direct, _ = os.OpenFile(s.cur.Name(), os.O_WRONLY|unix.O_DIRECT, 0)
	return nil
}

func (s *rawSink) closeDirect() error {
	if s.direct == nil {
		return nil
	}
	f := s.direct
	s.direct = nil
	return f.Close()
}

func (s *rawSink) close() error { return errors.Join(s.closeDirect(), s.files.close()) }

func (s *rawSink) start() error { return s.next() }

func (s *rawSink) next() error {
	if err := s.end(); err != nil {
		return err
	}
	s.pos = 0
	if err := s.create(); err != nil {
		return err
	}
	return s.open()
}

// end gives the last piece its length, which holes leave open.
func (s *rawSink) end() error {
	if s.cur == nil {
		return nil
	}
	s.seg[len(s.seg)-1].Bytes = s.pos
	return s.cur.Truncate(s.pos)
}

func (s *rawSink) mark(Digests) error            { return s.end() }
func (s *rawSink) finish(Digests, []Range) error { return s.end() }
func (s *rawSink) position() position {
	return position{Media: s.media, Segments: append([]segment(nil), s.seg...)}
}

func (s *rawSink) cut(off int64, _ Digests) error {
	s.media = off
	for s.piece > 0 && len(s.seg) > 1 && int64(len(s.seg)-1)*s.piece >= off {
		if err := errors.Join(s.closeDirect(), s.drop(), s.open()); err != nil {
			return err
		}
	}
	s.pos = off
	if s.piece > 0 {
		s.pos = off - int64(max(0, len(s.seg)-1))*s.piece
	}
	return s.end()
}

func (s *rawSink) reopen(p position, _ Digests) error {
	if err := s.files.reopen(p); err != nil {
		return err
	}
	s.media = p.Media
	if n := len(p.Segments); n > 0 {
		s.pos = p.Segments[n-1].Bytes
	}
	if err := s.open(); err != nil {
		return err
	}
	return s.end()
}
