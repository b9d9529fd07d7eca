package proto

// Diameter, RFC 6733 section 3:
//
//	0 version 1  1 length (3)  4 flags  5 command (3)  8 application  12 ids  20 AVPs
//	AVP: 0 code  4 flags  5 length (3)

func init() {
	register(&Entry{
		Name: "diameter", Doc: "Diameter", Reference: "RFC 6733",
		Transport: TCP, Ports: []uint16{3868},
		First: []string{"\x01\x00"},
		Detect: func(p *Probe) Verdict {
			if len(p.Data) < 28 {
				return More
			}
			w := wire{b: p.Data, at: 1}
			n, flags, command := w.u24(), w.u8(), w.u24()
			w.take(12)
			code, _, size := w.u32(), w.u8(), w.u24()
			return yes(n >= 28 && n%4 == 0 && flags&0x0f == 0 && flags&0xe0 != 0xe0 && command >= 257 &&
				(code == 263 || code == 264 || code == 268) && size >= 8 && size <= n-20) // session, origin host, result
		},
		Samples: []string{"diameter.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
