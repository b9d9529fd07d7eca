package proto

// LDP, RFC 5036 section 3.1:
//
// 	0 version 1  2 length from 4 on  4 router  8 label space  10 message type  12 length from 14 on  14 id

func init() {
	register(&Entry{
		Name: "ldp", Doc: "Label Distribution Protocol", Reference: "RFC 5036",
		Transport: TCP | UDP, Ports: []uint16{646},
		First: []string{"\x00\x01"},
		Detect: func(p *Probe) Verdict {
			if len(p.Data) < 18 {
				return More
			}
			w := wire{b: p.Data, at: 2}
			n := w.u16()
			w.take(6)
			kind, size := w.u16()&0x7fff, w.u16()
			if n < 14 || n > 4096 || size < 4 || size > n-10 || p.Transport == UDP && n+4 != p.Length {
				return No
			}
			switch kind {
			case 0x001, 0x100, 0x200, 0x201, 0x300, 0x301, 0x400, 0x401, 0x402, 0x403, 0x404:
				return Yes
			}
			return No
		},
		Samples: []string{"ldp_tcp.txt", "ldp_udp.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
