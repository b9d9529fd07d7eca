package proto

// PFCP, between the control and user planes of mobile cores:
//
// 	0 version 1 (3 bits), flags: 1 session id follows  1 type  2 length from 4 on  (4 session id)  number (3), 0  elements: type, length

func init() {
	register(&Entry{
		Name: "pfcp", Doc: "Packet Forwarding Control Protocol", Reference: "3GPP TS 29.244",
		Transport: UDP, Ports: []uint16{8805},
		First: []string{"\x20", "\x21", "\x23"},
		Detect: func(p *Probe) Verdict {
			w := wire{b: p.Data}
			flags, kind, n := w.u8(), w.u8(), w.u16()
			if n+4 != p.Length || kind == 0 || kind > 15 && (kind < 50 || kind > 57) {
				return No
			}
			if session := flags&1 != 0; session != (kind >= 50) {
				return No
			} else if session {
				w.take(8)
			}
			w.take(4)
			element, size := w.u16(), w.u16()
			return yes(!w.short && element > 0 && element < 400 && w.at+size <= p.Length)
		},
		Samples: []string{"pfcp.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
