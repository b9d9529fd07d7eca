package proto

// Finger, RFC 1288: a client sends "[/W ]user[@host]" in one line; the server
// tells who that is, most often in lines that begin with "Login".

import (
	"bytes"

	"saksi/event"
)

func init() {
	register(&Entry{
		Name: "finger", Doc: "User information", Reference: "RFC 1288",
		Transport: TCP, Ports: []uint16{79},
		Detect: func(p *Probe) Verdict {
			question := p.Data
			if p.Dir == FromServer {
				question = p.Other
			}
			if i := bytes.IndexByte(question, '\n'); i < 0 || i != len(question)-1 || i > 255 {
				return No
			}
			if p.Dir == FromServer && bytes.HasPrefix(p.Data, []byte("Login")) && bytes.Contains(p.Data[:min(len(p.Data), 256)], []byte("Name")) {
				return Yes
			}
			return onPort(p, true, 79)
		},
		New: func(Transport) Parser {
			return &firstLine{dataset: "saksi.finger", end: '\n', tell: func(e *event.Event, line []byte) bool {
				line = bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(line), []byte("/W")))
				e.Bytes(event.SaksiTextArgument, line[:min(len(line), maxDBText)])
				return true
			}}
		},
		Samples: []string{"finger.txt"}, Hostile: []string{"short.txt"},
	})
}
