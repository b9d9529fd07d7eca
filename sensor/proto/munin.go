package proto

// A node of Munin greets with a line of its name.

func init() {
	register(&Entry{
		Name: "munin", Doc: "Munin node", Reference: "https://guide.munin-monitoring.org/en/latest/master/network-protocol.html",
		Transport: TCP, Ports: []uint16{4949},
		First:   []string{"# munin node at "},
		Detect:  func(*Probe) Verdict { return Yes },
		Samples: []string{"munin.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
