package proto

// Tuya's devices in the local network:
//
// 	0 0x000055aa (newer: 0x00006699)  4 number  8 command  12 length of what follows ... -4 0x0000aa55 (0x00009966)

import "encoding/binary"

func init() {
	register(&Entry{
		Name: "tuya_lp", Doc: "Tuya local protocol", Reference: "https://github.com/jasonacox/tinytuya (protocol notes)",
		Transport: TCP | UDP, Ports: []uint16{6666, 6667, 6668},
		First: []string{"\x00\x00\x55\xaa", "\x00\x00\x66\x99"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 20 {
				return More
			}
			n := int(binary.BigEndian.Uint32(b[12:]))
			at, end := 12, uint32(0x0000aa55)
			if b[2] == 0x66 { // two bytes more before the number, and the end is not counted
				at, end = 14, 0x00009966
				n = int(binary.BigEndian.Uint32(b[at:])) + 4
			}
			if n < 8 || n > 4096 || binary.BigEndian.Uint32(b[at-4:]) > 255 {
				return No
			}
			if len(b) < n+at+4 {
				return More
			}
			return yes(binary.BigEndian.Uint32(b[n+at:]) == end)
		},
		Samples: []string{"tuya_tcp.txt", "tuya_udp.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
