package proto

// Z39.50 begins with an InitializeRequest in BER: [20], in it [3] version, [4]
// options, [5] and [6] sizes.

func init() {
	register(&Entry{
		Name: "z3950", Doc: "Z39.50 library search", Reference: "ANSI/NISO Z39.50-2003 (ISO 23950)",
		Transport: TCP, Ports: []uint16{210},
		First: []string{"\xb4"},
		Detect: func(p *Probe) Verdict {
			b, ok := berBody(p.Data, 0xb4)
			if !ok || len(b) < 20 {
				if len(p.Data) < 24 {
					return More
				}
				return No
			}
			w := wire{b: b}
			sizes := 0
			for _, want := range []int{0x83, 0x84, 0x85, 0x86} {
				tag, v := w.ber()
				if tag == 0x82 { // a reference first
					tag, v = w.ber()
				}
				if w.short || tag != want || len(v) == 0 || len(v) > 8 {
					return No
				}
				sizes++
			}
			return yes(sizes == 4)
		},
		Samples: []string{"z3950.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
