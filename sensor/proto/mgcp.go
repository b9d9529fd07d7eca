package proto

// MGCP, RFC 3435 section 3.2: "VERB transaction endpoint MGCP version"; replies
// are "code transaction text". Lines end in LF or, of some senders, in CR alone.

import "bytes"

func init() {
	register(&Entry{
		Name: "mgcp", Doc: "Media Gateway Control Protocol", Reference: "RFC 3435",
		Transport: UDP, Ports: []uint16{2427, 2727},
		Detect: func(p *Probe) Verdict {
			if c := p.Data[0]; !digit(c) && bytes.IndexByte([]byte("ACDEMNR"), c&^0x20) < 0 {
				return No
			}
			i := bytes.IndexAny(p.Data[:min(len(p.Data), 512)], "\r\n")
			if i < 0 {
				return No
			}
			words := bytes.Fields(p.Data[:i])
			if len(words) >= 2 && len(words[0]) == 3 && digits(words[0]) && digits(words[1]) && len(words[1]) <= 9 {
				return onPort(p, true, 2427, 2727)
			}
			if len(words) < 5 || !digits(words[1]) || len(words[1]) > 9 || !bytes.EqualFold(words[3], []byte("MGCP")) {
				return No
			}
			switch v, _ := verb(words[0]); v {
			case "EPCF", "CRCX", "MDCX", "DLCX", "RQNT", "NTFY", "AUEP", "AUCX", "RSIP":
				return Yes
			}
			return No
		},
		Samples: []string{"mgcp.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
