package suricata

import (
	"fmt"
	"strings"
)

// check is one condition on the packet or the flow, before any content.
type check struct {
	op   checkOp
	neg  bool
	cmp  uintCmp
	a    uint32   // bit, counter, protocol or mask
	b    uint32   // second operand
	set  []uint32 // bits of which one suffices
	at   int      // offset in the rule's text, for messages
	rep  *repCheck
	vlan *vlanCheck
	geo  *geoCheck
	// text is what a variable must contain.
	text []byte
}

type checkOp uint8

const (
	ckEstablished checkOp = iota
	ckNotEstablished
	ckFlags
	ckTTL
	ckICMPType
	ckICMPCode
	ckICMPID
	ckICMPSeq
	ckID
	ckSeq
	ckAck
	ckWindow
	ckIPProto
	ckFragBits
	ckFragOffset
	ckSameIP
	ckDsize
	ckAppProto
	ckAppState
	ckAppFirst
	ckFlowbit
	ckFlowint
	ckFlowintSet
	ckStreamSize
	ckDecodeEvent
	ckVLANID
	ckVLANLayers
	ckTOS
	ckMSS
	ckWScale
	ckMTU
	ckVersion
	ckIPRep
	ckFlowPackets
	ckElephant
	ckFlowBytes
	ckFlowAge
	ckStreamEvent
	ckFragments
	ckIPOption
	ckChecksum
	ckVariable
	ckTxBit
	ckNever
	ckFlowStart
	ckFlowApp
	ckCountry
)

// eval decides one check. bits and counters of a flow without state are unset.
func (c *check) eval(p *Packet, st *FlowState) bool {
	var ok bool
	switch c.op {
	case ckEstablished:
		ok = p.Established
	case ckNotEstablished:
		ok = !p.Established
	case ckFlags:
		ok = p.Proto == 6 && flagsNear(p.TCPFlags, c.a) && bitsMatch(uint32(p.TCPFlags)&^c.b, c.a, c.cmp.op)
	case ckFragBits:
		ok = p.Src.Is4() && fragMatch(uint32(p.FragBits), c.a, c.cmp.op)
	case ckTTL:
		ok = c.cmp.match(uint64(p.TTL))
	case ckICMPType:
		ok = isICMP(p) && c.cmp.match(uint64(p.ICMPType))
	case ckICMPCode:
		ok = isICMP(p) && c.cmp.match(uint64(p.ICMPCode))
	case ckICMPID:
		ok = isICMP(p) && c.cmp.match(uint64(p.ICMPID))
	case ckICMPSeq:
		ok = isICMP(p) && c.cmp.match(uint64(p.ICMPSeq))
	case ckID:
		ok = p.Src.Is4() && c.cmp.match(uint64(p.IPID))
	case ckSeq:
		ok = p.Proto == 6 && c.cmp.match(uint64(p.TCPSeq))
	case ckAck:
		ok = p.Proto == 6 && c.cmp.match(uint64(p.TCPAck))
	case ckWindow:
		ok = p.Proto == 6 && c.cmp.match(uint64(p.TCPWin))
	case ckDecodeEvent:
		ok = p.raised(c.a)
	case ckVLANID:
		ok = c.vlan.of(p)
	case ckTOS, ckMSS, ckWScale, ckMTU:
		n, there := p.number(c.op)
		ok = there && c.cmp.match(n)
	case ckIPRep:
		ok = c.reputation(p)
	case ckFlowPackets, ckFlowBytes, ckFlowAge:
		ok = c.flow(p)
	case ckElephant:
		ok = st.isElephant(c.a)
	case ckStreamEvent:
		ok = p.StreamEvents>>c.a&1 != 0
	case ckFragments:
		ok = p.Reassembled == (c.a == 1)
	case ckIPOption:
		ok = c.ipOption(p)
	case ckChecksum:
		return c.checksum(p)
	case ckVariable:
		ok = st.variableHas(c.a, p.Number, c.text)
	case ckTxBit:
		ok = st.txBit(c.a)
	case ckCountry:
		ok = c.geo.of(p)
	case ckFlowApp:
		ok = p.App == AppProto(c.a)
	case ckFlowStart:
		ok = hasFlow(p.Proto) && !p.Seen
	case ckNever:
		return false
	case ckVersion:
		ok = p.Src.Is4() == (c.a == 4)
	case ckVLANLayers:
		ok = c.cmp.match(uint64(p.VLANs))
	case ckIPProto:
		ok = c.cmp.match(uint64(p.Proto))
	case ckFragOffset:
		ok = p.Src.Is4() && c.cmp.match(uint64(p.FragOff))
	case ckSameIP:
		ok = p.Src == p.Dst
	case ckDsize:
		ok = c.cmp.match(uint64(len(p.Payload))) && (len(p.Payload) > 0 || !c.cmp.asksPayload())
	case ckAppProto:
		if p.App == AppUnknown && !p.AppFailed { // nothing is known, not even what it is not
			return false
		}
		ok = AppProto(c.a).covers(p.App)
	case ckAppFirst:
		ok = p.AppFirst != AppUnknown && AppProto(c.a).covers(p.AppFirst)
	case ckAppState:
		ok = p.App == AppUnknown && p.AppFailed == (c.a == 1)
	case ckFlowbit:
		for _, b := range c.set {
			if st.bit(b) != c.neg {
				return true
			}
		}
		return false
	case ckFlowint:
		v, set := st.counter(c.a)
		want := c.cmp
		if c.b > 0 {
			other, there := st.counter(c.b - 1)
			set = set && there
			want.a = uint64(other)
		}
		ok = set && want.match(uint64(v))
	case ckFlowintSet:
		_, ok = st.counter(c.a)
	case ckStreamSize:
		cl, sv := c.cmp.match(uint64(p.ClientBytes)), c.cmp.match(uint64(p.ServerBytes))
		switch c.a {
		case 0:
			ok = cl
		case 1:
			ok = sv
		case 2:
			ok = cl && sv
		default:
			ok = cl || sv
		}
		ok = ok && p.Proto == 6
	}
	return ok != c.neg
}

