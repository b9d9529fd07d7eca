// Package decmpfs reads files that HFS+ and APFS keep compressed: their content lies
// packed in the extended attribute com.apple.decmpfs, or in pieces of 64 KiB in the
// resource fork.
//
// Specification: libfshfs documentation, Hierarchical File System, "Compressed data";
// Linux apfs, compress.c. The header of the attribute is little-endian:
//
//	0 "fpmc" | 4 kind | 8 bytes of content
package decmpfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zlib"

	"saksi/internal/lzfse"
)

// Names of the attributes.
const (
	Attribute = "com.apple.decmpfs"
	Fork      = "com.apple.ResourceFork"
)

// ErrUnsupported is returned for content packed in a way that is not read.
var ErrUnsupported = errors.New("not supported")

const (
	header    = 16
	pieceSize = 64 << 10
	maxInline = 64 << 20 // bytes of content packed in the attribute
	maxForked = 1 << 40
)

// Size reads the size of the content out of the attribute.
func Size(attr []byte) (int64, error) {
	if len(attr) < header || string(attr[:4]) != "fpmc" {
		return 0, errors.New("the attribute " + Attribute + " is damaged")
	}
	n := binary.LittleEndian.Uint64(attr[8:])
	if n > maxForked {
		return 0, fmt.Errorf("the attribute %s claims %d bytes of content", Attribute, n)
	}
	return int64(n), nil
}

// File is the content of a compressed file.
type File struct {
	kind   uint32
	size   int64
	packed []byte // content as it lies in the attribute
	fork   io.ReaderAt
	forked int64
	at     []int64 // of the pieces in the fork, and of their end
	length []int64
	number int64 // of the piece that is kept
	piece  []byte
}

// Open reads the header of a compressed file: its attribute, and what gives its
// resource fork and that one's size.
func Open(attr []byte, fork func() (io.ReaderAt, int64, error)) (*File, error) {
	size, err := Size(attr)
	if err != nil {
		return nil, err
	}
	f := &File{kind: binary.LittleEndian.Uint32(attr[4:]), size: size, number: -1}
	switch f.kind {
	case 3, 7, 9, 11:
		if size > maxInline {
			return nil, fmt.Errorf("%d bytes packed in an attribute, at most %d are unpacked", size, maxInline)
		}
		f.packed = attr[header:] // unpacked when it is read
		return f, nil
	case 1, 5: // as it is, and without a copy
		return nil, fmt.Errorf("it is compressed in the way %d, which is %w", f.kind, ErrUnsupported)
	case 4, 8, 10, 12:
	default:
		return nil, fmt.Errorf("it is compressed in the way %d, which is %w", f.kind, ErrUnsupported)
	}
	if f.fork, f.forked, err = fork(); err != nil {
		return nil, fmt.Errorf("its content lies in its resource fork: %w", err)
	}
	if err := f.table(); err != nil {
		return nil, fmt.Errorf("the pieces in its resource fork: %w", err)
	}
	return f, nil
}

func (f *File) read(p []byte, at int64) error {
	if n, err := f.fork.ReadAt(p, at); n < len(p) {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("at offset %d of %d: %w", at+int64(n), f.forked, err)
	}
	return nil
}

// table reads where the pieces lie.
func (f *File) table() error {
	pieces := (f.size + pieceSize - 1) / pieceSize
	if pieces > f.forked/4 {
		return fmt.Errorf("%d pieces in %d bytes", pieces, f.forked)
	}
	if f.kind == 8 || f.kind == 12 {
		b := make([]byte, 4*(pieces+1))
		if err := f.read(b, 0); err != nil {
			return err
		}
		for i := range pieces {
			at, end := int64(binary.LittleEndian.Uint32(b[4*i:])), int64(binary.LittleEndian.Uint32(b[4*i+4:]))
			f.at, f.length = append(f.at, at), append(f.length, end-at)
		}
		return nil
	}
	// A resource fork as Inside Macintosh has it, whose one resource begins with a table.
	head := make([]byte, 16)
	if err := f.read(head, 0); err != nil {
		return err
	}
	base := int64(binary.BigEndian.Uint32(head)) + 4
	if err := f.read(head[:4], base); err != nil {
		return err
	}
	if n := int64(binary.LittleEndian.Uint32(head)); n < pieces {
		return fmt.Errorf("%d, for %d bytes of content", n, f.size)
	}
	b := make([]byte, 8*pieces)
	if err := f.read(b, base+4); err != nil {
		return err
	}
	for i := range pieces {
		f.at = append(f.at, base+int64(binary.LittleEndian.Uint32(b[8*i:])))
		f.length = append(f.length, int64(binary.LittleEndian.Uint32(b[8*i+4:])))
	}
	return nil
}

// unpack unpacks a piece of size bytes. One that would not shrink is stored behind
// one byte that says so.
func unpack(kind uint32, b []byte, size int) ([]byte, error) {
	if size == 0 {
		return nil, nil
	}
	if len(b) == 0 {
		return nil, errors.New("nothing is there")
	}
	plain := kind == 9 || kind == 10
	switch kind {
	case 3, 4:
		plain = b[0]&15 == 15
	case 7, 8:
		plain = b[0] == 6
	case 11, 12:
		plain = b[0] != 'b'
	}
	if plain {
		if len(b)-1 < size {
			return nil, fmt.Errorf("%d bytes of %d", len(b)-1, size)
		}
		return b[1 : 1+size], nil
	}
	out := make([]byte, size)
	var n int
	var err error
	switch kind {
	case 3, 4:
		var r io.ReadCloser
		if r, err = zlib.NewReader(bytes.NewReader(b)); err == nil {
			n, err = io.ReadFull(r, out)
		}
	case 7, 8:
		n, err = lzfse.DecodeVN(out, b)
	default:
		n, err = lzfse.Decode(out, b)
	}
	if err == nil && n < size {
		err = fmt.Errorf("%d bytes came out of %d", n, size)
	}
	return out, err
}

// Size is the size of the content in bytes.
func (f *File) Size() int64 { return f.size }

// ReadAt reads content.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("negative offset %d", off)
	}
	total := 0
	for len(p) > 0 {
		if off >= f.size {
			return total, io.EOF
		}
		i := int64(0)
		if f.fork != nil {
			i = off / pieceSize
		}
		first := i * pieceSize
		if i != f.number {
			if err := f.load(i); err != nil {
				return total, fmt.Errorf("its piece at offset %d: %w", first, err)
			}
		}
		n := copy(p, f.piece[off-first:])
		p, off, total = p[n:], off+int64(n), total+n
	}
	return total, nil
}

func (f *File) load(i int64) error {
	if f.fork == nil {
		out, err := unpack(f.kind, f.packed, int(f.size))
		if err != nil {
			return fmt.Errorf("the attribute %s: %w", Attribute, err)
		}
		f.number, f.piece = 0, out
		return nil
	}
	size := int(min(pieceSize, f.size-i*pieceSize))
	at, n := f.at[i], f.length[i]
	if n <= 0 || n > 2*pieceSize || at < 0 || at > f.forked-n {
		return fmt.Errorf("%d bytes at offset %d of the resource fork of %d", n, at, f.forked)
	}
	b := make([]byte, n)
	if err := f.read(b, at); err != nil {
		return err
	}
	out, err := unpack(f.kind, b, size)
	if err != nil {
		return err
	}
	f.number, f.piece = i, out
	return nil
}
