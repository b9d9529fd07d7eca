package proto

import "encoding/binary"

// The transport of Elasticsearch: 0 "ES"  2 length (4)  6 request (8)  14 status
// 15 version (4).

func init() {
	register(&Entry{
		Name: "elasticsearch", Doc: "Transport of Elasticsearch and OpenSearch", Reference: "https://github.com/elastic/elasticsearch (transport/TcpHeader.java)",
		Transport: TCP, Ports: []uint16{9300}, First: []string{"ES\x00\x00"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			switch {
			case len(b) < 19:
				return More
			case binary.BigEndian.Uint32(b[2:]) >= 13 && b[2] == 0 && b[14]&0xf0 == 0 && (b[15] == 0 && b[16] >= 0x10 && b[16] < 0xa0 || b[15] == 8):
				return Yes
			}
			return No
		},
		Samples: []string{"elasticsearch.txt"}, Hostile: []string{"short.txt"},
	})
}
