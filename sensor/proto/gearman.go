package proto

import "encoding/binary"

// Gearman: 0 "\0REQ" or "\0RES"  4 type (4)  8 length (4).

func init() {
	register(&Entry{
		Name: "gearman", Doc: "Gearman job server", Reference: "https://gearman.org/protocol/",
		Transport: TCP, Ports: []uint16{4730}, First: []string{"\x00REQ", "\x00RES"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			switch {
			case len(b) < 12:
				return More
			case binary.BigEndian.Uint32(b[4:]) <= 42 && binary.BigEndian.Uint32(b[8:]) < 1<<26:
				return Yes
			}
			return No
		},
		Samples: []string{"gearman.txt"}, Hostile: []string{"short.txt"},
	})
}
