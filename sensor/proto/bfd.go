package proto

// BFD, RFC 5880 section 4.1:
//
// 	0 version 1, diagnostic  1 state, flags  2 multiplier  3 length  4 my discriminator  8 yours
// 	12 desired interval  16 required  20 required of echoes, all in microseconds

func init() {
	register(&Entry{
		Name: "bfd", Doc: "Bidirectional Forwarding Detection", Reference: "RFC 5880",
		Transport: UDP, Ports: []uint16{3784, 3785, 4784, 6784, 7784},
		Detect: func(p *Probe) Verdict {
			w := wire{b: p.Data}
			head, flags, multiplier, n := w.u8(), w.u8(), w.u8(), w.u8()
			mine, _, desired, required, echo := w.u32(), w.u32(), w.u32(), w.u32(), w.u32()
			const longest = 255_000_000 // microseconds
			return yes(!w.short && head>>5 == 1 && head&31 <= 9 && flags&1 == 0 && multiplier > 0 && n == p.Length && mine != 0 &&
				(n == 24 || n > 25 && flags&4 != 0) && desired > 0 && desired <= longest && required <= longest && echo <= longest)
		},
		Samples: []string{"bfd.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
