package proto

// HiSLIP of measuring instruments:
//
// 	0 "HS"  2 type  3 control  4 parameter  8 length of payload (8)

func init() {
	register(&Entry{
		Name: "hislip", Doc: "High-Speed LAN Instrument Protocol", Reference: "IVI-6.1",
		Transport: TCP, Ports: []uint16{4880},
		First: []string{"HS"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 16 {
				return More
			}
			return yes(b[2] <= 32 && b[3] <= 4 && b[8] == 0 && b[9] == 0 && b[10] == 0 && b[11] == 0)
		},
		Samples: []string{"hislip.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
