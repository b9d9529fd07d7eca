package proto

import "encoding/binary"

// RTMP: each side sends a version of 3 and 1,536 bytes: 0 time (4)  4 zero, or the
// version of the program (4)  8 random. A client waits behind them.

func init() {
	register(&Entry{
		Name: "rtmp", Doc: "Real-Time Messaging Protocol", Reference: "Adobe RTMP Specification 1.0 section 5.2",
		Transport: TCP, Ports: []uint16{1935}, First: []string{"\x03"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if p.Dir == FromServer {
				if len(p.Other) == 1537 && p.Other[0] == 3 {
					return Yes
				}
				return No
			}
			switch zero := len(b) >= 9 && binary.BigEndian.Uint32(b[5:]) == 0; {
			case len(b) < 1537:
				if len(b) >= 9 && !zero && !p.On(1935) {
					return No
				}
				return More
			case len(b) == 1537 && (zero || p.On(1935)):
				return Yes
			}
			return No
		},
		Samples: []string{"rtmp.txt"}, Hostile: []string{"short.txt"},
	})
}
