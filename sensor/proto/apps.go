package proto

// Protocols of single applications, which are named only: what their makers or
// those who took them apart say of their first bytes.

import (
	"bytes"
	"encoding/binary"
)

func init() {
	register(&Entry{
		Name: "dropbox-lansync", Doc: "Dropbox LAN sync discovery", Reference: noSpecification,
		Transport: UDP, Ports: []uint16{17500}, Application: "dropbox",
		First: []string{"{\""}, // an object, its members in any order
		Detect: func(p *Probe) Verdict {
			if contains(p, `"namespaces"`) == Yes && (contains(p, `"host_int"`) == Yes || contains(p, `"displayname"`) == Yes) {
				return Yes
			}
			return onPort(p, p.SrcPort == p.DstPort && contains(p, `"host_int"`, `"port"`) == Yes, 17500)
		},
		Samples: []string{"dropbox_lansync.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "alicloud", Doc: "Agent of Alibaba Cloud's Security Center", Reference: noSpecification,
		Transport: TCP, Application: "alibaba-cloud", First: []string{"\xce\xfa\xbe\xba"},
		Detect: func(p *Probe) Verdict { // magic number, then a length, little endian
			b := p.Data
			if len(b) < 8 {
				return More
			}
			if n := binary.LittleEndian.Uint32(b[4:]); n == 0 || n > 1<<20 {
				return No
			}
			return Yes
		},
		Samples: []string{"alicloud.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "weave", Doc: "Nest Weave", Reference: "https://openweave.io/",
		Transport: TCP, Ports: []uint16{11095}, Application: "nest", Detect: detectWeave,
		Samples: []string{"weave.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "whatsapp", Doc: "WhatsApp chat, before and with the Noise handshake", Reference: noSpecification,
		Transport: TCP, Application: "whatsapp", First: []string{"WA", "ED\x00\x01"}, Detect: detectWhatsApp,
		Samples: []string{"whatsapp.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "telegram", Doc: "MTProto of Telegram, its key exchange without obfuscation", Reference: "https://core.telegram.org/mtproto/mtproto-transports",
		Transport: TCP, Application: "telegram", First: []string{"\xef", "\xee\xee\xee\xee"}, Detect: detectTelegram,
		Samples: []string{"telegram.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "spotify-connect", Doc: "Discovery of Spotify clients", Reference: noSpecification,
		Transport: UDP, Ports: []uint16{57621}, Application: "spotify", First: []string{"SpotUdp0"},
		Detect:  func(*Probe) Verdict { return Yes },
		Samples: []string{"spotify_connect.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "ookla", Doc: "Speed test of Ookla over a socket", Reference: noSpecification,
		Transport: TCP, Application: "ookla", First: []string{"HI", "HELLO "}, Detect: detectOokla,
		Samples: []string{"ookla.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "zoom", Doc: "Media of Zoom meetings: the opening of a session", Reference: "Michel et al., Enabling passive measurement of Zoom performance, IMC 2022",
		Transport: UDP, Bound: true, Ports: zoomPorts, Application: "zoom",
		Detect: func(p *Probe) Verdict { // 1 asks, 2 and 3 answer, 5 carries media
			b := p.Data
			return onPort(p, len(b) >= 12 && (b[0] == 1 || b[0] == 2) && b[1] == 0 && b[2] == 3 && p.Length > 20 ||
				len(b) >= 24 && b[0] == 5 && b[1] < 0x80 && (b[8] == 1 || b[8] == 13 || b[8] == 15 || b[8] == 16 || b[8] == 30 || b[8] == 33 || b[8] == 34), zoomPorts...)
		},
		Samples: []string{"zoom.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "viber", Doc: "Viber chat", Reference: noSpecification,
		Transport: TCP | UDP, Bound: true, Ports: []uint16{4244, 5242, 5243, 7985, 7987, 9785}, Application: "viber", Detect: detectViber,
		Samples: []string{"viber_tcp.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "teamviewer", Doc: "TeamViewer, its own protocol", Reference: noSpecification,
		Transport: TCP | UDP, Bound: true, Ports: []uint16{5938}, Application: "teamviewer", First: []string{"\x17\x24", "\x11\x30", "\x00"},
		Detect: func(p *Probe) Verdict { // over UDP behind a number
			if p.Transport == UDP {
				return onPort(p, len(p.Data) > 13 && p.Data[0] == 0 && p.Data[11] == 0x17 && p.Data[12] == 0x24, 5938)
			}
			return onPort(p, len(p.Data) >= 5 && p.Data[0] != 0, 5938)
		},
		Samples: []string{"teamviewer.txt", "teamviewer_udp.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "edonkey", Doc: "eDonkey and eMule: logins and hellos", Reference: "Kulbak and Bickson, The eMule Protocol Specification, 2005",
		Transport: TCP, Ports: []uint16{4661, 4662}, First: []string{"\xe3", "\xc5", "\xd4"}, Detect: detectEDonkey,
		Samples: []string{"edonkey.txt"}, Hostile: []string{"short.txt"},
	})
}

// noSpecification is said of protocols whose makers publish none.
const noSpecification = "none is published; known from captures"

// zoomPorts are the ports of Zoom's multimedia routers.
var zoomPorts = []uint16{8801, 8802, 8803, 8804, 8805, 8806, 8807, 8808, 8809, 8810}

// contains says Yes if each text is in the first bytes.
func contains(p *Probe, texts ...string) Verdict {
	for _, s := range texts {
		if !bytes.Contains(p.Data[:min(len(p.Data), 1024)], []byte(s)) {
			return No
		}
	}
	return Yes
}

// detectWeave reads the head of a Weave message over TCP; node ids are made
// from Ethernet addresses of Nest's.
//
//	0 length (little endian)  2 version, flags: destination and source are there  4 message  8 source (64)  16 destination (64)
func detectWeave(p *Probe) Verdict {
	b := p.Data
	if len(b) < 24 {
		if len(b) >= 4 && b[3]&0x30 == 0 {
			return No
		}
		return More
	}
	flags := binary.LittleEndian.Uint16(b[2:])
	if n := binary.LittleEndian.Uint16(b); n < 22 || flags>>12 != 1 && flags>>12 != 2 || flags&0x0300 != 0x0300 {
		return No
	}
	for _, at := range [2]int{8, 16} {
		if b[at+7] == 0x18 && b[at+6] == 0xb4 && b[at+5] == 0x30 {
			return Yes
		}
	}
	return No
}

// detectWhatsApp takes "WA" or "ED", two bytes of version, and a frame whose
// length of 24 bits fits.
func detectWhatsApp(p *Probe) Verdict {
	b := p.Data
	if b[0] == 'E' {
		return Yes
	}
	if len(b) < 8 {
		return More
	}
	if n := int(b[4])<<16 | int(b[5])<<8 | int(b[6]); b[2] == 0 || b[2] > 16 || b[3] > 16 || n == 0 || n > 4096 || p.Dir != FromClient {
		return No
	}
	return Yes
}

// detectTelegram takes a first message that is not encrypted: its key id is 0
// and its length fits, in the abridged and the intermediate transport.
func detectTelegram(p *Probe) Verdict {
	b := p.Data
	at, n := 2, 0
	if b[0] == 0xee {
		at = 8
	}
	if len(b) < at+20 {
		return More
	}
	if b[0] == 0xee {
		n = int(min(binary.LittleEndian.Uint32(b[4:]), 1<<16))
	} else {
		n = int(b[1]) * 4
	}
	if binary.LittleEndian.Uint64(b[at:]) != 0 || n < 20 || binary.LittleEndian.Uint32(b[at+16:]) != uint32(n-20) {
		return No
	}
	return Yes
}

// detectOokla takes the greeting: "HI", with an id in newer versions, and the
// server's "HELLO 2.9 ...".
func detectOokla(p *Probe) Verdict {
	line, _, whole := bytes.Cut(p.Data, []byte("\n"))
	if !whole {
		if len(line) < 64 {
			return More
		}
		return No
	}
	line = bytes.TrimSuffix(line, []byte("\r"))
	if id, ok := bytes.CutPrefix(line, []byte("HI")); ok {
		if len(id) == 0 || len(id) == 37 && id[0] == ' ' && id[9] == '-' {
			return Yes
		}
		return No
	}
	if v := line[len("HELLO "):]; len(v) >= 3 && digit(v[0]) && v[1] == '.' && digit(v[2]) {
		return Yes
	}
	return No
}

// detectViber takes what its ports need: over TCP a length, little endian, that
// is the segment's; over UDP the kinds of message seen there.
func detectViber(p *Probe) Verdict {
	b := p.Data
	if !p.On(4244, 5242, 5243, 7985, 7987, 9785) {
		return No
	}
	if p.Transport == TCP {
		if len(b) < 6 {
			return More
		}
		if n := int(binary.LittleEndian.Uint16(b)); n >= 6 && n == len(b) {
			return Yes
		}
		return No
	}
	if len(b) >= 12 && b[3] == 0 && (b[2] == 1 && b[4] == 5 || b[2] == 3 || b[2] == 9 || b[2] == 0x19 || b[2] == 0x1b) {
		return Yes
	}
	return No
}

// detectEDonkey takes the messages a connection begins with: a login or a hello
// with an id of 16 bytes, and eMule's information.
//
//	0 protocol (e3, c5 eMule, d4 packed)  1 length (little endian)  5 opcode  6 ...
func detectEDonkey(p *Probe) Verdict {
	b := p.Data
	if len(b) < 7 {
		return More
	}
	n := int64(binary.LittleEndian.Uint32(b[1:]))
	if n == 0 || n > 1<<16 || n+5 < int64(len(b)) && b[n+5] != b[0] && b[n+5] != 0xc5 {
		return No
	}
	switch {
	case b[0] == 0xe3 && b[5] == 0x01 && n >= 25, // login, or hello with the length of an id
		b[0] == 0xe3 && b[5] == 0x4c && n >= 25,
		b[0] == 0xc5 && (b[5] == 0x01 || b[5] == 0x02) && n >= 7,
		b[0] == 0xe3 && b[5] == 0x58 && n == 17, // file request
		b[0] == 0xc5 && b[5] == 0x92 && n < 256:
		return Yes
	}
	return No
}
