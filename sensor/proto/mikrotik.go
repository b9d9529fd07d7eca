package proto

// MNDP of MikroTik routers. An announcement begins with the MAC address.
//
// 	0 header (2)  2 number (2)  4 fields: type (2), length (2), value; 1 MAC, 5 identity, 7 version, 8 platform

func init() {
	register(&Entry{
		Name: "mikrotik", Doc: "MikroTik Neighbor Discovery Protocol", Reference: "https://help.mikrotik.com/docs/display/ROS/Neighbor+discovery; MNDP as in Wireshark",
		Transport: UDP, Ports: []uint16{5678},
		First: []string{"\x00", "\x01\x00", "\x02\x00"},
		Detect: func(p *Probe) Verdict {
			if p.Length == 4 || p.Length == 9 {
				return onPort(p, len(p.Data) >= 4 && p.Data[0] == 0 && p.Data[1] == 0, 5678)
			}
			w := wire{b: p.Data, at: 4}
			fields := 0
			for w.left() >= 4 {
				kind, n := w.u16(), w.u16()
				w.take(n)
				if fields == 0 && (kind != 1 || n != 6) || kind == 0 || kind > 32 {
					return No
				}
				fields++
			}
			return yes(!w.short && w.left() == 0 && fields >= 2)
		},
		Samples: []string{"mikrotik.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
