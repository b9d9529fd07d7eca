package suricata

import (
	"bytes"
	"encoding/binary"
	"time"
)

// result is what became of a list of items from one of them on.
type result uint8

const (
	resFail  result = iota // another place for an earlier item may still do
	resAbort               // no other place can help
	resMatch
)

// stepsPerRule bounds the work on one rule and one input: one step an item
// tried and one for each 64 bytes searched. What it stops is marked
// incomplete. It is counted, not timed, so the same input gives the same result.
const stepsPerRule = 20_000

// piece is where an item matched.
type piece struct {
	off, n int
	set    bool
}

// value gives a number or the value of a variable.
func (m *Matcher) value(n num) int64 {
	if n.ref > 0 {
		return int64(m.vars[n.ref-1])
	}
	return n.v
}

func (it *item) usesVar() bool {
	return it.depth.ref|it.offset.ref|it.distance.ref|it.within.ref != 0 || it.by != nil && (it.by.offset.ref|it.by.nbytes.ref|it.by.value.ref|it.by.post.ref) != 0
}

// run matches the items of l from i on. prev is where the last match ended.
func (m *Matcher) run(l *list, data []byte, i, prev int) result {
	if m.trace != nil {
		m.trace.try(m, l, data, i, prev)
	}
	if m.steps--; m.steps < 0 {
		m.cut = true
		return resAbort
	}
	if i == len(l.items) {
		return resMatch
	}
	it := &l.items[i]
	fail := resFail
	if !it.relative && !it.usesVar() {
		fail = resAbort
	}
	switch it.kind {
	case itContent:
		return m.content(l, it, data, i, prev, fail)
	case itPCRE:
		return m.pcre(l, it, data, i, prev, fail)
	case itIsDataAt:
		off, ok := m.value(it.offset), false
		if it.relative {
			ok = int64(prev)+off <= int64(len(data))
		} else {
			ok = off < int64(len(data))
		}
		if ok == it.neg {
			return fail
		}
	case itSize:
		if !it.size.match(uint64(len(data))) {
			return resAbort
		}
	case itNumber:
		if len(data) != 8 {
			return resAbort
		}
		if n := binary.BigEndian.Uint64(data); it.numbers == nil && !it.size.match(n) || !it.numbers.has(key128{0, n}) {
			return resAbort
		}
	case itLow:
		if len(data) != 8 || !it.size.match(binary.BigEndian.Uint64(data)&(1<<32-1)) {
			return resAbort
		}
	case itNow:
		now := CertTime(time.Unix(0, m.now))
		if len(data) != 8 || !(uintCmp{op: it.size.op, a: now}).match(binary.BigEndian.Uint64(data)) {
			return resAbort
		}
	case itSpec:
		if !it.spec.matches(data) {
			return resAbort
		}
	case itDataset:
		if !m.dataset(it.data, data) {
			return resAbort
		}
	case itASN1:
		m.steps -= len(data) / 64
		if !it.asn1.matches(data, prev, it.relative) {
			return fail
		}
	case itEntropy:
		if !it.entropy.matches(data) {
			return resAbort
		}
	case itByteTest:
		v, _, _, ok := m.read(it, data, prev)
		if !ok {
			return fail
		}
		v = it.by.masked(v)
		want := uint64(m.value(it.by.value))
		if (uintCmp{op: it.by.cmp, a: want}).match(v) == it.neg {
			return fail
		}
	case itByteJump:
		to, ok := m.jump(it, data, prev)
		if !ok {
			return fail
		}
		prev = to
	case itByteExtract:
		v, pos, n, ok := m.read(it, data, prev)
		if !ok {
			return fail
		}
		v = it.by.masked(v)
		if it.by.multiplier > 0 {
			v *= uint64(it.by.multiplier)
		}
		if a := uint64(it.by.align); a > 0 && v%a != 0 {
			v += a - v%a
		}
		m.vars[it.by.result] = v
		prev = pos + n // what follows is relative to the end of what was read
	case itByteMath:
		v, end, ok := m.math(it, data, prev)
		if !ok {
			return fail
		}
		m.vars[it.by.result] = v
		prev = end
	case itBase64:
		if !m.base64(it, data, prev) {
			return fail
		}
	}
	r := m.run(l, data, i+1, prev)
	if r == resFail && fail == resAbort && !it.relNext {
		return resAbort
	}
	return r
}

// window gives where a content may stand: from lo, ending by hi.
func (m *Matcher) window(it *item, n, prev int) (lo, hi int) {
	hi = n
	if it.relative {
		dist := int(m.value(it.distance))
		lo = max(prev+dist, 0)
		if it.hasWithin {
			hi = min(hi, prev+int(m.value(it.within))+dist)
		}
		if it.hasDepth {
			hi = min(hi, prev+int(m.value(it.depth))+int(m.value(it.offset)))
		}
		if it.hasOffset {
			lo = max(lo, int(m.value(it.offset)))
		}
		return lo, hi
	}
	if it.hasOffset {
		lo = int(min(m.value(it.offset), int64(n)+1))
	}
	if it.hasDepth {
		hi = int(min(int64(n), m.value(it.offset)+m.value(it.depth)))
	}
	return lo, hi
}