func isICMP(p *Packet) bool { return p.Proto == 1 || p.Proto == 58 }

// bitsMatch compares flag bits: equal, all of (opGe), any of (opAnd) or none
// of them (opNe).
func bitsMatch(have, want uint32, op cmpOp) bool {
	switch op {
	case opGe:
		return have&want == want
	case opAnd:
		return have&want != 0
	case opNe:
		return have&want == 0
	}
	return have == want
}

// asksPayload reports comparisons of dsize for which Suricata looks at packets with
// a payload alone, although an empty one would satisfy some of them.
func (c uintCmp) asksPayload() bool {
	switch c.op {
	case opRange, opGt, opNe, opGe:
		return true
	}
	return false
}

// flagsNear reports whether a packet has a flag of the kinds a rule names: one of
// those that begin and end connections with S, F or R, one of the rare ones with
// U, E or C. Suricata looks at no other packet for such a rule, whatever the
// rule's modifier (detect-engine-build.c, SignatureCreateMask).
func flagsNear(have uint8, want uint32) bool {
	const ends, rare = 1 | 2 | 4, 32 | 64 | 128
	return (want&ends == 0 || have&ends != 0) && (want&rare == 0 || have&rare != 0)
}

// fragMatch compares the bits of fragmentation: + asks for more than those named,
// ! that not all of them are set.
func fragMatch(have, want uint32, op cmpOp) bool {
	switch op {
	case opGe:
		return have&want == want && have != want
	case opNe:
		return have&want != want
	}
	return bitsMatch(have, want, op)
}

// uintKeywords compare one number of the packet.
var uintKeywords = map[string]struct {
	op   checkOp
	bits int
	size bool // looks at single packets
}{
	"ttl": {ckTTL, 8, false}, "itype": {ckICMPType, 8, false}, "icode": {ckICMPCode, 8, false},
	"icmp_id": {ckICMPID, 16, false}, "icmp_seq": {ckICMPSeq, 16, false}, "id": {ckID, 16, false},
	"seq": {ckSeq, 32, false}, "tcp.seq": {ckSeq, 32, false}, "ack": {ckAck, 32, false}, "tcp.ack": {ckAck, 32, false},
	"window": {ckWindow, 16, false}, "tcp.window": {ckWindow, 16, false},
	"fragoffset": {ckFragOffset, 16, false}, "dsize": {ckDsize, 16, true},
	"tos": {ckTOS, 8, false}, "tcp.mss": {ckMSS, 16, false}, "tcp.wscale": {ckWScale, 8, false}, "icmpv6.mtu": {ckMTU, 32, false},
}

// tosOf turns the older x20 of tos into 0x20.
func tosOf(key string, f field) field {
	s, neg := strings.CutPrefix(f.s, "!")
	if key == "tos" && strings.HasPrefix(s, "x") {
		f.s = "0" + s
		if neg {
			f.s = "!0" + s
		}
	}
	return f
}

func kwUint(b *builder, o *option) *fault {
	k := uintKeywords[o.key.s]
	f, _, err := o.quoted()
	if err != nil {
		return err
	}
	if strings.HasPrefix(o.val.s, "!") {
		f = o.val
	}
	c, err := parseUint(tosOf(o.key.s, f), k.bits)
	if err != nil {
		return err
	}
	b.packetKeyword = b.packetKeyword || k.size
	b.r.checks = append(b.r.checks, check{op: k.op, cmp: c})
	return nil
}

func kwSameIP(b *builder, _ *option) *fault {
	b.r.checks = append(b.r.checks, check{op: ckSameIP})
	return nil
}

// kwAppProto takes app-layer-protocol:[!]PROTOCOL[,MODE]. The sensor decides a
// protocol for both directions at once, so that all modes but original, what the flow began as, are alike.
func kwAppProto(b *builder, o *option) *fault {
	f, neg, first := o.val, false, false
	if strings.HasPrefix(f.s, "!") {
		f, neg = field{f.s[1:], f.off + 1}, true
	}
	parts := f.list()
	if len(parts) > 1 {
		switch parts[1].s {
		case "either", "final", "both", "toserver", "toclient":
		case "original":
			first = true
		default:
			return wrong(parts[1].off, fmt.Sprintf("unknown mode %q", parts[1].s), "final, either, both, toserver or toclient")
		}
	}
	switch parts[0].s {
	case "failed", "unknown":
		b.appChecks++
		b.r.checks = append(b.r.checks, check{op: ckAppState, a: map[string]uint32{"failed": 1}[parts[0].s], neg: neg})
		return nil
	}
	app, ok := appNames[parts[0].s]
	if !ok {
		if otherApps[parts[0].s] {
			return refused(parts[0].off, "protocol "+parts[0].s+" without a parser")
		}
		return wrong(parts[0].off, fmt.Sprintf("unknown protocol %q", parts[0].s), "a protocol such as http")
	}
	if !b.c.offered.app(app) {
		return refused(parts[0].off, "protocol "+parts[0].s+" without a parser")
	}
	b.appChecks++
	op := ckAppProto
	if first {
		op = ckAppFirst
	}
	b.r.checks = append(b.r.checks, check{op: op, a: uint32(app), neg: neg})
	return nil
}
