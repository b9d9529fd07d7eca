package proto

// OpenFlow: both sides begin with a hello.
//
// 	0 version (1 to 6)  1 type 0  2 length  4 id  (8 elements: type 1, length 8, versions)

import "encoding/binary"

func init() {
	register(&Entry{
		Name: "openflow", Doc: "OpenFlow", Reference: "OpenFlow Switch Specification 1.5.1 section 7",
		Transport: TCP, Ports: []uint16{6633, 6653},
		First: []string{"\x01\x00\x00", "\x04\x00\x00", "\x05\x00\x00", "\x06\x00\x00"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 8 {
				return More
			}
			n := int(binary.BigEndian.Uint16(b[2:]))
			if n == 16 && len(b) >= 16 {
				return yes(b[8] == 0 && b[9] == 1 && b[10] == 0 && b[11] == 8)
			}
			return yes(n == 8 && (len(b) == 8 && b[4] == 0 || len(b) >= 16 && b[8] == b[0] && b[9] < 36 && b[10] < 8) || n == 16 && len(b) < 8)
		},
		Samples: []string{"openflow.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
