package proto

// C12.22: an ACSE PDU in BER whose elements are the titles of who is called and who
// calls, their ids and the user's information.
//
// 	0 0x60  length  elements: a1 context, a2 called, a4, a6 calling, a7, a8 ids, be information

func init() {
	register(&Entry{
		Name: "c1222", Doc: "ANSI C12.22 meters", Reference: "ANSI C12.22-2012; IEEE 1703",
		Transport: TCP | UDP, Ports: []uint16{1153},
		First: []string{"\x60"},
		Detect: func(p *Probe) Verdict {
			b, ok := berBody(p.Data, 0x60)
			if !ok || len(b) < 10 {
				return No
			}
			w := wire{b: b}
			seen := [256]bool{}
			for last := 0; w.left() > 0; {
				tag, _ := w.ber()
				if w.short || tag <= last || tag < 0xa1 || tag > 0xac && tag != 0xbe {
					return No
				}
				last = tag
				seen[tag] = true
			}
			return yes(seen[0xa8] && seen[0xbe])
		},
		Samples: []string{"c1222_udp.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
