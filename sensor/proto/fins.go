package proto

// Omron FINS. Over TCP a frame follows a head of its own.
//
//	TCP:   0 "FINS"  4 length from here on  8 command  12 error
//	frame: 0 ICF (1 r 0 0 0 0 0 n)  1 0  2 gateways  3 to net, node, unit
//	       6 from net, node, unit  9 service id  10 command (2)

import (
	"encoding/binary"
	"strings"
)

func init() {
	register(&Entry{
		Name: "fins", Doc: "Omron Factory Interface Network Service", Reference: "Omron W342, W421 (CS1W-ETN21 manual) section 7",
		Transport: TCP | UDP, Ports: []uint16{9600},
		First: []string{"FINS", "\x80\x00", "\x81\x00", "\xc0\x00", "\xc1\x00"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if p.Transport == TCP {
				switch {
				case b[0] != 'F':
					return No
				case len(b) < 12:
					return More
				}
				n := binary.BigEndian.Uint32(b[4:])
				return yes(n >= 8 && n <= 2020 && binary.BigEndian.Uint32(b[8:]) <= 6)
			}
			if len(b) < 12 || b[0] == 'F' || b[2] == 0 || b[2] > 7 || b[3] > 0x7f || b[6] > 0x7f {
				return No
			}
			return yes(strings.IndexByte("\x01\x02\x03\x04\x05\x06\x07\x09\x0c\x21\x22\x23\x26\x27", b[10]) >= 0 && b[11] > 0 && b[11] < 0x48)
		},
		Samples: []string{"fins_tcp.txt", "fins_udp.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
