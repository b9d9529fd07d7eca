package decode

import "encoding/binary"

// EtherTypes (IANA "IEEE 802 Numbers").
const (
	etherIPv4   = 0x0800
	etherARP    = 0x0806
	etherTRILL  = 0x22f3
	etherTEB    = 0x6558
	etherVLAN   = 0x8100
	etherIPv6   = 0x86dd
	etherPPP    = 0x880b
	etherMPLS   = 0x8847
	etherMPLSmc = 0x8848
	etherPPPoED = 0x8863 // discovery
	etherPPPoE  = 0x8864
	etherDCE    = 0x8903 // FabricPath
	etherMACsec = 0x88e5
	etherQinQ   = 0x88a8
	etherERSPAN = 0x88be
	etherERSP3  = 0x22eb
	etherPBB    = 0x88e7
	etherVNTag  = 0x8926
	etherNSH    = 0x894f

	etherPROFINET = 0x8892
	etherLLDP     = 0x88cc
	snapCDP       = 0x2000 // a protocol of Cisco's in SNAP
)

func (d *Decoder) ethernet(out []Packet, p *Packet, f *frame, b []byte) ([]Packet, Reason) {
	if len(b) < 14 {
		d.raise(p, EvEthernetTooSmall)
		return out, ShortLink
	}
	copy(f.dstMAC[:], b)
	copy(f.srcMAC[:], b[6:])
	d.layer(p, f)
	return d.ether(out, p, f, binary.BigEndian.Uint16(b[12:]), b[14:])
}

// ether goes through tags until an IP packet comes.
func (d *Decoder) ether(out []Packet, p *Packet, f *frame, typ uint16, b []byte) ([]Packet, Reason) {
	for range maxTags {
		switch typ {
		case etherIPv4, etherIPv6:
			if len(b) > 0 && typ == etherIPv4 && b[0]>>4 != 4 {
				d.raise(p, EvIPv4Version)
			} else if len(b) > 0 && typ == etherIPv6 && b[0]>>4 != 6 {
				d.raise(p, EvIPv6Version)
			}
			return d.ip(out, p, f, b)
		case etherVLAN, etherQinQ, 0x9100, 0x9200, 0x9300: // IEEE 802.1Q
			if len(b) < 4 {
				d.raise(p, EvVLANTooSmall)
				return out, ShortLink
			}
			d.layer(p, f)
			if f.vlans < len(f.vlan) {
				f.vlan[f.vlans] = binary.BigEndian.Uint16(b) & 0xfff
			}
			f.vntag = false
			if f.vlans++; f.vlans > len(f.vlan) {
				d.raise(p, EvVLANLayers)
			}
			typ, b = binary.BigEndian.Uint16(b[2:]), b[4:]
		case etherVNTag: // IEEE 802.1BR, 6 bytes with the EtherType
			if len(b) < 6 {
				d.raise(p, EvVNTagTooSmall)
				return out, ShortLink
			}
			d.layer(p, f)
			f.vntag = true
			typ, b = binary.BigEndian.Uint16(b[4:]), b[6:]
		case etherNSH:
			d.nshOdd(p, b)
			next, n := nsh(b)
			if n == 0 {
				return out, ShortLink
			}
			d.layer(p, f)
			typ, b = next, b[n:]
		case etherMPLS, etherMPLSmc:
			return d.mpls(out, p, f, b)
		case etherPPPoE:
			return d.pppoe(out, p, f, b)
		case etherPPP:
			return d.ppp(out, p, f, b)
		case etherTEB:
			return d.ethernet(out, p, f, b)
		case etherPBB: // IEEE 802.1ah I-TAG, then an Ethernet frame
			if len(b) < 4 {
				d.raise(p, EvPBBTooSmall)
				return out, ShortLink
			}
			d.layer(p, f)
			return d.ethernet(out, p, f, b[4:])
		case etherDCE: // a tag of two bytes, then an Ethernet frame
			if len(b) < 2 {
				d.raise(p, EvDCETooSmall)
				return out, ShortLink
			}
			return d.ethernet(out, p, f, b[2:])
		case etherTRILL: // RFC 6325: 0 version, M, options length in words, hop count  2 egress  4 ingress
			n := 6
			if len(b) >= 2 {
				n += int(binary.BigEndian.Uint16(b)>>6&31) * 4
			}
			if len(b) < n {
				return out, ShortLink
			}
			return d.ethernet(out, p, f, b[n:])
		case etherMACsec:
			n, sealed := macsec(b)
			if n == 0 {
				return out, ShortLink
			}
			if sealed {
				return out, EncryptedLink
			}
			typ, b = binary.BigEndian.Uint16(b[n-2:]), b[n:]
		default:
			if typ < 0x600 { // a length: IEEE 802.3
				return d.llc(out, p, f, b)
			}
			d.Ether[typ]++
			if d.WithEvents {
				d.etherOdd(p, f, typ, b)
			}
			switch typ {
			case etherARP, etherLLDP, etherPROFINET:
				out = d.tell(out, p, f, typ, b)
			}
			return out, NotIP
		}
	}
	return out, TooDeep
}

