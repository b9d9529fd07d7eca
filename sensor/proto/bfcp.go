package proto

// BFCP, RFC 8855 section 5.1:
//
// 	0 version 1 or 2 (3 bits), flags  1 primitive 1 to 19  2 words of payload  4 conference  8 transaction  10 user
// 	12 attributes: type (7 bits), M, length

import "encoding/binary"

func init() {
	register(&Entry{
		Name: "bfcp", Doc: "Binary Floor Control Protocol", Reference: "RFC 8855",
		Transport: TCP | UDP,
		First:     []string{"\x20", "\x30", "\x40", "\x50"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 12 {
				return More
			}
			n := 12 + 4*int(binary.BigEndian.Uint16(b[2:]))
			if b[0]&0x07 != 0 || b[1] == 0 || b[1] > 19 || n > 1500 || binary.BigEndian.Uint16(b[8:]) == 0 && b[0]>>5 == 1 {
				return No
			}
			if p.Transport == UDP && n != p.Length {
				return No
			}
			if len(b) < n {
				return More
			}
			for at := 12; at < n; {
				kind, size := b[at]>>1, int(b[at+1])
				if kind == 0 || kind > 19 || size < 2 || at+size > n {
					return No
				}
				at += (size + 3) &^ 3
			}
			return yes(n > 12)
		},
		Samples: []string{"bfcp_tcp.txt", "bfcp_udp.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
