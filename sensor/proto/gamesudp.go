package proto

// Games over UDP: named only, by what their first datagrams always hold.

import (
	"bytes"
	"encoding/binary"
)

func init() {
	register(&Entry{
		Name: "among-us", Doc: "Among Us: the hello of a client (Hazel)", Reference: "https://github.com/willardf/Hazel-Networking",
		Transport: UDP, Ports: []uint16{22023}, Application: "among-us", First: []string{"\x08\x00\x01\x00\x80\xd9\x02\x03"},
		Detect:  func(p *Probe) Verdict { return yes(len(p.Data) > 9) },
		Samples: []string{"among_us.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "armagetron", Doc: "Armagetron Advanced: messages of its network engine", Reference: "https://wiki.armagetronad.org/",
		Transport: UDP, Ports: []uint16{4534}, First: []string{"\x00\x0b\x00\x00", "\x00\x1c", "\x00\x18"}, Detect: detectArmagetron,
		Samples: []string{"armagetron.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "crossfire", Doc: "Crossfire: the opening of a game", Reference: asRecognized,
		Transport: UDP, First: []string{"\xc7\xd9\x19\x99\x02\x00"},
		Detect: func(p *Probe) Verdict {
			return yes(p.Length == 25 && len(p.Data) == 25 && p.Data[22] == 0x7d && p.Data[23] == 0)
		},
		Samples: []string{"crossfire.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "crynetwork", Doc: "CryEngine's network layer", Reference: asRecognized,
		Transport: UDP, Detect: func(p *Probe) Verdict { // 0 length less 10 ... marks at 3, 16, 20, 24
			b := p.Data
			return yes(len(b) >= 26 && p.Length == int(b[0])+10 && b[3] == 0x08 && b[4] == 0xed && b[16] == 1 && b[20] == 7 && b[24] == 3 && b[25] == 7)
		},
		Samples: []string{"crynetwork.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "cod_mobile", Doc: "Call of Duty: Mobile: pings, and a player's outfit", Reference: asRecognized,
		Transport: UDP, Ports: []uint16{7500}, Application: "call-of-duty-mobile",
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if p.Length == 12 {
				return onPort(p, len(b) == 12 && string(b[8:]) == "ping", 7500)
			}
			return yes(len(b) > 350 && b[0] == 0xce && bytes.Contains(b, []byte("LOC_PREFAB_LOADOUTNAME_1")))
		},
		Samples: []string{"cod_mobile.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "epic-games", Doc: "Games of the Unreal Engine: the challenge before a connection", Reference: "https://dev.epicgames.com/documentation/unreal-engine/, StatelessConnectHandlerComponent",
		Transport: UDP, Ports: []uint16{7777}, Application: "epic-games", Detect: detectUnreal,
		Samples: []string{"epic_games.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "gaijin-entertainment", Doc: "Games of Gaijin Entertainment, such as War Thunder", Reference: asRecognized,
		Transport: UDP, Ports: []uint16{20010}, Application: "gaijin-entertainment",
		First: []string{"\x8f\xff\x00", "embeddedupdater.", "app.start", "app.stage"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if b[0] == 0x8f {
				return yes(p.Length == 52 && len(b) >= 8 && binary.BigEndian.Uint32(b[4:]) == 0x82ff0001)
			}
			return yes(p.Length > 100)
		},
		Samples: []string{"gaijin.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "genshin-impact", Doc: "Genshin Impact: the handshake before KCP", Reference: "https://github.com/skywind3000/kcp, with the handshake of its games",
		Transport: UDP, Ports: []uint16{22101, 22102}, Application: "genshin-impact", First: []string{"\x00\x00\x00\xff\x00\x00\x00\x00"},
		Detect: func(p *Probe) Verdict { // connect, conversation, token, 1234567890, all ones
			return yes(len(p.Data) >= 20 && string(p.Data[12:20]) == "\x49\x96\x02\xd2\xff\xff\xff\xff")
		},
		Samples: []string{"genshin.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "hots", Doc: "Heroes of the Storm", Reference: asRecognized,
		Transport: UDP, Bound: true, Ports: []uint16{1119, 1120, 3724, 6113}, Application: "heroes-of-the-storm",
		Detect: func(p *Probe) Verdict {
			b := p.Data
			return onPort(p, p.Length >= 20 && p.Length <= 122 && len(b) >= 16 && b[14] == 0x40 && b[15] == 0 &&
				(b[2] == 0x03 && b[3] == 0 || b[2] == 0x34 && b[3] == 0 || zeros(b[:14])), 1119, 1120, 3724, 6113)
		},
		Samples: []string{"hots.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "kcp", Doc: "KCP, a reliable transport of games over UDP", Reference: "https://github.com/skywind3000/kcp/blob/master/protocol.txt",
		Transport: UDP, Detect: detectKCP, Samples: []string{"kcp.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "lol-wild-rift", Doc: "League of Legends: Wild Rift: the opening of a game", Reference: asRecognized,
		Transport: UDP, Application: "lol-wild-rift", First: []string{"\x01\x02\xc8\x41", "\x10\x00\x00\x00"},
		Detect: func(p *Probe) Verdict { // a ping; or an answer of fixed length to an opening of fixed length
			b := p.Data
			if b[0] == 1 {
				return yes(p.Length == 22 && len(b) == 22 && string(b[18:]) == "A0B1")
			}
			return yes(p.Length == 359 && len(p.Other) == 69 && string(p.Other[:4]) == "\x04\x00\x00\x00")
		},
		Samples: []string{"lol_wild_rift.txt", "lol_wild_rift_ping.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "netease-games", Doc: "Games of NetEase", Reference: asRecognized,
		Transport: UDP, Application: "netease-games", First: []string{"\x01", "\xb3\xaf\x8d\xe8", "\x07\x08\x08\x0c"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if b[0] == 1 {
				return yes(p.Length == 12 && len(b) == 12 && p.Dir == FromClient && b[2] == 0xd0 && b[3] == 0x01 && string(b[8:]) == "\x00\x01\x01\x01")
			}
			return yes(p.Length >= 30)
		},
		Samples: []string{"netease_games.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "nintendo", Doc: "Pia, the peer-to-peer library of Nintendo's consoles", Reference: "https://github.com/kinnay/NintendoClients/wiki/Pia-Protocol",
		Transport: UDP, Application: "nintendo", First: []string{"\x32\xab\x98\x64"},
		Detect: func(p *Probe) Verdict { // magic, encryption (bit 7) and version, connection id ...
			return yes(p.Length > 20 && len(p.Data) > 5 && p.Data[4]&0x7f >= 1 && p.Data[4]&0x7f <= 16)
		},
		Samples: []string{"nintendo.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "photon", Doc: "Photon Engine of multiplayer games, such as Toca Boca World", Reference: "https://doc.photonengine.com/realtime/current/reference/binary-protocol",
		Transport: UDP, Ports: []uint16{5055, 5056, 5058}, Detect: detectPhoton,
		Samples: []string{"photon.txt", "photon_ping.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "riot-games", Doc: "Games of Riot: the end of their first datagrams", Reference: asRecognized,
		Transport: UDP, Application: "riot-games",
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) <= 8 || len(b) != p.Length {
				return No
			}
			end := string(b[len(b)-8:])
			return yes(end == "\xaa\xaa\xaa\xaa\xbb\xbb\xbb\xbb" || len(b) == 53 && end == "\x3c\xb1\x1f\x2d\xea\x23\x46\x0c")
		},
		Samples: []string{"riot_games.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "steam-datagram-relay", Doc: "Steam Datagram Relay: pings of clients", Reference: "https://partner.steamgames.com/doc/features/multiplayer/steamdatagramrelay",
		Transport: UDP, Ports: []uint16{27015}, Application: "steam", First: []string{"\x01\x00sdping"},
		Detect:  func(p *Probe) Verdict { return yes(p.Length >= 36) },
		Samples: []string{"steam_datagram_relay.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "vhua", Doc: "Vhua telephony", Reference: asRecognized,
		Transport: UDP, First: []string{"\x05\x14\x3a\x05\x08\xf8\xa1\xb1\x03"},
		Detect:  func(*Probe) Verdict { return Yes },
		Samples: []string{"vhua.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "xbox", Doc: "Xbox Live: keys of consoles", Reference: asRecognized,
		Transport: UDP, Ports: []uint16{3074}, Application: "xbox", First: []string{"\x00\x00\x00\x00"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) <= 12 || b[5] != 0x58 || b[7]|b[8]|b[9] != 0 {
				return No
			}
			switch [2]byte{b[4], b[6]} {
			case [2]byte{0x0c, 0x76}, [2]byte{0x02, 0x18}, [2]byte{0x0b, 0x80}, [2]byte{0x03, 0x40}, [2]byte{0x06, 0x4e}:
				return Yes
			}
			return No
		},
		Samples: []string{"xbox.txt"}, Hostile: []string{"short.txt"},
	})
}

// asRecognized is said of formats that makers do not publish: what holds is what
// other recognizers found, above all nDPI (https://github.com/ntop/nDPI).
const asRecognized = "none is published; as recognizers such as nDPI know it"

func zeros(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// detectArmagetron reads the head of a message: descriptor, id, length in words
// of two bytes, words, and at the end the sender, who has no number yet.
func detectArmagetron(p *Probe) Verdict {
	b := p.Data
	n := len(b)
	if n <= 10 || n != p.Length || b[n-2] != 0 || b[n-1] != 0 {
		return No
	}
	words := int(binary.BigEndian.Uint16(b[4:]))
	switch b[1] {
	case 0x0b: // login
		return yes(words != 0 && words*2+8 == n && b[6] == 0 && b[7] == 8)
	case 0x1c: // synchronization
		return yes(n == 16 && words == 4 && string(b[6:14]) == "\x00\x00\x05\x00\x00\x01\x00\x00")
	}
	if n <= 50 || words == 0 || words*2+8 > n || !bytes.Equal(b[8:10], b[12:14]) {
		return No
	}
	at := 16 + int(binary.BigEndian.Uint16(b[14:]))
	if at+4 >= n {
		return No
	}
	v := binary.BigEndian.Uint32(b[at:])
	return yes(v == 0x00010000 || v == 1)
}

// detectUnreal takes a client's first datagram: some bits of a head, and a
// challenge of which nothing is known yet, that is 24 bytes of zero.
func detectUnreal(p *Probe) Verdict {
	b := p.Data
	return yes(len(b) >= 34 && p.Dir == FromClient && p.SrcPort > 1023 && p.DstPort > 1023 && b[3]&0x08 == 0 && !zeros(b[:4]) && !zeros(b[4:10]) && zeros(b[10:34]) && p.Length != 74 && !zeros(b[34:]))
}

// detectKCP reads segments that fill the datagram, little endian:
//
//	0 conversation  4 command (81 to 84)  5 fragment  6 window  8 time  12 number  16 next expected  20 length  24 ...
func detectKCP(p *Probe) Verdict {
	b := p.Data
	if len(b) < 24 || len(b) != p.Length || binary.LittleEndian.Uint32(b) == 0 {
		return No
	}
	for first := b[:4]; len(b) > 0; {
		if len(b) < 24 || !bytes.Equal(first, b[:4]) || b[4] < 81 || b[4] > 84 || b[6]|b[7] == 0 {
			return No
		}
		n := uint64(binary.LittleEndian.Uint32(b[20:]))
		if n > uint64(len(b)-24) || b[4] != 81 && n != 0 {
			return No
		}
		b = b[24+n:]
	}
	return Yes
}

// detectPhoton reads a head and the first command behind it, or a ping.
//
//	0 peer  2 flags  3 commands  4 time  8 challenge  12 command: kind, channel, flags, 4, length (4)
func detectPhoton(p *Probe) Verdict {
	b := p.Data
	if len(b) >= 13 && string(b[:8]) == "}}}}}}}}" {
		return Yes
	}
	if len(b) < 24 || b[2] > 1 && b[2] != 0xcc || b[3] == 0 || b[3] > 32 {
		return No
	}
	n := int64(binary.BigEndian.Uint32(b[16:]))
	switch {
	case n < 12 || n+12 > int64(p.Length):
	case b[0] == 0xff && b[1] == 0xff && b[12] == 2 && b[13] == 0xff && b[14] == 1 && b[15] == 4: // connects
		return Yes
	case b[12] == 1 && (b[13] == 0xff || b[13] == 0) && b[14] == 0 && b[15] == 0 && n == 20: // acknowledges
		return Yes
	}
	return No
}
