// Package wire encodes the small binary records that saksi and saksi-worker
// exchange: unsigned varints, zigzag varints, and length-prefixed bytes. A
// Reader checks every length against what is left, so that a hostile record
// costs an error and no memory.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrShort is returned when a record ends before a value does, or a length
// exceeds what is left.
var ErrShort = errors.New("record is cut short")

// Writer appends values to B.
type Writer struct{ B []byte }

// Uint appends an unsigned varint.
func (w *Writer) Uint(n uint64) { w.B = binary.AppendUvarint(w.B, n) }

// Int appends a zigzag varint.
func (w *Writer) Int(n int64) { w.B = binary.AppendVarint(w.B, n) }

// Bool appends 0 or 1.
func (w *Writer) Bool(b bool) {
	if b {
		w.B = append(w.B, 1)
	} else {
		w.B = append(w.B, 0)
	}
}

// String appends a length and the bytes of s.
func (w *Writer) String(s string) {
	w.Uint(uint64(len(s)))
	w.B = append(w.B, s...)
}

// Bytes appends a length and b.
func (w *Writer) Bytes(b []byte) {
	w.Uint(uint64(len(b)))
	w.B = append(w.B, b...)
}

// Reader takes values from B in order. After the first error all values are
// zero and Err keeps it.
type Reader struct {
	B   []byte
	err error
	at  int
}

// Err is the first error met, with its offset in the record.
func (r *Reader) Err() error { return r.err }

// Len is the number of bytes left.
func (r *Reader) Len() int { return len(r.B) - r.at }

func (r *Reader) fail() {
	if r.err == nil {
		r.err = fmt.Errorf("%w at offset %d of %d", ErrShort, r.at, len(r.B))
	}
}

// Uint takes an unsigned varint.
func (r *Reader) Uint() uint64 {
	if r.err != nil {
		return 0
	}
	n, k := binary.Uvarint(r.B[r.at:])
	if k <= 0 {
		r.fail()
		return 0
	}
	r.at += k
	return n
}

// Int takes a zigzag varint.
func (r *Reader) Int() int64 {
	if r.err != nil {
		return 0
	}
	n, k := binary.Varint(r.B[r.at:])
	if k <= 0 {
		r.fail()
		return 0
	}
	r.at += k
	return n
}

// Bool takes a truth value.
func (r *Reader) Bool() bool { return r.Uint() != 0 }

// Bytes takes a length and returns that many bytes, a view of the record.
func (r *Reader) Bytes() []byte {
	n := r.Uint()
	if r.err != nil {
		return nil
	}
	if n > uint64(len(r.B)-r.at) {
		r.fail()
		return nil
	}
	b := r.B[r.at : r.at+int(n)]
	r.at += int(n)
	return b
}

// String takes a length and returns that many bytes as a copy.
func (r *Reader) String() string { return string(r.Bytes()) }
