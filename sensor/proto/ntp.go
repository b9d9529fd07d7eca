package proto

import "saksi/rules/suricata"

// NTP, RFC 5905 section 7.3:
//
//	0 leap, version, mode  1 stratum  2 poll  3 precision  4 root delay ... 48

func init() {
	register(&Entry{
		Name: "ntp", Doc: "Network Time Protocol", Reference: "RFC 5905",
		Transport: UDP, Ports: []uint16{123}, App: suricata.AppNTP,
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 12 {
				return No
			}
			version, mode := b[0]>>3&7, b[0]&7
			if version < 1 || version > 4 {
				return No
			}
			if mode >= 6 { // control and private messages have no shape of their own
				return onPort(p, true, 123)
			}
			if mode == 0 || p.Length < 48 || b[1] > 16 {
				return No
			}
			if p.On(123) {
				return Yes
			}
			// poll and precision are powers of two of seconds
			poll, precision := int8(b[2]), int8(b[3])
			if p.Length == 48 && version >= 3 && poll >= 3 && poll <= 17 && precision <= 0 && precision > -32 {
				return Yes
			}
			return No
		},
		Samples: []string{"ntp.txt"}, Hostile: []string{"short.txt"},
	})
}
