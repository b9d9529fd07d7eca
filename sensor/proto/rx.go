package proto

// Rx, the remote procedure calls of AFS, over UDP:
//
//	0 epoch  4 connection  8 call  12 sequence  16 serial  20 type  21 flags
//	22 user status  23 security  24 checksum  26 service

func init() {
	register(&Entry{
		Name: "rx", Doc: "Rx, remote procedure calls of AFS", Reference: "http://git.openafs.org/?p=openafs.git;a=blob;f=doc/txt/rx-spec.txt",
		Transport: UDP, Ports: []uint16{7000, 7001, 7002, 7003, 7005, 7007},
		Detect: func(p *Probe) Verdict {
			w := wire{b: p.Data}
			epoch, cid, call, seq, serial := w.u32(), w.u32(), w.u32(), w.u32(), w.u32()
			kind, flags, status, security, _, service := w.u8(), w.u8(), w.u8(), w.u8(), w.u16(), w.u16()
			if w.short || epoch == 0 || cid == 0 || call > 1<<20 || seq > 1<<20 || serial == 0 || serial > 1<<20 {
				return No
			}
			if kind == 0 || kind > 13 || kind == 1 && seq == 0 || flags&0xc0 != 0 || status != 0 || security > 5 {
				return No
			}
			switch service {
			case 1, 4, 50, 51, 52, 53, 73, 731, 732, 733: // files and callbacks, volumes, votes, locations, backup, protection, keys
				return Yes
			}
			return onPort(p, service < 4096, 7000, 7001, 7002, 7003, 7005, 7007)
		},
		Samples: []string{"rx.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
