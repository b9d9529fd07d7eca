package proto

// Networks of peers, remote desktops and other things of users: named only.

import (
	"bytes"
	"encoding/binary"
)

func init() {
	register(&Entry{
		Name: "gnutella", Doc: "Gnutella file sharing", Reference: "https://rfc-gnutella.sourceforge.net/",
		Transport: TCP, Ports: []uint16{6346}, First: []string{"GNUTELLA CONNECT/", "GNUTELLA/0."},
		Detect:  func(*Probe) Verdict { return Yes },
		Samples: []string{"gnutella.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "direct-connect", Doc: "Direct Connect file sharing (NMDC, ADC)", Reference: "https://adc.sourceforge.io/ADC.html, https://nmdc.sourceforge.io/NMDC.html",
		Transport: TCP, Ports: []uint16{411}, First: []string{"$Lock ", "$MyNick ", "HSUP AD", "CSUP AD"},
		Detect: func(p *Probe) Verdict {
			if p.Data[0] != '$' {
				return Yes
			}
			return yes(bytes.IndexByte(p.Data[:min(len(p.Data), 512)], '|') > 0)
		},
		Samples: []string{"direct_connect.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "delivery-optimization", Doc: "Updates that machines of Windows give each other", Reference: "https://learn.microsoft.com/windows/deployment/do/waas-delivery-optimization",
		Transport: TCP, Ports: []uint16{7680}, Application: "windows-update", First: []string{"\x0eSwarm protocol"},
		Detect:  func(*Probe) Verdict { return Yes },
		Samples: []string{"delivery_optimization.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "oicq", Doc: "OICQ, the messages of QQ", Reference: "https://wiki.wireshark.org/OICQ",
		Transport: UDP, Bound: true, Ports: []uint16{8000, 4000}, Application: "qq", First: []string{"\x02"},
		Detect: func(p *Probe) Verdict { // 0x02, version (2), command (2), sequence (2), number (4) ... 0x03
			b := p.Data
			return onPort(p, len(b) >= 12 && len(b) == p.Length && b[len(b)-1] == 0x03 && binary.BigEndian.Uint16(b[3:]) < 0x200, 8000, 4000)
		},
		Samples: []string{"oicq.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "skinny", Doc: "Skinny (SCCP), telephones of Cisco with their call manager", Reference: "https://wiki.wireshark.org/SKINNY",
		Transport: TCP, Application: "cisco-skinny", Ports: []uint16{2000}, Detect: detectSkinny,
		Samples: []string{"skinny.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "x11", Doc: "X11: the beginning of a connection to a display", Reference: "https://www.x.org/releases/X11R7.7/doc/xproto/x11protocol.html",
		Transport: TCP, Ports: []uint16{6000, 6001, 6010}, First: []string{"l\x00\x0b\x00\x00\x00", "B\x00\x00\x0b\x00\x00"},
		Detect: func(p *Probe) Verdict { // order, version 11.0, length of the authorization's name, which is a word
			b := p.Data
			if len(b) < 12 {
				return More
			}
			n := binary.LittleEndian.Uint16(b[6:])
			if b[0] == 'B' {
				n = binary.BigEndian.Uint16(b[6:])
			}
			return yes(n == 0 || n < 64 && len(b) >= 12+int(n) && bytes.IndexByte(b[12:12+n], '-') > 0)
		},
		Samples: []string{"x11.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "spice", Doc: "SPICE, desktops of virtual machines", Reference: "https://www.spice-space.org/spice-protocol.html",
		Transport: TCP, Ports: []uint16{5900}, First: []string{"REDQ"},
		Detect:  func(p *Probe) Verdict { return yes(len(p.Data) >= 16 && binary.LittleEndian.Uint32(p.Data[4:]) <= 2) },
		Samples: []string{"spice.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "radmin", Doc: "Radmin remote control", Reference: "https://svn.nmap.org/nmap/nmap-service-probes",
		Transport: TCP, Ports: []uint16{4899}, First: []string{"\x01\x00\x00\x00\x01\x00\x00\x00\x08\x08", "\x01\x00\x00\x00\x25\x00\x00"},
		Detect:  func(p *Probe) Verdict { return yes(len(p.Data) == 10 || p.On(4899)) },
		Samples: []string{"radmin.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "adb", Doc: "Android Debug Bridge", Reference: "https://android.googlesource.com/platform/packages/modules/adb/+/refs/heads/main/protocol.txt",
		Transport: TCP, Ports: []uint16{5555}, First: []string{"CNXN", "STLS"},
		Detect: func(p *Probe) Verdict { // the command comes again, inverted, at 20
			b := p.Data
			if len(b) < 24 {
				return More
			}
			return yes(binary.LittleEndian.Uint32(b)^0xffffffff == binary.LittleEndian.Uint32(b[20:]))
		},
		Samples: []string{"adb.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "afp", Doc: "Apple Filing Protocol over DSI", Reference: "https://developer.apple.com/library/archive/documentation/Networking/Conceptual/AFP/",
		Transport: TCP, Ports: []uint16{548}, First: []string{"\x00", "\x01"}, Detect: detectAFP,
		Samples: []string{"afp.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "tinc", Doc: "tinc VPN: the first line of its meta connection", Reference: "https://www.tinc-vpn.org/documentation/Authentication-protocol.html",
		Transport: TCP, Ports: []uint16{655}, First: []string{"0 "},
		Detect: func(p *Probe) Verdict { // "0 name 17.7\n"
			line, _, ok := bytes.Cut(p.Data[:min(len(p.Data), 128)], []byte("\n"))
			f := bytes.Fields(line)
			return yes(ok && len(f) == 3 && (string(f[2]) == "17" || bytes.HasPrefix(f[2], []byte("17."))))
		},
		Samples: []string{"tinc.txt"}, Hostile: []string{"short.txt"},
	})
}

// detectSkinny finds a message: length, header version, kind, all of little
// end. What a telephone says first is that it is alive or registers, and the
// length fits.
func detectSkinny(p *Probe) Verdict {
	b := p.Data
	if len(b) < 12 {
		return No
	}
	n, version, kind := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint32(b[8:])
	if n < 4 || n > 2048 || version != 0 && (version < 0x0a || version > 0x20) || int(n)+8 > len(b) && p.Length == 0 && !p.On(2000) {
		return No
	}
	switch kind {
	case 0x0000, 0x0001, 0x0002, 0x0081, 0x0100, 0x009d: // alive, register, IP port; acknowledgments, reject
		return onPort(p, int(n)+8 <= len(b), 2000)
	}
	return No
}

// detectAFP finds a DSI header: flags, command, request id, offset or error,
// length, reserved.
func detectAFP(p *Probe) Verdict {
	b := p.Data
	if len(b) < 16 {
		return No
	}
	switch b[1] {
	case 1, 2, 3, 4, 6, 8: // close, command, status, open, write, tickle
	default:
		return No
	}
	quiet := binary.BigEndian.Uint32(b[4:]) == 0 && binary.BigEndian.Uint32(b[12:]) == 0
	fits := uint64(binary.BigEndian.Uint32(b[8:]))+16 >= uint64(len(b))
	first := b[0] == 0 && (b[1] == 3 || b[1] == 4) || b[0] == 1
	return onPort(p, b[0] <= 1 && quiet && fits && first, 548)
}
