package decode

import "encoding/binary"

// transport reads the transport header, appends the packet, and goes on with
// what it tunnels.
func (d *Decoder) transport(out []Packet, p *Packet, f *frame) ([]Packet, Reason) {
	p.finish(f)
	s := p.Segment
	switch p.Proto {
	case ProtoTCP: // RFC 9293
		if len(s) < 20 {
			d.raise(p, EvTCPTooSmall)
			return append(out, *p), ShortTransport
		}
		p.SrcPort, p.DstPort = binary.BigEndian.Uint16(s), binary.BigEndian.Uint16(s[2:])
		p.Seq, p.Ack = binary.BigEndian.Uint32(s[4:]), binary.BigEndian.Uint32(s[8:])
		p.TCPFlags, p.Window = s[13], binary.BigEndian.Uint16(s[14:])
		hl := int(s[12]>>4) * 4
		if hl < 20 || uint32(hl) > p.SegLen {
			if hl < 20 {
				d.raise(p, EvTCPHeaderTooSmall)
			} else {
				d.raise(p, EvTCPOptionLength)
			}
			p.Flags |= FlagBadTCP
			p.HdrLen = uint16(len(s))
			return append(out, *p), BadTransport
		}
		p.HdrLen = uint16(min(hl, len(s)))
		if d.WithEvents && hl > 20 {
			d.options(p, s[20:p.HdrLen])
		}
		return append(out, *p), OK
	case ProtoUDP, 136: // RFC 768, UDP-Lite
		if len(s) < 8 {
			d.raise(p, EvUDPHeaderTooSmall)
			return append(out, *p), ShortTransport
		}
		p.SrcPort, p.DstPort, p.HdrLen = binary.BigEndian.Uint16(s), binary.BigEndian.Uint16(s[2:]), 8
		l := uint32(binary.BigEndian.Uint16(s[4:]))
		switch {
		case p.Proto != ProtoUDP:
		case l < 8:
			d.raise(p, EvUDPLength)
		case l > p.SegLen:
			d.raise(p, EvUDPTooSmall)
		}
		if p.Proto == ProtoUDP && l >= 8 && l < p.SegLen {
			p.SegLen = l
			if int(l) < len(s) {
				p.Segment = s[:l:l]
			}
		}
		return d.udpTunnel(out, p, f)
	case ProtoSCTP: // RFC 9260
		if len(s) < 12 {
			d.raise(p, EvSCTPTooSmall)
			return append(out, *p), ShortTransport
		}
		p.SrcPort, p.DstPort, p.HdrLen = binary.BigEndian.Uint16(s), binary.BigEndian.Uint16(s[2:]), 12
		return append(out, *p), OK
	case ProtoICMP, ProtoICMPv6: // RFC 792, RFC 4443
		if len(s) < 4 {
			return append(out, *p), ShortTransport
		}
		if len(s) < 8 {
			d.raise(p, v6Event(p, EvICMPTooSmall, EvICMPv6TooSmall))
		} else if p.Proto == ProtoICMP && (s[0] > 31 || icmpTypes>>s[0]&1 == 0) {
			d.raise(p, EvICMPUnknownType)
		}
		if d.WithEvents && len(s) >= 8 {
			d.icmpOdd(p, s)
		}
		p.ICMPType, p.ICMPCode = s[0], s[1]
		p.HdrLen = uint16(min(8, len(s)))
		if len(s) >= 8 {
			p.ICMPID, p.ICMPSeq = binary.BigEndian.Uint16(s[4:]), binary.BigEndian.Uint16(s[6:])
		}
		p.icmpPorts()
		return append(out, *p), OK
	case ProtoIPIP, ProtoIPv6, ProtoGRE, ProtoEtherIP, ProtoMPLS:
		return d.ipTunnel(out, p, f)
	case 50: // ESP, RFC 4303
		if len(s) < 8 {
			d.raise(p, EvESPTooSmall)
		}
	case ProtoAH:
		if len(s) >= 12 && p.Flags&FlagV6 == 0 {
			if l := 8 + int(s[1])*4; l <= len(s) && p.SegLen >= uint32(l) {
				p.Proto, p.Segment, p.SegLen = s[0], s[l:], p.SegLen-uint32(l)
				if p.Proto != ProtoAH {
					return d.transport(out, p, f)
				}
			}
		}
	}
	return append(out, *p), OK
}

// icmpCounter maps ICMP request types to the type that answers, and back
// (Community ID specification, "Treatment of ICMP").
var (
	icmpCounter   = map[uint8]uint8{0: 8, 8: 0, 9: 10, 10: 9, 13: 14, 14: 13, 15: 16, 16: 15, 17: 18, 18: 17}
	icmpv6Counter = map[uint8]uint8{
		128: 129, 129: 128, 130: 131, 131: 130, 133: 134, 134: 133, 135: 136, 136: 135,
		139: 140, 140: 139, 144: 145, 145: 144,
	}
)

func (p *Packet) icmpPorts() {
	m := icmpCounter
	if p.Proto == ProtoICMPv6 {
		m = icmpv6Counter
	}
	p.SrcPort = uint16(p.ICMPType)
	if c, ok := m[p.ICMPType]; ok {
		p.DstPort = uint16(c)
		return
	}
	p.DstPort, p.OneWay = uint16(p.ICMPCode), true
}

// ChecksumOK verifies the checksum of TCP, UDP, ICMP and ICMPv6. It is true
// where none can be verified: cut or fragmented packets, UDP over IPv4 without
// one, other protocols.
func (p *Packet) ChecksumOK() bool {
	s := p.Segment
	if p.Flags&(FlagCut|FlagFragment) != 0 || uint32(len(s)) != p.SegLen {
		return true
	}
	var sum uint64
	switch p.Proto {
	case ProtoTCP:
		if len(s) < 20 {
			return true
		}
	case ProtoUDP:
		if len(s) < 8 || s[6] == 0 && s[7] == 0 && p.Flags&FlagV6 == 0 {
			return true
		}
	case ProtoICMPv6:
		if len(s) < 4 {
			return true
		}
	case ProtoICMP:
		return len(s) < 4 || fold(add(0, s)) == 0xffff
	default:
		return true
	}
	if p.Flags&FlagV6 != 0 {
		sum = add(add(0, p.Src[:]), p.Dst[:])
	} else {
		sum = add(add(0, p.Src[12:]), p.Dst[12:])
	}
	sum += uint64(p.Proto) + uint64(len(s))
	return fold(add(sum, s)) == 0xffff
}

// add sums big-endian 16-bit words, 32 bits at a time (RFC 1071).
func add(sum uint64, b []byte) uint64 {
	for len(b) >= 16 {
		sum += uint64(binary.BigEndian.Uint32(b)) + uint64(binary.BigEndian.Uint32(b[4:])) +
			uint64(binary.BigEndian.Uint32(b[8:])) + uint64(binary.BigEndian.Uint32(b[12:]))
		b = b[16:]
	}
	for len(b) >= 2 {
		sum += uint64(binary.BigEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		sum += uint64(b[0]) << 8
	}
	return sum
}

func fold(sum uint64) uint16 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}
