package proto

import (
	"bytes"

	"saksi/rules/suricata"
)

// SMB over TCP ([MS-SMB2] section 2.1): a length of four bytes whose first is
// zero, then 0xff, 0xfd or 0xfe and "SMB". NetBIOS session requests (RFC 1002
// section 4.3.2) may come first.

func init() {
	register(&Entry{
		Name: "smb", Doc: "Server Message Block", Reference: "[MS-CIFS], [MS-SMB2]",
		Transport: TCP, Ports: []uint16{445, 139}, App: suricata.AppSMB,
		First: []string{"\x00", "\x81\x00"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 8 {
				return More
			}
			if b[0] == 0x81 {
				return onPort(p, b[1] <= 1 && b[4] == 0x20, 139)
			}
			if bytes.Equal(b[5:8], []byte("SMB")) && (b[4] == 0xff || b[4] >= 0xfc && b[4] <= 0xfe) {
				return Yes
			}
			return No
		},
		Samples: []string{"smb2.txt"}, Hostile: []string{"short.txt"},
	})
}
