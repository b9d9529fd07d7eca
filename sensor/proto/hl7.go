package proto

// HL7 version 2: a vertical tab, then segments, the first of which is MSH with the
// separators.

func init() {
	register(&Entry{
		Name: "hl7", Doc: "Health Level Seven messages", Reference: "HL7 v2 Transport: Minimal Lower Layer Protocol",
		Transport: TCP, Ports: []uint16{2575},
		First: []string{"\x0bMSH"},
		Detect: func(p *Probe) Verdict {
			if len(p.Data) < 9 {
				return More
			}
			return yes(string(p.Data[4:9]) == "|^~\\&")
		},
		Samples: []string{"hl7.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
