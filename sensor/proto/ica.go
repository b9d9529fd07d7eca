package proto

// ICA: a server greets with 0x7f 0x7f "ICA" 0, and repeats it.

func init() {
	register(&Entry{
		Name: "ica", Doc: "Citrix Independent Computing Architecture", Reference: "https://wiki.wireshark.org/ICA",
		Transport: TCP, Ports: []uint16{1494}, First: []string{"\x7f\x7fICA\x00"},
		Detect: func(p *Probe) Verdict {
			if p.Dir == FromServer || len(p.Other) >= 6 {
				return Yes
			}
			return onPort(p, true, 1494)
		},
		Samples: []string{"ica.txt"}, Hostile: []string{"short.txt"},
	})
}
