package local

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"sort"

	"saksi/event"
	"saksi/findings/query"
)

// plan is a query made ready for one segment.
type plan struct {
	seg   *segment
	count int // of documents; -1: not known without fill
	// fill puts the documents of chunk c into m, which is empty.
	fill func(c int, m *mask)
}

// size is the number of documents of chunk c.
func (s *segment) size(c int) int { return min(chunk, s.docs-c*chunk) }

func (s *segment) every() *plan {
	return &plan{seg: s, count: s.docs, fill: func(c int, m *mask) { m.ones(s.size(c)) }}
}

func (s *segment) none() *plan { return &plan{seg: s, fill: func(int, *mask) {}} }

// total counts the documents of a plan.
func (p *plan) total() int {
	if p.count >= 0 {
		return p.count
	}
	n := 0
	for c := range p.seg.chunks() {
		var m mask
		p.fill(c, &m)
		n += m.count()
	}
	p.count = n
	return n
}

// bits is the plan's documents as one set.
func (p *plan) bits() bitset {
	b := newBitset(p.seg.docs)
	for c := range p.seg.chunks() {
		p.fill(c, (*mask)(b[c*chunk/64:]))
	}
	return b
}

// plan makes a query ready.
func (s *segment) plan(n *query.Node) *plan {
	switch n.Op {
	case query.All:
		return s.every()
	case query.And, query.Or:
		return s.combine(n)
	case query.Not:
		p := s.plan(n.Args[0])
		out := &plan{seg: s, count: -1, fill: func(c int, m *mask) {
			p.fill(c, m)
			var all mask
			all.ones(s.size(c))
			for i := range m {
				m[i] = all[i] &^ m[i]
			}
		}}
		if p.count >= 0 {
			out.count = s.docs - p.count
		}
		return out
	case query.Words, query.Prefix:
		return s.words(n)
	}
	switch f := n.Field; f {
	case event.EventID:
		return s.planID(n)
	case event.Timestamp:
		return s.planTime(n)
	default:
		if c := s.columns[f]; c != nil {
			return c.plan(n)
		}
		return s.none()
	}
}

func (s *segment) combine(n *query.Node) *plan {
	and := n.Op == query.And
	var list []*plan
	for _, a := range n.Args {
		p := s.plan(a)
		switch {
		case and && p.count == 0, !and && p.count == s.docs:
			return p
		case and && p.count == s.docs, !and && p.count == 0:
			continue
		}
		list = append(list, p)
	}
	switch {
	case len(list) == 0 && and:
		return s.every()
	case len(list) == 0:
		return s.none()
	case len(list) == 1:
		return list[0]
	}
	return &plan{seg: s, count: -1, fill: func(c int, m *mask) {
		list[0].fill(c, m)
		for _, p := range list[1:] {
			if and && *m == (mask{}) {
				return
			}
			var x mask
			p.fill(c, &x)
			for i := range m {
				if and {
					m[i] &= x[i]
				} else {
					m[i] |= x[i]
				}
			}
		}
	}}
}

// test is a plan that tries each document.
func (s *segment) test(f func(doc int) bool) *plan {
	return &plan{seg: s, count: -1, fill: func(c int, m *mask) {
		for i := range s.size(c) {
			if f(c*chunk + i) {
				m[i/64] |= 1 << (i % 64)
			}
		}
	}}
}

// match is a plan that reads each document.
func (s *segment) match(n *query.Node) *plan {
	return s.test(func(doc int) bool { return s.matches(n, doc) })
}

func (s *segment) matches(n *query.Node, doc int) bool {
	b, err := s.body(doc)
	if err != nil {
		panic(err) // for guard
	}
	e, err := event.Parse(b)
	if err != nil {
		panic(fmt.Errorf("document %x: %w", s.id(doc), err))
	}
	return n.Match(e)
}

