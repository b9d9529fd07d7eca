package proto

// Ether-S-Bus of Saia's controllers:
//
// 	0 length of all (4)  4 version  5 type  6 number  8 attribute (0 request, 1 response, 2 acknowledgement) ... -2 CRC

import "encoding/binary"

func init() {
	register(&Entry{
		Name: "ethersbus", Doc: "Saia Ether-S-Bus", Reference: "Saia-Burgess S-Bus manual 26-739; Wireshark packet-sbus",
		Transport: UDP, Ports: []uint16{5050},
		First: []string{"\x00\x00"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) != p.Length || len(b) < 11 || int(binary.BigEndian.Uint32(b)) != len(b) || b[4] > 1 || b[5] > 1 || b[8] > 2 {
				return No
			}
			return yes(crcCCITT(0, b[:len(b)-2]) == binary.BigEndian.Uint16(b[len(b)-2:]))
		},
		Samples: []string{"ethersbus.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
