package proto

// DoIP:
//
// 	0 version  1 its complement  2 type  4 length

import "encoding/binary"

func init() {
	register(&Entry{
		Name: "doip", Doc: "Diagnostics over IP of vehicles", Reference: "ISO 13400-2",
		Transport: TCP | UDP, Ports: []uint16{13400},
		First: []string{"\x01\xfe", "\x02\xfd", "\x03\xfc", "\x04\xfb", "\xff\x00"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 8 {
				return More
			}
			kind, n := binary.BigEndian.Uint16(b[2:]), int(binary.BigEndian.Uint32(b[4:]))
			if b[0] == 0xff && (p.Transport == TCP || kind == 0 || kind > 3) { // the default version is for finding vehicles
				return No
			}
			if b[0]^b[1] != 0xff || n > 1<<20 || p.Transport == UDP && n+8 != p.Length {
				return No
			}
			return yes(kind <= 8 || kind >= 0x4001 && kind <= 0x4004 || kind >= 0x8001 && kind <= 0x8003)
		},
		Samples: []string{"doip_tcp.txt", "doip_udp.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
