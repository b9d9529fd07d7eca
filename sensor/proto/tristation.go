package proto

// TriStation, which programs Triconex safety controllers, as was worked out after
// TRITON:
//
// 	0 kind: 1, 2 connect, 3, 4 disconnect, 5 command, 6 response ...  1 channel  2 length (2, little endian)  4 data ... -2 CRC

import "encoding/binary"

func init() {
	register(&Entry{
		Name: "tristation", Doc: "TriStation of Triconex safety controllers", Reference: "FireEye, A Totally Tubular Treatise on TRITON and TriStation (2018)",
		Transport: UDP, Ports: []uint16{1502},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			return onPort(p, len(b) >= 6 && b[0] >= 1 && b[0] <= 11 && b[1] <= 15 && int(binary.LittleEndian.Uint16(b[2:]))+6 == p.Length, 1502)
		},
		Samples: []string{"tristation.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
