package decode

import "slices"

// FragLimits bound what defragmentation holds. The zero value takes the
// defaults named here.
type FragLimits struct {
	Datagrams int   // held at once; 0: 4096
	Bytes     int   // held in total; 0: 16 MiB
	PerItem   int   // fragments of one datagram; 0: 512
	Timeout   int64 // ns of capture time a datagram may take; 0: 60 s (RFC 8200 section 4.5)
}

// FragStats counts fragments by what became of them.
type FragStats struct {
	Fragments   uint64
	Reassembled uint64 // datagrams
	Expired     uint64 // datagrams given up after the timeout
	Evicted     uint64 // datagrams given up for a limit
	Overlaps    uint64 // fragments whose bytes overlap earlier ones; the earlier bytes stand
	Bad         uint64 // fragments with an impossible length or offset
}

// maxDatagram is the largest IP payload.
const maxDatagram = 65535

type fragKey struct {
	src, dst [16]byte
	id, ctx  uint32
	proto    uint8
	v6       bool
}

type piece struct{ from, to int }

type datagram struct {
	key    fragKey
	first  int64
	buf    []byte
	pieces []piece // sorted, not overlapping
	frames []uint64
	total  int // payload length once the last fragment came, else -1
	count  int
	hdr    uint32 // IP header bytes of the first fragment
	head   Packet // of the fragment at offset 0, else of the first seen
}

// defrag puts datagrams together; among overlapping fragments the bytes that
// came first stand.
type defrag struct {
	limits FragLimits
	items  map[fragKey]*datagram
	queue  []*datagram // in order of arrival; finished ones are nil in items
	bytes  int
}

func (g *defrag) init(l FragLimits) {
	if l.Datagrams == 0 {
		l.Datagrams = 4096
	}
	if l.Bytes == 0 {
		l.Bytes = 16 << 20
	}
	if l.PerItem == 0 {
		l.PerItem = 512
	}
	if l.Timeout == 0 {
		l.Timeout = 60e9
	}
	g.limits = l
	g.items = map[fragKey]*datagram{}
}

// fragment takes one fragment p and, when it completes its datagram, goes on
// with the whole.
func (d *Decoder) fragment(out []Packet, p *Packet, f *frame, key fragKey, off int, more bool) ([]Packet, Reason) {
	d.Frags.Fragments++
	n := len(p.Segment)
	if off+n > maxDatagram {
		d.raise(p, v6Event(p, EvIPv4FragTooLarge, EvIPv6FragTooLarge))
	}
	if p.Flags&FlagCut != 0 || n == 0 || off+n > maxDatagram || more && n%8 != 0 {
		d.Frags.Bad++
		p.finish(f)
		p.Flags |= FlagFragment
		return append(out, *p), FragmentBad
	}
	d.expire(p.Time)
	g := &d.frags
	it := g.items[key]
	if it == nil {
		for len(g.items) >= g.limits.Datagrams {
			d.dropOldest(&d.Frags.Evicted)
		}
		it = &datagram{key: key, first: p.Time, total: -1, head: *p}
		g.items[key] = it
		g.queue = append(g.queue, it)
	}
	if it.count >= g.limits.PerItem {
		d.Frags.Bad++
		return out, FragmentBad
	}
	it.count++
	it.frames = append(it.frames, p.Number)
	if off == 0 {
		it.head = *p
	}
	it.hdr = p.IPLen - p.SegLen
	if !more {
		if it.total >= 0 && it.total != off+n {
			d.Frags.Bad++
			return out, FragmentBad
		}
		it.total = off + n
	}
	if need := off + n; need > len(it.buf) {
		g.bytes += need - len(it.buf)
		it.buf = slices.Grow(it.buf, need-len(it.buf))[:need]
	}
	if it.insert(off, p.Segment) {
		d.Frags.Overlaps++
		d.raise(p, v6Event(p, EvIPv4FragOverlap, EvIPv6FragOverlap))
	}
	for g.bytes > g.limits.Bytes {
		d.dropOldest(&d.Frags.Evicted)
	}
	if it.total < 0 || len(it.pieces) != 1 || it.pieces[0].from != 0 || it.pieces[0].to < it.total || g.items[key] != it {
		d.held, d.fragmentOf = true, *p
		return out, Fragment
	}
	delete(g.items, key)
	g.bytes -= len(it.buf)
	d.Frags.Reassembled++
	q := it.head
	q.Number, q.Time = p.Number, p.Time
	q.Segment = it.buf[:it.total:it.total]
	q.SegLen = uint32(it.total)
	q.IPLen = it.hdr + uint32(it.total)
	q.Flags |= FlagReassembled
	q.Flags &^= FlagCut
	q.FragOff, q.FragBits = 0, q.FragBits&^1
	q.Events = p.Events
	q.Frags = it.frames[:len(it.frames)-1]
	return d.transport(out, &q, f)
}

// v6Event chooses the event of the packet's version.
func v6Event(p *Packet, v4, v6 Event) Event {
	if p.Flags&FlagV6 != 0 {
		return v6
	}
	return v4
}

// insert copies what no earlier fragment holds and reports an overlap.
func (it *datagram) insert(off int, b []byte) (overlap bool) {
	at, end := off, off+len(b)
	i := 0
	for at < end {
		for i < len(it.pieces) && it.pieces[i].to <= at {
			i++
		}
		stop := end
		if i < len(it.pieces) {
			if it.pieces[i].from <= at {
				overlap = true
				at = it.pieces[i].to
				continue
			}
			stop = min(end, it.pieces[i].from)
		}
		copy(it.buf[at:stop], b[at-off:stop-off])
		it.pieces = slices.Insert(it.pieces, i, piece{at, stop})
		at = stop
	}
	merged := it.pieces[:1]
	for _, p := range it.pieces[1:] {
		if last := &merged[len(merged)-1]; p.from <= last.to {
			last.to = max(last.to, p.to)
		} else {
			merged = append(merged, p)
		}
	}
	it.pieces = merged
	return overlap
}

func (d *Decoder) expire(now int64) {
	g := &d.frags
	for len(g.queue) > 0 {
		it := g.queue[0]
		if g.items[it.key] == it && now-it.first <= g.limits.Timeout {
			return
		}
		if g.items[it.key] == it {
			d.dropOldest(&d.Frags.Expired)
		} else {
			g.queue = g.queue[1:]
		}
	}
}

// dropOldest gives up the datagram that has waited longest.
func (d *Decoder) dropOldest(counter *uint64) {
	g := &d.frags
	for len(g.queue) > 0 {
		it := g.queue[0]
		g.queue[0] = nil
		g.queue = g.queue[1:]
		if g.items[it.key] != it {
			continue
		}
		delete(g.items, it.key)
		g.bytes -= len(it.buf)
		*counter++
		return
	}
}

// Pending is the number of datagrams still incomplete.
func (d *Decoder) Pending() int { return len(d.frags.items) }
