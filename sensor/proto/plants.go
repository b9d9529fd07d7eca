package proto

// Protocols of plants and buildings that are named only.

import (
	"bytes"
	"encoding/binary"
)

func init() {
	register(&Entry{
		Name: "melsec", Doc: "MELSEC (SLMP) of Mitsubishi, 3E frames", Reference: "https://dl.mitsubishielectric.com/dl/fa/document/manual/plc/sh080956eng/sh080956engn.pdf",
		Transport: TCP | UDP, Ports: []uint16{5006, 5007}, First: []string{"\x50\x00", "\xd0\x00"},
		Detect: func(p *Probe) Verdict { // network, PC, module 0x03ff, station; length, of little end, of what follows
			b := p.Data
			return yes(len(b) >= 11 && binary.LittleEndian.Uint16(b[4:]) == 0x03ff && int(binary.LittleEndian.Uint16(b[7:])) >= len(b)-9 &&
				binary.LittleEndian.Uint16(b[7:]) >= 2)
		},
		Samples: []string{"melsec_tcp.txt", "melsec_udp.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "niagara-fox", Doc: "Niagara Fox, building automation of Tridium", Reference: "https://svn.nmap.org/nmap/scripts/fox-info.nse",
		Transport: TCP, Ports: []uint16{1911}, First: []string{"fox a "},
		Detect: func(p *Probe) Verdict {
			return yes(bytes.Contains(p.Data[:min(len(p.Data), 64)], []byte(" fox hello")))
		},
		Samples: []string{"niagara_fox.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "codesys", Doc: "CODESYS 3: the block driver over TCP", Reference: "https://github.com/claroty/codesys-wireshark-dissector",
		Transport: TCP, Ports: []uint16{11740}, First: []string{"\x00\x01\x17\xe8"},
		Detect: func(p *Probe) Verdict { // magic, length of the whole, both of little end
			b := p.Data
			return yes(len(b) >= 8 && binary.LittleEndian.Uint32(b[4:]) >= 8 && binary.LittleEndian.Uint32(b[4:]) < 1<<16)
		},
		Samples: []string{"codesys.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "pcworx", Doc: "PC Worx of Phoenix Contact", Reference: "https://svn.nmap.org/nmap/scripts/pcworx-info.nse",
		Transport: TCP, Ports: []uint16{1962}, First: []string{"\x01\x01\x00\x1a\x00"},
		Detect:  func(p *Probe) Verdict { return yes(len(p.Data) == 26 || p.On(1962)) },
		Samples: []string{"pcworx.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "ge-srtp", Doc: "SRTP of GE's controllers: the beginning of a connection", Reference: "https://icsforensics.org/ge-srtp",
		Transport: TCP, Bound: true, Ports: []uint16{18245}, First: []string{"\x00\x00\x00\x00\x00\x00\x00\x00"},
		Detect: func(p *Probe) Verdict { // 56 bytes of zero
			return onPort(p, len(p.Data) == 56 && len(bytes.Trim(p.Data, "\x00")) == 0, 18245)
		},
		Samples: []string{"ge_srtp.txt"}, Hostile: []string{"short.txt"},
	})
}
