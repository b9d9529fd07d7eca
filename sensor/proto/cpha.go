package proto

// CPHA between the members of a cluster of firewalls:
//
// 	0 0x1a90  2 version  4 cluster  6 operation  8 source ...

func init() {
	register(&Entry{
		Name: "cpha", Doc: "Check Point High Availability", Reference: "Check Point ClusterXL administration guide; Wireshark packet-cpha",
		Transport: UDP, Ports: []uint16{8116},
		First: []string{"\x1a\x90"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			return yes(len(b) >= 16 && b[2] <= 0x10 && b[6] == 0 && b[7] >= 1 && b[7] <= 15)
		},
		Samples: []string{"cpha.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
