package decode

import "encoding/binary"

// LINKTYPE_ values decoded here (https://www.tcpdump.org/linktypes.html).
const (
	linkNull      = 0
	linkEthernet  = 1
	linkTokenRing = 6
	linkPPP       = 9
	linkFDDI      = 10
	linkRaw12     = 12
	linkRaw14     = 14
	linkPPPHDLC   = 50
	linkPPPoE     = 51
	linkATM       = 100
	linkRaw       = 101
	linkCHDLC     = 104
	linkWLAN      = 105
	linkFRelay    = 107
	linkLoop      = 108
	linkEnc       = 109
	linkSLL       = 113
	linkPFLog     = 117
	linkPrism     = 119
	linkIPOverFC  = 122
	linkRadiotap  = 127
	linkIEEE1394  = 138
	linkAVS       = 163
	linkPPPD      = 166
	linkPPI       = 192
	linkPPPDir    = 204
	linkCHDLCDir  = 205
	linkFRelayDir = 206
	linkMPLS      = 219
	linkIPNet     = 226
	linkIPv4      = 228
	linkIPv6      = 229
	linkNFLog     = 239
	linkNetAna    = 240
	linkNetAnaT   = 241
	linkPktap     = 258
	linkSLL2      = 276
)

// maxMeta bounds headers that say which link type follows them.
const maxMeta = 4

// link decodes a frame of the link type.
func (d *Decoder) link(out []Packet, p *Packet, f *frame, link uint16, b []byte) ([]Packet, Reason) {
	switch link {
	case linkEthernet:
		return d.ethernet(out, p, f, b)
	case linkNull, linkLoop:
		return d.loopback(out, p, f, b)
	case linkRaw, linkRaw12, linkRaw14, linkIPv4, linkIPv6:
		return d.ip(out, p, f, b)
	case linkSLL: // 2: ARPHRD type; 6: address; 14: protocol
		if len(b) < 16 {
			d.raise(p, EvSLLTooSmall)
			return out, ShortLink
		}
		copy(f.srcMAC[:], b[6:12])
		return d.cooked(out, p, f, binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint16(b[14:]), b[16:])
	case linkSLL2: // 0: protocol; 8: ARPHRD type; 12: address
		if len(b) < 20 {
			d.raise(p, EvSLL2TooSmall)
			return out, ShortLink
		}
		copy(f.srcMAC[:], b[12:18])
		return d.cooked(out, p, f, binary.BigEndian.Uint16(b[8:]), binary.BigEndian.Uint16(b), b[20:])
	case linkPPP, linkPPPHDLC:
		return d.ppp(out, p, f, b)
	case linkPPPDir, linkPPPD: // a byte of direction, of pppd in the place of the address
		if len(b) < 2 {
			return out, ShortLink
		}
		if link == linkPPPD && b[1] == 0x03 {
			return d.ppp(out, p, f, b[2:])
		}
		return d.ppp(out, p, f, b[1:])
	case linkPPPoE:
		return d.pppoe(out, p, f, b)
	case linkCHDLC:
		return d.hdlc(out, p, f, b)
	case linkFRelay:
		return d.frelay(out, p, f, b)
	case linkCHDLCDir, linkFRelayDir: // a byte of direction
		if len(b) < 1 {
			return out, ShortLink
		}
		if link == linkCHDLCDir {
			return d.hdlc(out, p, f, b[1:])
		}
		return d.frelay(out, p, f, b[1:])
	case linkRadiotap, linkPrism, linkAVS:
		return d.radio(out, p, f, link, b)
	case linkWLAN:
		return d.wlan(out, p, f, b, false)
	case linkPPI, linkPktap:
		return d.meta(out, p, f, link, b)
	case linkATM:
		return d.llc(out, p, f, b)
	case linkMPLS:
		return d.mpls(out, p, f, b)
	case linkNFLog:
		return d.nflog(out, p, f, b)
	case linkTokenRing:
		return d.tokenRing(out, p, f, b)
	case linkFDDI: // 0 frame control  1 destination  7 source
		if len(b) < 13 {
			return out, ShortLink
		}
		copy(f.dstMAC[:], b[1:])
		copy(f.srcMAC[:], b[7:])
		return d.llc(out, p, f, b[13:])
	case linkIPOverFC: // RFC 2625: two addresses of 8 bytes
		if len(b) < 16 {
			return out, ShortLink
		}
		copy(f.dstMAC[:], b[2:])
		copy(f.srcMAC[:], b[10:])
		return d.llc(out, p, f, b[16:])
	case linkIEEE1394: // two addresses of 8 bytes, EtherType
		if len(b) < 18 {
			return out, ShortLink
		}
		return d.ether(out, p, f, binary.BigEndian.Uint16(b[16:]), b[18:])
	case linkPFLog: // 0 length of the header without its padding
		if len(b) < 4 || int(b[0]) > len(b)-3 {
			return out, ShortLink
		}
		return d.ip(out, p, f, b[(int(b[0])+3)&^3:])
	case linkEnc:
		if len(b) < 12 {
			return out, ShortLink
		}
		return d.ip(out, p, f, b[12:])
	case linkIPNet:
		if len(b) < 24 {
			return out, ShortLink
		}
		return d.ip(out, p, f, b[24:])
	case linkNetAna, linkNetAnaT: // the second with the preamble
		n := 4
		if link == linkNetAnaT {
			n = 12
		}
		if len(b) < n {
			return out, ShortLink
		}
		return d.ethernet(out, p, f, b[n:])
	}
	if len(d.Links) < 1024 {
		d.Links[link]++
	}
	return out, UnknownLink
}

