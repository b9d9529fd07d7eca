package proto

// FLUTE: files by multicast in LCT. The table of the files is XML, object 0.
//
// 	0 version 1 (4 bits) ...  2 words of head  3 codepoint  4 congestion control  then session, object, extensions

import "bytes"

func init() {
	register(&Entry{
		Name: "flute", Doc: "File Delivery over Unidirectional Transport", Reference: "RFC 6726, RFC 5651",
		Transport: UDP,
		First:     []string{"\x10", "\x11", "\x12"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			return yes(len(b) >= 32 && b[2] >= 3 && b[2] < 32 && 4*int(b[2]) < len(b) && bytes.Contains(b[4*int(b[2]):], []byte("<FDT-Instance")))
		},
		Samples: []string{"flute.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
