package proto

// WS-Discovery: SOAP in a datagram, in one of two namespaces.

import "bytes"

func init() {
	register(&Entry{
		Name: "wsd", Doc: "Web Services Dynamic Discovery", Reference: "OASIS WS-Discovery 1.1 (wsdd-discovery-1.1-spec)",
		Transport: UDP, Ports: []uint16{3702},
		First: []string{"<"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			return yes(bytes.Contains(b, []byte("Envelope")) && (bytes.Contains(b, []byte("http://schemas.xmlsoap.org/ws/2005/04/discovery")) ||
				bytes.Contains(b, []byte("http://docs.oasis-open.org/ws-dd/ns/discovery"))))
		},
		Samples: []string{"wsd.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
