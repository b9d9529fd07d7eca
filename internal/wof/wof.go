// Package wof reads files of NTFS that the Windows Overlay Filter compressed, as
// Windows compresses its own programs ("compact /exe", Compact OS): their
// unnamed stream is a hole, and what it holds stands packed in the stream named
// Stream. Start with Parse and Open.
//
// Specification: Microsoft, ntifs.h (WOF_EXTERNAL_INFO,
// FILE_PROVIDER_EXTERNAL_INFO); [MS-XCA]; wimlib, documentation of the chunk
// tables of WIM, which are the same. Little-endian:
//
//	reparse point  4 tag 80000017 | 2 size | 2 | 4 version 1 | 4 provider (1 WIM,
//	               2 file) | 4 version 1 | 4 algorithm
//	stream         where each chunk but the first begins, from the end of this
//	               table on, 4 bytes each (8 where the file has more than 4 GiB) |
//	               chunks; one as long as what it holds is not packed
package wof

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/Microsoft/go-winio/wim/lzx"

	"saksi/internal/xpress"
)

// Stream is the name of the stream that holds the packed content.
const Stream = "WofCompressedData"

// Algorithm is how the chunks of a file are packed.
type Algorithm uint32

// The algorithms, as Windows numbers them.
const (
	Xpress4K Algorithm = iota
	LZX
	Xpress8K
	Xpress16K
)

func (a Algorithm) chunk() int64 {
	return [...]int64{4 << 10, 32 << 10, 8 << 10, 16 << 10}[a]
}

func (a Algorithm) String() string {
	return [...]string{"XPRESS4K", "LZX", "XPRESS8K", "XPRESS16K"}[a]
}

// ErrForm is returned for content that contradicts itself.
var ErrForm = errors.New("compressed content is damaged")

// Parse reads a reparse point. ok is false where it is none of the filter's; err
// says why the content of one that is can't be read.
func Parse(reparse []byte) (a Algorithm, ok bool, err error) {
	if len(reparse) < 8 || binary.LittleEndian.Uint32(reparse) != 0x80000017 {
		return 0, false, nil
	}
	if len(reparse) < 24 {
		return 0, true, fmt.Errorf("%w: its reparse point has %d bytes", ErrForm, len(reparse))
	}
	le := binary.LittleEndian
	provider := le.Uint32(reparse[12:])
	a = Algorithm(le.Uint32(reparse[20:]))
	switch {
	case provider == 1:
		return 0, true, errors.New("its content lies in a WIM file, by the Windows Overlay Filter, which is not supported")
	case provider != 2:
		return 0, true, fmt.Errorf("its content is of provider %d of the Windows Overlay Filter, which is not known", provider)
	case a > Xpress16K:
		return 0, true, fmt.Errorf("its content is compressed by algorithm %d of the Windows Overlay Filter, which is not known", a)
	}
	return a, true, nil
}

// File reads the content. It is used by one goroutine at a time.
type File struct {
	r      io.ReaderAt
	packed int64
	size   int64
	a      Algorithm
	entry  int64 // bytes of an entry of the table
	chunks int64

	at   int64 // chunk that is expanded, -1 for none
	last []byte
}

// Open reads a file of size bytes whose stream is r, of packed bytes.
func Open(r io.ReaderAt, packed, size int64, a Algorithm) (*File, error) {
	f := &File{r: r, packed: packed, size: size, a: a, entry: 4, at: -1}
	f.chunks = (size + a.chunk() - 1) / a.chunk()
	if size >= 1<<32 {
		f.entry = 8
	}
	if size < 0 || size > 1<<50 || f.chunks > 0 && (f.chunks-1)*f.entry > packed {
		return nil, fmt.Errorf("%w: %d bytes of %s in %d", ErrForm, size, a, packed)
	}
	return f, nil
}

// Size is that of the content.
func (f *File) Size() int64 { return f.size }

// ReadAt reads content. Errors are ErrForm and say which chunk is damaged; what
// stands before it is given.
func (f *File) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 || off >= f.size {
		return 0, io.EOF
	}
	for n < len(p) && off < f.size {
		c := off / f.a.chunk()
		if c != f.at {
			f.at = -1
			if f.last, err = f.expand(c); err != nil {
				return n, fmt.Errorf("chunk %d at offset %d of the content: %w", c, c*f.a.chunk(), err)
			}
			f.at = c
		}
		got := copy(p[n:], f.last[off-c*f.a.chunk():])
		n, off = n+got, off+int64(got)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// begin is where a chunk begins in the stream.
func (f *File) begin(c int64) (int64, error) {
	table := (f.chunks - 1) * f.entry
	if c == 0 {
		return table, nil
	}
	if c == f.chunks {
		return f.packed, nil
	}
	b := make([]byte, 8)
	if n, err := f.r.ReadAt(b[:f.entry], (c-1)*f.entry); n < int(f.entry) {
		return 0, fmt.Errorf("reading its table: %w", err)
	}
	at := binary.LittleEndian.Uint64(b)
	if at > uint64(f.packed-table) {
		return 0, fmt.Errorf("%w: it begins at %d of %d bytes", ErrForm, at, f.packed-table)
	}
	return table + int64(at), nil
}

func (f *File) expand(c int64) ([]byte, error) {
	from, err := f.begin(c)
	if err != nil {
		return nil, err
	}
	to, err := f.begin(c + 1)
	if err != nil {
		return nil, err
	}
	want := min(f.a.chunk(), f.size-c*f.a.chunk())
	if to <= from || to-from > want {
		return nil, fmt.Errorf("%w: %d bytes are packed from %d to %d", ErrForm, want, from, to)
	}
	b := make([]byte, to-from)
	if n, err := f.r.ReadAt(b, from); n < len(b) {
		return nil, fmt.Errorf("reading at offset %d of its packed content: %w", from+int64(n), err)
	}
	if int64(len(b)) == want {
		return b, nil
	}
	if f.a != LZX {
		out, err := xpress.Expand(b, int(want))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrForm, err)
		}
		return out[:want], nil
	}
	return expandLZX(b, int(want))
}

// expandLZX expands a chunk. The library panics over some that are damaged.
func expandLZX(b []byte, want int) (out []byte, err error) {
	n := 0
	defer func() {
		if p := recover(); p != nil {
			out, err = nil, fmt.Errorf("%w: after %d bytes: %v", ErrForm, n, p)
		}
	}()
	z, err := lzx.NewReader(bytes.NewReader(b), want)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForm, err)
	}
	out = make([]byte, want)
	if n, err = io.ReadFull(z, out); err != nil {
		return nil, fmt.Errorf("%w: after %d bytes: %w", ErrForm, n, err)
	}
	return out, nil
}
