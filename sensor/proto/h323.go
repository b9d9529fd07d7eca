package proto

// H.323: call signalling (H.225.0 in Q.931) and control (H.245) in TPKT over
// TCP, registration (RAS) over UDP. Each names its standard by an object
// identifier: 0.0.8.2250.0.n or 0.0.8.245.0.n.
//
//	TPKT: 0 3  1 0  2 length  4 Q.931: 8, length of call reference, it, message type, elements

import (
	"bytes"
	"encoding/binary"
)

func init() {
	register(&Entry{
		Name: "h323", Doc: "H.323 signalling: H.225.0, H.245 and RAS", Reference: "ITU-T H.225.0, H.245, Q.931; RFC 1006",
		Transport: TCP | UDP, Ports: []uint16{1718, 1719, 1720},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if p.Transport == UDP {
				head := b[:min(len(b), 32)]
				if bytes.Contains(head, oidH225) {
					return Yes
				}
				return onPort(p, len(b) >= 5 && b[0]>>1 <= 32, 1718, 1719)
			}
			switch {
			case b[0] != 3:
				return No
			case len(b) < 10:
				return More
			}
			n := int(binary.BigEndian.Uint16(b[2:]))
			if b[1] != 0 || n < 8 || n > 4096 {
				return No
			}
			if !bytes.Contains(b, oidH225) && !bytes.Contains(b, oidH245) {
				if b[4] == 8 && b[5] <= 2 || b[4] == 2 && b[5]&0x0f == 0 {
					if len(b) < n {
						return More
					}
					return onPort(p, true, 1720)
				}
				return No
			}
			return Yes
		},
		Samples: []string{"h323_tcp.txt", "h323_udp.txt"}, Hostile: []string{"infra_short.txt"},
	})
}

var (
	oidH225 = []byte("\x06\x00\x08\x91\x4a\x00")
	oidH245 = []byte("\x06\x00\x08\x81\x75\x00")
)
