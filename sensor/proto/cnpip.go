package proto

// LonWorks over IP:
//
// 	0 length of all  2 version 1  3 type  4 length of extension  5 flags  6 vendor  8 session  12 number  16 time  20 data

import "encoding/binary"

func init() {
	register(&Entry{
		Name: "cnp-ip", Doc: "Control network protocol over IP", Reference: "EN 14908-4 (EIA-852)",
		Transport: UDP, Ports: []uint16{1628, 1629},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 20 || int(binary.BigEndian.Uint16(b)) != p.Length || b[4] != 0 || b[6] != 0 {
				return No
			}
			switch b[3] {
			case 0x01, 0x03, 0x04, 0x06, 0x07, 0x08, 0x60, 0x63, 0x64, 0x66, 0x68, 0x70, 0x71, 0x72, 0x7f:
				return yes(b[2] == 1)
			}
			return No
		},
		Samples: []string{"cnpip.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