func (m *Matcher) content(l *list, it *item, data []byte, i, prev int, fail result) result {
	lo, hi := m.window(it, len(data), prev)
	if it.neg {
		if m.there(it, data, lo, hi) {
			return fail
		}
		return m.run(l, data, i+1, prev)
	}
	for {
		at := m.search(it, data, lo, hi)
		if at < 0 {
			return fail
		}
		end := at + len(it.pat)
		m.note(l, i, at, len(it.pat))
		if r := m.run(l, data, i+1, end); r != resFail || !it.relNext {
			if r == resFail {
				return fail
			}
			return r
		}
		if m.steps < 0 {
			return resAbort
		}
		lo = at + 1
	}
}

// there reports whether a content that must not be there is. With endswith the
// first place of it counts alone (detect-engine-content-inspection.c).
func (m *Matcher) there(it *item, data []byte, lo, hi int) bool {
	if !it.endswith {
		return m.search(it, data, lo, hi) >= 0
	}
	first := *it
	first.endswith = false
	at := m.search(&first, data, lo, hi)
	return at >= 0 && at+len(it.pat) == len(data)
}

// search finds the content in data[lo:hi]; with endswith only at the end of
// data.
func (m *Matcher) search(it *item, data []byte, lo, hi int) int {
	n := len(it.pat)
	if lo < 0 || hi > len(data) || hi-lo < n {
		return -1
	}
	if it.endswith {
		if hi != len(data) {
			return -1
		}
		lo = max(lo, hi-n)
	}
	m.steps -= (hi - lo) / 64
	at := -1
	if it.nocase {
		at = indexFold(data[lo:hi], it.pat)
	} else {
		at = bytes.Index(data[lo:hi], it.pat)
	}
	if at < 0 {
		return -1
	}
	return lo + at
}

func (m *Matcher) pcre(l *list, it *item, data []byte, i, prev int, fail result) result {
	base := 0
	if it.relative {
		base = prev
	}
	if base > len(data) {
		return fail
	}
	sub := data[base:]
	from := 0
	for {
		m.steps -= 1 + len(sub)/64
		s, e, ok, cut := it.re.find(&m.re, sub, from)
		m.cut = m.cut || cut
		if cut && !ok {
			return resAbort // neither a match nor its absence is known
		}
		if it.neg {
			if ok {
				return fail
			}
			return m.run(l, data, i+1, prev)
		}
		if !ok {
			return fail
		}
		m.note(l, i, base+s, e-s)
		if r := m.run(l, data, i+1, base+e); r != resFail || !it.relNext {
			if r == resFail {
				return fail
			}
			if r == resMatch && it.captures != nil {
				m.capture(it, sub, s)
			}
			return r
		}
		if m.steps < 0 {
			m.cut = true
			return resAbort
		}
		from = s + 1
		if from > len(sub) {
			return fail
		}
	}
}

// read takes a byte keyword's number and says where it stood.
func (m *Matcher) read(it *item, data []byte, prev int) (v uint64, pos, n int, ok bool) {
	at := m.value(it.by.offset)
	if it.relative {
		at += int64(prev)
	}
	v, n, ok = it.by.read(data, at, m.value(it.by.nbytes), it.by.little || it.by.dce && m.little)
	return v, int(at), n, ok
}

func (m *Matcher) jump(it *item, data []byte, prev int) (to int, ok bool) {
	v, pos, n, ok := m.read(it, data, prev)
	if v = it.by.masked(v); !ok || v > 1<<31 {
		return 0, false
	}
	d := int64(v)
	if it.by.multiplier > 0 {
		d *= it.by.multiplier
	}
	if it.by.align > 0 && d%4 != 0 {
		d += 4 - d%4
	}
	d += m.value(it.by.post)
	switch {
	case it.by.fromBegin:
	case it.by.fromEnd:
		d += int64(len(data))
	default:
		d += int64(pos + n)
	}
	if d < 0 || d > int64(len(data)) {
		return 0, false
	}
	return int(d), true
}

// math reads a number and reckons with it; the mask is put on the result. end is
// where the number ended.
func (m *Matcher) math(it *item, data []byte, prev int) (v uint64, end int, ok bool) {
	v, pos, n, ok := m.read(it, data, prev)
	if !ok {
		return 0, 0, false
	}
	r := uint64(m.value(it.by.value))
	switch it.by.math {
	case '+':
		v += r
	case '-':
		v -= r
	case '*':
		v *= r
	case '/':
		if r == 0 {
			return 0, 0, false
		}
		v /= r
	case 'l':
		v <<= r
	case 'r':
		v >>= r
	}
	return it.by.masked(v), pos + n, true
}

// note records where an item of a buffer matched; matches in decoded data have
// no place in the input.
func (m *Matcher) note(l *list, i, off, n int) {
	if m.trace != nil {
		m.trace.piece(l, i, off, n)
	}
	if l != m.rule.base64 {
		m.pieces[i] = piece{off, n, true}
	}
}
