package proto

// Gopher, RFC 1436: a client sends a selector in one line; a menu has lines of a
// type (one character), a name, a selector, a host and a port, parted by tabs.

import (
	"bytes"

	"saksi/event"
)

func init() {
	register(&Entry{
		Name: "gopher", Doc: "Gopher", Reference: "RFC 1436",
		Transport: TCP, Ports: []uint16{70},
		Detect: func(p *Probe) Verdict {
			if p.Dir == FromClient {
				i := bytes.IndexByte(p.Data, '\n')
				return onPort(p, i >= 0 && i == len(p.Data)-1 && i < 256, 70)
			}
			line, _, ok := bytes.Cut(p.Data, []byte("\r\n"))
			f := bytes.Split(line, []byte("\t"))
			if ok && len(f) >= 4 && len(f[0]) > 0 && bytes.IndexByte([]byte("0123456789+TgIhisd"), f[0][0]) >= 0 && len(f[2]) > 0 && digits(f[3]) && len(f[3]) <= 5 {
				return Yes
			}
			return No
		},
		New: func(Transport) Parser {
			return &firstLine{dataset: "saksi.gopher", end: '\n', tell: func(e *event.Event, line []byte) bool {
				line = bytes.TrimSpace(line)
				e.Bytes(event.URLPath, line[:min(len(line), maxDBText)])
				return true
			}}
		},
		Samples: []string{"gopher.txt"}, Hostile: []string{"short.txt"},
	})
}
