package suricata

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"saksi/rules"
)

// buffer tells that a list is looked at on one instance of its buffer.
func (t *Trace) buffer(l *list, data []byte) {
	t.cur = l
	at := t.starts[l]
	t.saved = slices.Clone(t.trial.Conditions[at : at+1+len(l.items)])
	clear := t.trial.Conditions[at : at+1+len(l.items)]
	for i := range clear {
		clear[i].Outcome, clear[i].Seen = rules.Unreached, ""
	}
	clear[0].Seen = fmt.Sprintf("%d bytes: %s", len(data), quoted(data, 0, len(data)))
	t.deepest = -1
	t.pieces = make([]piece, len(l.items))
}

// decided tells the outcome; of several instances the one that met most stays.
func (t *Trace) decided(l *list, ok bool) {
	at := t.starts[l]
	now := t.trial.Conditions[at : at+1+len(l.items)]
	set3(&now[0], ok, now[0].Seen)
	met := func(list []rules.Condition) int { return (&rules.Trial{Conditions: list}).Met() }
	if t.saved[0].Outcome != rules.Unreached && !ok && met(t.saved) >= met(now) {
		copy(now, t.saved)
	}
}

// missing tells of a buffer that is not there.
func (t *Trace) missing(l *list, ok bool) {
	set3(&t.trial.Conditions[t.starts[l]], ok, "there is none")
}

// which tells the outcome on n instances of a number.
func (t *Trace) which(l *list, n int, ok bool) {
	set3(&t.trial.Conditions[t.starts[l]], ok, fmt.Sprintf("%d of them", n))
	for i := range l.items {
		t.trial.Conditions[t.starts[l]+1+i] = rules.Condition{Text: t.trial.Conditions[t.starts[l]+1+i].Text, Depth: 1}
	}
}

// there tells of a buffer that must be absent and is not.
func (t *Trace) there(l *list) {
	set3(&t.trial.Conditions[t.starts[l]], false, "it is there")
}

// try tells that item i of l is looked at behind prev: those before it are met.
func (t *Trace) try(m *Matcher, l *list, data []byte, i, prev int) {
	if l == t.rule.base64 && l != t.cur {
		t.nested(m, l, data, i, prev)
		return
	}
	if i < t.deepest {
		return
	}
	t.deepest = i
	t.tell(m, l, data, i, prev)
}

// nested tells of decoded data, which are looked at in the middle of a list.
func (t *Trace) nested(m *Matcher, l *list, data []byte, i, prev int) {
	if i == 0 {
		t.trial.Conditions[t.starts[l]].Seen = fmt.Sprintf("%d bytes: %s", len(data), quoted(data, 0, len(data)))
	}
	outer, pieces := t.cur, t.pieces
	t.cur, t.pieces = l, make([]piece, len(l.items))
	t.tell(m, l, data, i, prev)
	t.cur, t.pieces = outer, pieces
	if c := &t.trial.Conditions[t.starts[l]]; i == len(l.items) {
		c.Outcome = rules.Met
	} else {
		c.Outcome = rules.Unmet
	}
}

func (t *Trace) tell(m *Matcher, l *list, data []byte, i, prev int) {
	c := t.trial.Conditions[t.starts[l]+1:]
	for j := range i {
		c[j].Outcome = rules.Met
		if p := t.pieces[j]; p.set {
			c[j].Seen = fmt.Sprintf("at %d: %s", p.off, quoted(data, p.off, p.n))
		} else if it := &l.items[j]; it.neg && (it.kind == itContent || it.kind == itPCRE) {
			c[j].Seen = "not there, as asked"
		}
	}
	if i < len(l.items) {
		set3(&c[i], false, t.itemSeen(m, &l.items[i], data, prev))
	}
}

// piece tells where item i of l stood.
func (t *Trace) piece(l *list, i, off, n int) {
	if l == t.cur && i < len(t.pieces) {
		t.pieces[i] = piece{off, n, true}
	}
}

