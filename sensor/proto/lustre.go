package proto

// Lustre's network (LNet) over TCP, in the byte order of the sender:
//
//	acceptor: 0 0xacce7100  4 version 1  8 nid
//	hello:    0 0x45726963 or 0xeebc0ded  4 version
//	message:  0 0xc0 or 0xc1  4 checksum  8 cookies  24 to nid, from nid  40 to, from process 12345  48 type

import "encoding/binary"

func init() {
	register(&Entry{
		Name: "lustre", Doc: "Lustre network", Reference: "https://git.whamcloud.com/fs/lustre-release.git lnet/include/uapi/linux/lnet/lnet-idl.h",
		Transport: TCP, Ports: []uint16{988},
		First: []string{"\x00\x71\xce\xac", "\xac\xce\x71\x00", "\xc1\x00\x00\x00", "\xc0\x00\x00\x00"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if b[0]&0xfe != 0xc0 {
				if len(b) < 8 {
					return More
				}
				return yes(binary.LittleEndian.Uint32(b[4:]) == 1 || binary.BigEndian.Uint32(b[4:]) == 1)
			}
			if len(b) < 52 {
				return More
			}
			const pid, user = 12345, 1 << 31
			return yes(binary.LittleEndian.Uint32(b[40:])&^user == pid && binary.LittleEndian.Uint32(b[44:])&^user == pid &&
				binary.LittleEndian.Uint32(b[48:]) <= 4)
		},
		Samples: []string{"lustre.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
