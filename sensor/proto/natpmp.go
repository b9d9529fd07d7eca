package proto

// NAT-PMP and its successor PCP; requests have bit 7 of the operation clear.
//
// 	NAT-PMP: 0 version 0  1 operation  2 0 or result  4 ports, lifetime
// 	PCP:     0 version 2  1 operation  2 0  4 lifetime  8 client (16)  24 operation's own

func init() {
	register(&Entry{
		Name: "nat-pmp", Doc: "NAT Port Mapping Protocol and Port Control Protocol", Reference: "RFC 6886, RFC 6887",
		Transport: UDP, Ports: []uint16{5350, 5351},
		First: []string{"\x00", "\x02"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 2 {
				return No
			}
			if b[0] == 2 {
				return onPort(p, p.Length >= 24 && p.Length%4 == 0 && b[1]&0x7f <= 3, 5350, 5351)
			}
			switch b[1] {
			case 0:
				return onPort(p, p.Length == 2, 5351)
			case 1, 2, 128:
				return onPort(p, p.Length == 12, 5350, 5351)
			case 129, 130:
				return onPort(p, p.Length == 16, 5350, 5351)
			}
			return No
		},
		Samples: []string{"natpmp.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