// itemSeen says what an item is looked for in, for when it is not met.
func (t *Trace) itemSeen(m *Matcher, it *item, data []byte, prev int) string {
	switch it.kind {
	case itContent:
		lo, hi := m.window(it, len(data), prev)
		if it.neg {
			return fmt.Sprintf("it is in bytes %d to %d of %d", lo, min(hi, len(data)), len(data))
		}
		return fmt.Sprintf("not in bytes %d to %d of %d", lo, min(hi, len(data)), len(data))
	case itPCRE:
		from := 0
		if it.relative {
			from = prev
		}
		if it.neg {
			return fmt.Sprintf("it matches behind byte %d of %d", from, len(data))
		}
		return fmt.Sprintf("no match behind byte %d of %d", from, len(data))
	case itSize:
		return fmt.Sprintf("%d bytes", len(data))
	case itIsDataAt:
		off := m.value(it.offset)
		if it.relative {
			off += int64(prev)
		}
		return fmt.Sprintf("offset %d of %d bytes", off, len(data))
	case itNumber:
		if len(data) == 8 {
			return strconv.FormatUint(beUint64(data), 10)
		}
		return "no number"
	case itLow:
		if len(data) == 8 {
			return strconv.FormatUint(beUint64(data)&(1<<32-1), 10)
		}
		return "no number"
	case itNow:
		if len(data) == 8 {
			return time.Unix(int64(beUint64(data))-certEpoch, 0).UTC().Format(time.RFC3339)
		}
		return "no time"
	case itSpec, itDataset, itASN1:
		return quoted(data, 0, len(data))
	case itEntropy:
		return strconv.FormatFloat(it.entropy.of(data), 'f', 3, 64)
	case itBase64:
		return fmt.Sprintf("behind byte %d of %d", prev, len(data))
	}
	v, pos, n, ok := m.read(it, data, prev)
	if !ok {
		return fmt.Sprintf("no number at %d of %d bytes", pos, len(data))
	}
	return fmt.Sprintf("%d (0x%x) in %d bytes at %d", v, v, n, pos)
}

func beUint64(b []byte) (v uint64) {
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	return v
}

// maxQuoted is how many bytes of a buffer a trace shows.
const maxQuoted = 96

func quoted(data []byte, off, n int) string {
	s := strconv.QuoteToASCII(string(data[off : off+min(n, maxQuoted)]))
	if n > maxQuoted {
		s += "..."
	}
	return s
}

// seen says what a check looks at.
func (c *check) seen(p *Packet, st *FlowState) string {
	switch c.op {
	case ckEstablished, ckNotEstablished:
		if p.Established {
			return "established"
		}
		return "not established"
	case ckFlags:
		return flagText(p.TCPFlags)
	case ckFragBits:
		return fmt.Sprintf("bits %03b", p.FragBits)
	case ckTTL:
		return strconv.Itoa(int(p.TTL))
	case ckICMPType:
		return strconv.Itoa(int(p.ICMPType))
	case ckICMPCode:
		return strconv.Itoa(int(p.ICMPCode))
	case ckICMPID:
		return strconv.Itoa(int(p.ICMPID))
	case ckICMPSeq:
		return strconv.Itoa(int(p.ICMPSeq))
	case ckID:
		return strconv.Itoa(int(p.IPID))
	case ckSeq:
		return strconv.Itoa(int(p.TCPSeq))
	case ckAck:
		return strconv.Itoa(int(p.TCPAck))
	case ckWindow:
		return strconv.Itoa(int(p.TCPWin))
	case ckVLANID, ckVLANLayers:
		return fmt.Sprint(p.VLAN[:p.VLANs])
	case ckTOS, ckMSS, ckWScale, ckMTU:
		if n, ok := p.number(c.op); ok {
			return strconv.FormatUint(n, 10)
		}
		return "none"
	case ckVersion, ckSameIP:
		return p.Src.String() + " > " + p.Dst.String()
	case ckIPProto:
		return strconv.Itoa(int(p.Proto))
	case ckFragOffset:
		return strconv.Itoa(int(p.FragOff))
	case ckDsize:
		return fmt.Sprintf("%d bytes", len(p.Payload))
	case ckFlowStart:
		if p.Seen {
			return "a later packet of its direction"
		}
		return "the first of its direction"
	case ckCountry:
		return fmt.Sprintf("%q > %q", c.geo.country(p.Src), c.geo.country(p.Dst))
	case ckNever:
		return "an event that nothing here raises"
	case ckAppProto, ckAppState, ckFlowApp:
		return appSeen(p.App, p.AppFailed)
	case ckFlowbit:
		for _, b := range c.set {
			if st.bit(b) {
				return "set"
			}
		}
		return "not set"
	case ckFlowint, ckFlowintSet:
		if n, ok := st.counter(c.a); ok {
			return strconv.Itoa(int(n))
		}
		return "not set"
	case ckStreamSize:
		return fmt.Sprintf("client %d, server %d", p.ClientBytes, p.ServerBytes)
	case ckFlowPackets:
		return fmt.Sprintf("client %d, server %d", p.ClientPackets, p.ServerPackets)
	case ckFlowBytes:
		return fmt.Sprintf("client %d, server %d", p.ClientFrames, p.ServerFrames)
	case ckElephant:
		return fmt.Sprintf("client %t, server %t", st.isElephant(sideClient), st.isElephant(sideServer))
	case ckFlowAge:
		return time.Duration(p.Age).String()
	case ckStreamEvent:
		return fmt.Sprintf("events %#x", p.StreamEvents)
	case ckDecodeEvent:
		return fmt.Sprintf("events %#x", p.Events)
	}
	return ""
}

func flagText(f uint8) string {
	out := ""
	for i, c := range "FSRPAUEC" {
		if f>>i&1 != 0 {
			out += string(c)
		}
	}
	if out == "" {
		return "no flag"
	}
	return out
}
