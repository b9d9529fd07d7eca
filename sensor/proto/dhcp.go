package proto

import (
	"encoding/binary"

	"saksi/rules/suricata"
)

// DHCP, RFC 2131 section 2: a BOOTP message of 236 bytes, then the cookie
// 63 82 53 63 and options. DHCPv6, RFC 8415 section 8: type, transaction id,
// options of type, length and value.

func init() {
	register(&Entry{
		Name: "dhcp", Doc: "Dynamic Host Configuration Protocol", Reference: "RFC 2131",
		Transport: UDP, Ports: []uint16{67, 68}, App: suricata.AppDHCP,
		First: []string{"\x01", "\x02"},
		Detect: func(p *Probe) Verdict {
			if b := p.Data; len(b) >= 240 && b[2] <= 16 && binary.BigEndian.Uint32(b[236:]) == 0x63825363 {
				return Yes
			}
			return No
		},
		Samples: []string{"dhcp.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "dhcpv6", Doc: "Dynamic Host Configuration Protocol for IPv6", Reference: "RFC 8415",
		Transport: UDP, Ports: []uint16{546, 547},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 8 || b[0] == 0 || b[0] > 36 {
				return No
			}
			at := 4
			if b[0] == 12 || b[0] == 13 { // relay
				at = 34
			}
			for n := 0; at+4 <= len(b) && n < 3; n++ {
				if code := binary.BigEndian.Uint16(b[at:]); code == 0 || code > 200 {
					return No
				}
				at += 4 + int(binary.BigEndian.Uint16(b[at+2:]))
			}
			return onPort(p, at <= p.Length, 546, 547)
		},
		Samples: []string{"dhcpv6.txt"}, Hostile: []string{"short.txt"},
	})
}
