package proto

// TACACS+, RFC 8907 section 4.1. Bodies are obfuscated.
//
// 	0 version 12.0 or 12.1  1 type: 1 authentication, 2 authorization, 3 accounting  2 number  3 flags  4 session  8 length

import "encoding/binary"

func init() {
	register(&Entry{
		Name: "tacacs", Doc: "TACACS+", Reference: "RFC 8907",
		Transport: TCP, Ports: []uint16{49},
		First: []string{"\xc0", "\xc1"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 12 {
				return More
			}
			n := binary.BigEndian.Uint32(b[8:])
			if b[1] == 0 || b[1] > 3 || b[2] == 0 || b[3]&^5 != 0 || n < 6 || n > 1<<16 {
				return No
			}
			return yes(len(b) == int(n)+12 || len(b) < int(n)+12 && b[2] <= 2 || len(b) >= int(n)+13 && b[n+12] == b[0])
		},
		Samples: []string{"tacacs.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
