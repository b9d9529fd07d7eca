package proto

// SSDP: the heads of HTTP in datagrams (UPnP Device Architecture 2.0 section 1).

import "bytes"

func init() {
	register(&Entry{
		Name: "ssdp", Doc: "Simple Service Discovery Protocol", Reference: "UPnP Device Architecture 2.0",
		Transport: UDP, Ports: []uint16{1900},
		First: []string{"M-SEARCH * HTTP/1.", "NOTIFY * HTTP/1.", "HTTP/1.1 200 "},
		Detect: func(p *Probe) Verdict {
			head := bytes.ToUpper(p.Data[:min(len(p.Data), 1024)])
			for _, field := range []string{"\nMAN:", "\nNTS:", "\nNT:", "\nUSN:", "\nST:"} {
				if bytes.Contains(head, []byte(field)) {
					return Yes
				}
			}
			return No
		},
		Samples: []string{"ssdp.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
