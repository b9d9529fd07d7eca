package proto

import (
	"bytes"

	"saksi/sensor/proto/internal/http"

	"saksi/rules/suricata"
)

// IMAP, RFC 9051: the server greets with "* OK", "* PREAUTH" or "* BYE";
// commands begin with a tag.

func init() {
	register(&Entry{
		Name: "imap", Doc: "Internet Message Access Protocol", Reference: "RFC 9051, RFC 3501",
		Transport: TCP, Ports: []uint16{143}, App: suricata.AppIMAP,
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if p.Dir == FromServer {
				for _, s := range []string{"* OK", "* PREAUTH", "* BYE"} {
					if bytes.HasPrefix(b, []byte(s)) && (bytes.Contains(b, []byte("IMAP")) || p.On(143)) {
						return Yes
					}
				}
				return No
			}
			line, _, ok := bytes.Cut(b, []byte("\r\n"))
			if !ok || len(line) > 512 {
				return No
			}
			tag, rest, _ := bytes.Cut(line, []byte(" "))
			verb, _, _ := bytes.Cut(rest, []byte(" "))
			if len(tag) == 0 || len(tag) > 16 {
				return No
			}
			for _, v := range []string{"capability", "login", "authenticate", "starttls", "select", "examine", "noop", "logout"} {
				if http.EqualFold(verb, v) && (p.On(143) || v != "noop" && bytes.HasPrefix(p.Other, []byte("* "))) {
					return Yes
				}
			}
			return No
		},
		Samples: []string{"imap.txt"}, Hostile: []string{"short.txt"},
	})
}
