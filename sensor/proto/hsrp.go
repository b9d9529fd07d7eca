package proto

// HSRP. Version 1 has 20 bytes; version 2 is a row of type, length, value.
//
//	1: 0 version 0  1 op  2 state  3 hello  4 hold  5 priority  6 group  7 0  8 authentication  16 address
//	2: 0 type 1  1 length 40  2 version 2  3 op  4 state  5 4 or 6  6 group  8 router ...

func init() {
	register(&Entry{
		Name: "hsrp", Doc: "Hot Standby Router Protocol", Reference: "RFC 2281; Cisco HSRP version 2",
		Transport: UDP, Ports: []uint16{1985, 2029},
		First: []string{"\x00", "\x01\x28\x02"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 20 {
				return No
			}
			if b[0] == 1 {
				return yes(len(b) >= 42 && b[3] <= 3 && b[4] <= 6 && (b[5] == 4 || b[5] == 6))
			}
			state := b[2]
			return yes(p.Length == 20 && b[1] <= 3 && state <= 16 && state&(state-1) == 0 && b[7] == 0 &&
				b[3] > 0 && b[4] > b[3] && p.On(1985, 2029))
		},
		Samples: []string{"hsrp.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
