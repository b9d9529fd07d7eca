package flow

import (
	"encoding/binary"
	"math/bits"
	"unsafe"

	"saksi/sensor/decode"
	"saksi/sensor/internal/pages"
)

// Timeouts are how long a flow may be silent, in nanoseconds of capture time.
// The defaults are Zeek's.
type Timeouts struct {
	TCP     int64 // established or half open, 5 min
	Attempt int64 // TCP that nobody answered, 5 min
	Closed  int64 // TCP after FIN from both sides or RST, 5 s
	UDP     int64 // 1 min
	ICMP    int64 // 1 min
	Other   int64 // 1 min
}

// DefaultTimeouts are the timeouts used for zero values.
var DefaultTimeouts = Timeouts{TCP: 300e9, Attempt: 300e9, Closed: 5e9, UDP: 60e9, ICMP: 60e9, Other: 60e9}

// Config bounds a Table.
type Config struct {
	Timeouts Timeouts
	MaxFlows int           // at once; 0: 32,768
	Servers  *Ports        // ports that servers listen on; they decide direction when the beginning was not captured
	Seed     uint64        // of the hash; a secret keeps senders from choosing collisions
	Memory   *pages.Memory // holds the records; nil: the heap does
	Detail   bool          // keep a Detail of each flow
}

const (
	slabBits  = 9
	slabSize  = 1 << slabBits
	none      = 0 // index 0 is never used
	wheelSize = 512
	tick      = int64(1e9)
	// backwards is how many ticks capture time may go back before the clock
	// follows it: one frame with a time far ahead must not stop all timers.
	backwards = 600
)

// Table holds the flows of one shard. It is not safe for concurrent use.
type Table struct {
	cfg     Config
	slabs   []*[slabSize]Record
	details []*[slabSize]Detail // beside slabs; nil unless asked for
	free    uint32              // chain of free records
	next    uint32              // first index never used
	buckets []uint32
	used    int
	wheel   [wheelSize]uint32
	due     uint32 // rest of the slot of that tick that was not looked at yet
	now     int64  // tick the wheel stands at
	started bool
	closing bool
	last    []uint32 // flows still to end

	// End is called for each flow that ends, before its record is reused.
	End func(i uint32, r *Record, why EndReason)

	Created uint64
	Evicted uint64
}

// EndReason says why a flow ended.
type EndReason uint8

// Reasons a flow ends.
const (
	EndTimeout EndReason = iota
	EndClosed            // TCP closed, and its linger time passed
	EndReuse             // the same ports began a new connection
	EndEvicted           // the table was full
	EndInput             // the capture ended
)

var endNames = [...]string{"timeout", "closed", "reused", "evicted", "end_of_capture"}

func (e EndReason) String() string { return endNames[e] }

// NewTable makes an empty table.
func NewTable(cfg Config) *Table {
	if cfg.MaxFlows == 0 {
		cfg.MaxFlows = 32768
	}
	fill := func(v *int64, def int64) {
		if *v == 0 {
			*v = def
		}
	}
	o, d := &cfg.Timeouts, DefaultTimeouts
	fill(&o.TCP, d.TCP)
	fill(&o.Attempt, d.Attempt)
	fill(&o.Closed, d.Closed)
	fill(&o.UDP, d.UDP)
	fill(&o.ICMP, d.ICMP)
	fill(&o.Other, d.Other)
	t := &Table{cfg: cfg, next: 1, buckets: make([]uint32, 64)}
	if cfg.Detail {
		t.details = []*[slabSize]Detail{}
	}
	return t
}

// Get returns the record at an index Update gave, valid until its flow ends.
func (t *Table) Get(i uint32) *Record { return &t.slabs[i>>slabBits][i&(slabSize-1)] }

// Len is the number of open flows.
func (t *Table) Len() int { return t.used }

func (t *Table) hash(p *decode.Packet) uint64 {
	s, d := &p.Src, &p.Dst
	seed := t.cfg.Seed
	a, b := bits.Mul64(binary.LittleEndian.Uint64(s[:8])^seed^uint64(p.SrcPort)<<17, binary.LittleEndian.Uint64(s[8:])^0x8bb84b93962eacc9^uint64(p.SrcPort))
	c, e := bits.Mul64(binary.LittleEndian.Uint64(d[:8])^seed^uint64(p.DstPort)<<17, binary.LittleEndian.Uint64(d[8:])^0x8bb84b93962eacc9^uint64(p.DstPort))
	h := (a ^ b) + (c ^ e) // the same for both directions
	hi, lo := bits.Mul64(h^uint64(p.Context)<<8^uint64(p.Proto), seed|1)
	return hi ^ lo
}

