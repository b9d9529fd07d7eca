package proto

import "encoding/binary"

// YMSG: 0 "YMSG"  4 version (2)  6 zero (2)  8 length (2)  10 service (2)  12 status
// (4)  16 session (4)  20 pairs of key and value, each behind 0xc0 0x80.

func init() {
	register(&Entry{
		Name: "ymsg", Doc: "Yahoo! Messenger", Reference: "https://libyahoo2.sourceforge.net/ymsg-9.txt",
		Transport: TCP, Ports: []uint16{5050}, First: []string{"YMSG"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			switch {
			case len(b) < 20:
				return More
			case b[4] <= 1 && b[5] <= 102 && int(binary.BigEndian.Uint16(b[8:]))+20 >= len(b):
				return Yes
			}
			return No
		},
		Samples: []string{"ymsg.txt"}, Hostile: []string{"short.txt"},
	})
}
