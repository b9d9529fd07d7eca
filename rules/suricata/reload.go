package suricata

// Reload carries what was kept under one Set over to the Set that replaces it:
// bits and counters by their names, and what is counted for a rule if the new
// Set has the very same rule, by its id and text.
type Reload struct {
	rules, bits, ints, texts map[uint32]uint32
}

// NewReload prepares the change from one Set to another; neither may be nil. A
// Reload may be used by several goroutines.
func NewReload(from, to *Set) *Reload {
	type identity struct {
		gid, sid int64
		digest   string
	}
	next := map[identity]uint32{}
	for _, r := range to.rules {
		next[identity{r.GID, r.SID, r.Digest}] = r.id
	}
	l := &Reload{rules: map[uint32]uint32{}, bits: from.bits.onto(to.bits), ints: from.ints.onto(to.ints), texts: from.texts.onto(to.texts)}
	for _, r := range from.rules {
		if id, ok := next[identity{r.GID, r.SID, r.Digest}]; ok {
			l.rules[r.id] = id
		}
	}
	return l
}

// onto maps the numbers of names to those that the same names have in other.
func (n names) onto(other names) map[uint32]uint32 {
	m := map[uint32]uint32{}
	for name, id := range n {
		if to, ok := other[name]; ok {
			m[id] = to
		}
	}
	return m
}

// Flow carries the state of one flow over.
func (l *Reload) Flow(s *FlowState) {
	old := *s
	*s = FlowState{pass: old.pass}
	for id, to := range l.bits {
		if old.bit(id) {
			s.setBit(to, true)
		}
	}
	for _, c := range old.ints {
		if to, ok := l.ints[c.id]; ok {
			s.setCounter(to, c.val)
		}
	}
	for _, v := range old.vars {
		if to, ok := l.texts[v.id]; ok {
			v.id = to
			s.vars = append(s.vars, v)
		}
	}
	for _, x := range old.tx {
		if to, ok := l.bits[x.id]; ok {
			s.tx = append(s.tx, txBit{x.tx, to})
		}
	}
	for _, k := range old.once {
		if to, ok := l.rules[k>>1]; ok {
			s.once = append(s.once, to<<1|k&1)
		}
	}
}

// Order carries the ordered stage over; its bits have names and stay.
func (l *Reload) Order(o *Order) {
	old := o.counters
	o.counters = map[counterKey]*counter{}
	held := o.held
	o.held = map[uint32]*Held{}
	for id, x := range held {
		if to, ok := l.rules[id]; ok {
			o.held[to] = x
		}
	}
	for k, c := range old {
		if to, ok := l.rules[k.rule]; ok {
			k.rule = to
			o.counters[k] = c
		}
	}
}
