package proto

// BGP, RFC 4271 section 4.1:
//
// 	0 marker, 16 bytes of ones  16 length  18 type: 1 open, 2 update, 3 notification, 4 keep-alive, 5 refresh

import "encoding/binary"

func init() {
	register(&Entry{
		Name: "bgp", Doc: "Border Gateway Protocol", Reference: "RFC 4271",
		Transport: TCP, Ports: []uint16{179},
		First: []string{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 19 {
				return More
			}
			n := binary.BigEndian.Uint16(b[16:])
			return yes(n >= 19 && n <= 4096 && b[18] >= 1 && b[18] <= 5 && (b[18] != 4 || n == 19))
		},
		Samples: []string{"bgp.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