// tokenRing decodes IEEE 802.5.
//
//	0 access control, frame control  2 destination  8 source  14 route, if the source says so
func (d *Decoder) tokenRing(out []Packet, p *Packet, f *frame, b []byte) ([]Packet, Reason) {
	if len(b) < 14 {
		return out, ShortLink
	}
	copy(f.dstMAC[:], b[2:])
	copy(f.srcMAC[:], b[8:])
	n := 14
	if b[8]&0x80 != 0 {
		f.srcMAC[0] &= 0x7f
		if len(b) < 16 || len(b) < n+int(b[14]&0x1f) {
			return out, ShortLink
		}
		n += int(b[14] & 0x1f)
	}
	return d.llc(out, p, f, b[n:])
}

// loopback decodes BSD's: an address family in the byte order of the capturing
// host, or of the network.
func (d *Decoder) loopback(out []Packet, p *Packet, f *frame, b []byte) ([]Packet, Reason) {
	if len(b) < 4 {
		d.raise(p, EvNullTooSmall)
		return out, ShortLink
	}
	family := binary.LittleEndian.Uint32(b)
	if family > 0xffff {
		family = binary.BigEndian.Uint32(b)
	}
	switch family {
	case 2, 10, 24, 28, 30: // AF_INET; AF_INET6 of Linux, NetBSD, FreeBSD, Darwin
		return d.ip(out, p, f, b[4:])
	}
	d.raise(p, EvNullType)
	switch family {
	case 7:
		return d.other(out, OtherOSI)
	case 23:
		return d.other(out, OtherIPX)
	}
	return d.other(out, OtherFamily)
}

// Values of ARPHRD_ (linux/if_arp.h) whose frames have no EtherType.
const (
	arpFrameRelay = 770
	arpRadiotap   = 803
	arpNetlink    = 824
)

// cooked decodes what Linux's cooked headers carry.
func (d *Decoder) cooked(out []Packet, p *Packet, f *frame, hardware, typ uint16, b []byte) ([]Packet, Reason) {
	switch hardware {
	case arpFrameRelay:
		return d.frelay(out, p, f, b)
	case arpRadiotap:
		return d.radio(out, p, f, linkRadiotap, b)
	case arpNetlink:
		return d.other(out, OtherNetlink)
	}
	switch typ {
	case 1: // Novell's frames without LLC
		return d.other(out, OtherIPX)
	case 4:
		return d.llc(out, p, f, b)
	case 0x0c, 0x0d:
		return d.other(out, OtherCAN)
	}
	return d.ether(out, p, f, typ, b)
}

// meta decodes headers that name the link type behind them.
func (d *Decoder) meta(out []Packet, p *Packet, f *frame, link uint16, b []byte) ([]Packet, Reason) {
	if f.meta++; f.meta > maxMeta {
		return out, TooDeep
	}
	if len(b) < 8 {
		return out, ShortLink
	}
	var n int
	var next uint32
	if link == linkPPI { // 0 version, flags  2 length  4 link type, of little end
		n, next = int(binary.LittleEndian.Uint16(b[2:])), binary.LittleEndian.Uint32(b[4:])
	} else {
		if len(b) < 108 {
			return out, ShortLink
		}
		// 0 length  4 record type  8 link type; 36 flags, which tell version 2:
		// 0 length of a byte  6 link type of two
		if binary.LittleEndian.Uint32(b[36:])&0x80000 != 0 {
			n, next = int(b[0]), uint32(binary.LittleEndian.Uint16(b[6:]))
		} else {
			if n = len(b) + 1; binary.LittleEndian.Uint32(b) < uint32(n) {
				n = int(binary.LittleEndian.Uint32(b))
			}
			if next = binary.LittleEndian.Uint32(b[8:]); binary.LittleEndian.Uint32(b[4:]) == 0 {
				return d.other(out, OtherEmpty)
			}
		}
	}
	if n < 8 || n > len(b) || next > 0xffff {
		return out, ShortLink
	}
	return d.link(out, p, f, uint16(next), b[n:])
}

// nflog finds the packet in the attributes of a message of NFLOG, whose byte
// order is that of the capturing host: of the two, the one in which they fit.
//
//	0 family  1 version  2 resource; then attributes: 0 length with header  2 type
func (d *Decoder) nflog(out []Packet, p *Packet, f *frame, b []byte) ([]Packet, Reason) {
	const payload = 9
	if len(b) < 4 {
		return out, ShortLink
	}
	for _, big := range []bool{false, true} {
		for a := b[4:]; len(a) >= 4; {
			n, typ := int(binary.LittleEndian.Uint16(a)), binary.LittleEndian.Uint16(a[2:])
			if big {
				n, typ = int(binary.BigEndian.Uint16(a)), binary.BigEndian.Uint16(a[2:])
			}
			if n < 4 || n > len(a) {
				break
			}
			if typ == payload {
				return d.ip(out, p, f, a[4:n])
			}
			a = a[min((n+3)&^3, len(a)):]
		}
	}
	return out, ShortLink
}
