package suricata

import "slices"

// Tx implements Engine.
func (m *Matcher) Tx(dst []Hit, st **FlowState, p *Packet, tx Tx) []Hit {
	if !m.begin(st, p) {
		return dst
	}
	app := int(tx.App())
	if app >= numApps {
		app = int(AppOther)
	}
	m.tx = tx
	if x, ok := tx.(LittleEndian); ok {
		m.little = x.LittleEndian()
	}
	if s := *st; s != nil {
		s.now, s.inTx = tx.ID(), true
	}
	m.txEpoch++
	m.arena = m.arena[:0]
	if cap(m.arena) > maxArena {
		m.arena = nil
	}
	for _, v := range m.set.txViews[app] {
		w := &m.set.views[v]
		n := tx.NBuf(w.buf)
		for i := range n {
			data := m.instance(int(v), i)
			m.stats.Scanned += uint64(len(data))
			w.filter.scan(data, &m.cand)
		}
	}
	for _, id := range m.set.txAlways[app][dirIndex(p)] {
		m.cand.add(id)
	}
	if m.set.traced != nil {
		m.traceAll(p, tx)
	}
	slices.Sort(m.cand.list)
	parts, again := tx.(Parts)
	again = again && parts.Again()
	_, whole := tx.(WholeFile)
	for _, id := range m.cand.list {
		r := m.set.rules[id]
		if m.trace != nil || r.trace != nil || m.cost != nil {
			m.turn(r, p, tx, false)
		}
		if again && (*st).again(dirIndex(p), tx.ID(), id) {
			m.trace.stop("once a transaction", "the rule matched on an earlier part of it")
			continue
		}
		if r.digest != whole || !r.app.covers(tx.App()) || !m.header(r, p) || !m.checks(r, p, *st) {
			continue
		}
		m.start(r)
		var ok bool
		if r.pair {
			ok = m.pairLists(r, tx)
		} else {
			ok = m.lists(r, p)
		}
		m.done()
		if !ok {
			continue
		}
		if again {
			m.state(st).noteAgain(dirIndex(p), tx.ID(), id)
		}
		var stop bool
		if dst, stop = m.matched(dst, st, p, r, tx); stop {
			break
		}
	}
	if m.trace != nil {
		m.turn(nil, p, nil, false)
	}
	if s := *st; s != nil {
		s.inTx = false
	}
	m.tx, m.little = nil, false
	return dst
}

// instance gives instance i of a view of the transaction.
func (m *Matcher) instance(v, i int) []byte {
	w := &m.set.views[v]
	if len(w.chain) == 0 {
		return m.tx.BufAt(w.buf, i)
	}
	c := &m.cached[v]
	if c.epoch != m.txEpoch {
		c.epoch = m.txEpoch
		c.data = c.data[:0]
	}
	for len(c.data) <= i {
		in := m.tx.BufAt(w.buf, len(c.data))
		for j := range w.chain {
			start := len(m.arena)
			m.arena = w.chain[j].apply(m.arena, in)
			in = m.arena[start:]
		}
		c.data = append(c.data, in)
	}
	return c.data[i]
}

// lists matches every buffer a rule names.
func (m *Matcher) lists(r *Rule, p *Packet) bool {
	for _, l := range r.lists {
		if l.buf.isAddress() {
			if !m.address(l, p) {
				return false
			}
			continue
		}
		n := m.tx.NBuf(l.buf)
		if l.which != (which{}) {
			ok := l.which.decide(n, func(i int) bool { return m.buffer(l, m.instance(l.view, i), l.buf) })
			if m.trace != nil {
				m.trace.which(l, n, ok)
			}
			if !ok {
				return false
			}
			continue
		}
		if l.absent {
			if n == 0 {
				never := m.mayCome(l.buf)
				if m.trace != nil {
					m.trace.missing(l, !never)
				}
				if never {
					return false
				}
				continue
			}
			if !l.orElse {
				if m.trace != nil {
					m.trace.there(l)
				}
				return false
			}
		}
		if n == 0 && m.trace != nil {
			m.trace.missing(l, false)
		}
		ok, all := false, l.changes()
		for i := 0; i < n && (!ok || all); i++ {
			ok = m.buffer(l, m.instance(l.view, i), l.buf) || ok
		}
		if !ok {
			return false
		}
	}
	if len(r.payload.items) == 0 {
		return true
	}
	n := m.tx.NBuf(BufStream)
	if n == 0 {
		return m.buffer(r.payload, p.Payload, BufPayload)
	}
	for i := range n {
		if m.buffer(r.payload, m.tx.BufAt(BufStream, i), BufStream) {
			return true
		}
	}
	return false
}

// mayCome reports a buffer whose absence says nothing, as it may come yet.
func (m *Matcher) mayCome(b Buffer) bool {
	if bufTable[b].late {
		return true
	}
	x, ok := m.tx.(Growing)
	return ok && x.MayCome(b)
}

// changes reports whether a list looks into a set that rules change: the
// ordered stage then needs every instance that may do.
func (l *list) changes() bool {
	for i := range l.items {
		if d := l.items[i].data; d != nil && d.set.dynamic {
			return true
		}
	}
	return false
}

// changesSets reports whether a rule looks into a set that rules change.
func (r *Rule) changesSets() bool {
	for _, l := range append([]*list{r.payload}, r.lists...) {
		if l.changes() {
			return true
		}
	}
	return false
}
