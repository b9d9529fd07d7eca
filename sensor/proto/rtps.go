package proto

// RTPS of DDS:
//
// 	0 "RTPS" (or "RTPX")  4 version 1.x or 2.x  6 vendor  8 guid prefix (12)  20 submessages: kind, flags, length

func init() {
	register(&Entry{
		Name: "rtps", Doc: "Real-Time Publish Subscribe, DDS", Reference: "OMG DDSI-RTPS 2.5 section 9.4.4",
		Transport: UDP, Ports: []uint16{7400, 7401, 7410, 7411},
		First: []string{"RTPS", "RTPX"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			return yes(len(b) >= 16 && (b[4] == 1 || b[4] == 2) && b[5] <= 9 && b[6] <= 1)
		},
		Samples: []string{"rtps.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
