package xpress

import "encoding/binary"

// ExpandPlain expands what was compressed with LZ77 alone ([MS-XCA] section 2.4),
// as values of databases are, into size bytes. Errors are as Expand's.
func ExpandPlain(src []byte, size int) ([]byte, error) {
	dst := make([]byte, 0, min(size, 64<<20))
	x := &expander{src: src}
	var flags uint32
	left, nibble := 0, -1
	for len(dst) < size {
		if left == 0 {
			if x.at+4 > len(src) {
				return dst, x.fail("flags are missing")
			}
			flags, left = binary.LittleEndian.Uint32(src[x.at:]), 32
			x.at += 4
		}
		left--
		if flags>>left&1 == 0 {
			if x.at >= len(src) {
				return dst, x.fail("the data ends early")
			}
			dst = append(dst, src[x.at])
			x.at++
			continue
		}
		if x.at+2 > len(src) {
			return dst, x.fail("a match is missing")
		}
		w := int(binary.LittleEndian.Uint16(src[x.at:]))
		x.at += 2
		n, off := w&7, w>>3+1
		if n == 7 {
			var err error
			if n, nibble, err = x.length(nibble); err != nil {
				return dst, err
			}
		}
		n += 3
		if off > len(dst) {
			return dst, x.fail("a match reaches before the beginning")
		}
		for range min(n, size-len(dst)) {
			dst = append(dst, dst[len(dst)-off])
		}
	}
	return dst, nil
}

// length reads a length of 7 and more: half a byte, which two lengths share, then
// a byte, then a word.
func (x *expander) length(nibble int) (n, left int, err error) {
	left = -1
	if nibble >= 0 {
		n = int(x.src[nibble] >> 4)
	} else {
		if x.at >= len(x.src) {
			return 0, -1, x.fail("a length is missing")
		}
		n, left = int(x.src[x.at]&15), x.at
		x.at++
	}
	if n < 15 {
		return n + 7, left, nil
	}
	if x.at >= len(x.src) {
		return 0, left, x.fail("a length is missing")
	}
	b := int(x.src[x.at])
	x.at++
	if b < 255 {
		return b + 15 + 7, left, nil
	}
	if x.at+2 > len(x.src) {
		return 0, left, x.fail("a length is missing")
	}
	n = int(binary.LittleEndian.Uint16(x.src[x.at:]))
	x.at += 2
	if n == 0 {
		if x.at+4 > len(x.src) {
			return 0, left, x.fail("a length is missing")
		}
		n = int(binary.LittleEndian.Uint32(x.src[x.at:]))
		x.at += 4
	}
	if n < 22 || n > 1<<30 {
		return 0, left, x.fail("a length is too small or too large")
	}
	return n, left, nil
}
