package proto

// An MPEG transport stream: packets of 188 bytes, each with 0x47 at its head; in
// UDP two to seven of them.

func init() {
	register(&Entry{
		Name: "mpeg-ts", Doc: "MPEG transport stream", Reference: "ISO/IEC 13818-1 section 2.4.3",
		Transport: UDP, First: []string{"\x47"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if p.Length%188 != 0 || p.Length < 2*188 || len(b) < 2*188 {
				return No
			}
			for at := 0; at < len(b); at += 188 {
				if b[at] != 0x47 || at+1 < len(b) && b[at+1]&0x80 != 0 && at == 0 {
					return No
				}
			}
			return Yes
		},
		Samples: []string{"mpegts_udp.txt"}, Hostile: []string{"short.txt"},
	})
}
