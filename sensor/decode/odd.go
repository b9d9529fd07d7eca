package decode

import "encoding/binary"

// What is wrong with headers that are whole. It is looked for only while a rule
// asks for it.

// v4Odd looks at the options of an IPv4 header (RFC 791 section 3.1).
func (d *Decoder) v4Odd(p *Packet, b []byte) {
	if p.Proto == ProtoICMPv6 {
		d.raise(p, EvIPv4ICMPv6)
	}
	if len(b)%8 != 0 {
		d.raise(p, EvIPv4OptPad)
	}
	var seen [256]bool
	for len(b) > 0 && b[0] != 0 {
		kind := b[0]
		if kind == 1 {
			b = b[1:]
			continue
		}
		if len(b) < 2 {
			d.raise(p, EvIPv4OptEOL)
			return
		}
		if b[1] < 2 || int(b[1]) > len(b) {
			d.raise(p, EvIPv4OptLength)
			return
		}
		n := int(b[1])
		if seen[kind] {
			d.raise(p, EvIPv4OptDuplicate)
		}
		seen[kind] = true
		switch kind {
		case 7, 131, 137: // routes: the pointer is to an address behind it
			if n < 3 || b[2] < 4 || b[2]%4 != 0 {
				d.raise(p, EvIPv4OptMalformed)
			}
		case 68: // timestamps
			if n < 4 || b[2] < 5 {
				d.raise(p, EvIPv4OptMalformed)
			}
		case 25, 148, 136: // quick start, router alert, stream id
			if want := map[byte]int{25: 8, 148: 4, 136: 4}[kind]; n != want {
				d.raise(p, EvIPv4OptLength)
			}
		case 130, 133, 134: // security
		default:
			d.raise(p, EvIPv4OptInvalid)
		}
		b = b[n:]
	}
}

// v6Odd looks at what an IPv6 header carries.
func (d *Decoder) v6Odd(p *Packet) {
	switch p.Proto {
	case ProtoICMP:
		d.raise(p, EvIPv6ICMPv4)
	case ProtoTCP, ProtoUDP, 136, ProtoSCTP, ProtoICMPv6, ProtoIPIP, ProtoIPv6, ProtoGRE, ProtoEtherIP, ProtoMPLS, ProtoAH, 50, 59, 44:
	default:
		d.raise(p, EvIPv6UnknownNext)
	}
}

// innerOdd looks at an IP header within IPv6.
func (d *Decoder) innerOdd(p *Packet, b []byte) {
	small, version, n, v := EvIPv4In6Small, EvIPv4In6Version, 20, byte(4)
	if p.Proto == ProtoIPv6 {
		small, version, n, v = EvIPv6In6Small, EvIPv6In6Version, 40, 6
	}
	switch {
	case len(b) < n:
		d.raise(p, small)
	case b[0]>>4 != v:
		d.raise(p, version)
	}
}

// icmpCodes is the highest code of each type that is in use (IANA "ICMP Type
// Numbers", "ICMPv6 Code Fields").
var (
	icmpCodes   = map[uint8]uint8{0: 0, 3: 15, 4: 0, 5: 3, 8: 0, 9: 16, 10: 0, 11: 1, 12: 2, 13: 0, 14: 0, 15: 0, 16: 0, 17: 0, 18: 0}
	icmpv6Codes = map[uint8]uint8{1: 6, 2: 0, 3: 1, 4: 2, 128: 0, 129: 0, 130: 0, 131: 0, 132: 0, 133: 0, 134: 0, 135: 0, 136: 0, 137: 0}
)

