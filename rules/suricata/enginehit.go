package suricata

import (
	"bytes"
	"slices"
)

// first reports whether a rule that alerts once a flow and direction may.
// Packets of protocols without flows are each looked at by themselves.
func (m *Matcher) first(st **FlowState, r *Rule, p *Packet) bool {
	if !hasFlow(p.Proto) {
		return true
	}
	if r.app == AppUnknown && len(r.checks) == 0 && p.Seen {
		return false
	}
	return m.state(st).first(r.id, dirOf(p))
}

// hasFlow reports protocols whose packets Suricata groups into flows: TCP, UDP,
// ICMP, ICMPv6, SCTP and ESP.
func hasFlow(proto uint8) bool {
	switch proto {
	case 1, 6, 17, 50, 58, 132:
		return true
	}
	return false
}

func (m *Matcher) state(st **FlowState) *FlowState {
	if *st == nil {
		*st = &FlowState{}
		if m.tx != nil {
			(*st).now, (*st).inTx = m.tx.ID(), true
		}
	}
	return *st
}

// matched applies a rule's effects and adds its hit. stop is true when a pass
// rule ended inspection.
func (m *Matcher) matched(dst []Hit, st **FlowState, p *Packet, r *Rule, tx Tx) (_ []Hit, stop bool) {
	m.stats.Matched++
	if m.trace != nil {
		m.trace.found(r)
	}
	if m.cost != nil {
		m.cost[r.id].Matched++
	}
	m.store(st, p)
	if len(r.post) > 0 {
		s := m.state(st)
		for i := range r.post {
			r.post[i].apply(s)
		}
	}
	if r.Action == Pass {
		m.passed = true
		if r.scope == passFlow || r.scope == passByKind && (r.kind == kindTx || r.kind == kindOnce || r.stream) {
			m.state(st).pass = true
		}
		return dst, true
	}
	if r.noalert && !r.Filestore && len(r.ordered) == 0 && len(m.pending) == 0 {
		return dst, false
	}
	h := Hit{Rule: r, Packet: p.Number, Time: p.Time, Incomplete: m.cut}
	if tx != nil {
		h.TxID, h.HasTx = tx.ID(), true
	}
	if len(m.found) > 0 && len(r.payload.items)+len(r.lists) > 0 {
		h.Evidence = make([]Evidence, len(m.found))
		all := bytes.Clone(m.bytes)
		for i, e := range m.found {
			h.Evidence[i] = Evidence{Buffer: e.buf, Offset: e.off, Length: e.n, Bytes: all[e.start : e.start+e.length : e.start+e.length]}
		}
	}
	if r.bypass {
		m.state(st).pass = true
	}
	h.pending, h.Context = slices.Clone(m.pending), slices.Clone(m.context)
	return append(dst, h), false
}
