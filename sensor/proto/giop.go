package proto

// GIOP: 0 "GIOP"  4 major 1  5 minor  6 flags  7 type  8 length (4), in the byte
// order that the first flag says.

func init() {
	register(&Entry{
		Name: "giop", Doc: "General Inter-ORB Protocol of CORBA", Reference: "OMG CORBA 3.3 Part 2, chapter 9",
		Transport: TCP, Application: "corba", Ports: []uint16{683, 2809}, First: []string{"GIOP"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			switch {
			case len(b) < 12:
				return More
			case b[4] == 1 && b[5] <= 3 && b[6] <= 3 && b[7] <= 7:
				return Yes
			}
			return No
		},
		Samples: []string{"giop.txt"}, Hostile: []string{"short.txt"},
	})
}
