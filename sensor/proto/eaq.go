package proto

// The measurements of EAQ, which rates broadband for Brazil's regulator. No
// specification is published; what follows was seen on the wire. A probe of 16
// bytes is sent back with the mark 0x9000 made 0x6000:
//
//	0 number of the round (4)  4 port-like counter (4)  8 token (4)  12 0x00009000 or 0x00006000

import "encoding/binary"

func init() {
	register(&Entry{
		Name: "eaq", Doc: "EAQ broadband measurement", Reference: "observed traffic; https://www.brasilbandalarga.com.br",
		Transport: UDP, Ports: []uint16{6000},
		First: []string{"\x00\x00\x00"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) != 16 || p.Length != 16 || b[4] != 0 || b[5] != 0 || binary.BigEndian.Uint16(b[6:]) < 1024 {
				return No
			}
			mark := binary.BigEndian.Uint32(b[12:])
			return yes(mark == 0x9000 || mark == 0x6000)
		},
		Samples: []string{"eaq.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
