package proto

// Automatic tank gauges of Veeder-Root:
//
// 	0 SOH  1 I, i (ask), S or s (set)  2 function (3 hex digits)  5 tank (2 digits)

import "bytes"

func init() {
	register(&Entry{
		Name: "atg", Doc: "Automatic tank gauge", Reference: "Veeder-Root Serial Interface Manual, part 577013-767",
		Transport: TCP, Ports: []uint16{10001},
		First: []string{"\x01"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if p.Dir == FromServer { // replies begin with a line's end
				b = append([]byte{1}, bytes.TrimLeft(b[1:min(len(b), 16)], "\r\n")...)
			}
			if len(b) < 7 {
				return More
			}
			if b[1]|0x20 != 'i' && b[1]|0x20 != 's' || !digits(b[5:7]) {
				return No
			}
			for _, c := range b[2:5] {
				if !digit(c) && (c < 'A' || c > 'F') {
					return No
				}
			}
			return Yes
		},
		Samples: []string{"atg.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
