package suricata

import "strings"

// sides are what a keyword of a rule with "=>" may say of the side it looks at
// (Suricata user guide, "Rules Format", transactional rules).
var sides = map[string]dirMask{"to_server": toServer, "to_client": toClient}

// sided takes the side off an option of a rule with "=>": alone behind a sticky
// buffer, before the value of others.
func (b *builder) sided(o *option) *fault {
	if !b.r.pair {
		return nil
	}
	_, isSticky := sticky[o.key.s]
	_, isNumber := numberKeywords[o.key.s]
	if isSticky || isNumber {
		b.side = 0
	}
	side, rest, _ := strings.Cut(o.val.s, ",")
	if d := sides[strings.TrimSpace(side)]; d != 0 && (isSticky || isNumber) {
		b.side = d
		lead := len(o.val.s) - len(rest)
		t := strings.TrimLeft(rest, " ")
		o.val = field{t, o.val.off + lead + len(rest) - len(t)}
	}
	return nil
}

// pairs gives each list of a rule with "=>" its side.
func (b *builder) pairs() *fault {
	r := b.r
	at := b.p.dir.off
	if len(r.lists) == 0 || len(r.payload.items) > 0 || r.dir != 0 {
		return refused(at, "=> without buffers of a protocol, or with payload or a direction of flow")
	}
	for _, l := range r.lists {
		info := bufTable[l.buf]
		switch {
		case l.absent || len(l.transforms) > 0 || l.which != (which{}) || l.buf.isAddress() || l.changes():
			return refused(at, "=> with absent, transformations, an index, addresses or sets that rules change")
		case l.dir == 0:
			l.dir = info.dir
		case info.dir != 0 && info.dir != l.dir:
			return wrong(at, "buffer "+info.name+" never exists in this direction", "the other one")
		}
		if l.dir == 0 {
			return wrong(at, "buffer "+info.name+" exists on both sides", info.name+": to_server or to_client")
		}
		if info.app != AppUnknown && !r.app.covers(info.app) && !info.app.covers(r.app) {
			return wrong(at, "buffer "+info.name+" in a rule of another protocol", "the header's protocol to be "+appName(info.app))
		}
	}
	if r.app != AppAnyHTTP && r.app != AppHTTP && r.app != AppHTTP2 {
		return refused(at, "=> with another protocol than http")
	}
	r.dir = toClient
	return nil
}

// pairLists matches a rule with "=>" on a response and its request.
func (m *Matcher) pairLists(r *Rule, tx Tx) bool {
	p, ok := tx.(Pair)
	if !ok {
		return false
	}
	request := p.Request()
	if request == nil {
		return false
	}
	for _, l := range r.lists {
		side := tx
		if l.dir == toServer {
			side = request
		}
		found, n := false, side.NBuf(l.buf)
		if n == 0 && m.trace != nil {
			m.trace.missing(l, false)
		}
		for i := 0; i < n && !found; i++ {
			found = m.buffer(l, side.BufAt(l.buf, i), l.buf)
		}
		if !found {
			return false
		}
	}
	return true
}
