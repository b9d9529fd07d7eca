package proto

// AMS over TCP, little endian:
//
// 	0 0  2 length  6 to net id (6), port  14 from net id, port  22 command  24 state flags  26 length  30 error  34 id

import "encoding/binary"

func init() {
	register(&Entry{
		Name: "beckhoff_ads", Doc: "Beckhoff Automation Device Specification", Reference: "Beckhoff Information System, TwinCAT ADS/AMS specification",
		Transport: TCP, Ports: []uint16{48898},
		First: []string{"\x00\x00"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 38 {
				return More
			}
			n, data, flags := binary.LittleEndian.Uint32(b[2:]), binary.LittleEndian.Uint32(b[26:]), binary.LittleEndian.Uint16(b[24:])
			return yes(n == data+32 && data < 1<<24 && binary.LittleEndian.Uint16(b[22:]) <= 9 && flags&4 != 0 && flags < 0x200)
		},
		Samples: []string{"ads.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
