package proto

import "encoding/binary"

// The outer flows of UDP tunnels; what is inside is decoded before and has
// flows of its own (package decode).

func init() {
	register(&Entry{
		Name: "vxlan", Doc: "Virtual eXtensible Local Area Network, outer flow", Reference: "RFC 7348",
		Transport: UDP, Bound: true, Ports: []uint16{4789, 8472},
		First: []string{"\x08\x00\x00\x00"},
		Detect: func(p *Probe) Verdict { // I flag, then 24 bits of network id and a zero byte, then Ethernet
			b := p.Data
			return onPort(p, len(b) >= 22 && b[7] == 0, 4789, 8472)
		},
		Samples: []string{"vxlan.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "geneve", Doc: "Generic Network Virtualization Encapsulation, outer flow", Reference: "RFC 8926",
		Transport: UDP, Bound: true, Ports: []uint16{6081},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			return onPort(p, len(b) >= 8 && b[0]>>6 == 0 && b[1]&0x3f == 0 && len(b) >= 8+int(b[0]&0x3f)*4, 6081)
		},
		Samples: []string{"geneve.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "gtp", Doc: "GPRS Tunnelling Protocol, user and control plane and charging", Reference: "3GPP TS 29.281, TS 29.060, TS 29.274, TS 32.295",
		Transport: UDP, Ports: []uint16{2152, 2123, 3386},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 6 || b[0]>>5 > 2 {
				return No
			}
			n := int(binary.BigEndian.Uint16(b[2:]))
			if p.On(3386) { // version 0 and charging (GTP prime), whose heads have 6 or 20 bytes
				return yes(n+6 == p.Length || n+20 == p.Length)
			}
			if b[0]>>5 == 0 {
				return No
			}
			return onPort(p, n+8 == p.Length || n+4 == p.Length, 2152, 2123)
		},
		Samples: []string{"gtp.txt", "gtp_c.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "teredo", Doc: "Teredo: IPv6 over UDP through address translators", Reference: "RFC 4380",
		Transport: UDP, Bound: true, Ports: []uint16{3544},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			return onPort(p, len(b) >= 40 && (b[0]>>4 == 6 || b[0] == 0 && b[1] <= 1), 3544)
		},
		Samples: []string{"teredo.txt"}, Hostile: []string{"short.txt"},
	})
}
