package proto

// RTCP, RFC 3550 section 6: packets that fill the datagram, the first a report.
//
// 	0 version 2, padding, count  1 type 200 to 207  2 length in words less one  4 source
// 	sender report: 6 words more; each block of a report 6 words

func init() {
	register(&Entry{
		Name: "rtcp", Doc: "RTP Control Protocol", Reference: "RFC 3550",
		Transport: UDP, Ports: []uint16{5005},
		First: []string{"\x80", "\x81", "\x82", "\x83"},
		Detect: func(p *Probe) Verdict {
			w := wire{b: p.Data}
			for first := true; w.left() >= 4; first = false {
				head, kind, words := w.u8(), w.u8(), w.u16()
				count := head & 31
				if head>>6 != 2 || kind < 200 || kind > 207 || w.take(4*words) == nil {
					return No
				}
				if first {
					if kind > 201 {
						return No
					}
					if need := 1 + 5*(201-kind) + 6*count; words < need || words > need+32 {
						return No
					}
				}
			}
			return yes(w.left() == 0 && w.at == p.Length && !w.short)
		},
		Samples: []string{"rtcp.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
