package proto

// iSCSI begins with a login request, whose data name the initiator.
//
// 	0 0x43 (immediate) or 0x03  1 flags, stages  4 length of more heads  5 length of data (3) ... 48 "key=value", 0

import "bytes"

func init() {
	register(&Entry{
		Name: "iscsi", Doc: "Internet Small Computer Systems Interface", Reference: "RFC 7143",
		Transport: TCP, Ports: []uint16{3260},
		First: []string{"\x43", "\x03\x81", "\x03\x87"},
		Detect: func(p *Probe) Verdict {
			if len(p.Data) < 64 {
				return More
			}
			return yes(p.Data[4] == 0 && bytes.Contains(p.Data[48:], []byte("InitiatorName=")))
		},
		Samples: []string{"iscsi.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
