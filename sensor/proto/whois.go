package proto

// WHOIS, RFC 3912: a client sends one line, the server answers with text and
// closes. As any line may be a question, the answer tells: a remark that names
// whois, or a record of a domain or of a network.

import (
	"bytes"

	"saksi/event"
)

func init() {
	register(&Entry{
		Name: "whois", Doc: "Directory of domains and networks", Reference: "RFC 3912",
		Transport: TCP, Ports: []uint16{43}, Detect: detectWhois,
		New: func(Transport) Parser {
			return &firstLine{dataset: "saksi.whois", end: '\n', tell: func(e *event.Event, line []byte) bool {
				line = bytes.TrimSpace(line)
				e.Bytes(event.SaksiTextArgument, line[:min(len(line), maxDBText)])
				return len(line) > 0
			}}
		},
		Samples: []string{"whois.txt"}, Hostile: []string{"short.txt"},
	})
}

func detectWhois(p *Probe) Verdict {
	question := p.Data
	if p.Dir == FromServer {
		question = p.Other
	}
	if i := bytes.IndexByte(question, '\n'); i < 1 || i != len(question)-1 || i > 255 || question[0] <= ' ' {
		return No
	}
	if p.Dir == FromClient {
		return onPort(p, true, 43)
	}
	up := bytes.ToUpper(p.Data[:min(len(p.Data), 512)])
	for _, s := range []string{"% IANA WHOIS", "DOMAIN NAME: ", "INETNUM: ", "NETRANGE: ", "% THIS IS THE ", "NO MATCH FOR "} {
		if bytes.Contains(up, []byte(s)) {
			return Yes
		}
	}
	return No
}