func (s *segment) planID(n *query.Node) *plan {
	switch n.Op {
	case query.Exists:
		return s.every()
	case query.Equal:
		id, err := hex.DecodeString(n.Value)
		if err != nil || len(id) != idSize || hex.EncodeToString(id) != n.Value {
			return s.none()
		}
		if doc := s.find(id); doc >= 0 {
			b := newBitset(s.docs)
			b.set(uint32(doc))
			return s.set(b)
		}
		return s.none()
	}
	var e event.Event
	return s.test(func(doc int) bool {
		e.Reset()
		e.Str(event.EventID, hex.EncodeToString(s.id(doc)))
		return n.Match(&e)
	})
}

// set is a plan of documents that are known.
func (s *segment) set(b bitset) *plan {
	return &plan{seg: s, count: b.count(), fill: func(c int, m *mask) { copy(m[:], b[c*chunk/64:]) }}
}

// planTime is a range of times, decided by chunks where they lie in it or
// outside as a whole.
func (s *segment) planTime(n *query.Node) *plan {
	lo, hi := int64(math.MinInt64), int64(math.MaxInt64)
	if b := n.Lo; b != nil {
		if lo = b.Num; !b.Incl {
			if lo == math.MaxInt64 {
				return s.none()
			}
			lo++
		}
	}
	if b := n.Hi; b != nil {
		if hi = b.Num; !b.Incl {
			if hi == math.MinInt64 {
				return s.none()
			}
			hi--
		}
	}
	p := &plan{seg: s, count: -1, fill: func(c int, m *mask) {
		from, to := s.zone(c)
		switch {
		case from >= lo && to <= hi:
			m.ones(s.size(c))
		case from <= hi && to >= lo:
			times := s.sec(secTimes)[8*c*chunk:]
			for i := range s.size(c) {
				if t := i64(times, i); t >= lo && t <= hi {
					m[i/64] |= 1 << (i % 64)
				}
			}
		}
	}}
	inside, outside := true, true
	for c := range s.chunks() {
		from, to := s.zone(c)
		inside = inside && from >= lo && to <= hi
		outside = outside && (from > hi || to < lo)
	}
	switch {
	case inside:
		return s.every()
	case outside:
		return s.none()
	}
	return p
}

// span is a range of a column's values: from, and before to.
type span struct{ from, to int }

// spans are the values that a query on a field means.
func (c *column) spans(n *query.Node) []span {
	t := c.field.Type()
	switch n.Op {
	case query.Exists:
		return []span{{0, c.n}}
	case query.Equal:
		switch t {
		case event.Keyword, event.Text:
			return c.one([]byte(n.Value))
		case event.IP:
			lo, hi := netRange(n.Net)
			return c.filter(c.lower(lo), c.upper(hi), func(k []byte) bool { return n.Net.Contains(keyAddr(k)) })
		case event.Float:
			return c.one(appendFloat(nil, math.Float64frombits(uint64(n.Num))))
		}
		return c.one(appendInt(nil, n.Num))
	case query.Wildcard:
		prefix := []byte(literal(n.Value))
		from := c.lower(prefix)
		to := from + sort.Search(c.n-from, func(i int) bool { return !bytes.HasPrefix(c.key(from+i), prefix) })
		return c.filter(from, to, func(k []byte) bool { return query.Glob(n.Value, string(k)) })
	case query.Range:
		from, to := 0, c.n
		if b := n.Lo; b != nil {
			from = c.edge(b, !b.Incl)
		}
		if b := n.Hi; b != nil {
			to = c.edge(b, b.Incl)
		}
		if from < to {
			return []span{{from, to}}
		}
	}
	return nil
}

func (c *column) one(key []byte) []span {
	if i := c.find(key); i >= 0 {
		return []span{{i, i + 1}}
	}
	return nil
}

func (c *column) filter(from, to int, f func(key []byte) bool) (out []span) {
	for i := from; i < to; i++ {
		switch {
		case !f(c.key(i)):
		case len(out) > 0 && out[len(out)-1].to == i:
			out[len(out)-1].to++
		default:
			out = append(out, span{i, i + 1})
		}
	}
	return out
}

