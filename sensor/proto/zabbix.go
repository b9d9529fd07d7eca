package proto

// Zabbix: "ZBXD", flags (1, with 2 compressed, 4 large), length and reserved of
// four or eight bytes each, little endian.

func init() {
	register(&Entry{
		Name: "zabbix", Doc: "Zabbix agents, proxies and servers", Reference: "https://www.zabbix.com/documentation/current/en/manual/appendix/protocols/header_datalen",
		Transport: TCP, Ports: []uint16{10050, 10051},
		First: []string{"ZBXD"},
		Detect: func(p *Probe) Verdict {
			if len(p.Data) < 6 {
				return More
			}
			flags := p.Data[4]
			return yes(flags&1 != 0 && flags < 8)
		},
		Samples: []string{"zabbix.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
