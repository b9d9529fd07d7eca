package proto

// Megaco in text: "MEGACO/version" or "!/version", then who speaks in brackets.

import "bytes"

func init() {
	register(&Entry{
		Name: "megaco", Doc: "Megaco, H.248 media gateways", Reference: "ITU-T H.248.1 annex B; RFC 3525",
		Transport: TCP | UDP, Ports: []uint16{2944},
		First: []string{"MEGACO/", "!/"},
		Detect: func(p *Probe) Verdict {
			rest := bytes.TrimPrefix(bytes.TrimPrefix(p.Data, []byte("MEGACO/")), []byte("!/"))
			if len(rest) < 8 {
				return More
			}
			id := bytes.TrimLeft(rest[1:], " \r\n\t")
			return yes(digit(rest[0]) && len(id) > 0 && (id[0] == '[' || id[0] == '<' || id[0]|0x20 >= 'a' && id[0]|0x20 <= 'z'))
		},
		Samples: []string{"megaco_udp.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
