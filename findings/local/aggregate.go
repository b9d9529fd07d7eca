package local

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/query"
)

// Terms counts documents by the values of a field.
func (ix *Index) Terms(_ context.Context, q, field string, size int) (out []findings.Bucket, err error) {
	f, err := findings.TermsField(field)
	if err != nil {
		return nil, err
	}
	n, err := query.Parse(q)
	if err != nil {
		return nil, err
	}
	list, err := ix.snapshot()
	if err != nil {
		return nil, err
	}
	defer release(list)
	if f == event.EventID {
		return termsOfIDs(list, n, size)
	}
	counted := make([]*counts, len(list))
	if err := each(list, func(i int, s *segment) {
		if c := s.columns[f]; c != nil {
			counted[i] = c.counts(s.plan(n))
		}
	}); err != nil {
		return nil, err
	}
	defer faults()()
	defer guard(&err)
	var all []*counts
	for _, x := range counted {
		if x != nil {
			all = append(all, x)
		}
	}
	return top(f, all, size), nil
}

// counts are the documents of a plan by the values of a column.
type counts struct {
	*column
	each []uint32
}

func (c *column) counts(p *plan) *counts {
	if p.count == 0 {
		return nil
	}
	out := &counts{column: c, each: make([]uint32, c.n)}
	starts := c.seg.bytes(&c.starts)
	items := c.seg.bytes(&c.items)
	switch {
	case p.count == c.seg.docs && c.dense:
		for i := range out.each {
			out.each[i] = u32(starts, i)
		}
		return out
	case p.count == c.seg.docs:
		from := uint32(0)
		for i := range out.each {
			to := u32(starts, i+1)
			out.each[i] = to - from
			from = to
		}
		return out
	case !c.dense:
		b := p.bits()
		from := uint32(0)
		for i := range out.each {
			to := u32(starts, i+1)
			n := uint32(0)
			for l := items[4*from : 4*to]; len(l) >= 4; l = l[4:] {
				doc := binary.LittleEndian.Uint32(l)
				n += uint32(b[doc/64] >> (doc % 64) & 1)
			}
			out.each[i] = n
			from = to
		}
		return out
	}
	var sums [256]uint32
	for n := range c.seg.chunks() {
		var m mask
		p.fill(n, &m)
		m.each(n*chunk, func(doc int) { sums[items[doc]]++ })
	}
	copy(out.each, sums[1:])
	return out
}

// termsOfIDs counts by event.id: each document is one of its own.
func termsOfIDs(list []*segment, n *query.Node, size int) (out []findings.Bucket, err error) {
	ps, err := plans(list, n)
	if err != nil {
		return nil, err
	}
	defer faults()()
	defer guard(&err)
	top := &topBuckets{size: size}
	for _, p := range ps {
		for c := range p.seg.chunks() {
			var m mask
			p.fill(c, &m)
			m.each(c*chunk, func(doc int) {
				top.add(1, func() string { return hex.EncodeToString(p.seg.id(doc)) })
			})
		}
	}
	return top.result(), nil
}

// Histogram counts documents by intervals of @timestamp, which start at
// multiples of every since 1970.
func (ix *Index) Histogram(_ context.Context, q string, every time.Duration) ([]findings.Bucket, error) {
	if every < time.Millisecond {
		return nil, fmt.Errorf("a histogram by %s: the interval is at least a millisecond", every)
	}
	n, err := query.Parse(q)
	if err != nil {
		return nil, err
	}
	list, err := ix.snapshot()
	if err != nil {
		return nil, err
	}
	defer release(list)
	parts := make([]map[int64]int64, len(list))
	if err := each(list, func(i int, s *segment) { parts[i] = s.plan(n).histogram(int64(every)) }); err != nil {
		return nil, err
	}
	sum := map[int64]int64{}
	for _, m := range parts {
		for k, n := range m {
			sum[k] += n
		}
	}
	return findings.TimeBuckets(sum), nil
}

// floor is the start of the interval of a time, also before 1970.
func floor(ns, every int64) int64 {
	m := ns % every
	if m < 0 {
		m += every
	}
	return ns - m
}

// histogram counts whole chunks at once where one interval has all their times.
func (p *plan) histogram(every int64) map[int64]int64 {
	out := map[int64]int64{}
	if p.count == 0 {
		return out
	}
	for c := range p.seg.chunks() {
		var m mask
		p.fill(c, &m)
		lo, hi := p.seg.zone(c)
		if start := floor(lo, every); start == floor(hi, every) {
			if n := m.count(); n > 0 {
				out[start] += int64(n)
			}
			continue
		}
		// Times that follow each other mostly lie in the same interval.
		times := p.seg.sec(secTimes)
		start, n := floor(lo, every), int64(0)
		m.each(c*chunk, func(doc int) {
			t := i64(times, doc)
			if uint64(t-start) >= uint64(every) {
				if n > 0 {
					out[start] += n
				}
				start, n = floor(t, every), 0
			}
			n++
		})
		if n > 0 {
			out[start] += n
		}
	}
	return out
}
