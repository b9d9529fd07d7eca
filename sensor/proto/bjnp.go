package proto

// BJNP of Canon's printers and scanners:
//
// 	0 "BJNP" or "MFNP"  4 device (bit 7: response)  5 command  6 0 or error  8 number  10 session  12 length of payload

import "encoding/binary"

func init() {
	register(&Entry{
		Name: "bjnp", Doc: "Canon BJNP printers and scanners", Reference: "https://gitlab.com/sane-project/backends (pixma_bjnp_private.h)",
		Transport: UDP, Ports: []uint16{8611, 8612, 8613, 8614},
		First: []string{"BJNP", "MFNP"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			return yes(len(b) >= 16 && b[4]&0x7f <= 3 && int(binary.BigEndian.Uint32(b[12:]))+16 == p.Length)
		},
		Samples: []string{"bjnp.txt"}, Hostile: []string{"infra_short.txt"},
	})
}
