package proto

// PROFINET IO sets connections up by DCE RPC over UDP; the interface called has one
// of four identifiers, dea0000n-6c97-11d1-8271-00a02442df7d.
//
// 	0 version 4  1 kind  2 flags  4 data representation  8 object (16)  24 interface (16)  40 activity ...

func init() {
	register(&Entry{
		Name: "profinet_io", Doc: "PROFINET IO context management", Reference: "IEC 61158-6-10; DCE 1.1 RPC (C706)",
		Transport: UDP, Ports: []uint16{34964},
		First:   []string{"\x04"},
		Detect:  func(p *Probe) Verdict { return yes(len(p.Data) >= 80 && p.Data[1] <= 10 && profinet(p.Data)) },
		Samples: []string{"profinet.txt"}, Hostile: []string{"infra_short.txt"},
	})
}

// profinet reports whether a call of at least 40 bytes is to one of PROFINET's
// interfaces.
func profinet(b []byte) bool {
	id := b[24:40]
	little := id[0] >= 1 && id[0] <= 4 && string(id[1:]) == "\x00\xa0\xde\x97\x6c\xd1\x11\x82\x71\x00\xa0\x24\x42\xdf\x7d"
	big := id[3] >= 1 && id[3] <= 4 && string(id[:3]) == "\xde\xa0\x00" && string(id[4:]) == "\x6c\x97\x11\xd1\x82\x71\x00\xa0\x24\x42\xdf\x7d"
	return little || big
}
