package proto

// DLMS over TCP and UDP has a wrapper; an association names its context by an
// object identifier 2.16.756.5.8.
//
// 	0 version 1  2 source  4 destination  6 length  8 APDU: 0x60 request, 0x61 response, 0xc0 and more services

import (
	"bytes"
	"encoding/binary"
)

func init() {
	register(&Entry{
		Name: "iec62056", Doc: "DLMS/COSEM meters", Reference: "IEC 62056-47; DLMS UA Green Book",
		Transport: TCP | UDP, Ports: []uint16{4059},
		First: []string{"\x00\x01"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 10 {
				return More
			}
			n := int(binary.BigEndian.Uint16(b[6:]))
			if n < 2 || n > 4096 || p.Transport == UDP && n+8 != p.Length {
				return No
			}
			if b[8] == 0x60 || b[8] == 0x61 {
				if len(b) < n+8 {
					return More
				}
				return yes(bytes.Contains(b, []byte("\x60\x85\x74\x05\x08")))
			}
			return onPort(p, b[8] >= 0xc0 && b[8] <= 0xdf, 4059)
		},
		Samples: []string{"dlms_tcp.txt", "dlms_udp.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
