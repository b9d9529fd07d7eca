package stream

import "saksi/sensor/internal/pages"

const (
	// blockSize is the unit in which memory is used for what waits, in bytes.
	blockSize = 2 << 10
	// sectionBlocks is how many blocks a pool takes at a time.
	sectionBlocks = 32
)

// blocks is the memory of a pool.
type blocks struct {
	memory   *pages.Memory
	sections [][]byte
	segments []uint16 // by block: those in it that wait
	free     []uint32
	used     int
}

// block is 1 + the number of a block; 0 is none.
type block uint32

// take gives an unused block.
func (p *blocks) take() uint32 {
	if len(p.free) == 0 {
		first := uint32(len(p.segments))
		p.sections = append(p.sections, p.memory.Take(sectionBlocks*blockSize))
		p.segments = append(p.segments, make([]uint16, sectionBlocks)...)
		for i := uint32(sectionBlocks); i > 0; i-- {
			p.free = append(p.free, first+i-1)
		}
	}
	b := p.free[len(p.free)-1]
	p.free = p.free[:len(p.free)-1]
	p.used++
	return b
}

// give takes a block back.
func (p *blocks) give(b uint32) {
	p.free = append(p.free, b)
	p.used--
}

// leave takes a segment off a block and reports whether it was the last.
func (p *blocks) leave(b uint32) bool {
	p.segments[b]--
	return p.segments[b] == 0
}

// data is the memory of a block.
func (p *blocks) data(b uint32) []byte {
	at := b % sectionBlocks * blockSize
	return p.sections[b/sectionBlocks][at : at+blockSize]
}

// store copies as much of data as goes into one block.
func (h *Half) store(p *Pool, data []byte) segment {
	h.settle(p)
	if h.filling == 0 || int(h.fill) == blockSize {
		h.filling, h.fill = block(p.take())+1, 0
		h.held++
	}
	b := uint32(h.filling - 1)
	n := copy(p.data(b)[h.fill:], data)
	s := segment{block: b, from: h.fill, n: uint16(n)}
	h.fill += uint16(n)
	p.segments[b]++
	return s
}

// settle gives back the block of what Pop gave last.
func (h *Half) settle(p *Pool) {
	if h.popped == 0 {
		return
	}
	if h.popped == h.filling {
		h.filling = 0
	}
	p.give(uint32(h.popped - 1))
	h.popped = 0
	h.held--
}
