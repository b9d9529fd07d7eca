// Package xpress expands what Windows compressed with LZ77 and Huffman codes
// ([MS-XCA] section 2.2), as prefetch files are. Expand is its one entry.
package xpress

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrForm is returned for data that is not of the form.
var ErrForm = errors.New("not compressed with LZ77 and Huffman codes")

const (
	tableSize = 256   // bytes of a table of code lengths, two symbols a byte
	blockSize = 65536 // bytes of output that one table is for
	maxCode   = 15    // bits
)

// Expand expands src into size bytes. Errors are ErrForm and say where; what was
// expanded until then is returned with them.
func Expand(src []byte, size int) ([]byte, error) {
	dst := make([]byte, 0, min(size, 64<<20))
	x := &expander{src: src}
	for len(dst) < size {
		if err := x.table(); err != nil {
			return dst, err
		}
		var err error
		if dst, err = x.block(dst, min(len(dst)+blockSize, size)); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

type expander struct {
	src     []byte
	at      int // next byte
	next    uint32
	left    int // bits of next beyond 16
	beyond  int // words read beyond the end
	symbols [1 << maxCode]uint16
	lengths [512]byte
}

func (x *expander) fail(what string) error {
	return fmt.Errorf("%w: %s at byte %d", ErrForm, what, x.at)
}

// word reads 16 bits; beyond the end they are zero.
func (x *expander) word() uint32 {
	if x.at+2 > len(x.src) {
		x.at = len(x.src)
		x.beyond++
		return 0
	}
	w := binary.LittleEndian.Uint16(x.src[x.at:])
	x.at += 2
	return uint32(w)
}

// table reads the code lengths of a block and makes its decoding table.
func (x *expander) table() error {
	if x.at+tableSize > len(x.src) {
		return x.fail("a table of codes ends early")
	}
	for i, b := range x.src[x.at : x.at+tableSize] {
		x.lengths[2*i], x.lengths[2*i+1] = b&15, b>>4
	}
	x.at += tableSize
	at := 0
	for n := byte(1); n <= maxCode; n++ {
		for s, l := range x.lengths {
			if l != n {
				continue
			}
			span := 1 << (maxCode - n)
			if at+span > len(x.symbols) {
				return x.fail("a table of codes is too full")
			}
			for i := range span {
				x.symbols[at+i] = uint16(s)
			}
			at += span
		}
	}
	if at != len(x.symbols) {
		return x.fail("a table of codes is not full")
	}
	x.next = x.word() << 16
	x.next |= x.word()
	x.left = 16
	return nil
}

func (x *expander) drop(n int) {
	x.next <<= n
	if x.left -= n; x.left < 0 {
		x.next |= x.word() << -x.left
		x.left += 16
	}
}

// block expands to the size given.
func (x *expander) block(dst []byte, size int) ([]byte, error) {
	for len(dst) < size {
		if x.beyond > 2 { // more than the bits that wait
			return dst, x.fail("the data ends early")
		}
		s := x.symbols[x.next>>(32-maxCode)]
		x.drop(int(x.lengths[s]))
		if s < 256 {
			dst = append(dst, byte(s))
			continue
		}
		s -= 256
		if s == 0 && x.at >= len(x.src) {
			return dst, x.fail("the data ends early")
		}
		n, bits := int(s&15), int(s>>4)
		if n == 15 {
			var err error
			if n, err = x.long(); err != nil {
				return dst, err
			}
		}
		n += 3
		off := 1<<bits + int(uint64(x.next)>>(32-bits))
		x.drop(bits)
		if off > len(dst) {
			return dst, x.fail(fmt.Sprintf("a match reaches %d bytes back of %d", off, len(dst)))
		}
		// It may go on over the block's end.
		for range min(n, size+blockSize-len(dst)) {
			dst = append(dst, dst[len(dst)-off])
		}
	}
	return dst, nil
}

// long reads the length of a match that fits no symbol.
func (x *expander) long() (int, error) {
	if x.at >= len(x.src) {
		return 0, x.fail("a length is missing")
	}
	n := int(x.src[x.at])
	x.at++
	if n < 255 {
		return n + 15, nil
	}
	if x.at+2 > len(x.src) {
		return 0, x.fail("a length is missing")
	}
	n = int(binary.LittleEndian.Uint16(x.src[x.at:]))
	x.at += 2
	if n == 0 {
		if x.at+4 > len(x.src) {
			return 0, x.fail("a length is missing")
		}
		n = int(binary.LittleEndian.Uint32(x.src[x.at:]))
		x.at += 4
	}
	if n < 15 {
		return 0, x.fail("a length is too small")
	}
	return n, nil
}
