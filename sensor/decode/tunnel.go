package decode

import "encoding/binary"

// Tunnels whose inner packets are decoded.
const (
	tunnelIPIP    = iota // RFC 2003, RFC 4213 (6in4), RFC 2473
	tunnelGRE            // RFC 2784, RFC 2890, RFC 7637 (NVGRE)
	tunnelERSPAN         // draft-foschiano-erspan
	tunnelVXLAN          // RFC 7348
	tunnelGeneve         // RFC 8926
	tunnelGTPU           // 3GPP TS 29.281
	tunnelTeredo         // RFC 4380
	tunnelEtherIP        // RFC 3378
	tunnelMPLS           // RFC 4023
	tunnelTZSP           // TaZmen Sniffer Protocol
	numTunnels
)

// TunnelNames names the entries of Decoder.Tunnels.
var TunnelNames = [numTunnels]string{"ipip", "gre", "erspan", "vxlan", "geneve", "gtp", "teredo", "etherip", "mpls", "tzsp"}

// TunnelPorts are the UDP ports that tunnels are looked for on.
var TunnelPorts = [...]uint16{2152, 3544, 4789, 4790, 6081, 8472, 37008}

// inner begins the packet inside a tunnel.
func (d *Decoder) inner(outer *Packet, f *frame, kind int, id uint32, size int) (*frame, *Packet, bool) {
	if f.depth >= maxDepth {
		d.Reasons[TooDeep]++
		return nil, nil, false
	}
	d.Tunnels[kind]++
	g := &d.headers[f.depth+1]
	*g = frame{id: id, layers: f.layers, depth: f.depth + 1, srcMAC: f.srcMAC, dstMAC: f.dstMAC, tunnel: uint8(kind) + 1, size: size}
	p := &Packet{Number: outer.Number, Time: outer.Time}
	if outer.Flags&FlagReassembled != 0 {
		p.Frags = outer.Frags
	}
	return g, p, true
}

// tunneled appends outer and what ran inside it, in size bytes. If nothing inside could be
// decoded, outer stands as an ordinary packet.
func (d *Decoder) tunneled(out []Packet, outer *Packet, f *frame, kind int, id uint32, size int,
	run func(out []Packet, p *Packet, g *frame) ([]Packet, Reason),
) ([]Packet, Reason) {
	g, p, ok := d.inner(outer, f, kind, id, size)
	at := len(out)
	out = append(out, *outer)
	if !ok {
		return out, OK
	}
	out, r := run(out, p, g)
	if len(out) > at+1 || r == Fragment {
		out[at].Flags |= FlagTunnel
		return out, OK
	}
	d.Tunnels[kind]--
	return out, OK
}

