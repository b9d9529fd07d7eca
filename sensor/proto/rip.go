package proto

// RIP; for IPv6 (RIPng) the entries are a prefix, a tag, its length and a metric.
//
// 	0 command 1 or 2  1 version 1 or 2  2 0  4 entries of 20 bytes: family, tag, address, mask, next hop, metric

import "encoding/binary"

func init() {
	register(&Entry{
		Name: "rip", Doc: "Routing Information Protocol", Reference: "RFC 1058, RFC 2453, RFC 2080",
		Transport: UDP, Ports: []uint16{520, 521},
		First: []string{"\x01\x01\x00\x00", "\x01\x02\x00\x00", "\x02\x01\x00\x00", "\x02\x02\x00\x00"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 24 || b[1] == 0 || b[1] > 2 || (p.Length-4)%20 != 0 || p.Length > 4+20*25 && !p.On(521) {
				return No
			}
			if p.On(521) {
				return yes(b[1] == 1 && b[22] <= 128)
			}
			family, metric := binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint32(b[20:])
			return yes((family == 2 || family == 0 && p.Length == 24) && metric >= 1 && metric <= 16 || family == 0xffff && b[1] == 2 && b[6] == 0 && b[7] <= 3)
		},
		Samples: []string{"rip.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
