package decode

import "encoding/binary"

// Tunnels whose inner packets are decoded.
const (
	tunnelIPIP   = iota // RFC 2003, RFC 4213 (6in4), RFC 2473
	tunnelGRE           // RFC 2784, RFC 2890, RFC 7637 (NVGRE)
	tunnelERSPAN        // draft-foschiano-erspan
	tunnelVXLAN         // RFC 7348
	tunnelGeneve        // RFC 8926
	tunnelGTPU          // 3GPP TS 29.281
	tunnelTeredo        // RFC 4380
	numTunnels
)

// TunnelNames names the entries of Decoder.Tunnels.
var TunnelNames = [numTunnels]string{"ipip", "gre", "erspan", "vxlan", "geneve", "gtp", "teredo"}

// TunnelPorts are the UDP ports that tunnels are looked for on.
var TunnelPorts = [...]uint16{2152, 3544, 4789, 6081, 8472}

// inner begins the packet inside a tunnel.
func (d *Decoder) inner(outer *Packet, f *frame, kind int, id uint32) (*frame, *Packet, bool) {
	if f.depth >= maxDepth {
		d.Reasons[TooDeep]++
		return nil, nil, false
	}
	d.Tunnels[kind]++
	g := &d.headers[f.depth+1]
	*g = frame{id: id, depth: f.depth + 1, srcMAC: f.srcMAC, dstMAC: f.dstMAC}
	p := &Packet{Number: outer.Number, Time: outer.Time}
	if outer.Flags&FlagReassembled != 0 {
		p.Frags = outer.Frags
	}
	return g, p, true
}

// tunneled appends outer and what ran inside it. If nothing inside could be
// decoded, outer stands as an ordinary packet.
func (d *Decoder) tunneled(out []Packet, outer *Packet, f *frame, kind int, id uint32,
	run func(out []Packet, p *Packet, g *frame) ([]Packet, Reason),
) ([]Packet, Reason) {
	g, p, ok := d.inner(outer, f, kind, id)
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
	if p.Proto != ProtoGRE {
		return d.tunneled(out, p, f, tunnelIPIP, 0, func(out []Packet, q *Packet, g *frame) ([]Packet, Reason) {
			return d.ip(out, q, g, s)
		})
	}
	// 0 flags C.KS, version  2 protocol  4 checksum+offset, key, sequence as flagged
	if len(s) < 4 {
		d.raise(p, EvGRETooSmall)
		return append(out, *p), OK
	}
	flags, typ := binary.BigEndian.Uint16(s), binary.BigEndian.Uint16(s[2:])
	n, id := 4, uint32(0)
	if flags&0x8000 != 0 {
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
	if len(s) < n || flags&0x4000 != 0 {
		return append(out, *p), OK
	}
	b := s[n:]
	switch typ {
	case etherERSPAN: // type I has no header and no GRE sequence number, type II has 8 bytes
		if flags&0x1000 != 0 {
			if len(b) < 8 {
				return append(out, *p), OK
			}
			b = b[8:]
		}
		return d.tunneled(out, p, f, tunnelERSPAN, id, func(out []Packet, q *Packet, g *frame) ([]Packet, Reason) {
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
		return d.tunneled(out, p, f, tunnelERSPAN, id, func(out []Packet, q *Packet, g *frame) ([]Packet, Reason) {
			return d.ethernet(out, q, g, b)
		})
	}
	return d.tunneled(out, p, f, tunnelGRE, id, func(out []Packet, q *Packet, g *frame) ([]Packet, Reason) {
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
		// 0 flags, I bit 0x08  1 reserved  4 VNI, reserved
		if s[0] != 0x08 || s[1]|s[2]|s[3] != 0 || len(s) < 22 {
			break
		}
		return d.tunneled(out, p, f, tunnelVXLAN, binary.BigEndian.Uint32(s[4:])>>8, func(out []Packet, q *Packet, g *frame) ([]Packet, Reason) {
			return d.ethernet(out, q, g, s[8:])
		})
	case p.DstPort == 6081 || p.SrcPort == 6081:
		// 0 version, option length in words  1 flags  2 protocol  4 VNI, reserved
		n := 8 + int(s[0]&0x3f)*4
		if s[0]>>6 != 0 || s[1]&0x3f != 0 || len(s) < n {
			break
		}
		return d.tunneled(out, p, f, tunnelGeneve, binary.BigEndian.Uint32(s[4:])>>8, func(out []Packet, q *Packet, g *frame) ([]Packet, Reason) {
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
		return d.tunneled(out, p, f, tunnelGTPU, 0, func(out []Packet, q *Packet, g *frame) ([]Packet, Reason) {
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
		return d.tunneled(out, p, f, tunnelTeredo, 0, func(out []Packet, q *Packet, g *frame) ([]Packet, Reason) {
			return d.ipv6(out, q, g, b)
		})
	}
	return append(out, *p), OK
}
