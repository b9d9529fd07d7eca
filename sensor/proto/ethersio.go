package proto

// Ether-S-I/O of Saia's controllers:
//
// 	0 "ESIO"  4 version  5 0  6 kind: 1 transfer, 2 status ...

func init() {
	register(&Entry{
		Name: "ethersio", Doc: "Saia Ether-S-I/O", Reference: "Wireshark packet-esio; Saia-Burgess Ether-S-I/O",
		Transport: UDP, Ports: []uint16{6060},
		First: []string{"ESIO"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			return yes(len(b) >= 12 && b[4] == 0 && b[5] <= 2 && b[6] == 0 && int(b[8])<<8|int(b[9]) <= p.Length)
		},
		Samples: []string{"ethersio.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
