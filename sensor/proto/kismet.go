package proto

// The server of older Kismet greets with its version and the sentences it knows.

func init() {
	register(&Entry{
		Name: "kismet", Doc: "Kismet server", Reference: "https://www.kismetwireless.net (protocol of Kismet before 2016)",
		Transport: TCP, Ports: []uint16{2501},
		First:   []string{"*KISMET: "},
		Detect:  func(*Probe) Verdict { return Yes },
		Samples: []string{"kismet.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
