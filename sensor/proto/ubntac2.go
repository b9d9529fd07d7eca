package proto

// Discovery of Ubiquiti devices, as its users worked it out: a question of four
// bytes, an answer of fields.
//
// 	0 version 1 or 2  1 command  2 length  4 fields: type, length (2), value

func init() {
	register(&Entry{
		Name: "ubntac2", Doc: "Ubiquiti discovery", Reference: "https://github.com/nitefood/python-ubnt-discovery",
		Transport: UDP, Ports: []uint16{10001},
		First: []string{"\x01", "\x02"},
		Detect: func(p *Probe) Verdict {
			w := wire{b: p.Data, at: 2}
			if n := w.u16(); w.short || n+4 != p.Length || p.Data[1] > 16 {
				return No
			} else if n == 0 {
				return onPort(p, true, 10001)
			}
			fields := 0
			for w.left() >= 3 {
				kind, n := w.u8(), w.u16()
				w.take(n)
				if kind == 0 || kind == 1 && n != 6 || kind == 2 && n != 10 { // MAC; MAC and address
					return No
				}
				fields++
			}
			return yes(!w.short && w.left() == 0 && fields >= 2)
		},
		Samples: []string{"ubntac2.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
