package proto

// sFlow. Numbers are of four bytes.
//
// 	0 version  4 kind of address (1, 2)  8 agent (4 or 16)  sub-agent (version 5)  number  uptime  samples: kind, length

func init() {
	register(&Entry{
		Name: "sflow", Doc: "sFlow", Reference: "sFlow version 5 (sflow.org); RFC 3176",
		Transport: UDP, Ports: []uint16{6343},
		First: []string{"\x00\x00\x00"},
		Detect: func(p *Probe) Verdict {
			w := wire{b: p.Data}
			version, kind := w.u32(), w.u32()
			if version != 5 && version != 2 && version != 4 || kind != 1 && kind != 2 {
				return No
			}
			w.take([...]int{4, 16}[kind-1])
			if version < 5 {
				w.take(8)
				n := w.u32()
				return onPort(p, !w.short && n > 0 && n < 256, 6343)
			}
			w.take(12)
			n, tag, size := w.u32(), w.u32(), w.u32()
			return yes(!w.short && n > 0 && n < 256 && tag&0xfff >= 1 && tag&0xfff <= 5 && size%4 == 0 && size >= 8 && w.at+int(size) <= p.Length)
		},
		Samples: []string{"sflow.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
