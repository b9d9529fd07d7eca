package ese

import "encoding/binary"

// pageECC: the checksum has a second half that could mend one bit, which is not
// looked at; without it the page's number stands in its place.
const pageECC = 0x2000

// headerFits reports whether the checksum of a header is right.
func headerFits(b []byte) bool { return xor(0x89abcdef, b[4:]) == binary.LittleEndian.Uint32(b) }

// fits reports whether the checksums of a page are right; pages of more than 8 KiB
// have one for each quarter.
func (p *page) fits() bool {
	le := binary.LittleEndian
	if p.flags&pageECC == 0 {
		return xor(0x89abcdef, p.b[4:]) == le.Uint32(p.b)
	}
	first := p.b[8:]
	if p.large {
		quarter := len(p.b) / 4
		first = p.b[8:quarter]
		for i := 1; i < 4; i++ {
			if xor(p.number, p.b[i*quarter:(i+1)*quarter]) != le.Uint32(p.b[32+8*i:]) {
				return false
			}
		}
	}
	return xor(p.number, first) == le.Uint32(p.b)
}

// xor folds words of 32 bits into one.
func xor(seed uint32, b []byte) uint32 {
	var x uint64
	for ; len(b) >= 8; b = b[8:] {
		x ^= binary.LittleEndian.Uint64(b)
	}
	y := seed ^ uint32(x) ^ uint32(x>>32)
	if len(b) >= 4 {
		y ^= binary.LittleEndian.Uint32(b)
	}
	return y
}
