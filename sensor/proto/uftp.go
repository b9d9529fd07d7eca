package proto

// UFTP:
//
// 	0 version 0x50 or 0x40  1 function  2 number  4 source  8 group  12 instance ...  16 function again  17 length of head in words

func init() {
	register(&Entry{
		Name: "uftp", Doc: "UDP-based multicast file transfer", Reference: "http://uftp-multicast.sourceforge.net/protocol.txt",
		Transport: UDP, Ports: []uint16{1044},
		First: []string{"\x50", "\x40"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			return yes(len(b) >= 20 && b[1] >= 1 && b[1] <= 25 && b[16] == b[1] && b[17] > 0 && 16+4*int(b[17]) <= p.Length)
		},
		Samples: []string{"uftp.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
