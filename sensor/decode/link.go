package decode

import "encoding/binary"

// LINKTYPE_ values decoded here (https://www.tcpdump.org/linktypes.html).
const (
	linkNull     = 0
	linkEthernet = 1
	linkPPP      = 9
	linkRaw12    = 12
	linkRaw14    = 14
	linkPPPHDLC  = 50
	linkPPPoE    = 51
	linkRaw      = 101
	linkCHDLC    = 104
	linkWLAN     = 105
	linkLoop     = 108
	linkSLL      = 113
	linkRadiotap = 127
	linkIPv4     = 228
	linkIPv6     = 229
	linkSLL2     = 276
)

// linkNames are the link types that are told by name; those without a decoder
// are still counted by their number.
var linkNames = map[uint16]string{
	linkNull: "null", linkEthernet: "ethernet", linkPPP: "ppp", linkRaw12: "raw", linkRaw14: "raw", linkPPPHDLC: "ppp-hdlc",
	linkPPPoE: "pppoe", linkRaw: "raw", linkCHDLC: "c-hdlc", linkWLAN: "802.11", linkLoop: "loop", linkSLL: "linux-sll",
	linkRadiotap: "radiotap", linkIPv4: "ipv4", linkIPv6: "ipv6", linkSLL2: "linux-sll2",
	119: "prism", 147: "user0", 163: "avs", 187: "bluetooth-h4", 189: "usb-linux", 192: "ppi", 195: "802.15.4",
	220: "usb-linux-mmapped", 227: "can-socketcan", 230: "802.15.4-nofcs", 239: "nflog", 249: "usbpcap", 250: "rtac-serial",
}

// LinkName names a link type, or returns "" if it is not known even by name.
func LinkName(link uint16) string { return linkNames[link] }

// EtherTypes (IANA "IEEE 802 Numbers").
const (
	etherIPv4   = 0x0800
	etherARP    = 0x0806
	etherTEB    = 0x6558
	etherVLAN   = 0x8100
	etherIPv6   = 0x86dd
	etherPPP    = 0x880b
	etherMPLS   = 0x8847
	etherMPLSmc = 0x8848
	etherPPPoE  = 0x8864
	etherQinQ   = 0x88a8
	etherERSPAN = 0x88be
	etherERSP3  = 0x22eb
	etherPBB    = 0x88e7
	etherVNTag  = 0x8926
	etherNSH    = 0x894f
)

// link decodes a frame of the link type.
func (d *Decoder) link(out []Packet, p *Packet, f *frame, link uint16, b []byte) ([]Packet, Reason) {
	switch link {
	case linkEthernet:
		return d.ethernet(out, p, f, b)
	case linkNull, linkLoop: // address family in the capturing host's or network order
		if len(b) < 4 {
			return out, ShortLink
		}
		return d.ip(out, p, f, b[4:])
	case linkRaw, linkRaw12, linkRaw14, linkIPv4, linkIPv6:
		return d.ip(out, p, f, b)
	case linkSLL: // 14: protocol; 6: address
		if len(b) < 16 {
			return out, ShortLink
		}
		copy(f.srcMAC[:], b[6:12])
		return d.ether(out, p, f, binary.BigEndian.Uint16(b[14:]), b[16:])
	case linkSLL2:
		if len(b) < 20 {
			return out, ShortLink
		}
		copy(f.srcMAC[:], b[12:18])
		return d.ether(out, p, f, binary.BigEndian.Uint16(b), b[20:])
	case linkPPP, linkPPPHDLC:
		return d.ppp(out, p, f, b)
	case linkPPPoE:
		return d.ether(out, p, f, etherPPPoE, b)
	case linkCHDLC:
		if len(b) < 4 {
			return out, ShortLink
		}
		return d.ether(out, p, f, binary.BigEndian.Uint16(b[2:]), b[4:])
	case linkRadiotap:
		if len(b) < 4 {
			return out, ShortLink
		}
		n := int(binary.LittleEndian.Uint16(b[2:]))
		if n < 8 || n > len(b) {
			return out, ShortLink
		}
		return d.wlan(out, p, f, b[n:])
	case linkWLAN:
		return d.wlan(out, p, f, b)
	}
	if len(d.Links) < 1024 {
		d.Links[link]++
	}
	return out, UnknownLink
}

