package proto

import "encoding/binary"

// DTLS, RFC 6347 section 4.1 and RFC 9147:
//
//	0 type  1 version (fe ff, fe fd)  3 epoch  5 sequence number  11 length

func init() {
	register(&Entry{
		Name: "dtls", Doc: "Datagram Transport Layer Security", Reference: "RFC 6347, RFC 9147",
		Transport: UDP, Ports: []uint16{4433, 5684},
		First: []string{"\x16\xfe", "\x16\x01\x00", "\x15\xfe", "\x14\xfe", "\x17\xfe"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 13 || b[1] == 0xfe && b[2] < 0xfc {
				return No
			}
			if n := int(binary.BigEndian.Uint16(b[11:])); n == 0 || n+13 > p.Length {
				return No
			}
			return Yes
		},
		Samples: []string{"dtls.txt"}, Hostile: []string{"short.txt"},
	})
}
