package proto

import "encoding/binary"

// OSCAR's FLAP: 0 0x2a  1 channel  2 number (2)  4 length (2); the first frame has
// channel 1 and begins with version 1 (4).

func init() {
	register(&Entry{
		Name: "oscar", Doc: "OSCAR, the protocol of AIM and ICQ", Reference: "https://web.archive.org/web/20080308233204/http://dev.aol.com/aim/oscar/",
		Transport: TCP, Ports: []uint16{5190}, First: []string{"\x2a\x01"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 10 {
				return More
			}
			if n := binary.BigEndian.Uint16(b[4:]); n >= 4 && n < 2048 && binary.BigEndian.Uint32(b[6:]) == 1 {
				return Yes
			}
			return No
		},
		Samples: []string{"oscar.txt"}, Hostile: []string{"short.txt"},
	})
}
