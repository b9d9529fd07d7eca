package proto

// Ceph's messenger: both sides begin with "ceph v027" and addresses (version 1)
// or "ceph v2\n" and a payload's length (version 2).

func init() {
	register(&Entry{
		Name: "ceph", Doc: "Ceph messenger", Reference: "https://docs.ceph.com/en/latest/dev/msgr2/",
		Transport: TCP, Ports: []uint16{3300, 6789, 6800},
		First:   []string{"ceph v0", "ceph v2\n"},
		Detect:  func(p *Probe) Verdict { return yes(p.Data[6] == '2' || len(p.Data) >= 9 && digits(p.Data[7:9])) },
		Samples: []string{"ceph.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
