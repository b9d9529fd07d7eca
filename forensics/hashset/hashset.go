// Package hashset keeps sets of digests of known files on disk: Build makes
// one from lists of others, Open looks digests up in one.
//
// A set is one file: a header of 64 bytes (magic, version, bytes of a digest,
// count), an index by the first 16 bits of a digest (65,537 numbers), the
// digests in order, each once, and the SHA-256 of all that. Numbers are
// little-endian.
package hashset

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"saksi/internal/infile"
)

const (
	magic      = "SAKSIHS\x00"
	version    = 1
	headerSize = 64
	buckets    = 1 << 16
	indexSize  = (buckets + 1) * 8
	maxCount   = 1 << 36
)

// ErrFormat is wrapped by errors about files that are no sets, or damaged.
var ErrFormat = errors.New("no sound hash set")

// Algorithms are the names of digests by their bytes.
var Algorithms = map[int]string{16: "md5", 20: "sha1", 32: "sha256"}

// SizeOf gives the bytes of a digest by its name, 0 for one that is not known.
func SizeOf(algorithm string) int {
	for n, name := range Algorithms {
		if name == algorithm {
			return n
		}
	}
	return 0
}

// Set is an open set. It may be used by several goroutines.
type Set struct {
	f     *os.File
	size  int
	count int64
	index []uint64
	sum   [sha256.Size]byte // of all but itself, once verified
}

// Open opens a set and checks its header, length and index; Verify checks all.
// Digests are read where they are looked up: a set takes half a MiB of memory.
func Open(path string) (*Set, error) {
	f, err := infile.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening a hash set: %w", err)
	}
	s, err := OpenFile(f)
	if err != nil {
		_ = f.Close()
	}
	return s, err
}

// OpenFile is Open of a file that is open; the set closes it.
func OpenFile(f *os.File) (*Set, error) {
	s := &Set{f: f}
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("opening the hash set %s: %w", f.Name(), err)
	}
	return s, nil
}

// File is the file of the set, to hand on for reading.
func (s *Set) File() *os.File { return s.f }

// Sum is what Verify found, or zeros before that.
func (s *Set) Sum() [sha256.Size]byte { return s.sum }

func (s *Set) open() error {
	st, err := s.f.Stat()
	if err != nil {
		return err
	}
	b := make([]byte, headerSize+indexSize)
	if !st.Mode().IsRegular() {
		return fmt.Errorf("%w: it is no file", ErrFormat)
	}
	if _, err := s.f.ReadAt(b, 0); err != nil {
		return fmt.Errorf("%w: reading %d bytes at offset 0: %w", ErrFormat, len(b), err)
	}
	if string(b[:8]) != magic || binary.LittleEndian.Uint32(b[8:]) != version {
		return fmt.Errorf("%w: magic and version at offset 0 are others; build it by 'saksi forensics hashset build'", ErrFormat)
	}
	s.size = int(binary.LittleEndian.Uint32(b[12:]))
	n := binary.LittleEndian.Uint64(b[16:])
	if Algorithms[s.size] == "" || n > maxCount {
		return fmt.Errorf("%w: algorithm or count at offset 12", ErrFormat)
	}
	s.count = int64(n)
	if want := headerSize + indexSize + s.count*int64(s.size) + sha256.Size; st.Size() != want {
		return fmt.Errorf("%w: it has %d bytes, expected %d", ErrFormat, st.Size(), want)
	}
	s.index = make([]uint64, buckets+1)
	last := uint64(0)
	for i := range s.index {
		v := binary.LittleEndian.Uint64(b[headerSize+i*8:])
		if v < last || v > n {
			return fmt.Errorf("%w: index at offset %d", ErrFormat, headerSize+i*8)
		}
		s.index[i], last = v, v
	}
	if s.index[0] != 0 || last != n {
		return fmt.Errorf("%w: index at offset %d", ErrFormat, headerSize)
	}
	return nil
}

// Close closes the set.
func (s *Set) Close() error { return s.f.Close() }

// Algorithm is md5, sha1 or sha256.
func (s *Set) Algorithm() string { return Algorithms[s.size] }

// Name is the name of its file, without its folder.
func (s *Set) Name() string { return filepath.Base(s.f.Name()) }

// Count is how many digests it holds.
func (s *Set) Count() int64 { return s.count }

// Has reports whether the set holds a digest.
func (s *Set) Has(digest []byte) (bool, error) {
	if len(digest) != s.size {
		return false, nil
	}
	p := int(digest[0])<<8 | int(digest[1])
	lo, hi := int64(s.index[p]), int64(s.index[p+1])
	var buf [32]byte
	b := buf[:s.size]
	for lo < hi {
		mid := lo + (hi-lo)/2
		at := headerSize + indexSize + mid*int64(s.size)
		if _, err := s.f.ReadAt(b, at); err != nil {
			return false, fmt.Errorf("reading the hash set %s at offset %d: %w", s.f.Name(), at, err)
		}
		switch c := bytes.Compare(b, digest); {
		case c == 0:
			return true, nil
		case c < 0:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return false, nil
}

// Verify reads the whole set and returns its SHA-256, an error when it is not
// the one it ends with.
func (s *Set) Verify() (sum [sha256.Size]byte, err error) {
	n := headerSize + indexSize + s.count*int64(s.size)
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(s.f, 0, n)); err != nil {
		return sum, fmt.Errorf("reading the hash set %s: %w", s.f.Name(), err)
	}
	h.Sum(sum[:0])
	var stored [sha256.Size]byte
	if _, err := s.f.ReadAt(stored[:], n); err != nil || stored != sum {
		return sum, fmt.Errorf("%w: %s: the SHA-256 at offset %d is not that of its content; build it again", ErrFormat, s.f.Name(), n)
	}
	s.sum = sum
	return sum, nil
}
