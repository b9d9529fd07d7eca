package lzfse

import "fmt"

// DecodeVN unpacks a stream of LZVN into dst and gives the bytes that it wrote. It
// ends where the stream says so, or where dst is full.
//
// Specification: Apple, lzfse 1.0, src/lzvn_decode_base.c.
func DecodeVN(dst, src []byte) (int, error) { return vn(dst, 0, src) }

// vn unpacks behind the n bytes that dst holds; matches may lie in them.
func vn(dst []byte, n int, src []byte) (int, error) {
	at, dist := 0, 0
	short := func() (int, error) {
		return n, fmt.Errorf("LZVN: the stream ends within an instruction at offset %d, after %d bytes", at, n)
	}
	for n < len(dst) {
		if at >= len(src) {
			return short()
		}
		op := src[at]
		size, lit, match := 1, 0, 0
		switch {
		case op == 6: // the end
			return n, nil
		case op == 14 || op == 22: // nothing
			at++
			continue
		case op >= 0xf0:
			if match = int(op & 15); match == 0 {
				if size = 2; at+1 >= len(src) {
					return short()
				}
				match = int(src[at+1]) + 16
			}
		case op >= 0xe0:
			if lit = int(op & 15); lit == 0 {
				if size = 2; at+1 >= len(src) {
					return short()
				}
				lit = int(src[at+1]) + 16
			}
		case op >= 0xd0 || op >= 0x70 && op < 0x80 || op == 30 || op == 38 || op == 46 || op == 54 || op == 62:
			return n, fmt.Errorf("LZVN: instruction 0x%02x at offset %d is none", op, at)
		case op >= 0xa0 && op < 0xc0: // a distance of 14 bits
			if size = 3; at+2 >= len(src) {
				return short()
			}
			w := int(src[at+1]) | int(src[at+2])<<8
			lit, match, dist = int(op>>3&3), int(op&7)<<2|w&3, w>>2
			match += 3
		default:
			lit, match = int(op>>6), int(op>>3&7)+3
			switch op & 7 {
			case 6: // the distance before
			case 7: // of 16 bits
				if size = 3; at+2 >= len(src) {
					return short()
				}
				dist = int(src[at+1]) | int(src[at+2])<<8
			default: // of 11 bits
				if size = 2; at+1 >= len(src) {
					return short()
				}
				dist = int(op&7)<<8 | int(src[at+1])
			}
		}
		if at += size; lit > len(src)-at {
			return short()
		}
		n += copy(dst[n:], src[at:at+lit])
		if at += lit; match == 0 {
			continue
		}
		var err error
		if n, err = repeat(dst, n, dist, match); err != nil {
			return n, fmt.Errorf("LZVN: at offset %d: %w", at, err)
		}
	}
	return n, nil
}

// repeat copies what lies dist before n, as far as dst goes.
func repeat(dst []byte, n, dist, length int) (int, error) {
	if dist <= 0 || dist > n {
		return n, fmt.Errorf("a match %d bytes back, %d are there", dist, n)
	}
	for end := min(n+length, len(dst)); n < end; n++ {
		dst[n] = dst[n-dist]
	}
	return n, nil
}