// Update finds or makes the flow of p and counts p in it. It returns the
// flow's index, the direction of p, and whether the flow is new.
func (t *Table) Update(p *decode.Packet, goodChecksum bool) (i uint32, dir int, fresh bool) {
	if !t.started {
		t.started, t.now = true, p.Time/tick
	}
	lo := lower(p)
	h := t.hash(p)
	b := h & uint64(len(t.buckets)-1)
	for i = t.buckets[b]; i != none; {
		r := t.Get(i)
		if r.key(p, lo) {
			switch {
			case p.Time-r.Last > t.timeout(r):
				t.restart(i, r, p, lo, EndTimeout)
				fresh = true
			case r.Proto == decode.ProtoTCP && goodChecksum && r.reused(p):
				t.restart(i, r, p, lo, EndReuse)
				fresh = true
			}
			break
		}
		i = r.chain
	}
	if i == none {
		if t.used >= t.cfg.MaxFlows {
			t.evict()
		}
		i = t.insert(p, lo, h)
		t.arm(i, t.Get(i))
		fresh = true
	}
	if t.cfg.Detail {
		t.detail(i, p, lo, fresh)
	}
	r := t.Get(i)
	dir = FromOrig
	if r.side(FromOrig) != lo {
		dir = FromResp
	}
	dir = r.count(p, dir, goodChecksum, t.cfg.Servers)
	return i, dir, fresh
}

// slab gives room for more records.
func (t *Table) slab() *[slabSize]Record {
	b := t.cfg.Memory.Take(int(unsafe.Sizeof([slabSize]Record{})))
	return (*[slabSize]Record)(unsafe.Pointer(&b[0]))
}

func (t *Table) insert(p *decode.Packet, lo int, h uint64) uint32 {
	if t.used >= len(t.buckets) {
		t.grow()
	}
	i := t.free
	if i != none {
		t.free = t.Get(i).chain
	} else {
		i = t.next
		t.next++
		if int(i>>slabBits) >= len(t.slabs) {
			t.slabs = append(t.slabs, t.slab())
		}
	}
	b := h & uint64(len(t.buckets)-1)
	r := t.Get(i)
	r.init(p, lo)
	r.chain = t.buckets[b]
	t.buckets[b] = i
	t.used++
	t.Created++
	return i
}

// restart ends a flow and begins another of the same key in its place: chain
// and timer slot stay as they are.
func (t *Table) restart(i uint32, r *Record, p *decode.Packet, lo int, why EndReason) {
	if t.End != nil {
		t.End(i, r, why)
	}
	chain, wheel := r.chain, r.wheel
	r.init(p, lo)
	r.chain, r.wheel = chain, wheel
	t.Created++
}

// init makes r the flow that p begins.
func (r *Record) init(p *decode.Packet, lo int) {
	*r = Record{Context: p.Context, Proto: p.Proto, First: p.Time, Last: p.Time, flags: flagUsed}
	r.Addr[lo], r.Addr[1-lo] = p.Src, p.Dst
	r.Port[lo], r.Port[1-lo] = p.SrcPort, p.DstPort
	if lo == 1 {
		r.flags |= flagOrigB
	}
	if p.Flags&decode.FlagV6 != 0 {
		r.flags |= flagV6
	}
	if p.OneWay {
		r.flags |= flagOneWay
	}
	r.setPacket(0, p.Number)
}

// grow doubles the buckets.
func (t *Table) grow() {
	old := t.buckets
	t.buckets = make([]uint32, 2*len(old))
	for _, i := range old {
		for i != none {
			r := t.Get(i)
			next := r.chain
			b := t.hashOf(r) & uint64(len(t.buckets)-1)
			r.chain, t.buckets[b] = t.buckets[b], i
			i = next
		}
	}
}

func (t *Table) hashOf(r *Record) uint64 {
	return t.hash(&decode.Packet{Src: r.Addr[0], Dst: r.Addr[1], SrcPort: r.Port[0], DstPort: r.Port[1], Context: r.Context, Proto: r.Proto})
}

// finish ends a flow: reports it and unlinks it from its hash chain. The
// caller takes it off its timer slot and frees it.
func (t *Table) finish(i uint32, r *Record, why EndReason) {
	if t.End != nil {
		t.End(i, r, why)
	}
	b := t.hashOf(r) & uint64(len(t.buckets)-1)
	for at := &t.buckets[b]; *at != none; at = &t.Get(*at).chain {
		if *at == i {
			*at = r.chain
			break
		}
	}
	r.flags &^= flagUsed
	t.used--
}

