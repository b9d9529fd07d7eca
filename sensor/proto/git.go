package proto

// The git daemon (gitprotocol-pack): 0 length in four hexadecimal digits  4
// "git-upload-pack", "git-receive-pack" or "git-upload-archive", a blank, a path,
// NUL, "host=" name NUL.

import (
	"bytes"

	"saksi/event"
)

func init() {
	register(&Entry{
		Name: "git", Doc: "Git daemon", Reference: "https://git-scm.com/docs/gitprotocol-pack",
		Transport: TCP, Ports: []uint16{9418},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 12 {
				if len(b) > 4 && !bytes.HasPrefix([]byte("git-"), b[4:min(len(b), 8)]) {
					return No
				}
				return More
			}
			if bytes.HasPrefix(b[4:], []byte("git-upload-")) || bytes.HasPrefix(b[4:], []byte("git-receive")) {
				return Yes
			}
			return No
		},
		New: func(Transport) Parser {
			return &firstLine{dataset: "saksi.git", end: 0, tell: func(e *event.Event, line []byte) bool {
				if len(line) < 4 {
					return false
				}
				command, path, _ := bytes.Cut(line[4:], []byte(" "))
				e.Bytes(event.SaksiTextCommand, command)
				e.Bytes(event.URLPath, path[:min(len(path), maxDBText)])
				return true
			}}
		},
		Samples: []string{"git.txt"}, Hostile: []string{"short.txt"},
	})
}