func (d *Decoder) ethernet(out []Packet, p *Packet, f *frame, b []byte) ([]Packet, Reason) {
	if len(b) < 14 {
		d.raise(p, EvEthernetTooSmall)
		return out, ShortLink
	}
	copy(f.dstMAC[:], b)
	copy(f.srcMAC[:], b[6:])
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
			if f.vlans < len(f.vlan) {
				f.vlan[f.vlans] = binary.BigEndian.Uint16(b) & 0xfff
			}
			f.vlans++
			typ, b = binary.BigEndian.Uint16(b[2:]), b[4:]
		case etherVNTag: // IEEE 802.1BR, 6 bytes with the EtherType
			if len(b) < 6 {
				return out, ShortLink
			}
			typ, b = binary.BigEndian.Uint16(b[4:]), b[6:]
		case etherNSH:
			next, n := nsh(b)
			if n == 0 {
				return out, ShortLink
			}
			typ, b = next, b[n:]
		case etherMPLS, etherMPLSmc:
			return d.mpls(out, p, f, b)
		case etherPPPoE: // RFC 2516
			if len(b) < 8 {
				return out, ShortLink
			}
			return d.ppp(out, p, f, b[6:])
		case etherPPP:
			return d.ppp(out, p, f, b)
		case etherTEB:
			return d.ethernet(out, p, f, b)
		case etherPBB: // IEEE 802.1ah I-TAG, then an Ethernet frame
			if len(b) < 4 {
				return out, ShortLink
			}
			return d.ethernet(out, p, f, b[4:])
		default:
			if typ < 0x600 && len(b) >= 8 && b[0] == 0xaa && b[1] == 0xaa { // LLC with SNAP
				typ, b = binary.BigEndian.Uint16(b[6:]), b[8:]
				if typ >= 0x600 {
					continue
				}
			}
			d.Ether[typ]++
			return out, NotIP
		}
	}
	return out, TooDeep
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

// mpls passes over labels (RFC 3032); what follows is told by its first nibble.
func (d *Decoder) mpls(out []Packet, p *Packet, f *frame, b []byte) ([]Packet, Reason) {
	for range maxTags {
		if len(b) < 4 {
			return out, ShortLink
		}
		bottom := b[2]&1 != 0
		b = b[4:]
		if !bottom {
			continue
		}
		if len(b) == 0 {
			return out, ShortLink
		}
		switch b[0] >> 4 {
		case 4, 6:
			return d.ip(out, p, f, b)
		case 0: // pseudowire control word, RFC 4385, then Ethernet
			if len(b) < 4 {
				return out, ShortLink
			}
			return d.ethernet(out, p, f, b[4:])
		}
		return d.ethernet(out, p, f, b)
	}
	return out, TooDeep
}

// ppp decodes RFC 1661 with or without address and control bytes.
func (d *Decoder) ppp(out []Packet, p *Packet, f *frame, b []byte) ([]Packet, Reason) {
	if len(b) >= 2 && (b[0] == 0xff && b[1] == 0x03) {
		b = b[2:]
	} else if len(b) >= 4 && (b[0] == 0x0f || b[0] == 0x8f) && b[1] == 0 { // Cisco HDLC in PPP framing
		return d.ether(out, p, f, binary.BigEndian.Uint16(b[2:]), b[4:])
	}
	if len(b) < 2 {
		return out, ShortLink
	}
	proto, n := binary.BigEndian.Uint16(b), 2
	if b[0]&1 != 0 { // compressed protocol field
		proto, n = uint16(b[0]), 1
	}
	switch proto {
	case 0x0021, 0x0057:
		return d.ip(out, p, f, b[n:])
	case 0x0281, 0x0283:
		return d.mpls(out, p, f, b[n:])
	}
	d.Ether[proto]++
	return out, NotIP
}

// wlan decodes data frames of IEEE 802.11 that carry LLC with SNAP.
func (d *Decoder) wlan(out []Packet, p *Packet, f *frame, b []byte) ([]Packet, Reason) {
	if len(b) < 24 {
		return out, ShortLink
	}
	typ, sub, flags := b[0]>>2&3, b[0]>>4, b[1]
	if typ != 2 || sub&4 != 0 { // management, control, data without payload
		return out, NotIP
	}
	n := 24
	if flags&3 == 3 {
		n += 6
	}
	if sub&8 != 0 { // QoS control
		n += 2
		if flags&0x80 != 0 { // HT control
			n += 4
		}
	}
	if flags&0x40 != 0 {
		return out, Encrypted80211
	}
	switch flags & 3 {
	case 0, 1:
		copy(f.srcMAC[:], b[10:16])
	case 2:
		copy(f.srcMAC[:], b[16:22])
	}
	if len(b) < n+8 {
		return out, ShortLink
	}
	if b[n] != 0xaa || b[n+1] != 0xaa {
		return out, NotIP
	}
	return d.ether(out, p, f, binary.BigEndian.Uint16(b[n+6:]), b[n+8:])
}