// tell appends a frame that carries no IP for what it tells of its sender.
func (d *Decoder) tell(out []Packet, p *Packet, f *frame, typ uint16, b []byte) []Packet {
	if !d.WithFrames {
		return out
	}
	q := *p
	q.Flags |= FlagEvent
	q.Ether, q.Segment, q.SrcMAC, q.DstMAC, q.Depth = typ, b, f.srcMAC, f.dstMAC, f.depth
	q.Shard = f.srcMAC[5] % NumShards
	return append(out, q)
}

// macsec reads a security tag (IEEE 802.1AE section 9.3) and gives its length
// with the EtherType behind it, 0 if it does not fit, and whether what follows
// is encrypted.
//
//	0 V, ES, SC, SCB, E, C, AN  1 short length  2 packet number  6 SCI, if SC is set
func macsec(b []byte) (n int, sealed bool) {
	n = 8
	if len(b) > 0 && b[0]&0x20 != 0 {
		n += 8
	}
	if len(b) < n {
		return 0, false
	}
	return n, b[0]&0x0c != 0
}

// llc decodes IEEE 802.2.
//
//	0 DSAP  1 SSAP  2 control, 0x03 for unnumbered information
func (d *Decoder) llc(out []Packet, p *Packet, f *frame, b []byte) ([]Packet, Reason) {
	if len(b) < 3 {
		return out, ShortLink
	}
	switch dsap := b[0] &^ 1; {
	case b[0] == 0xff && b[1] == 0xff, dsap == 0xe0: // Novell, without LLC and with it
		return d.other(out, OtherIPX)
	case dsap == 0xaa && b[1]&^1 == 0xaa && b[2] == 0x03:
		return d.snap(out, p, f, b[3:])
	case dsap == 0x06 && b[2] == 0x03:
		return d.ip(out, p, f, b[3:])
	case dsap == 0x42:
		return d.other(out, OtherSTP)
	case dsap == 0xf0:
		return d.other(out, OtherNetBIOS)
	case dsap == 0xfe:
		if len(b) > 3 && (b[3] == nlpidIPv4 || b[3] == nlpidIPv6) { // RFC 1483 section 4.1
			return d.ip(out, p, f, b[4:])
		}
		return d.other(out, OtherOSI)
	}
	return d.other(out, OtherLLC)
}

// snap decodes the Subnetwork Access Protocol of IEEE 802: organization and
// protocol.
func (d *Decoder) snap(out []Packet, p *Packet, f *frame, b []byte) ([]Packet, Reason) {
	if len(b) < 5 {
		return out, ShortLink
	}
	pid := binary.BigEndian.Uint16(b[3:])
	switch uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]) {
	case 0, 0x0000f8: // RFC 1042; IEEE 802.1H
		if pid >= 0x600 {
			return d.ether(out, p, f, pid, b[5:])
		}
	case 0x0080c2: // IEEE 802.1: bridged Ethernet, with or without FCS (RFC 2427 section 4.2)
		if pid == 1 || pid == 7 {
			return d.ethernet(out, p, f, b[5:])
		}
	case 0x00000c: // Cisco
		if pid == 0x2000 {
			return d.other(d.tell(out, p, f, snapCDP, b[5:]), OtherCDP)
		}
		if pid == 0x010b {
			return d.other(out, OtherSTP)
		}
	}
	return d.other(out, OtherSNAP)
}

// nsh reads a Network Service Header (RFC 8300 section 2) and gives the
// EtherType of what follows and the header's length, 0 if it does not fit.
//
//	0 version, O, TTL, length in words  2 metadata type  3 next protocol  4 path
func nsh(b []byte) (next uint16, n int) {
	if len(b) < 8 || b[0]>>6 != 0 {
		return 0, 0
	}
	n = int(b[1]&0x3f) * 4
	if n < 8 || n > len(b) {
		return 0, 0
	}
	return nshNext[b[3]], n
}

// nshNext maps "Network Service Header Next Protocol" (IANA) to EtherTypes.
var nshNext = map[byte]uint16{1: etherIPv4, 2: etherIPv6, 3: etherTEB, 4: etherNSH, 5: etherMPLS}

// framed reports an Ethernet frame of an EtherType that is decoded, or of ARP.
func framed(b []byte) bool {
	if len(b) < 14 {
		return false
	}
	switch binary.BigEndian.Uint16(b[12:]) {
	case etherIPv4, etherIPv6, etherARP, etherVLAN, etherQinQ, etherMPLS, etherPPPoE, etherPBB:
		return true
	}
	return false
}
