package proto

// The agent of Checkmk answers a connection with sections, the first of which has
// its name.

func init() {
	register(&Entry{
		Name: "checkmk", Doc: "Checkmk agent", Reference: "https://docs.checkmk.com/latest/en/wato_monitoringagents.html",
		Transport: TCP, Ports: []uint16{6556},
		First:   []string{"<<<check_mk>>>", "<<<cmk_agent_ctl_status"},
		Detect:  func(*Probe) Verdict { return Yes },
		Samples: []string{"checkmk.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
