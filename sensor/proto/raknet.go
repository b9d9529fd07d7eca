package proto

// RakNet, a transport of games over UDP. Messages before a connection carry
// the 16 bytes of "magic"; within one, a datagram is a set of frames:
//
//	0 0x80-0x8f  1 number (3, little endian)  then for each frame:
//	flags (reliability 3 bits, split)  length in bits (2)  numbers  body
//
// or an acknowledgement: 0xc0 or 0xa0, the count of records, ranges of numbers.

import "bytes"

func init() {
	register(&Entry{
		Name: "raknet", Doc: "RakNet game transport", Reference: "https://wiki.vg/Raknet_Protocol",
		Transport: UDP, Ports: []uint16{19132, 19133},
		Detect:  detectRakNet,
		Samples: []string{"raknet.txt", "raknet_frames.txt"}, Hostile: []string{"infra_short.txt"},
	})
}

var raknetMagic = []byte("\x00\xff\xff\x00\xfe\xfe\xfe\xfe\xfd\xfd\xfd\xfd\x12\x34\x56\x78")

func detectRakNet(p *Probe) Verdict {
	b := p.Data
	if len(b) < 7 {
		return No
	}
	at := -1
	switch b[0] {
	case 0x01, 0x02: // ping
		at = 9
	case 0x05, 0x06, 0x07, 0x08, 0x11, 0x12, 0x14: // open connection and what refuses it
		at = 1
	case 0x19: // other version
		at = 2
	case 0x1c: // pong
		at = 17
	case 0xa0, 0xc0:
		return yes(raknetRanges(b, p.Length))
	}
	if at >= 0 && len(b) >= at+16 && bytes.Equal(b[at:at+16], raknetMagic) {
		return Yes
	}
	return yes(b[0]&0xf0 == 0x80 && raknetFrames(b, p.Length))
}

// raknetRanges checks an acknowledgement: its records must fill it.
func raknetRanges(b []byte, size int) bool {
	w := wire{b: b, at: 1}
	n := w.u16()
	if n == 0 || n > 64 || len(b) != size {
		return false
	}
	for range n {
		single, from := w.u8(), w.le24()
		to := from
		if single == 0 {
			to = w.le24()
		}
		if w.short || single > 1 || to < from || to-from > 4096 {
			return false
		}
	}
	return w.left() == 0
}

// raknetFrames checks frames that fill the datagram and of which one is a
// message of RakNet itself with its one length.
func raknetFrames(b []byte, size int) bool {
	w := wire{b: b, at: 4}
	known := false
	for w.left() > 0 {
		flags, bits := w.u8(), w.u16()
		rel := flags >> 5
		if flags&0x0f != 0 || bits == 0 || bits%8 != 0 {
			return false
		}
		if rel == 2 || rel == 3 || rel == 4 || rel == 6 || rel == 7 {
			w.take(3)
		}
		if rel == 1 || rel == 4 {
			w.take(3)
		}
		if rel == 1 || rel == 3 || rel == 4 || rel == 7 {
			w.take(4)
		}
		if flags&0x10 != 0 {
			w.take(10)
		}
		body := w.take(bits / 8)
		if w.short {
			return false
		}
		switch n := len(body); body[0] {
		case 0x00: // connected ping
			known = known || n == 9
		case 0x03: // connected pong
			known = known || n == 17
		case 0x09: // connection request
			known = known || n == 18
		case 0x10, 0x13: // request accepted, new incoming connection
			known = known || n > 90
		}
	}
	return known && len(b) == size
}
