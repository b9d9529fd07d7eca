package proto

// XDMCP: 0 version 1  2 operation (1 to 13)  4 length of what follows.

import "encoding/binary"

func init() {
	register(&Entry{
		Name: "xdmcp", Doc: "X Display Manager Control Protocol", Reference: "X Consortium Standard, X Display Manager Control Protocol 1.1",
		Transport: UDP, Ports: []uint16{177},
		First: []string{"\x00\x01\x00"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			return yes(len(b) >= 7 && b[3] >= 1 && b[3] <= 13 && int(binary.BigEndian.Uint16(b[4:]))+6 == p.Length)
		},
		Samples: []string{"xdmcp.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