// icmpOdd looks at type, code and the packet that an error is about.
func (d *Decoder) icmpOdd(p *Packet, s []byte) {
	if p.Proto == ProtoICMP {
		if top, ok := icmpCodes[s[0]]; ok && s[1] > top {
			d.raise(p, EvICMPUnknownCode)
			return
		}
		switch s[0] {
		case 3, 4, 5, 11, 12:
			switch in := s[8:]; {
			case len(in) < 20:
				d.raise(p, EvICMPInnerCut)
			case in[0]>>4 != 4:
				d.raise(p, EvICMPInnerVersion)
			}
		}
		return
	}
	top, used := icmpv6Codes[s[0]]
	switch t := s[0]; {
	case used && s[1] > top:
		d.raise(p, EvICMPv6UnknownCode)
	case t >= 130 && t <= 132 && p.TTL != 1:
		d.raise(p, EvICMPv6MLDHops)
	case t >= 1 && t <= 4:
		switch in := s[8:]; {
		case len(in) < 40:
			d.raise(p, EvICMPv6InnerCut)
		case in[0]>>4 != 6:
			d.raise(p, EvICMPv6InnerVersion)
		}
	case t == 100 || t == 101 || t == 200 || t == 201:
		d.raise(p, EvICMPv6Experiment)
	case t < 128 || t == 255 || t > 161:
		d.raise(p, EvICMPv6Unassigned)
	}
}

// etherOdd looks at a frame of another kind than IP.
func (d *Decoder) etherOdd(p *Packet, f *frame, typ uint16, b []byte) {
	switch {
	case typ == etherARP:
		d.arpOdd(p, b)
	case typ == etherPPPoED:
		d.pppoeOdd(p, b)
	case f.vntag:
		d.raise(p, EvVNTagUnknown)
	case f.vlans > 0:
		d.raise(p, EvVLANUnknown)
	default:
		d.raise(p, EvEtherUnknown)
	}
}

// arpOdd looks at an ARP packet (RFC 826).
//
//	0 hardware  2 protocol  4 lengths of their addresses  6 operation
func (d *Decoder) arpOdd(p *Packet, b []byte) {
	switch {
	case len(b) < 28:
		d.raise(p, EvARPTooSmall)
	case binary.BigEndian.Uint16(b) != 1:
		d.raise(p, EvARPHardware)
	case binary.BigEndian.Uint16(b[2:]) != etherIPv4:
		d.raise(p, EvARPProtocol)
	case b[4] != 6:
		d.raise(p, EvARPHardwareSize)
	case b[5] != 4:
		d.raise(p, EvARPProtocolSize)
	case b[6] != 0 || b[7] == 0 || b[7] > 10:
		d.raise(p, EvARPOpcode)
	}
}

// nshOdd looks at a Network Service Header (RFC 8300 section 2).
//
//	0 version, O, TTL  1 length in words  2 metadata type  3 next protocol
func (d *Decoder) nshOdd(p *Packet, b []byte) {
	if !d.WithEvents {
		return
	}
	if len(b) < 8 {
		d.raise(p, EvNSHTooSmall)
		return
	}
	n := int(b[1]&0x3f) * 4
	switch kind := b[2] & 15; {
	case b[0]>>6 != 0:
		d.raise(p, EvNSHVersion)
	case n < 8 || n > len(b), kind == 1 && n != 24:
		d.raise(p, EvNSHLength)
	case kind == 0 || kind == 15:
		d.raise(p, EvNSHReserved)
	case kind > 2:
		d.raise(p, EvNSHType)
	case nshNext[b[3]] == 0:
		d.raise(p, EvNSHPayload)
	}
}

var greTooBig = [2]Event{EvGRE0TooBig, EvGRE1TooBig}

// greOdd looks at the flags of a GRE header (RFC 1701, RFC 2637 section 4.1) and
// reports whether something is wrong with them.
func (d *Decoder) greOdd(p *Packet, flags, typ uint16) bool {
	type odd struct {
		mask uint16
		e    Event
	}
	list := []odd{{0x0700, EvGRE0Recursion}, {0x00f8, EvGRE0Flags}}
	switch flags & 7 {
	case 0:
	case 1:
		list = []odd{{0x8000, EvGRE1Checksum}, {0x4000, EvGRE1Route}, {0x0800, EvGRE1Strict}, {0x0700, EvGRE1Recursion}, {0x0078, EvGRE1Flags}}
		if flags&0x2000 == 0 {
			d.raise(p, EvGRE1NoKey)
			return true
		} else if typ != etherPPP {
			d.raise(p, EvGRE1Protocol)
			return true
		}
	default:
		d.raise(p, EvGREVersion)
		return true
	}
	for _, o := range list {
		if flags&o.mask != 0 {
			d.raise(p, o.e)
			return true
		}
	}
	return false
}
