package proto

// LISP's data and control plane over UDP, and its reliable transport over TCP, whose
// messages end in 0x9facade9.
//
//	UDP: 0 type (4 bits) ... map-register (3) and notify (4): 3 records  4 nonce  12 key id  14 length of digest
//	     encapsulated (8): 4 an IP packet
//	TCP: 0 type  2 length  4 id ... -4 end marker

import "encoding/binary"

func init() {
	register(&Entry{
		Name: "lisp", Doc: "Locator/ID Separation Protocol", Reference: "RFC 9300, RFC 9301, draft-kouvelas-lisp-map-server-reliable-transport",
		Transport: TCP | UDP, Ports: []uint16{4342, 4341},
		Detect:  detectLISP,
		Samples: []string{"lisp_udp.txt", "lisp_tcp.txt"}, Hostile: []string{"infra_short.txt"},
	})
}

func detectLISP(p *Probe) Verdict {
	b := p.Data
	if p.Transport == TCP {
		switch {
		case b[0] != 0:
			return No
		case len(b) < 8:
			return More
		}
		n := int(binary.BigEndian.Uint16(b[2:]))
		if b[1] < 16 || b[1] > 32 || n < 12 || n > 4096 {
			return No
		}
		if len(b) < n {
			return More
		}
		return yes(binary.BigEndian.Uint32(b[n-4:]) == 0x9facade9)
	}
	if len(b) < 16 {
		return No
	}
	if p.On(4341) { // data: eight bytes, then an IP packet
		return yes(b[8] == 0x45 && int(binary.BigEndian.Uint16(b[10:]))+8 == p.Length || b[8]>>4 == 6 && int(binary.BigEndian.Uint16(b[12:]))+48 == p.Length)
	}
	switch b[0] >> 4 {
	case 1, 2: // map-request, map-reply
		return onPort(p, b[3] > 0 && b[3] <= 32, 4342)
	case 3, 4:
		key, n := binary.BigEndian.Uint16(b[12:]), binary.BigEndian.Uint16(b[14:])
		if key == 0 && n == 0 { // without authentication, which other formats look like
			return onPort(p, b[3] > 0 && b[3] <= 32, 4342)
		}
		return yes(b[3] > 0 && (key == 1 && n == 20 || key == 2 && n == 32) && len(b) >= 16+int(n)+12)
	case 8:
		return yes(b[1] == 0 && b[2] == 0 && b[3] == 0 && (b[4] == 0x45 && len(b) >= 24 && int(binary.BigEndian.Uint16(b[6:]))+4 == p.Length ||
			b[4]>>4 == 6 && int(binary.BigEndian.Uint16(b[8:]))+44 == p.Length))
	}
	return No
}
