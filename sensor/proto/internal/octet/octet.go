// Package octet reads binary messages. A Reader never reads past its end: what
// is not there reads as zero, and Bad then reports it.
package octet

import (
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// Reader reads from the front of a message.
type Reader struct {
	b   []byte
	bad bool
}

// Of returns a Reader of b.
func Of(b []byte) Reader { return Reader{b: b} }

// Bad reports whether something was read that is not there.
func (r *Reader) Bad() bool { return r.bad }

// Len is the number of bytes not read.
func (r *Reader) Len() int { return len(r.b) }

// Rest returns the bytes not read.
func (r *Reader) Rest() []byte { return r.b }

// Next returns the next n bytes, or nil if they are not there.
func (r *Reader) Next(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.b, r.bad = nil, true
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

// Skip passes over n bytes.
func (r *Reader) Skip(n int) { r.Next(n) }

// U8 reads a byte.
func (r *Reader) U8() uint8 {
	if v := r.Next(1); v != nil {
		return v[0]
	}
	return 0
}

// BE16 reads two bytes, the high one first.
func (r *Reader) BE16() uint16 {
	if v := r.Next(2); v != nil {
		return binary.BigEndian.Uint16(v)
	}
	return 0
}

// BE32 reads four bytes, the highest first.
func (r *Reader) BE32() uint32 {
	if v := r.Next(4); v != nil {
		return binary.BigEndian.Uint32(v)
	}
	return 0
}

// LE16 reads two bytes, the low one first.
func (r *Reader) LE16() uint16 {
	if v := r.Next(2); v != nil {
		return binary.LittleEndian.Uint16(v)
	}
	return 0
}

// LE32 reads four bytes, the lowest first.
func (r *Reader) LE32() uint32 {
	if v := r.Next(4); v != nil {
		return binary.LittleEndian.Uint32(v)
	}
	return 0
}

// LE64 reads eight bytes, the lowest first.
func (r *Reader) LE64() uint64 {
	if v := r.Next(8); v != nil {
		return binary.LittleEndian.Uint64(v)
	}
	return 0
}

// CString reads up to a zero byte, which it takes too.
func (r *Reader) CString() []byte {
	for i, c := range r.b {
		if c == 0 {
			v := r.b[:i:i]
			r.b = r.b[i+1:]
			return v
		}
	}
	r.b, r.bad = nil, true
	return nil
}

// Slice returns n bytes of b from offset at, or nil if they are not all there.
func Slice(b []byte, at, n int) []byte {
	if at < 0 || n <= 0 || at > len(b) || n > len(b)-at {
		return nil
	}
	return b[at : at+n : at+n]
}

// Head returns what there is of n bytes of b from offset at.
func Head(b []byte, at, n int) []byte {
	if at < 0 || n <= 0 || at >= len(b) {
		return nil
	}
	return b[at:min(at+n, len(b))]
}

// AppendUTF16 appends UTF-16, low byte first, as UTF-8; what is no UTF-16
// becomes U+FFFD. It stops at a zero character.
func AppendUTF16(dst, b []byte) []byte {
	for len(b) >= 2 {
		r := rune(binary.LittleEndian.Uint16(b))
		b = b[2:]
		if r == 0 {
			break
		}
		if utf16.IsSurrogate(r) {
			low := rune(0)
			if len(b) >= 2 {
				low = rune(binary.LittleEndian.Uint16(b))
			}
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				b = b[2:]
			}
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}
