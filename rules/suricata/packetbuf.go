package suricata

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// headerBuffers are buffers of a single packet (Suricata user guide, "IP
// Keywords", "TCP keywords", "UDP keywords", "ICMP keywords").
var headerBuffers = map[string]Buffer{
	"ipv4.hdr": BufIPv4Header, "ipv6.hdr": BufIPv6Header, "tcp.hdr": BufTCPHeader, "udp.hdr": BufUDPHeader,
	"icmpv4.hdr": BufICMPv4Header, "icmpv6.hdr": BufICMPv6Header, "ip.src": BufIPSource, "ip.dst": BufIPDestination,
}

// ofPacket reports whether the buffer is one of packets.
func (b Buffer) ofPacket() bool { return b >= BufIPv4Header && b < lastPacketBuffer }

// isAddress reports whether the buffer is an address, which packets and
// transactions have alike.
func (b Buffer) isAddress() bool { return b == BufIPSource || b == BufIPDestination }

// header gives a buffer of the packet, or nil.
func (p *Packet) header(b Buffer) []byte {
	v4 := p.Src.Is4()
	switch b {
	case BufIPv4Header:
		if v4 {
			return p.IPHeader
		}
	case BufIPv6Header:
		if !v4 {
			return p.IPHeader
		}
	case BufTCPHeader:
		if p.Proto == 6 {
			return p.Header
		}
	case BufUDPHeader:
		if p.Proto == 17 {
			return p.Header
		}
	case BufICMPv4Header:
		if p.Proto == 1 {
			return p.Header
		}
	case BufICMPv6Header:
		if p.Proto == 58 {
			return p.Header
		}
	case BufIPSource:
		return p.Src.AsSlice()
	case BufIPDestination:
		return p.Dst.AsSlice()
	}
	return nil
}

// ofPackets reports whether all buffers of a rule are of packets.
func (r *Rule) ofPackets() bool {
	for _, l := range r.lists {
		if !l.buf.ofPacket() {
			return false
		}
	}
	return len(r.lists) > 0
}

// number reads a number of a header; false when the packet has none.
func (p *Packet) number(op checkOp) (uint64, bool) {
	switch op {
	case ckTOS: // Suricata user guide, "tos": of IPv4
		if h := p.header(BufIPv4Header); len(h) >= 20 {
			return uint64(h[1]), true
		}
	case ckMTU: // of "packet too big" (RFC 4443 section 3.2)
		if h := p.header(BufICMPv6Header); len(h) >= 8 && p.ICMPType == 2 {
			return uint64(binary.BigEndian.Uint32(h[4:])), true
		}
	case ckMSS:
		if v := p.tcpOption(2, 2); v != nil {
			return uint64(binary.BigEndian.Uint16(v)), true
		}
	case ckWScale:
		if v := p.tcpOption(3, 1); v != nil {
			return uint64(v[0]), true
		}
	}
	return 0, false
}

// tcpOption gives the value of a TCP option (RFC 9293 section 3.1) of n bytes.
func (p *Packet) tcpOption(kind byte, n int) []byte {
	h := p.header(BufTCPHeader)
	if len(h) < 20 {
		return nil
	}
	for b := h[20:]; len(b) >= 2 && b[0] != 0; {
		if b[0] == 1 {
			b = b[1:]
			continue
		}
		l := int(b[1])
		if l < 2 || l > len(b) {
			return nil
		}
		if b[0] == kind && l == n+2 {
			return b[2:l]
		}
		b = b[l:]
	}
	return nil
}

// kwHeader takes the sticky buffers of packet headers.
func kwHeader(b *builder, o *option) *fault {
	b.dropCurrent()
	b.last, b.prev = nil, nil
	b.packetKeyword = b.packetKeyword || !headerBuffers[o.key.s].isAddress()
	b.cur, b.sticky = b.listFor(headerBuffers[o.key.s], nil), true
	return nil
}

// headers matches the lists of a rule that look at headers.
func (m *Matcher) headers(r *Rule, p *Packet) bool {
	m.arena = m.arena[:0]
	for _, l := range r.lists {
		if !m.address(l, p) {
			return false
		}
	}
	return true
}

// address matches a list on a buffer of the packet.
func (m *Matcher) address(l *list, p *Packet) bool {
	data := p.header(l.buf)
	if data == nil {
		return false
	}
	for j := range l.transforms {
		start := len(m.arena)
		m.arena = l.transforms[j].apply(m.arena, data)
		data = m.arena[start:]
	}
	return m.buffer(l, data, l.buf)
}

// kwVLANID takes vlan.id: a comparison, then which of the tags it means (Suricata
// user guide, "VLAN Keywords", "Multi-integers").
func kwVLANID(b *builder, o *option) *fault {
	x := &vlanCheck{}
	parts := o.val.list()
	if rest, ok := strings.CutPrefix(o.val.s, "count"); ok {
		c, err := parseUint(field{rest, o.val.off + len("count")}, 32)
		if err != nil {
			return err
		}
		x.which = which{kind: whichLength, cmp: c}
	} else {
		var err *fault
		if x.cmp, err = parseUint(parts[0], 16); err != nil {
			return err
		}
		if len(parts) > 1 {
			if x.which, err = parseWhich(parts[1:]); err != nil {
				return err
			}
			if at := x.which.at; at < -maxVLAN || at >= maxVLAN {
				return wrong(parts[1].off, fmt.Sprintf("%q is not a layer", parts[1].s), "-3 to 2, any or all")
			}
		}
	}
	b.r.checks = append(b.r.checks, check{op: ckVLANID, vlan: x})
	return nil
}

// kwVLANLayers compares the number of VLAN tags.
func kwVLANLayers(b *builder, o *option) *fault {
	c, err := parseUint(field{strings.TrimSpace(o.val.s), o.val.off}, 8)
	if err != nil {
		return err
	}
	b.r.checks = append(b.r.checks, check{op: ckVLANLayers, cmp: c})
	return nil
}

const maxVLAN = 3

// vlanCheck is what vlan.id asks.
type vlanCheck struct {
	cmp   uintCmp
	which which
}

// of decides vlan.id on a packet.
func (x *vlanCheck) of(p *Packet) bool {
	return x.which.decide(int(p.VLANs), func(i int) bool { return x.cmp.match(uint64(p.VLAN[i])) })
}
