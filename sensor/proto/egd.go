package proto

// EGD data, little endian:
//
// 	0 type 13  1 version 1  2 number  4 producer  8 exchange  12 seconds  16 nanoseconds  20 status  24 signature  28 0  32 data

import "encoding/binary"

func init() {
	register(&Entry{
		Name: "ethernetglobaldata", Doc: "Ethernet Global Data of GE controllers", Reference: "GE Fanuc GFK-1541; ProSoft EGD protocol manual",
		Transport: UDP, Ports: []uint16{18246},
		First: []string{"\x0d\x01"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			return yes(len(b) >= 33 && binary.LittleEndian.Uint32(b[16:]) < 1_000_000_000 && binary.LittleEndian.Uint32(b[28:]) == 0 &&
				binary.LittleEndian.Uint32(b[20:]) < 1<<16 && p.Length <= 1432)
		},
		Samples: []string{"egd.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
