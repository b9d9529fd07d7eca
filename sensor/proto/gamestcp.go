package proto

// Games over TCP: named only, by their first messages.

import (
	"bytes"
	"encoding/binary"
)

func init() {
	register(&Entry{
		Name: "battle.net", Doc: "Battle.net: clients and games of Blizzard", Reference: "https://bnetdocs.org/, https://wowdev.wiki/",
		Transport: TCP, Ports: []uint16{1119}, Application: "blizzard", First: []string{"\x41\x00\x00\x0a\x66\x52\xed\xc6", "\x01\xff\x50", "\xff\x50"},
		Detect: func(p *Probe) Verdict {
			if p.Data[0] == 0x41 {
				return Yes
			}
			b := bytes.TrimPrefix(p.Data, []byte{1}) // 1 asks for games; FF, 50 (who are you), length, zeros, platform
			if len(b) < 12 {
				return More
			}
			n := binary.LittleEndian.Uint16(b[2:])
			return yes(n >= 40 && n < 512 && zeros(b[4:8]) && (string(b[8:12]) == "68XI" || string(b[8:12]) == "CAMP" || string(b[8:12]) == "CAMX"))
		},
		Samples: []string{"battlenet.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "starcraft", Doc: "StarCraft II: logins of clients", Reference: asRecognized,
		Transport: TCP, Ports: []uint16{1119}, Application: "starcraft", First: []string{"\x4a\x00\x00\x0a\x66\x02\x0a\xed\x2d\x66", "\x49\x00\x00\x0a\x66\x02\x0a\xed\x2d\x66"},
		Detect:  func(*Probe) Verdict { return Yes },
		Samples: []string{"starcraft.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "warcraft3", Doc: "Warcraft III: games (W3GS)", Reference: "https://bnetdocs.org/packet/index?q=W3GS",
		Transport: TCP | UDP, Ports: []uint16{6112}, Application: "warcraft3", First: []string{"\xf7"}, Detect: detectW3GS,
		Samples: []string{"warcraft3.txt", "warcraft3_udp.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "world-of-warcraft", Doc: "World of Warcraft: logins, and connections to realms", Reference: "https://wowdev.wiki/Login_Packet",
		Transport: TCP, Ports: []uint16{3724}, Application: "world-of-warcraft", Detect: detectWoW,
		First:   []string{"\x00", "WORLD OF WARCRAFT CONNECTION", "\x40\x00\x0a\xed\xea\x07\x0a\xed"},
		Samples: []string{"wow_login.txt", "wow_realm.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "worldofkungfu", Doc: "World of Kung Fu", Reference: asRecognized,
		Transport: TCP, First: []string{"\x0c\x00\x00\x00\xd2\x00\x0c\x00"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			return yes(len(b) == 16 && b[9] == 0x16 && b[10]|b[11]|b[14]|b[15] == 0)
		},
		Samples: []string{"world_of_kung_fu.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "maplestory", Doc: "MapleStory: the server's hello", Reference: "https://mapleref.fandom.com/wiki/Hello",
		Transport: TCP, Ports: []uint16{8484}, Application: "maplestory", First: []string{"\x0e\x00", "\x0d\x00"},
		Detect: func(p *Probe) Verdict { // length, version, patch (length, digits), two keys of 4, region
			b := p.Data
			if len(b) < 7 {
				return More
			}
			n, v, k := int(binary.LittleEndian.Uint16(b)), binary.LittleEndian.Uint16(b[2:]), int(binary.LittleEndian.Uint16(b[4:]))
			return yes(len(b) == n+2 && v > 20 && v < 400 && k == n-13 && k <= 1 && (k == 0 || digit(b[6])) && b[n+1] >= 1 && b[n+1] <= 9)
		},
		Samples: []string{"maplestory.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "guildwars", Doc: "Guild Wars", Reference: asRecognized,
		Transport: TCP, Ports: []uint16{6112}, Application: "guildwars",
		Detect: func(p *Probe) Verdict {
			b := p.Data
			switch len(b) {
			case 64:
				return yes(b[1] == 0x05 && b[2] == 0x0c && string(b[50:54]) == "@2&P")
			case 16:
				return yes(b[1] == 0x04 && b[2] == 0x0c && b[4] == 0xa6 && b[5] == 0x72 && b[8] == 1 && b[12] == 4)
			case 21:
				return yes(b[0] == 1 && b[1] == 0 && string(b[5:10]) == "\xf1\x00\x10\x00\x01")
			}
			return No
		},
		Samples: []string{"guildwars.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "dofus", Doc: "Dofus: the server's hello", Reference: "https://github.com/Emudofus/Dofus",
		Transport: TCP, Ports: []uint16{5555}, Application: "dofus", First: []string{"HC", "\x00\x05\x08\x00"},
		Detect: func(p *Probe) Verdict { // HC, a key of 32 letters, zero; in version 2 the protocol required
			b := p.Data
			if b[0] == 'H' {
				if len(b) != 35 || b[34] != 0 || p.Dir != FromServer {
					return No
				}
				for _, c := range b[2:34] {
					if c < 'a' || c > 'z' {
						return No
					}
				}
				return Yes
			}
			return yes((len(b) == 11 || len(b) == 13 || len(b) == 49) && b[4] == 0 && b[5] == 5 && b[8] == 0 && b[9] == 5 && b[10] == 0x18)
		},
		Samples: []string{"dofus.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "path-of-exile", Doc: "Path of Exile: the entry of a character", Reference: asRecognized,
		Transport: TCP, Ports: []uint16{6112}, Application: "path-of-exile", First: []string{"\x00\x03\x00"},
		Detect: func(p *Probe) Verdict { // 00 03 00 ... 00 02 00, name, zeros, 40 00 00 01
			b := p.Data
			if len(b) < 9 {
				return More
			}
			return yes(len(b) > 25 && len(b) < 50 && string(b[6:9]) == "\x00\x02\x00" && string(b[len(b)-8:]) == "\x00\x00\x00\x00\x40\x00\x00\x01")
		},
		Samples: []string{"path_of_exile.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "tencent-games", Doc: "Games of Tencent", Reference: asRecognized,
		Transport: TCP, Application: "tencent-games", First: []string{"\x33\x66\x00\x0b\x00\x0b", "\x43\x66\xaa\x00", "\xaa\x00\x00\x00", "\x00\x00"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			switch {
			case len(b) <= 50:
				return No
			case b[0] == 0x33:
				return Yes
			case b[0] == 0x43:
				return yes(string(b[12:16]) == "\x10\xe6\x86\x01")
			case b[0] == 0xaa:
				return yes(string(b[10:14]) == "\x10\xe6\x86\x01")
			}
			return yes(int(binary.BigEndian.Uint16(b[2:])) == len(b)-4 && b[4] == 0x78 && b[5] == 1)
		},
		Samples: []string{"tencent_games.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "tes_online", Doc: "The Elder Scrolls Online", Reference: asRecognized,
		Transport: TCP, Ports: []uint16{24500}, Application: "elder-scrolls-online", First: []string{"\x00\x00"},
		Detect: func(p *Probe) Verdict { // a length, and the realm or a mark of its compression
			b := p.Data
			if len(b) < 600 || int64(binary.BigEndian.Uint32(b)) != int64(len(b)-4) {
				return No
			}
			return yes(bytes.Contains(b, []byte("eso.live")) || bytes.Contains(b, []byte("\x8b\x78\x9c\x01")))
		},
		Samples: []string{"tes_online.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "nexon", Doc: "Games of Nexon", Reference: asRecognized,
		Transport: TCP, Application: "nexon",
		Detect: func(p *Probe) Verdict {
			b := p.Data
			return yes(len(b) == 24 && string(b[:8]) == "\x18\x00\x00\x00\x64\x00\x00\x00" || len(b) == 20 && string(b[4:8]) == "\x16\x3a\x99\x2e")
		},
		Samples: []string{"nexon.txt"}, Hostile: []string{"short.txt"},
	})
}

// detectW3GS reads messages that fill what is there: F7, kind, length.
func detectW3GS(p *Probe) Verdict {
	b := p.Data
	if p.Transport == UDP && len(b) != p.Length {
		return No
	}
	for known := false; ; known = true {
		switch {
		case len(b) == 0:
			return Yes
		case len(b) < 4 && p.Transport == TCP && !known:
			return More
		case len(b) < 4 || b[0] != 0xf7 || b[1] == 0 || b[1] > 0x48:
			return No
		}
		n := int(binary.LittleEndian.Uint16(b[2:]))
		if n < 4 || n > len(b) {
			return No
		}
		b = b[n:]
	}
}

// detectWoW takes a login challenge, and the text a connection to a realm begins
// with, behind a length in some versions.
//
//	0 command (0)  1 protocol (3, 8)  2 length of the rest (little endian)  4 "WoW", zero  8 version ...
func detectWoW(p *Probe) Verdict {
	b := p.Data
	if b[0] != 0 {
		return Yes
	}
	switch {
	case len(b) >= 2 && b[1] > 0x30:
		return No
	case len(b) < 8:
		return More
	}
	return yes(string(b[4:8]) == "WoW\x00" && int(binary.LittleEndian.Uint16(b[2:])) >= 30 && b[1] <= 8 || bytes.HasPrefix(b[2:], []byte("WORLD OF WARCRAFT CONNECTION")))
}
