package proto

// TRDP:
//
// 	0 number  4 version 1.x  6 "Pd", "Pr", "Pp", "Pe" or "Mn", "Mr", "Mp", "Mq", "Mc", "Me"  8 id  12, 16 topology  20 length of data

import "encoding/binary"

func init() {
	register(&Entry{
		Name: "trdp", Doc: "Train Real Time Data Protocol", Reference: "IEC 61375-2-3:2015 annex A",
		Transport: TCP | UDP, Ports: []uint16{17224, 17225},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) >= 8 && b[4] != 1 {
				return No
			}
			if len(b) < 24 {
				return More
			}
			switch string(b[6:8]) {
			case "Pd", "Pr", "Pp", "Pe", "Mn", "Mr", "Mp", "Mq", "Mc", "Me":
				n := int(binary.BigEndian.Uint32(b[20:]))
				return yes(n <= 65388 && (p.Transport == TCP || n+40 <= p.Length))
			}
			return No
		},
		Samples: []string{"trdp_tcp.txt", "trdp_udp.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