// ipTunnel goes into IP in IP and GRE.
func (d *Decoder) ipTunnel(out []Packet, p *Packet, f *frame) ([]Packet, Reason) {
	s := p.Segment
	if p.Flags&FlagFragment != 0 {
		return append(out, *p), OK
	}
	switch p.Proto {
	case ProtoEtherIP: // 0 version 3, reserved
		if len(s) < 2 || s[0]>>4 != 3 {
			return append(out, *p), OK
		}
		return d.tunneled(out, p, f, tunnelEtherIP, 0, len(s[2:]), func(out []Packet, q *Packet, g *frame) ([]Packet, Reason) {
			return d.ethernet(out, q, g, s[2:])
		})
	case ProtoMPLS:
		return d.tunneled(out, p, f, tunnelMPLS, 0, len(s), func(out []Packet, q *Packet, g *frame) ([]Packet, Reason) {
			return d.mpls(out, q, g, s)
		})
	case ProtoIPIP, ProtoIPv6:
		if d.WithEvents && p.Flags&FlagV6 != 0 {
			d.innerOdd(p, s)
		}
		return d.tunneled(out, p, f, tunnelIPIP, 0, len(s), func(out []Packet, q *Packet, g *frame) ([]Packet, Reason) {
			return d.ip(out, q, g, s)
		})
	}
	// 0 flags C.KS, version  2 protocol  4 checksum+offset, key, sequence as flagged
	if len(s) < 4 {
		d.raise(p, EvGRETooSmall)
		return append(out, *p), OK
	}
	flags, typ := binary.BigEndian.Uint16(s), binary.BigEndian.Uint16(s[2:])
	if d.WithEvents {
		if d.greOdd(p, flags, typ) {
			defer d.hush()()
		}
	}
	n, id := 4, uint32(0)
	if flags&0x8000 != 0 || flags&0x4007 == 0x4000 { // a checksum and the offset of the active route
		n += 4
	}
	if flags&0x2000 != 0 {
		if len(s) >= n+4 {
			id = binary.BigEndian.Uint32(s[n:])
		}
		n += 4
	}
	if flags&0x1000 != 0 {
		n += 4
	}
	if flags&7 == 1 { // PPTP (RFC 2637): key is length and call id, maybe an acknowledgment
		id = 0
		if flags&0x80 != 0 {
			n += 4
		}
	}
	switch {
	case len(s) < n:
		d.raise(p, greTooBig[flags&1])
	case flags&0x4007 == 0x4000:
		if n = greRoutes(s, n); n == 0 {
			d.raise(p, EvGRE0Route)
			return append(out, *p), OK
		}
	}
	if len(s) < n || flags&0x4000 != 0 && flags&7 != 0 || flags&7 > 1 {
		return append(out, *p), OK
	}
	b := s[n:]
	switch typ {
	case etherERSPAN: // type I has no header and no GRE sequence number, type II has 8 bytes
		if flags&0x1000 != 0 {
			if len(b) < 8 { // 0 version, VLAN
				d.raise(p, EvERSPANTooSmall)
				return append(out, *p), OK
			}
			if b[0]>>4 != 1 {
				d.raise(p, EvERSPANVersion)
				defer d.hush()()
			} else if f.vlans >= len(f.vlan) && (b[0]&15 != 0 || b[1] != 0) {
				d.raise(p, EvERSPANLayers)
			}
			b = b[8:]
		}
		return d.tunneled(out, p, f, tunnelERSPAN, id, len(b), func(out []Packet, q *Packet, g *frame) ([]Packet, Reason) {
			return d.ethernet(out, q, g, b)
		})
	case etherERSP3: // 12 bytes, 8 more if the O bit is set
		if len(b) < 12 {
			return append(out, *p), OK
		}
		k := 12
		if b[11]&1 != 0 {
			k += 8
		}
		if len(b) < k {
			return append(out, *p), OK
		}
		b = b[k:]
		return d.tunneled(out, p, f, tunnelERSPAN, id, len(b), func(out []Packet, q *Packet, g *frame) ([]Packet, Reason) {
			return d.ethernet(out, q, g, b)
		})
	}
	return d.tunneled(out, p, f, tunnelGRE, id, len(b), func(out []Packet, q *Packet, g *frame) ([]Packet, Reason) {
		return d.ether(out, q, g, typ, b)
	})
}

