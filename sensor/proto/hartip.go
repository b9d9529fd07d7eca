package proto

// HART-IP:
//
// 	0 version 1 or 2  1 kind (0 request, 1 response, 2 publish, 15 negative)  2 id  3 status  4 number  6 length of all
// 	id: 0 initiate, 1 close, 2 keep alive, 3 token PDU; initiate: 8 master, 9 timeout (4)

import "encoding/binary"

func init() {
	register(&Entry{
		Name: "hart-ip", Doc: "HART-IP process instruments", Reference: "FieldComm Group HCF_SPEC-85",
		Transport: TCP | UDP, Ports: []uint16{5094},
		First: []string{"\x01", "\x02"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 8 {
				return More
			}
			n := int(binary.BigEndian.Uint16(b[6:]))
			if b[1] > 2 && b[1] != 15 || b[2] > 6 || n < 8 || n > 1024 || p.Transport == UDP && n != p.Length {
				return No
			}
			if len(b) < n {
				return More
			}
			switch b[2] {
			case 0:
				return yes(n == 13 && b[8] <= 1 && b[9] == 0)
			case 1, 2:
				return onPort(p, n == 8, 5094)
			case 3: // a PDU: delimiter, address, command
				return yes(n >= 13 && (b[8]&7 == 2 || b[8]&7 == 6 || b[8]&7 == 1))
			}
			return onPort(p, true, 5094)
		},
		Samples: []string{"hartip_tcp.txt", "hartip_udp.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
