package proto

// EtherCAT in UDP: the frame that Ethernet would carry, with datagrams that fill it.
// Little endian.
//
// 	0 length (11 bits), 0, type 1 (4 bits)  2 datagrams
// 	datagram: 0 command  1 index  2 address (4)  6 length (11 bits), flags, more  8 interrupt  10 data  counter (2)

func init() {
	register(&Entry{
		Name: "ethercat", Doc: "EtherCAT over UDP", Reference: "IEC 61158-4-12; ETG.1000.4",
		Transport: UDP, Ports: []uint16{34980},
		Detect: func(p *Probe) Verdict {
			w := wire{b: p.Data}
			head := w.le16()
			size := head & 0x7ff
			if w.short || head>>11 != 2 || size < 12 || size+2 > p.Length {
				return No
			}
			for end := w.at + size; ; {
				command := w.u8()
				w.take(5)
				n := w.le16()
				w.take(2 + n&0x7ff + 2)
				if w.short || command > 14 || n&0x3800 != 0 || w.at > end {
					return No
				}
				if n&0x8000 == 0 {
					return yes(w.at == end)
				}
			}
		},
		Samples: []string{"ethercat.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
