package proto

// MMS of substations (IEC 61850): TPKT, COTP, then a session's connection that
// names the abstract syntax 1.0.9506.2.1, or data of an open session.
//
// 	TPKT (4), COTP (3): session 0x0d connect, 0x0e accept, 01 00 01 00 data, then 0x61 presentation

import (
	"bytes"
	"encoding/binary"
)

func init() {
	register(&Entry{
		Name: "iso9506-1-mms", Doc: "Manufacturing Message Specification", Reference: "ISO 9506; IEC 61850-8-1; RFC 1006",
		Transport: TCP, Ports: []uint16{102},
		First: []string{"\x03\x00"},
		Detect: func(p *Probe) Verdict {
			w := wire{b: p.Data}
			for range 4 {
				if w.left() < 7 {
					return More
				}
				m := w.rest()
				n := int(binary.BigEndian.Uint16(m[2:]))
				if m[0] != 3 || m[1] != 0 || n < 7 || n > 8192 {
					return No
				}
				whole := w.take(n)
				if whole == nil {
					return More
				}
				switch {
				case m[5]&0xf0 == 0xe0 || m[5]&0xf0 == 0xd0:
				case m[4] != 2 || m[5] != 0xf0 || n < 12:
					return No
				case m[7] == 0x0d || m[7] == 0x0e:
					return yes(bytes.Contains(whole, []byte("\x06\x05\x28\xca\x22\x02\x01")))
				default:
					return onPort(p, string(m[7:12]) == "\x01\x00\x01\x00\x61", 102)
				}
			}
			return No
		},
		Samples: []string{"mms.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