// literal is what a pattern begins with before its first wildcard or escape.
func literal(pattern string) string {
	for i := range len(pattern) {
		if c := pattern[i]; c == '*' || c == '?' || c == '\\' {
			return pattern[:i]
		}
	}
	return pattern
}

// edge is the first value at a bound or, with behind, behind it. Addresses of
// both families and both zeros lie at the same place.
func (c *column) edge(b *query.Bound, behind bool) int {
	var first, last []byte
	switch c.field.Type() {
	case event.Keyword, event.Text:
		first = []byte(b.Value)
		last = first
	case event.IP:
		a := b.Addr.As16()
		first, last = append(a[:16:16], 0), append(a[:16:16], 0xff)
	case event.Float:
		x, y := b.Float, b.Float
		if x == 0 {
			x, y = math.Copysign(0, -1), 0
		}
		first, last = appendFloat(nil, x), appendFloat(nil, y)
	default:
		first = appendInt(nil, b.Num)
		last = first
	}
	if behind {
		return c.upper(last)
	}
	return c.lower(first)
}

func (c *column) plan(n *query.Node) *plan {
	list := c.spans(n)
	values, docs := 0, 0
	for _, x := range list {
		values += x.to - x.from
		if !c.dense {
			continue
		}
		for i := x.from; i < x.to; i++ {
			docs += c.count(i)
		}
	}
	switch {
	case values == 0:
		return c.seg.none()
	case c.dense:
		return c.planDense(list, docs)
	case values == 1:
		l := c.list(list[0].from)
		return &plan{seg: c.seg, count: len(l) / 4, fill: func(c int, m *mask) {
			i := sort.Search(len(l)/4, func(i int) bool { return u32(l, i) >= uint32(c*chunk) })
			for ; i < len(l)/4; i++ {
				doc := int(u32(l, i)) - c*chunk
				if doc >= chunk {
					break
				}
				m[doc/64] |= 1 << (doc % 64)
			}
		}}
	}
	b := newBitset(c.seg.docs)
	for _, x := range list {
		c.addTo(b, x)
	}
	return c.seg.set(b)
}

// addTo adds the documents with some values; not of a dense column.
func (c *column) addTo(b bitset, x span) {
	from, _ := c.span(x.from)
	_, to := c.span(x.to - 1)
	for l := c.seg.bytes(&c.items)[4*from : 4*to]; len(l) > 0; l = l[4:] {
		b.set(binary.LittleEndian.Uint32(l))
	}
}

func (c *column) planDense(list []span, docs int) *plan {
	var want [256]uint8
	for _, x := range list {
		for i := x.from; i < x.to; i++ {
			want[i+1] = 1
		}
	}
	all := c.seg.bytes(&c.items)
	if len(list) == 1 && list[0].to == list[0].from+1 {
		value := byte(list[0].from + 1)
		return &plan{seg: c.seg, count: docs, fill: func(n int, m *mask) {
			equal(all[n*chunk:n*chunk+c.seg.size(n)], value, m)
		}}
	}
	return &plan{seg: c.seg, count: docs, fill: func(n int, m *mask) {
		for i, v := range all[n*chunk : n*chunk+c.seg.size(n)] {
			m[i/64] |= uint64(want[v]) << (i % 64)
		}
	}}
}

// equal puts into m where b has a value. It looks at eight bytes at a time: in
// each that is zero after the value is taken out of it, the highest bit is set,
// and a multiplication brings these together (Hacker's Delight, 6-1).
func equal(b []byte, value byte, m *mask) {
	if bytes.IndexByte(b, value) < 0 {
		return
	}
	const low7, together = 0x7f7f7f7f7f7f7f7f, 0x0102040810204080
	pattern := uint64(value) * 0x0101010101010101
	i := 0
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:]) ^ pattern
		if x = ^((x&low7 + low7) | x | low7); x != 0 {
			m[i/64] |= ((x >> 7) * together >> 56) << (i % 64)
		}
	}
	for ; i < len(b); i++ {
		if b[i] == value {
			m[i/64] |= 1 << (i % 64)
		}
	}
}
