package proto

// TP-Link Smart Home Protocol: JSON under an XOR whose key is 171 and then each
// byte sent before. Over TCP the length comes first.
//
//	TCP: 0 length (4)  4 {"module":{"command":...}}

import (
	"bytes"
	"encoding/binary"
)

func init() {
	register(&Entry{
		Name: "tplink_shp", Doc: "TP-Link Smart Home Protocol", Reference: "https://github.com/softScheck/tplink-smartplug",
		Transport: TCP | UDP, Ports: []uint16{9999},
		First: []string{"\xd0", "\x00\x00"},
		Detect: func(p *Probe) Verdict {
			b, size := p.Data, p.Length
			if p.Transport == TCP {
				if len(b) < 12 {
					return More
				}
				if size = int(binary.BigEndian.Uint32(b)); size > 1<<16 {
					return No
				}
				b = b[4:]
			}
			var text [64]byte
			n := min(len(b), size, len(text))
			key := byte(171)
			for i := range n {
				text[i] = b[i] ^ key
				key = b[i]
				if text[i] < ' ' || text[i] > '~' {
					return No
				}
			}
			return yes(n >= 8 && bytes.HasPrefix(text[:n], []byte(`{"`)) && bytes.Contains(text[:n], []byte(`":`)))
		},
		Samples: []string{"tplink_shp_udp.txt", "tplink_shp_tcp.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
