package proto

// PTP:
//
// 	0 transport, kind  1 version 2  2 length  4 domain  6 flags  8 correction  20 source (10)  30 number  32 control  33 interval
// 	control repeats the kind: 0 sync, 1 delay request, 2 follow-up, 3 delay response, 4 management, 5 others

import "encoding/binary"

func init() {
	register(&Entry{
		Name: "ptpv2", Doc: "Precision Time Protocol version 2", Reference: "IEEE 1588-2008 section 13.3",
		Transport: UDP, Ports: []uint16{319, 320},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 34 || b[1]&15 != 2 || int(binary.BigEndian.Uint16(b[2:])) > p.Length {
				return No
			}
			n := int(binary.BigEndian.Uint16(b[2:]))
			switch b[0] & 15 {
			case 0, 1: // sync, delay request
				return yes(n >= 44 && b[32] == b[0]&15)
			case 2, 3: // requests and responses of peers
				return yes(n >= 54 && b[32] == 5)
			case 8:
				return yes(n >= 44 && b[32] == 2)
			case 9:
				return yes(n >= 54 && b[32] == 3)
			case 0x0a, 0x0b, 0x0c:
				return yes(n >= 44 && b[32] == 5)
			case 0x0d:
				return yes(n >= 48 && b[32] == 4)
			}
			return No
		},
		Samples: []string{"ptp.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
