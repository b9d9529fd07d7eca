// Package stream puts the segments of one direction of a TCP connection in
// order (RFC 9293): out-of-order segments wait in bounded memory, what was
// delivered once stands, gaps are told with their reason. Start with Half.
package stream

import (
	"slices"

	"saksi/sensor/internal/pages"
)

// Limits bound what reassembly holds.
type Limits struct {
	PerHalf int // bytes of memory for what waits in one direction; 0: 56 KiB, so that with its segments it stays below 64
	Total   int // bytes of memory for what waits in all streams of a shard; 0: 4 MiB
	// Window is how far ahead of the expected byte a segment may lie; 0: 16 MiB.
	Window uint32
}

// Pool is the memory the streams of one shard share, and what they count.
type Pool struct {
	Limits Limits
	blocks

	Retransmitted uint64 // segments that brought nothing new
	Overlaps      uint64 // segments part of which was there already
	OutOfOrder    uint64 // segments that had to wait
	OutOfWindow   uint64 // segments too far off to be believed
	GapBytes      [NumGaps]uint64
}

// NewPool makes a Pool that takes its memory from m; nil is the heap.
func NewPool(l Limits, m *pages.Memory) *Pool {
	if l.PerHalf == 0 {
		l.PerHalf = 56 << 10
	}
	if l.Total == 0 {
		l.Total = 4 << 20
	}
	if l.Window == 0 {
		l.Window = 16 << 20
	}
	return &Pool{Limits: l, blocks: blocks{memory: m}}
}

// Held is how much memory is in use for what waits, in bytes.
func (p *Pool) Held() int { return p.used * blockSize }

// Gap says why bytes of a stream are missing.
type Gap uint8

// Reasons of gaps.
const (
	GapLost  Gap = iota // the receiver acknowledged what was not captured
	GapLimit            // too much was waiting behind it
	GapEnd              // the connection ended before it was filled
	GapCut              // the capture's snapshot length cut the segment
	NumGaps
)

var gapNames = [NumGaps]string{"not_captured", "limit", "unfilled_at_end", "cut_by_snapshot_length"}

func (g Gap) String() string { return gapNames[g] }

// segment is a part of a stream that waits.
type segment struct {
	pkt   uint64 // that brought it
	seq   uint32
	block uint32 // that holds it
	from  uint16 // in the block
	n     uint16
}

// maxSegments bounds the segments that wait in one direction.
const maxSegments = 256

// Half is one direction of a connection. The zero value is ready.
type Half struct {
	next    uint32 // sequence number expected next
	started bool
	finSeq  uint32
	fin     bool
	held    int       // blocks
	filling block     // the one with room left
	fill    uint16    // bytes of it that are in use
	popped  block     // what Pop gave last is its last segment
	segs    []segment // waiting, sorted, not overlapping
}

// Started reports whether any segment came.
func (h *Half) Started() bool { return h.started }

// Waiting reports whether segments wait behind a gap.
func (h *Half) Waiting() bool { return len(h.segs) > 0 }

// Fin marks that the direction ends at the sequence number.
func (h *Half) Fin(seq uint32) {
	if !h.fin {
		h.fin, h.finSeq = true, seq
	}
}

// Ended reports whether everything up to the FIN was delivered.
func (h *Half) Ended() bool { return h.fin && h.started && int32(h.next-h.finSeq) >= 0 }

// Begin sets the sequence number at which the data begins; without it, the
// first segment does.
func (h *Half) Begin(seq uint32) {
	if !h.started {
		h.started, h.next = true, seq
	}
}

// Add takes a segment. If its bytes are the ones expected next, it returns
// them (a view of data, without what was delivered before); the caller then
// asks Pop for what waited behind them. Otherwise the segment is kept.
func (h *Half) Add(p *Pool, seq uint32, data []byte, pkt uint64) []byte {
	if !h.started {
		h.Begin(seq)
	}
	off := int32(seq - h.next)
	if off > int32(p.Limits.Window) || off < -int32(p.Limits.Window) {
		p.OutOfWindow++
		return nil
	}
	if off < 0 {
		if int(-off) >= len(data) {
			p.Retransmitted++
			return nil
		}
		p.Overlaps++
		data = data[-off:]
		off = 0
	}
	if off > 0 {
		p.OutOfOrder++
		h.keep(p, seq, data, pkt)
		return nil
	}
	if len(h.segs) > 0 { // bytes that wait already stand
		if room := h.segs[0].seq - h.next; uint32(len(data)) > room {
			p.Overlaps++
			h.keep(p, h.next+room, data[room:], pkt) // what lies behind them waits too
			data = data[:room]
		}
	}
	h.next += uint32(len(data))
	return data
}

