package proto

import "bytes"

// Quake III: datagrams without a connection begin with four bytes of 0xff and a
// word.

func init() {
	register(&Entry{
		Name: "quake", Doc: "Quake III and its kin", Reference: "https://github.com/id-Software/Quake-III-Arena (server/sv_main.c)",
		Transport: UDP, Ports: []uint16{27960}, First: []string{"\xff\xff\xff\xff"},
		Detect: func(p *Probe) Verdict {
			for _, w := range []string{"getstatus", "getinfo", "getchallenge", "statusResponse\n", "infoResponse\n", "challengeResponse ", "getservers ", "getserversResponse", "connect \"\\"} {
				if bytes.HasPrefix(p.Data[4:], []byte(w)) {
					return Yes
				}
			}
			return No
		},
		Samples: []string{"quake_udp.txt"}, Hostile: []string{"short.txt"},
	})
}
