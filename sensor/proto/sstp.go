package proto

// SSTP: TLS, then HTTP with a method of its own; all behind it is encrypted.

func init() {
	register(&Entry{
		Name: "sstp", Doc: "Secure Socket Tunneling Protocol", Reference: "[MS-SSTP] section 3.2.4.1",
		Transport: TCP, First: []string{"SSTP_DUPLEX_POST "},
		Detect:  func(*Probe) Verdict { return Yes },
		Samples: []string{"sstp.txt"}, Hostile: []string{"short.txt"},
	})
}
