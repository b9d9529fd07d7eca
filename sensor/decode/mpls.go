package decode

// mpls passes over labels (RFC 3032); what follows is told by its first nibble.
func (d *Decoder) mpls(out []Packet, p *Packet, f *frame, b []byte) ([]Packet, Reason) {
	d.layer(p, f)
	for range maxTags {
		if len(b) < 4 {
			d.raise(p, EvMPLSHeaderTooSmall)
			return out, ShortLink
		}
		label, bottom := uint32(b[0])<<12|uint32(b[1])<<4|uint32(b[2])>>4, b[2]&1 != 0
		b = b[4:]
		if !bottom {
			continue
		}
		if d.mplsOdd(p, label, b) {
			defer d.hush()()
		}
		if len(b) == 0 {
			return out, ShortLink
		}
		switch b[0] >> 4 {
		case 4, 6:
			return d.ip(out, p, f, b)
		case 0: // pseudowire control word, RFC 4385, then Ethernet; or an address that begins so
			if len(b) >= 4 && (framed(b[4:]) || !framed(b)) {
				b = b[4:]
			}
		}
		return d.ethernet(out, p, f, b)
	}
	return out, TooDeep
}

// mplsOdd looks at the last label, whose values 0 to 15 mean something of their
// own (RFC 3032 section 2.1), and at what follows it; it reports whether
// something is wrong.
func (d *Decoder) mplsOdd(p *Packet, label uint32, b []byte) bool {
	switch {
	case label == 0 || label == 2: // IPv4, IPv6
		return false
	case label == 1:
		d.raise(p, EvMPLSRouterAlert)
	case label == 3:
		d.raise(p, EvMPLSImplicitNull)
	case label < 15:
		d.raise(p, EvMPLSReserved)
	case len(b) < 4:
		d.raise(p, EvMPLSTooSmall)
	case b[0]>>4 != 4 && b[0]>>4 != 6 && b[0]>>4 != 0:
		d.raise(p, EvMPLSPayload)
	default:
		return false
	}
	return true
}

// manyLayers is the number of headers of links and networks at which Suricata
// stops.
const manyLayers = 16

// layer counts a header; what is deep is looked at all the same.
func (d *Decoder) layer(p *Packet, f *frame) {
	if f.layers < 255 {
		f.layers++
	}
	if f.layers >= manyLayers {
		d.raise(p, EvTooManyLayers)
	}
}
