package local

import "math/bits"

// bitset is a set of a segment's documents; nil is the empty one.
type bitset []uint64

func newBitset(docs int) bitset { return make(bitset, (docs+chunk-1)/chunk*(chunk/64)) }

func (b bitset) has(doc int) bool { return b != nil && b[doc/64]>>(doc%64)&1 != 0 }

func (b bitset) set(doc uint32) { b[doc/64] |= 1 << (doc % 64) }

func (b bitset) clear(doc uint32) { b[doc/64] &^= 1 << (doc % 64) }

func (b bitset) count() (n int) {
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

// mask is a set of the documents of a chunk.
type mask [chunk / 64]uint64

func (m *mask) ones(n int) {
	for i := range m {
		switch {
		case n >= 64*(i+1):
			m[i] = ^uint64(0)
		case n <= 64*i:
			m[i] = 0
		default:
			m[i] = 1<<(n-64*i) - 1
		}
	}
}

func (m *mask) count() (n int) {
	for _, w := range m {
		n += bits.OnesCount64(w)
	}
	return n
}

// each calls f for each document of the mask of a chunk that begins at first.
func (m *mask) each(first int, f func(doc int)) {
	for i, w := range m {
		for ; w != 0; w &= w - 1 {
			f(first + 64*i + bits.TrailingZeros64(w))
		}
	}
}