func (t *Table) timeout(r *Record) int64 {
	switch r.Proto {
	case decode.ProtoTCP:
		switch {
		case r.closed():
			return t.cfg.Timeouts.Closed
		case r.attempt():
			return t.cfg.Timeouts.Attempt
		}
		return t.cfg.Timeouts.TCP
	case decode.ProtoUDP:
		return t.cfg.Timeouts.UDP
	case decode.ProtoICMP, decode.ProtoICMPv6:
		return t.cfg.Timeouts.ICMP
	}
	return t.cfg.Timeouts.Other
}

// arm puts a record into the slot of the tick at which it is looked at next.
// A record is never moved when a packet comes; it is looked at again when the
// slot comes round, so an established flow costs nothing here. A flow that
// closes is looked at within wheelSize ticks at the latest.
func (t *Table) arm(i uint32, r *Record) {
	due := (r.Last+t.timeout(r))/tick + 1
	ahead := min(max(due-t.now, 1), wheelSize-1)
	if r.Proto == decode.ProtoTCP { // so that closed connections are told soon
		ahead = min(ahead, 16)
	}
	s := &t.wheel[uint64(t.now+ahead)%wheelSize]
	r.wheel, *s = *s, i
}

// maxEnded is how many flows one call of Advance or Close ends at most, so that
// what they emit stays small; the rest follows with the next call.
const maxEnded = 128

// Advance moves capture time on and ends flows that have been silent for too
// long. Time that went back a little moves nothing.
func (t *Table) Advance(now int64) {
	target := now / tick
	if target < t.now-backwards {
		t.now = target
	}
	if !t.started {
		return
	}
	if target-t.now > wheelSize { // each slot once is enough
		t.now = target - wheelSize
	}
	for ended := 0; ended < maxEnded; {
		if t.due == none {
			if t.now >= target {
				return
			}
			t.now++
			s := &t.wheel[uint64(t.now)%wheelSize]
			t.due, *s = reverse(t, *s), none
			continue
		}
		i := t.due
		r := t.Get(i)
		t.due = r.wheel
		if now-r.Last <= t.timeout(r) {
			t.arm(i, r)
			continue
		}
		why := EndTimeout
		if r.Proto == decode.ProtoTCP && r.closed() {
			why = EndClosed
		}
		t.finish(i, r, why)
		r.chain, t.free = t.free, i
		ended++
	}
}

// reverse turns a slot's chain so that flows end in the order they were armed.
func reverse(t *Table, i uint32) uint32 {
	prev := uint32(none)
	for i != none {
		r := t.Get(i)
		i, r.wheel, prev = r.wheel, prev, i
	}
	return prev
}

// evict ends one flow: the longest silent of those in the timer slot that
// comes next and is not empty.
func (t *Table) evict() {
	if i := t.due; i != none {
		r := t.Get(i)
		t.due = r.wheel
		t.Evicted++
		t.finish(i, r, EndEvicted)
		r.chain, t.free = t.free, i
		return
	}
	for k := int64(1); k < wheelSize; k++ {
		var victim *uint32
		seen := 0
		for at := &t.wheel[uint64(t.now+k)%wheelSize]; *at != none && seen < 64; at = &t.Get(*at).wheel {
			seen++
			if victim == nil || t.Get(*at).Last < t.Get(*victim).Last {
				victim = at
			}
		}
		if victim == nil {
			continue
		}
		i := *victim
		r := t.Get(i)
		*victim = r.wheel
		t.Evicted++
		t.finish(i, r, EndEvicted)
		r.chain, t.free = t.free, i
		return
	}
}

// Close ends flows at the end of the input, in the order of their first
// packets: at most maxEnded a call, until it returns false.
func (t *Table) Close() (more bool) {
	if !t.closing {
		t.closing = true
		t.last = make([]uint32, 0, t.used)
		for i := uint32(1); i < t.next; i++ {
			if t.Get(i).flags&flagUsed != 0 {
				t.last = append(t.last, i)
			}
		}
		sortByFirst(t, t.last)
	}
	n := min(maxEnded, len(t.last))
	for _, i := range t.last[:n] {
		t.finish(i, t.Get(i), EndInput)
	}
	t.last = t.last[n:]
	return len(t.last) > 0
}

// CloseCalls is how many calls of Close end all flows.
func (t *Table) CloseCalls() int { return (t.used + maxEnded - 1) / maxEnded }
