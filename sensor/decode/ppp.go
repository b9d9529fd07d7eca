package decode

import "encoding/binary"

// PPP protocol numbers (IANA "Point-to-Point (PPP) Protocol Field Assignments").
const (
	pppIPv4      = 0x0021
	pppIPv6      = 0x0057
	pppMPLS      = 0x0281
	pppMPLSmc    = 0x0283
	pppMultilink = 0x003d
	pppVJ        = 0x002d // TCP/IP header compressed by RFC 1144
	pppVJFull    = 0x002f
	pppComp      = 0x00fd // RFC 1962
	pppEncrypted = 0x0053 // RFC 1968
)

// ppp decodes RFC 1661 with or without address and control bytes.
func (d *Decoder) ppp(out []Packet, p *Packet, f *frame, b []byte) ([]Packet, Reason) {
	if len(b) >= 2 && b[0] == 0xff && b[1] == 0x03 {
		b = b[2:]
	} else if len(b) >= 4 && (b[0] == 0x0f || b[0] == 0x8f) && b[1] == 0 { // Cisco HDLC in PPP framing
		return d.hdlc(out, p, f, b)
	}
	for range maxTags {
		if len(b) < 2 {
			d.raise(p, EvPPPTooSmall)
			return out, ShortLink
		}
		proto, n := binary.BigEndian.Uint16(b), 2
		if b[0]&1 != 0 { // compressed protocol field
			proto, n = uint16(b[0]), 1
		}
		b = b[n:]
		if d.WithEvents {
			d.pppOdd(p, proto, b)
		}
		switch proto {
		case pppIPv4, pppIPv6:
			return d.ip(out, p, f, b)
		case pppMPLS, pppMPLSmc:
			return d.mpls(out, p, f, b)
		case pppMultilink: // RFC 1990: 0 begins, ends, sequence number of 24 bits; the short form is not negotiated in practice
			if len(b) < 4 {
				return out, ShortLink
			}
			if b[0]&0xc0 != 0xc0 {
				return d.other(out, OtherPPPFragment)
			}
			b = b[4:]
			continue
		case pppVJ, pppVJFull, pppComp:
			return d.other(out, OtherPPPCompressed)
		case pppEncrypted:
			return out, EncryptedLink
		}
		switch {
		case proto >= 0xc000: // LCP, PAP, CHAP, LQR, EAP
			return d.other(out, OtherPPPLink)
		case proto >= 0x8000: // IPCP and its like
			return d.other(out, OtherPPPControl)
		}
		return d.other(out, OtherPPP)
	}
	return out, TooDeep
}

// pppoe decodes RFC 2516, both stages.
//
//	0 version, type  1 code  2 session  4 length
func (d *Decoder) pppoe(out []Packet, p *Packet, f *frame, b []byte) ([]Packet, Reason) {
	if d.layer(p, f); len(b) < 7 {
		d.raise(p, EvPPPoETooSmall)
	}
	if len(b) < 6 {
		return out, ShortLink
	}
	if b[1] != 0 { // PADI, PADO, PADR, PADS, PADT
		return d.other(out, OtherPPPoE)
	}
	if n := int(binary.BigEndian.Uint16(b[4:])); n > 0 && 6+n < len(b) { // what follows pads the frame
		b = b[:6+n]
	}
	return d.ppp(out, p, f, b[6:])
}

// hdlc decodes Cisco's HDLC (RFC 1547 section 4.3.1): address, control,
// EtherType.
func (d *Decoder) hdlc(out []Packet, p *Packet, f *frame, b []byte) ([]Packet, Reason) {
	if len(b) < 4 {
		d.raise(p, EvCHDLCTooSmall)
		return out, ShortLink
	}
	switch typ := binary.BigEndian.Uint16(b[2:]); typ {
	case 0x8035:
		return d.other(out, OtherSLARP)
	case 0x2000:
		return d.other(out, OtherCDP)
	case 0xfefe:
		return d.other(out, OtherOSI)
	default:
		return d.ether(out, p, f, typ, b[4:])
	}
}

// Network layer protocol identifiers (ISO/IEC TR 9577).
const (
	nlpidSNAP = 0x80
	nlpidIPv6 = 0x8e
	nlpidIPv4 = 0xcc
	nlpidPPP  = 0xcf
)

// frelay decodes RFC 2427, and Cisco's encapsulation by EtherType.
//
//	address of 2 to 4 bytes, the last with bit 0  control 0x03  maybe a zero  NLPID
func (d *Decoder) frelay(out []Packet, p *Packet, f *frame, b []byte) ([]Packet, Reason) {
	n := 2
	for n < 4 && n <= len(b) && b[n-1]&1 == 0 {
		n++
	}
	if len(b) < n+2 {
		return out, ShortLink
	}
	b = b[n:]
	if b[0] != 0x03 {
		if typ := binary.BigEndian.Uint16(b); typ >= 0x600 {
			return d.ether(out, p, f, typ, b[2:])
		}
		return d.other(out, OtherFrameRelay)
	}
	if b = b[1:]; b[0] == 0 {
		b = b[1:]
	}
	if len(b) < 1 {
		return out, ShortLink
	}
	switch b[0] {
	case nlpidIPv4, nlpidIPv6:
		return d.ip(out, p, f, b[1:])
	case nlpidPPP:
		return d.ppp(out, p, f, b[1:])
	case nlpidSNAP:
		return d.snap(out, p, f, b[1:])
	}
	return d.other(out, OtherFrameRelay)
}

// pppOdd looks at a protocol of PPP and the size of what it carries.
func (d *Decoder) pppOdd(p *Packet, proto uint16, b []byte) {
	switch proto {
	case pppIPv4:
		if len(b) < 20 {
			d.raise(p, EvPPPIPv4TooSmall)
		}
	case pppIPv6:
		if len(b) < 40 {
			d.raise(p, EvPPPIPv6TooSmall)
		}
	case pppVJFull:
		if len(b) < 20 {
			d.raise(p, EvPPPVJTooSmall)
		}
	case 0x0023, 0x0025, 0x0027, 0x0029, 0x002b, pppVJ, 0x0031, 0x0033, 0x0035, 0x004b, 0x0201, 0x0203, 0x0205, 0x0207, 0x0231, 0x0233, pppMPLS, pppMPLSmc,
		0x8021, 0x8023, 0x8025, 0x8027, 0x8029, 0x802b, 0x8031, 0x8033, 0x8035, 0x8057, 0x8207, 0x8281, 0x8283, 0xc021, 0xc023, 0xc025, 0xc223:
		d.raise(p, EvPPPUnsupported)
	default:
		d.raise(p, EvPPPType)
	}
}

// pppoeOdd looks at a message of PPPoE's discovery (RFC 2516 section 5).
//
//	0 version, type  1 code  2 session  4 length of the tags
func (d *Decoder) pppoeOdd(p *Packet, b []byte) {
	if len(b) < 6 {
		d.raise(p, EvPPPoETooSmall)
		return
	}
	switch b[1] {
	case 0x09, 0x07, 0x19, 0x65, 0xa7:
	default:
		d.raise(p, EvPPPoECode)
		return
	}
	if int(binary.BigEndian.Uint16(b[4:])) > len(b)-6 {
		d.raise(p, EvPPPoETags)
	}
}
