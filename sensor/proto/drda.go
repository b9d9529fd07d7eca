package proto

import "encoding/binary"

// DRDA's DDM: 0 length (2)  2 0xd0  3 format and type  4 correlation (2)  6 length
// (2)  8 code point; a session begins with EXCSAT, 0x1041.

func init() {
	register(&Entry{
		Name: "drda", Doc: "Distributed Relational Database Architecture of DB2 and Derby", Reference: "The Open Group DRDA V5 Vol. 3 (DDM)",
		Transport: TCP, Ports: []uint16{50000, 1527},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 10 {
				if len(b) >= 3 && b[2] != 0xd0 {
					return No
				}
				return More
			}
			n, code := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[8:])
			if b[2] != 0xd0 || b[3]&0x0f == 0 || b[3]&0x0f > 5 || n < 10 || binary.BigEndian.Uint16(b[6:]) != n-6 || code != 0x1041 && code != 0x1443 {
				return No
			}
			return Yes
		},
		Samples: []string{"drda.txt"}, Hostile: []string{"short.txt"},
	})
}
