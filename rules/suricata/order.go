package suricata

import (
	"fmt"
	"net/netip"
	"time"
)

// maxTracked bounds the counters and the address bits the ordered stage keeps;
// beyond it the oldest generation is forgotten and counted.
const maxTracked = 1 << 20

// Order is the ordered stage. It is used by one goroutine.
type Order struct {
	counters map[counterKey]*counter
	bits     map[bitKey]int64 // when each bit expires, Unix nanoseconds
	data     map[string]*liveSet
	held     map[uint32]*Held
	// Forgotten counts counters and bits dropped because there were too many.
	Forgotten uint64
}

// NewOrder makes the ordered stage of one run.
func NewOrder() *Order {
	return &Order{counters: map[counterKey]*counter{}, bits: map[bitKey]int64{}, data: map[string]*liveSet{}, held: map[uint32]*Held{}}
}

type counterKey struct {
	rule         uint32
	a, b         netip.Addr
	aPort, bPort uint16
	proto        uint8
	rate         bool // of the rate filter
}

type counter struct {
	start int64 // Unix nanoseconds
	n     uint32
	next  uint32 // backoff
	ports map[uint16]struct{}
	until int64 // the rate filter is in force, Unix nanoseconds
}

type bitKey struct {
	name string
	a, b netip.Addr
}

// Keep implements Orderer.
func (o *Order) Keep(p *Packet, h *Hit) bool {
	r := h.Rule
	for i := range r.ordered {
		if !o.holds(p, &r.ordered[i], h.Time) {
			r.trace.ordered(p, h, "bit of addresses "+r.ordered[i].name, false, "not as asked")
			return false
		}
	}
	if !o.known(h) {
		r.trace.ordered(p, h, "data set", false, "not as asked")
		return false
	}
	for i := range r.ordered {
		o.change(p, &r.ordered[i], h.Time)
	}
	if r.threshold != nil {
		keep := o.pass(p, r, h.Time)
		if r.trace != nil {
			r.trace.ordered(p, h, r.trace.thresholdText(), keep, o.counted(p, r))
		}
		if !keep {
			o.hold(h)
			return false
		}
	}
	for i := range r.suppress {
		if r.suppress[i].covers(p) {
			r.trace.ordered(p, h, "suppress", false, "an entry of the file of thresholds keeps it back")
			o.hold(h)
			return false
		}
	}
	if o.rated(p, r, h.Time) {
		r.trace.ordered(p, h, "rate_filter", false, "the rule passes for now")
		o.hold(h)
		return false
	}
	return !r.noalert
}

func key(p *Packet, x *ordered) bitKey {
	switch x.track {
	case obSrc:
		return bitKey{name: x.name, a: p.Src}
	case obDst:
		return bitKey{name: x.name, a: p.Dst}
	}
	a, b := p.Src, p.Dst
	if b.Less(a) {
		a, b = b, a
	}
	return bitKey{x.name, a, b}
}

func (o *Order) holds(p *Packet, x *ordered, now int64) bool {
	switch x.op {
	case obIsSet:
		return o.bits[key(p, x)] > now
	case obIsNotSet:
		return o.bits[key(p, x)] <= now
	}
	return true
}

func (o *Order) change(p *Packet, x *ordered, now int64) {
	k := key(p, x)
	switch x.op {
	case obUnset:
		delete(o.bits, k)
		return
	case obToggle:
		if o.bits[k] > now {
			delete(o.bits, k)
			return
		}
	case obIsSet, obIsNotSet:
		return
	}
	if _, ok := o.bits[k]; !ok && len(o.bits) >= maxTracked {
		o.forgetBits(now)
	}
	o.bits[k] = now + x.expire*int64(time.Second)
}

// forgetBits drops expired bits, or all when none is.
func (o *Order) forgetBits(now int64) {
	for k, t := range o.bits {
		if t <= now {
			delete(o.bits, k)
		}
	}
	if len(o.bits) >= maxTracked {
		o.Forgotten += uint64(len(o.bits))
		clear(o.bits)
	}
}

// counterOf says with which counter a match of a rule counts.
func counterOf(p *Packet, r *Rule, by track) counterKey {
	k := counterKey{rule: r.id}
	switch by {
	case bySrc:
		k.a = p.Src
	case byDst:
		k.a = p.Dst
	case byBoth:
		k.a, k.b = p.Src, p.Dst
		if k.b.Less(k.a) {
			k.a, k.b = k.b, k.a
		}
	case byFlow:
		k.a, k.b, k.aPort, k.bPort, k.proto = p.Src, p.Dst, p.SrcPort, p.DstPort, p.Proto
		if !p.ToServer {
			k.a, k.b, k.aPort, k.bPort = k.b, k.a, k.bPort, k.aPort
		}
	}
	return k
}

// counted says how far the counter of a match has come.
func (o *Order) counted(p *Packet, r *Rule) string {
	c := o.counters[counterOf(p, r, r.threshold.track)]
	if c == nil {
		return ""
	}
	return fmt.Sprintf("%d matches since %s", c.n, time.Unix(0, c.start).UTC().Format(time.RFC3339Nano))
}

// counter finds a counter, or begins it.
func (o *Order) counter(k counterKey, now int64) (c *counter, fresh bool) {
	if c = o.counters[k]; c != nil {
		return c, false
	}
	if len(o.counters) >= maxTracked {
		o.Forgotten += uint64(len(o.counters))
		clear(o.counters)
	}
	c = &counter{start: now}
	o.counters[k] = c
	return c, true
}

// pass counts a match against the rule's threshold and reports whether it
// alerts.
func (o *Order) pass(p *Packet, r *Rule, now int64) bool {
	t := r.threshold
	k := counterOf(p, r, r.threshold.track)
	c, fresh := o.counter(k, now)
	if fresh {
		c.next = t.count
	} else if t.kind != thBackoff && now-c.start > t.seconds*int64(time.Second) {
		*c = counter{start: now}
	}
	if t.unique != uniqueNone {
		port := p.SrcPort
		if t.unique == uniqueDestination {
			port = p.DstPort
		}
		if c.ports == nil {
			c.ports = map[uint16]struct{}{}
		}
		c.ports[port] = struct{}{}
		return len(c.ports) > int(t.count)
	}
	c.n++
	switch t.kind {
	case thLimit:
		return c.n <= t.count
	case thThreshold:
		if c.n >= t.count {
			c.n = 0
			return true
		}
		return false
	case thBoth:
		return c.n == t.count
	case thBackoff:
		if c.n == c.next {
			c.next *= t.multiplier
			return true
		}
		return false
	}
	return c.n > t.count
}
