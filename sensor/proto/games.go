package proto

// Games, their voice channels, and meshes between devices: named only.

import "encoding/binary"

func init() {
	register(&Entry{
		Name: "source-engine", Doc: "Queries of game servers of Valve's Source engine", Reference: "https://developer.valvesoftware.com/wiki/Server_queries",
		Transport: UDP, Application: "source-engine", Ports: []uint16{27015}, First: []string{"\xff\xff\xff\xff"},
		Detect: func(p *Probe) Verdict { // A2S_INFO, A2S_PLAYER, A2S_RULES, their answers and the challenge
			b := p.Data
			switch {
			case len(b) < 5:
			case b[4] == 'T' && len(b) >= 24 && string(b[5:24]) == "Source Engine Query", len(b) >= 9 && (b[4] == 'U' || b[4] == 'V' || b[4] == 'A') && p.Length == 9,
				b[4] == 'I' && len(b) >= 20 && p.On(27015), (b[4] == 'D' || b[4] == 'E') && p.On(27015):
				return Yes
			}
			return No
		},
		Samples: []string{"source_engine.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "steam", Doc: "Steam: connections of clients and discovery in the local network", Reference: "https://github.com/ValveSoftware/GameNetworkingSockets, SteamKit",
		Transport: TCP | UDP, Ports: []uint16{27017, 27036}, Application: "steam",
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if p.Transport == UDP {
				if len(b) >= 8 && (string(b[:4]) == "VS01" || string(b[:8]) == "\xff\xff\xff\xff\x21\x4c\x5f\xa0") {
					return Yes
				}
				return No
			}
			return steamTCP(b)
		},
		Samples: []string{"steam_tcp.txt", "steam_udp.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "teamspeak", Doc: "TeamSpeak 3 voice", Reference: "https://github.com/ReSpeak/tsdeclarations",
		Transport: UDP, Ports: []uint16{9987}, First: []string{"TS3INIT1"},
		Detect:  func(*Probe) Verdict { return Yes },
		Samples: []string{"teamspeak.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "discord-voice", Doc: "Discord voice: the discovery of a client's address", Reference: "https://discord.com/developers/docs/topics/voice-connections",
		Transport: UDP, Application: "discord", First: []string{"\x00\x01\x00\x46", "\x00\x02\x00\x46", "\x13\x37\xca\xfe"},
		Detect: func(p *Probe) Verdict { // type, length 70, source, address as text (64), port; or keep alive, number
			if p.Data[0] == 0x13 {
				return yes(p.Length == 8)
			}
			if p.Length == 74 && len(p.Data) == 74 && p.Data[71] == 0 {
				return Yes
			}
			return No
		},
		Samples: []string{"discord_voice.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "minecraft", Doc: "Minecraft, Java edition: the handshake", Reference: "https://minecraft.wiki/w/Java_Edition_protocol",
		Transport: TCP, Ports: []uint16{25565}, Application: "minecraft", Detect: detectMinecraft,
		Samples: []string{"minecraft.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "tailscale-disco", Doc: "Tailscale: discovery of paths between nodes", Reference: "https://pkg.go.dev/tailscale.com/disco",
		Transport: UDP, Ports: []uint16{41641}, Application: "tailscale", First: []string{"TS\xf0\x9f\x92\xac"},
		Detect:  func(*Probe) Verdict { return Yes },
		Samples: []string{"tailscale_disco.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "zerotier", Doc: "ZeroTier: hellos of nodes", Reference: "https://docs.zerotier.com/protocol",
		Transport: UDP, Bound: true, Ports: []uint16{9993}, Application: "zerotier",
		Detect: func(p *Probe) Verdict { // packet id (8), destination (5), source (5), flags, MAC (8), verb: HELLO or OK in the clear
			b := p.Data
			return onPort(p, len(b) >= 28 && b[18]&0x38 == 0 && (b[27]&0x1f == 1 || b[27]&0x1f == 3) || len(b) >= 28 && b[18]&0x38 == 8, 9993)
		},
		Samples: []string{"zerotier.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "syncthing-discovery", Doc: "Syncthing: announcements in the local network", Reference: "https://docs.syncthing.net/specs/localdisco-v4.html",
		Transport: UDP, Application: "syncthing", Ports: []uint16{21027}, First: []string{"\x2e\xa7\xd9\x0b"},
		Detect:  func(*Probe) Verdict { return Yes },
		Samples: []string{"syncthing_discovery.txt"}, Hostile: []string{"short.txt"},
	})
}

// steamTCP takes a frame of a client: length, little endian, then "VT01".
func steamTCP(b []byte) Verdict {
	if len(b) < 8 {
		if len(b) == 4 && b[3] != 0 {
			return No
		}
		return More
	}
	if n := binary.LittleEndian.Uint32(b); n == 0 || n > 1<<20 || string(b[4:8]) != "VT01" {
		return No
	}
	return Yes
}

// detectMinecraft reads a Handshake: length, id 0, version, host, port, and the
// state wanted, 1 to 3. All numbers but the port are of seven bits a byte.
func detectMinecraft(p *Probe) Verdict {
	b := p.Data
	if p.Dir != FromClient || len(b) >= 2 && b[1] != 0 {
		return No
	}
	n := int(b[0])
	if n < 7 || n > 127 {
		return No
	}
	if len(b) < 1+n {
		return More
	}
	h := b[2 : 1+n]
	for i := 0; i < 5 && len(h) > 0; i++ { // version
		more := h[0]&0x80 != 0
		h = h[1:]
		if !more {
			break
		}
	}
	if len(h) < 1 || len(h) != 1+int(h[0])+3 || h[len(h)-1] < 1 || h[len(h)-1] > 3 {
		return No
	}
	for _, c := range h[1 : len(h)-3] {
		if c < ' ' && c != 0 || c > '~' { // mod loaders put marks behind a zero
			return No
		}
	}
	return Yes
}
