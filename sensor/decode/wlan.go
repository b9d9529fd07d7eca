package decode

import "encoding/binary"

// maxSubframes bounds the frames taken out of one A-MSDU.
const maxSubframes = 256

// radio passes over what the receiver said of a frame of IEEE 802.11.
func (d *Decoder) radio(out []Packet, p *Packet, f *frame, link uint16, b []byte) ([]Packet, Reason) {
	if len(b) < 8 {
		return out, ShortLink
	}
	n, padded := 0, false
	switch {
	case link == linkRadiotap: // 0 version  2 length, of little end  4 which fields are there
		n = int(binary.LittleEndian.Uint16(b[2:]))
		if n < 8 || n > len(b) {
			return out, ShortLink
		}
		padded = radiotapFlags(b[:n])&0x20 != 0
	case binary.BigEndian.Uint32(b)&^0xfff == 0x80211000: // AVS, also where Prism's is said to be: 4 length
		n = int(min(binary.BigEndian.Uint32(b[4:]), 1<<16))
	default: // Prism: 0 message code  4 length, in the order of the capturing host
		n = int(min(binary.LittleEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[4:]), 1<<16))
	}
	if n < 8 || n > len(b) {
		return out, ShortLink
	}
	return d.wlan(out, p, f, b[n:], padded)
}

// radiotapFlags gives the field "flags" of a radiotap header, 0 without it.
// Only TSFT, of 8 aligned bytes, can stand before it.
func radiotapFlags(b []byte) byte {
	at := 4
	first := binary.LittleEndian.Uint32(b[at:])
	for word := first; ; word = binary.LittleEndian.Uint32(b[at:]) {
		at += 4
		if word>>31 == 0 || at+4 > len(b) {
			break
		}
	}
	if first&2 == 0 {
		return 0
	}
	if first&1 != 0 {
		at = (at+7)&^7 + 8
	}
	if at >= len(b) {
		return 0
	}
	return b[at]
}

// Bits of the second byte of frame control.
const (
	wlanToDS     = 0x01
	wlanFromDS   = 0x02
	wlanMore     = 0x04
	wlanSealed   = 0x40
	wlanHTOrFlag = 0x80
)

// wlan decodes data frames of IEEE 802.11-2020 section 9.3.2 that are not
// encrypted. padded says that header and body are aligned to 4 bytes.
//
//	0 frame control  2 duration  4 address 1  10 address 2  16 address 3
//	22 fragment, sequence  24 address 4  .. QoS control, HT control
func (d *Decoder) wlan(out []Packet, p *Packet, f *frame, b []byte, padded bool) ([]Packet, Reason) {
	if len(b) < 2 {
		return out, ShortLink
	}
	typ, sub, flags := b[0]>>2&3, b[0]>>4, b[1]
	switch {
	case typ == 0:
		return d.other(out, OtherWLANManagement)
	case typ == 1:
		return d.other(out, OtherWLANControl)
	case typ == 3:
		return d.other(out, OtherWLANExtension)
	case sub&4 != 0: // data without a body
		return d.other(out, OtherWLANNull)
	case len(b) < 24:
		return out, ShortLink
	}
	n, qos := 24, byte(0)
	if flags&(wlanToDS|wlanFromDS) == wlanToDS|wlanFromDS {
		n += 6
	}
	if sub&8 != 0 {
		if len(b) < n+2 {
			return out, ShortLink
		}
		qos = b[n]
		n += 2
		if flags&wlanHTOrFlag != 0 {
			n += 4
		}
	}
	if flags&wlanSealed != 0 {
		return out, EncryptedLink
	}
	if b[22]&15 != 0 || flags&wlanMore != 0 { // put together by the receiver only
		return d.other(out, OtherWLANFragment)
	}
	if padded {
		n = (n + 3) &^ 3
	}
	if len(b) < n {
		return out, ShortLink
	}
	switch flags & (wlanToDS | wlanFromDS) {
	case 0:
		copy(f.dstMAC[:], b[4:])
		copy(f.srcMAC[:], b[10:])
	case wlanToDS:
		copy(f.dstMAC[:], b[16:])
		copy(f.srcMAC[:], b[10:])
	case wlanFromDS:
		copy(f.dstMAC[:], b[4:])
		copy(f.srcMAC[:], b[16:])
	default:
		copy(f.dstMAC[:], b[16:])
		copy(f.srcMAC[:], b[24:])
	}
	body := b[n:]
	if sub&8 != 0 && qos&0x80 != 0 {
		return d.amsdu(out, p, f, body)
	}
	if sub&8 != 0 && flags&wlanFromDS != 0 && !snapped(body) { // of a mesh
		if m := meshControl(body); m > 0 && snapped(body[m:]) {
			body = body[m:]
		}
	}
	return d.llc(out, p, f, body)
}

// snapped reports an LLC header with SNAP.
func snapped(b []byte) bool { return len(b) >= 8 && b[0] == 0xaa && b[1] == 0xaa && b[2] == 0x03 }

// meshControl is the length of a Mesh Control field, 0 if b holds none: flags
// with the number of addresses, TTL, sequence number of 4 bytes, addresses.
func meshControl(b []byte) int {
	if len(b) < 6 || b[0]&3 == 3 {
		return 0
	}
	if n := 6 + 6*int(b[0]&3); n <= len(b) {
		return n
	}
	return 0
}

// amsdu takes the frames out of an A-MSDU (IEEE 802.11-2020 section
// 9.3.2.2.2). It tells of the last what stopped its decoding, of others that
// came to nothing it counts it.
//
//	0 destination  6 source  12 length  14 LLC; padded to 4 bytes but for the last
func (d *Decoder) amsdu(out []Packet, p *Packet, f *frame, b []byte) ([]Packet, Reason) {
	last := ShortLink
	for i := 0; len(b) >= 14; i++ {
		n := 14 + int(binary.BigEndian.Uint16(b[12:]))
		if i > 0 {
			if n == 14 && b[0]|b[1]|b[2]|b[3]|b[4]|b[5] == 0 { // only padding is left
				return out, last
			}
			if last != OK {
				d.Reasons[last]++
			}
		}
		if n > len(b) {
			return out, ShortLink
		}
		if i == maxSubframes {
			return out, TooDeep
		}
		g := *f
		copy(g.dstMAC[:], b)
		copy(g.srcMAC[:], b[6:])
		g.size = n
		*f, last = g, OK
		out, last = d.llc(out, p, f, b[14:n])
		*f = g
		b = b[min((n+3)&^3, len(b)):]
	}
	return out, last
}