// keep copies the parts of a segment that do not wait yet.
func (h *Half) keep(p *Pool, seq uint32, data []byte, pkt uint64) {
	for len(data) > 0 {
		i, _ := slices.BinarySearchFunc(h.segs, seq, func(s segment, q uint32) int {
			if int32(s.seq-q) > 0 {
				return 1
			}
			return -1
		}) // first segment that starts after seq
		if i > 0 {
			prev := h.segs[i-1]
			if end := prev.seq + uint32(prev.n); int32(end-seq) > 0 {
				skip := end - seq
				if skip >= uint32(len(data)) {
					p.Overlaps++
					return
				}
				p.Overlaps++
				seq, data = seq+skip, data[skip:]
				continue
			}
		}
		part := data
		if i < len(h.segs) {
			if room := h.segs[i].seq - seq; uint32(len(part)) > room {
				part = part[:room]
			}
		}
		s := h.store(p, part)
		s.seq, s.pkt = seq, pkt
		h.segs = slices.Insert(h.segs, i, s)
		seq, data = seq+uint32(s.n), data[s.n:]
	}
}

// Pop returns the next bytes that waited and are now in order, with the number
// of the packet that brought them, or ok false. They are valid until something
// is added to any stream of the pool.
func (h *Half) Pop(p *Pool) (data []byte, pkt uint64, ok bool) {
	h.settle(p)
	if len(h.segs) == 0 || h.segs[0].seq != h.next {
		return nil, 0, false
	}
	s := h.segs[0]
	h.segs = h.segs[1:]
	if len(h.segs) == 0 {
		h.segs = nil
	}
	h.next += uint32(s.n)
	if p.leave(s.block) {
		h.popped = block(s.block) + 1
	}
	return p.data(s.block)[s.from : s.from+s.n], s.pkt, true
}

// Full reports whether the stream, or its shard, holds more than it may; the
// caller then calls Skip.
func (h *Half) Full(p *Pool) bool {
	return len(h.segs) > 0 && (h.held*blockSize > p.Limits.PerHalf || p.Held() > p.Limits.Total || len(h.segs) > maxSegments)
}

// Skip gives up the gap before the first waiting segment and returns its
// length; the caller tells its parser and then asks Pop.
func (h *Half) Skip(p *Pool, why Gap) uint32 {
	if len(h.segs) == 0 {
		return 0
	}
	n := h.segs[0].seq - h.next
	h.next = h.segs[0].seq
	p.GapBytes[why] += uint64(n)
	return n
}

// Acked tells that the receiver has everything before ack. Bytes of it that
// were not captured are a gap, whose length is returned.
func (h *Half) Acked(p *Pool, ack uint32) uint32 {
	if !h.started {
		return 0
	}
	if h.fin && ack == h.finSeq+1 {
		ack = h.finSeq
	}
	n := ack - h.next
	if int32(n) <= 0 || n > p.Limits.Window {
		return 0
	}
	if len(h.segs) > 0 {
		n = min(n, h.segs[0].seq-h.next)
	}
	h.next += n
	p.GapBytes[GapLost] += uint64(n)
	return n
}

// Advance passes over n bytes that were on the wire but not captured.
func (h *Half) Advance(p *Pool, n uint32) {
	h.next += n
	p.GapBytes[GapCut] += uint64(n)
}

// Drop gives back the memory of what waits.
func (h *Half) Drop(p *Pool) {
	h.settle(p)
	for _, s := range h.segs {
		if p.leave(s.block) {
			p.give(s.block)
		}
	}
	h.held, h.segs, h.filling = 0, nil, 0
}
