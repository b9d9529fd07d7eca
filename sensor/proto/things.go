package proto

// Devices of homes, plants and offices, and messengers: named only.

import (
	"bytes"
	"encoding/binary"
	"strings"
)

func init() {
	register(&Entry{
		Name: "cip", Doc: "CIP input and output, of connections that EtherNet/IP opened", Reference: "ODVA, The CIP Networks Library, volume 2, section 2-6",
		Transport: UDP, Ports: []uint16{2222}, First: []string{"\x02\x00\x02\x80\x08\x00"},
		Detect: func(p *Probe) Verdict { // 2 items: sequenced address (8 bytes), connected data
			b := p.Data
			return yes(len(b) >= 18 && b[14] == 0xb1 && b[15] == 0 && int(binary.LittleEndian.Uint16(b[16:]))+18 == p.Length)
		},
		Samples: []string{"cip.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "controller_area_network", Doc: "Frames of CAN within UDP or TCP", Reference: "https://www.peak-system.com/, ISO 11898",
		Transport: TCP | UDP, First: []string{"ISO11898"},
		Detect:  func(p *Probe) Verdict { return yes(len(p.Data) >= 10 && p.Data[8] <= 2) },
		Samples: []string{"can_udp.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "easyweather", Doc: "Weather stations: announcements (Ecowitt, Fine Offset)", Reference: "https://osswww.ecowitt.net/uploads/20220803/WN1900%20GW1000,1100%20WH2680,2650%20telenet%20v1.6.4.pdf",
		Transport: UDP, First: []string{"\xff\xff\x12\x00"},
		Detect: func(p *Probe) Verdict { // FF FF, command 12, length without the head's 2
			return yes(len(p.Data) >= 6 && within(uint16(p.Data[4]), uint16(max(p.Length-4, 4)), uint16(min(p.Length, 255))))
		},
		Samples: []string{"easyweather.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "matter", Doc: "Matter, devices of homes", Reference: "CSA, Matter Specification 1.4, section 4.4",
		Transport: UDP, Bound: true, Ports: []uint16{5540, 5542}, Application: "matter",
		Detect: func(p *Probe) Verdict { // flags, session (2), security flags, counter (4)
			b := p.Data
			if len(b) < 16 || b[0]>>4 > 1 || b[0]&0x08 != 0 || b[0]&3 > 2 || b[3]&0x1c != 0 || b[3]&3 > 1 {
				return No
			}
			return onPort(p, (b[3]&3 == 0) == (b[1]|b[2] == 0) || b[3]&3 == 0, 5540, 5542)
		},
		Samples: []string{"matter.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "samsungsdp", Doc: "Discovery of Samsung's televisions and telephones", Reference: asRecognized,
		Transport: UDP, Application: "samsung", First: []string{"SEARCH BSDP/"},
		Detect:  func(*Probe) Verdict { return Yes },
		Samples: []string{"samsung_sdp.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "tivoconnect", Doc: "TiVo: discovery in the local network", Reference: "https://web.archive.org/web/2012/http://www.tivo.com/developer/i/TiVoConnectDiscovery.pdf",
		Transport: TCP | UDP, Ports: []uint16{2190}, Application: "tivoconnect", First: []string{"T", "t"},
		Detect: func(p *Probe) Verdict { // name=value lines
			b := p.Data[:min(len(p.Data), 1024)]
			const head = "tivoconnect="
			if n := min(len(b), len(head)); !strings.EqualFold(string(b[:n]), head[:n]) {
				return No
			} else if n < len(head) {
				return More
			}
			return yes(bytes.IndexByte(b, '\n') > len(head))
		},
		Samples: []string{"tivoconnect_udp.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "noe", Doc: "Telephones of Alcatel-Lucent and their server (UA over UDP)", Reference: "https://wiki.wireshark.org/UAUDP",
		Transport: UDP, Bound: true, Ports: []uint16{32000, 32512, 32640}, First: []string{"\x04", "\x05", "\x07\x00"}, Detect: func(p *Probe) Verdict {
			b := p.Data
			return onPort(p, p.Length == 1 && (b[0] == 4 || b[0] == 5) || // keep alive, and its answer
				len(b) >= 5 && b[0] == 7 && b[1] == 0 && b[2] != 0 && b[3] == 0, 32000, 32512, 32640) // data: what is expected, what is sent
		},
		Samples: []string{"noe.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "dingtalk", Doc: "DingTalk", Reference: asRecognized,
		Transport: TCP, Application: "dingtalk", First: []string{"\x10"},
		Detect: func(p *Probe) Verdict {
			return yes(len(p.Data) > 90 && string(p.Data[2:16]) == "\x87\x80\x01\x00\x01\x00\x02\x00\x02\x64\x6b\x03\x00\x20")
		},
		Samples: []string{"dingtalk.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "imo", Doc: "imo: calls", Reference: asRecognized,
		Transport: UDP, Application: "imo", First: []string{"\x09\x02", "\x00\x09\x03", "\x88\x49\x1a\x00"},
		Detect: func(p *Probe) Verdict {
			switch p.Data[0] {
			case 0x09:
				return yes(p.Length == 10)
			case 0x00:
				return yes(p.Length == 11)
			}
			return yes(p.Length == 1099)
		},
		Samples: []string{"imo.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "paltalk", Doc: "Paltalk", Reference: asRecognized,
		Transport: TCP, Application: "paltalk",
		Detect: func(p *Probe) Verdict {
			b := p.Data
			return yes(len(b) == 20 && string(b[8:12]) == "\x00\x02\x00\x01" && string(b[16:]) == "\x5a\xfd\xff\xff" ||
				len(b) == 22 && string(b[2:6]) == "\x24\xc2\xe8\x0b" && string(b[17:21]) == "\x5b\x73\x2b\x00")
		},
		Samples: []string{"paltalk.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "telegram-voip", Doc: "Telegram: calls by its reflectors", Reference: "https://core.telegram.org/api/end-to-end/voice-calls",
		Transport: UDP, Ports: []uint16{596, 597, 598, 599}, Application: "telegram",
		Detect: func(p *Probe) Verdict { // the peer's tag (16), 12 bytes of ones, FE or FF and what is asked
			b := p.Data
			return yes(len(b) >= 32 && string(b[16:28]) == "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" && b[28] >= 0xfd && !bytes.HasPrefix(b, []byte("\xff\xff\xff\xff")) && !zeros(b[:16]))
		},
		Samples: []string{"telegram_voip.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "threema", Doc: "Threema chat: the hellos of both sides", Reference: "https://threema.ch/press-files/2_documentation/cryptography_whitepaper.pdf",
		Transport: TCP, Bound: true, Ports: []uint16{5222}, Application: "threema",
		Detect: func(p *Probe) Verdict { // a key and a cookie; then a cookie and 64 bytes that are encrypted
			switch {
			case !p.On(5222):
				return No
			case p.Dir == FromClient && len(p.Data) == 48 && len(p.Other) == 0:
				return More
			}
			return yes(p.Dir == FromServer && len(p.Data) == 80 && len(p.Other) == 48)
		},
		Samples: []string{"threema.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "xiaomi", Doc: "Xiaomi: messages pushed to telephones", Reference: asRecognized,
		Transport: TCP, Ports: []uint16{5222}, Application: "xiaomi", First: []string{"\xc2\xfe\x00\x05"},
		Detect: func(p *Probe) Verdict { // magic and version, length, kinds
			b := p.Data
			if len(b) < 12 {
				return More
			}
			return yes(binary.BigEndian.Uint32(b[4:]) < 1<<16 && string(b[8:12]) == "\x00\x02\x00\x16")
		},
		Samples: []string{"xiaomi.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "mumble", Doc: "Mumble: pings of servers", Reference: "https://wiki.mumble.info/wiki/Protocol",
		Transport: UDP, Ports: []uint16{64738}, Application: "mumble", Detect: detectMumble,
		Samples: []string{"mumble.txt", "mumble_answer.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "sd-rtn", Doc: "Agora: calls and streams of applications", Reference: asRecognized,
		Transport: UDP, Application: "sd-rtn",
		Detect: func(p *Probe) Verdict { // 6 kind 21 ... 12 length 4, "SNI", length (2), zero, name
			b := p.Data
			return yes(len(b) >= 20 && b[6] == 0x21 && string(b[12:16]) == "\x04SNI" && b[18] == 0 && int(binary.BigEndian.Uint16(b[16:]))+19 <= p.Length)
		},
		Samples: []string{"sd_rtn.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "hcl-notes", Doc: "HCL Notes and Domino (NRPC)", Reference: "https://help.hcl-software.com/domino/, TCP 1352",
		Transport: TCP, Ports: []uint16{1352}, Application: "hcl-notes",
		Detect: func(p *Probe) Verdict {
			return yes(len(p.Data) > 16 && string(p.Data[6:14]) == "\x00\x00\x02\x00\x00\x40\x02\x0f")
		},
		Samples: []string{"hcl_notes.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "avast", Doc: "Avast: reports of its program", Reference: asRecognized,
		Transport: TCP, Application: "avast", First: []string{"NOSA"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 6 {
				return More
			}
			return yes(int(binary.BigEndian.Uint16(b[4:])) == len(b))
		},
		Samples: []string{"avast.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "ripe-atlas", Doc: "Magellan, which measures addresses of the Internet for RIPE Atlas", Reference: asRecognized,
		Transport: TCP | UDP, Application: "ripe-atlas", First: []string{"MGLNDD_"},
		Detect:  func(p *Probe) Verdict { return yes(len(p.Data) > 8 && (digit(p.Data[7]) || p.Data[8] == ':')) },
		Samples: []string{"ripe_atlas_udp.txt"}, Hostile: []string{"short.txt"},
	})
}

// detectMumble takes a ping to its port, and an answer anywhere.
//
//	ping    0 zero (4)  4 id (8)
//	answer  0 version (0, 1, minor, patch)  4 id (8)  12 users  16 most users  20 bandwidth
func detectMumble(p *Probe) Verdict {
	b := p.Data
	switch {
	case len(b) != p.Length:
	case len(b) == 12:
		return onPort(p, zeros(b[:4]), 64738)
	case len(b) == 24:
		users, most, rate := binary.BigEndian.Uint32(b[12:]), binary.BigEndian.Uint32(b[16:]), binary.BigEndian.Uint32(b[20:])
		return yes(b[0] == 0 && b[1] == 1 && users <= most && most > 0 && most < 1<<16 && rate >= 8000 && rate <= 1<<20)
	}
	return No
}
