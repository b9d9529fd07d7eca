package proto

import (
	"bytes"

	"saksi/rules/suricata"
)

// TFTP, RFC 1350: a request is opcode 1 or 2, a file name, a mode, each text
// ended by a zero byte. Data comes from another port, in a flow of its own.

func init() {
	register(&Entry{
		Name: "tftp", Doc: "Trivial File Transfer Protocol, request", Reference: "RFC 1350, RFC 2347",
		Transport: UDP, Ports: []uint16{69}, App: suricata.AppTFTP,
		First: []string{"\x00\x01", "\x00\x02"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 9 || b[0] != 0 || b[1] != 1 && b[1] != 2 {
				return No
			}
			name, rest, ok := bytes.Cut(b[2:], []byte{0})
			mode, _, ok2 := bytes.Cut(rest, []byte{0})
			if !ok || !ok2 || len(name) == 0 || bytes.ContainsFunc(name, func(r rune) bool { return r < ' ' }) {
				return No
			}
			switch string(bytes.ToLower(mode)) {
			case "netascii", "octet", "mail":
				return Yes
			}
			return No
		},
		Samples: []string{"tftp.txt"}, Hostile: []string{"short.txt"},
	})
}
