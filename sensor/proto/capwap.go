package proto

// CAPWAP, RFC 5415 section 4:
//
// 	0 version 0, kind (0 clear, 1 DTLS)  1 length of head in words (5 bits) ...  control: message type (4)  number  length  flags

import "encoding/binary"

func init() {
	register(&Entry{
		Name: "capwap", Doc: "Control and Provisioning of Wireless Access Points", Reference: "RFC 5415",
		Transport: UDP, Ports: []uint16{5246, 5247},
		First: []string{"\x00", "\x01\x00\x00\x00"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 8 {
				return No
			}
			if b[0] == 1 { // DTLS behind four bytes
				return yes(b[1] == 0 && b[2] == 0 && b[3] == 0 && len(b) > 17 && b[4] >= 20 && b[4] <= 23 && b[5] == 0xfe)
			}
			head := int(b[1]>>3) * 4
			if head < 8 || len(b) < head+8 {
				return No
			}
			kind, n := binary.BigEndian.Uint32(b[head:]), int(binary.BigEndian.Uint16(b[head+5:]))
			if kind >= 1 && kind <= 26 && (head+5+n == p.Length || head+8+n == p.Length) { // senders differ in what they count
				return Yes
			}
			return onPort(p, true, 5247)
		},
		Samples: []string{"capwap.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
