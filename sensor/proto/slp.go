package proto

// SLP, RFC 2608 section 8:
//
// 	0 version 2  1 function 1 to 11  2 length of all (3)  5 flags (2)  7 extension (3)  10 id  12 length of language  14 language

func init() {
	register(&Entry{
		Name: "service_location_protocol", Doc: "Service Location Protocol", Reference: "RFC 2608",
		Transport: TCP | UDP, Ports: []uint16{427},
		First: []string{"\x02"},
		Detect: func(p *Probe) Verdict {
			if len(p.Data) < 16 {
				return More
			}
			w := wire{b: p.Data, at: 1}
			function, n, flags, _, _, tag := w.u8(), w.u24(), w.u16(), w.u24(), w.u16(), w.u16()
			if function == 0 || function > 11 || flags&0x1fff != 0 || tag == 0 || tag > 8 || n < 14+tag || p.Transport == UDP && n != p.Length {
				return No
			}
			for _, c := range w.take(min(tag, w.left())) {
				if c|0x20 < 'a' || c|0x20 > 'z' {
					if c != '-' {
						return No
					}
				}
			}
			return Yes
		},
		Samples: []string{"slp_tcp.txt", "slp_udp.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
