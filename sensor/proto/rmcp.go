package proto

// RMCP carries ASF and IPMI to management controllers:
//
// 	0 version 6  1 0  2 number, 0xff: none  3 class: 6 ASF, 7 IPMI (bit 7: acknowledgement)
// 	ASF:  4 enterprise 4542  8 kind        IPMI: 4 authentication: 0, 1, 2, 4, 5, or 6 for 2.0

import "encoding/binary"

func init() {
	register(&Entry{
		Name: "rmcp", Doc: "Remote Management Control Protocol, with IPMI", Reference: "DMTF DSP0136 (ASF 2.0); IPMI 2.0 section 13",
		Transport: UDP, Ports: []uint16{623, 664},
		First: []string{"\x06\x00"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 4 || b[1] != 0 {
				return No
			}
			switch b[3] {
			case 0x06:
				return yes(len(b) >= 12 && binary.BigEndian.Uint32(b[4:]) == 4542)
			case 0x07:
				return yes(len(b) >= 14 && b[2] == 0xff && b[4] <= 6 && b[4] != 3)
			case 0x86:
				return onPort(p, p.Length == 4, 623, 664)
			}
			return No
		},
		Samples: []string{"rmcp.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