// udpTunnel appends a UDP packet and goes into the tunnels known by their port
// and confirmed by their header.
func (d *Decoder) udpTunnel(out []Packet, p *Packet, f *frame) ([]Packet, Reason) {
	s := p.Segment[8:]
	if len(s) < 8 || p.Flags&FlagFragment != 0 {
		return append(out, *p), OK
	}
	switch {
	case p.DstPort == 4789 || p.DstPort == 8472 || p.SrcPort == 4789:
		// 0 flags, I bit 0x08, G bit 0x80 for a group policy in 2  4 VNI, reserved
		if s[0]&0x7f != 0x08 || s[0] == 0x08 && s[1]|s[2]|s[3] != 0 || len(s) < 22 {
			break
		}
		if !carried(binary.BigEndian.Uint16(s[20:])) {
			d.raise(p, EvVXLANPayload)
			defer d.hush()()
		}
		return d.tunneled(out, p, f, tunnelVXLAN, binary.BigEndian.Uint32(s[4:])>>8, len(s[8:]), func(out []Packet, q *Packet, g *frame) ([]Packet, Reason) {
			return d.ethernet(out, q, g, s[8:])
		})
	case p.DstPort == 4790 || p.SrcPort == 4790: // VXLAN-GPE
		// 0 flags, I 0x08, P 0x04  3 next protocol  4 VNI, reserved
		if s[0]&0xfc != 0x0c || s[3] == 0 || int(s[3]) >= len(gpeNext) {
			break
		}
		next := gpeNext[s[3]]
		return d.tunneled(out, p, f, tunnelVXLAN, binary.BigEndian.Uint32(s[4:])>>8, len(s[8:]), func(out []Packet, q *Packet, g *frame) ([]Packet, Reason) {
			return d.ether(out, q, g, next, s[8:])
		})
	case p.DstPort == 37008 && s[0] == 1 && s[1] <= 1:
		if link, b := tzsp(s); b != nil {
			return d.tunneled(out, p, f, tunnelTZSP, 0, len(b), func(out []Packet, q *Packet, g *frame) ([]Packet, Reason) {
				return d.link(out, q, g, link, b)
			})
		}
	case p.DstPort == 6081 || p.SrcPort == 6081:
		// 0 version, option length in words  1 flags  2 protocol  4 VNI, reserved
		n := 8 + int(s[0]&0x3f)*4
		if s[0]>>6 != 0 || s[1]&0x3f != 0 || len(s) < n {
			break
		}
		if next := binary.BigEndian.Uint16(s[2:]); !carried(next) && next != etherTEB {
			d.raise(p, EvGenevePayload)
			defer d.hush()()
		}
		return d.tunneled(out, p, f, tunnelGeneve, binary.BigEndian.Uint32(s[4:])>>8, len(s[n:]), func(out []Packet, q *Packet, g *frame) ([]Packet, Reason) {
			return d.ether(out, q, g, binary.BigEndian.Uint16(s[2:]), s[n:])
		})
	case p.DstPort == 2152 || p.SrcPort == 2152:
		// 0 version 1, PT, E, S, PN  1 type 255  2 length  4 TEID
		if s[0]>>4 != 3 || s[1] != 0xff {
			break
		}
		b := s[8:]
		if s[0]&7 != 0 {
			if len(b) < 4 {
				break
			}
			next := b[3]
			b = b[4:]
			for range 8 {
				if s[0]&4 == 0 || next == 0 {
					break
				}
				if len(b) < 4 || b[0] == 0 || len(b) < int(b[0])*4 {
					return append(out, *p), OK
				}
				k := int(b[0]) * 4
				next, b = b[k-1], b[k:]
			}
		}
		// The two directions carry different tunnel ids, so none separates flows.
		return d.tunneled(out, p, f, tunnelGTPU, 0, len(b), func(out []Packet, q *Packet, g *frame) ([]Packet, Reason) {
			return d.ip(out, q, g, b)
		})
	case p.DstPort == 3544 || p.SrcPort == 3544:
		b := s
		if b[0] == 0 && b[1] == 1 { // authentication
			n := 4 + int(b[2]) + int(b[3]) + 9
			if len(b) < n {
				break
			}
			b = b[n:]
		}
		if len(b) >= 8 && b[0] == 0 && b[1] == 0 { // origin indication
			b = b[8:]
		}
		if len(b) < 40 || b[0]>>4 != 6 {
			break
		}
		return d.tunneled(out, p, f, tunnelTeredo, 0, len(b), func(out []Packet, q *Packet, g *frame) ([]Packet, Reason) {
			return d.ipv6(out, q, g, b)
		})
	case s[0]>>4 == 6 && len(s) >= 40 && (teredo(s[8:]) || teredo(s[24:])) && int(binary.BigEndian.Uint16(s[4:])) == len(s)-40:
		// between two clients, on ports of their own
		return d.tunneled(out, p, f, tunnelTeredo, 0, len(s), func(out []Packet, q *Packet, g *frame) ([]Packet, Reason) {
			return d.ipv6(out, q, g, s)
		})
	}
	return append(out, *p), OK
}

// carried reports the EtherTypes that Suricata follows into VXLAN and Geneve.
func carried(typ uint16) bool {
	switch typ {
	case etherARP, etherIPv4, etherIPv6, etherVLAN, etherQinQ, 0x9100:
		return true
	}
	return false
}

// greRoutes passes over the source routes of GRE (RFC 1701) and gives where they
// end, 0 if they are malformed.
//
//	0 address family  2 offset  3 length; a family and a length of 0 end them
func greRoutes(s []byte, n int) int {
	for n+4 <= len(s) {
		family, size := binary.BigEndian.Uint16(s[n:]), int(s[n+3])
		if n += 4; family == 0 && size == 0 {
			return n
		}
		if n += size; n > len(s) {
			return 0
		}
	}
	return 0
}

// teredo reports an address of the prefix 2001::/32.
func teredo(a []byte) bool { return binary.BigEndian.Uint32(a) == 0x20010000 }

// gpeNext maps next protocols of VXLAN-GPE (draft-ietf-nvo3-vxlan-gpe section
// 3.2) to EtherTypes.
var gpeNext = [...]uint16{1: etherIPv4, 2: etherIPv6, 3: etherTEB, 4: etherNSH, 5: etherMPLS}

// tzsp gives the link type and the frame of a TZSP message, nil if it has none.
//
//	0 version 1  1 type  2 protocol; then tags with a length each, but for
//	0 padding and 1 the end
func tzsp(b []byte) (link uint16, frame []byte) {
	switch binary.BigEndian.Uint16(b[2:]) {
	case 1:
		link = linkEthernet
	case 18:
		link = linkWLAN
	case 119:
		link = linkPrism
	case 127:
		link = linkAVS
	default:
		return 0, nil
	}
	for b = b[4:]; len(b) > 0; {
		switch {
		case b[0] == 0:
			b = b[1:]
		case b[0] == 1:
			return link, b[1:]
		case len(b) < 2 || len(b) < 2+int(b[1]):
			return 0, nil
		default:
			b = b[2+int(b[1]):]
		}
	}
	return 0, nil
}
