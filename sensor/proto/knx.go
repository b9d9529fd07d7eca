package proto

// KNXnet/IP:
//
// 	0 length of head 6  1 version 0x10 (2.0: 0x20)  2 service  4 length of all
// 	services: 02xx core, 03xx device, 04xx tunnelling, 05xx routing, 07xx diagnosis, 09xx security

import "encoding/binary"

func init() {
	register(&Entry{
		Name: "knxnet_ip", Doc: "KNXnet/IP building automation", Reference: "ISO 22510:2019; KNX Standard 03_08",
		Transport: TCP | UDP, Ports: []uint16{3671},
		First: []string{"\x06\x10", "\x06\x20"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 6 {
				return More
			}
			n := int(binary.BigEndian.Uint16(b[4:]))
			if n < 6 || n > 1024 || p.Transport == UDP && n != p.Length {
				return No
			}
			return yes(b[2] >= 2 && b[2] <= 9 && b[3] > 0 && b[3] <= 0x50)
		},
		Samples: []string{"knx_tcp.txt", "knx_udp.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
