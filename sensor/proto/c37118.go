package proto

// Synchrophasors, IEEE C37.118.2 section 6:
//
//	0 0xaa  1 frame type (3 bits of 7), version  2 size  4 id  6 seconds  10 fraction ... -2 CRC-CCITT

import "encoding/binary"

func init() {
	register(&Entry{
		Name: "ieee-c37118", Doc: "IEEE C37.118 synchrophasor data", Reference: "IEEE C37.118.2-2011",
		Transport: TCP | UDP, Ports: []uint16{4712, 4713},
		First: []string{"\xaa"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 4 {
				return More
			}
			n := int(binary.BigEndian.Uint16(b[2:]))
			if b[1]>>4 > 5 || b[1]&15 == 0 || b[1]&15 > 3 || n < 16 {
				return No
			}
			if len(b) < n {
				if p.Transport == TCP {
					return More
				}
				return No
			}
			return yes(crcCCITT(0xffff, b[:n-2]) == binary.BigEndian.Uint16(b[n-2:]))
		},
		Samples: []string{"c37118_tcp.txt", "c37118_udp.txt"}, Hostile: []string{"infra_short.txt"},
	})
}

// crcCCITT is the CRC of polynomial 0x1021 that begins with crc.
func crcCCITT(crc uint16, b []byte) uint16 {
	for _, c := range b {
		crc ^= uint16(c) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}
