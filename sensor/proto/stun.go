package proto

import "encoding/binary"

// STUN, RFC 8489 section 5: two zero bits, type, length, cookie 0x2112a442.

func init() {
	register(&Entry{
		Name: "stun", Doc: "Session Traversal Utilities for NAT", Reference: "RFC 8489",
		Transport: TCP | UDP, Ports: []uint16{3478, 5349},
		First: []string{"\x00", "\x01", "\x02", "\x03"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 20 {
				if p.Transport == TCP {
					return More
				}
				return No
			}
			n := int(binary.BigEndian.Uint16(b[2:]))
			if n%4 != 0 || binary.BigEndian.Uint32(b[4:]) != 0x2112a442 || p.Transport == UDP && n+20 > p.Length {
				return No
			}
			return Yes
		},
		Samples: []string{"stun_udp.txt"}, Hostile: []string{"short.txt"},
	})
}
