package proto

import (
	"bytes"

	"saksi/rules/suricata"
)

// POP3, RFC 1939: the server greets with "+OK" or "-ERR".

func init() {
	register(&Entry{
		Name: "pop3", Doc: "Post Office Protocol version 3", Reference: "RFC 1939",
		Transport: TCP, Ports: []uint16{110}, App: suricata.AppPOP3,
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if p.Dir == FromServer {
				if bytes.HasPrefix(b, []byte("+OK")) && (p.On(110) || bytes.Contains(b, []byte("POP"))) || bytes.HasPrefix(b, []byte("-ERR")) && p.On(110) {
					return Yes
				}
				return No
			}
			for _, s := range []string{"USER ", "CAPA\r\n", "APOP ", "AUTH ", "STLS\r\n"} {
				if bytes.HasPrefix(bytes.ToUpper(b[:min(len(b), 8)]), []byte(s)) && (p.On(110) || bytes.HasPrefix(p.Other, []byte("+OK"))) {
					return Yes
				}
			}
			return No
		},
		Samples: []string{"pop3.txt"}, Hostile: []string{"short.txt"},
	})
}
