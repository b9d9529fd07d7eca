package proto

// Tunnels, proxies and the control of machines from afar: named only.

import (
	"bytes"
	"encoding/binary"
)

func init() {
	register(&Entry{
		Name: "cisco-vpn", Doc: "Cisco's VPN client, IPsec within UDP", Reference: asRecognized,
		Transport: UDP, Bound: true, Ports: []uint16{10000}, Application: "cisco-vpn", First: []string{"\xfe\x57\x7e\x2b"},
		Detect:  func(p *Probe) Verdict { return onPort(p, true, 10000) },
		Samples: []string{"cisco_vpn.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "hamachi", Doc: "LogMeIn Hamachi: the hello of a client", Reference: asRecognized,
		Transport: TCP, Ports: []uint16{12975, 32976}, Application: "hamachi", First: []string{"\x00\x00"},
		Detect: func(p *Probe) Verdict { // length, ... a mark at 12
			b := p.Data
			return yes(len(b) > 300 && int64(binary.BigEndian.Uint32(b)) == int64(len(b)-4) && string(b[12:16]) == "\x7b\x7a\x0d\xad")
		},
		Samples: []string{"hamachi.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "lagofast", Doc: "LagoFast, a tunnel of games", Reference: asRecognized,
		Transport: UDP, Application: "lagofast", First: []string{"\x00\x6e\x5d\x03"},
		Detect: func(p *Probe) Verdict {
			return yes(len(p.Data) >= 6 && int(binary.BigEndian.Uint16(p.Data[4:]))+6 == p.Length)
		},
		Samples: []string{"lagofast.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "gearup-booster", Doc: "GearUP Booster, a tunnel of games: pings to its port", Reference: asRecognized,
		Transport: UDP, Bound: true, Ports: []uint16{9999}, Application: "gearup-booster",
		Detect: func(p *Probe) Verdict { // 4 bytes that are not zero; behind them, in the desktop's, 1 and 3 zeros
			b := p.Data
			return onPort(p, p.DstPort == 9999 && p.Dir == FromClient && len(b) == p.Length && (len(b) == 4 || len(b) == 8 && zeros(b[5:])) && !zeros(b[:4]), 9999)
		},
		Samples: []string{"gearup_booster.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "mudfish", Doc: "Mudfish, a tunnel of games: discovery and pings of its nodes", Reference: asRecognized,
		Transport: TCP | UDP, Application: "mudfish",
		First: []string{"UN v2\r\n", "UN A", "P"},
		Detect: func(p *Probe) Verdict {
			if p.Transport == TCP {
				return yes(p.Data[0] == 'U')
			}
			return yes(p.Length == 1 && p.Data[0] == 'P' && (within(p.DstPort, 10000, 10010) || within(p.SrcPort, 10000, 10010)))
		},
		Samples: []string{"mudfish_tcp.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "netmotion", Doc: "NetMotion Mobility, a VPN of vehicles and patrols", Reference: asRecognized,
		Transport: UDP, Bound: true, Ports: []uint16{5008}, Application: "netmotion",
		Detect: func(p *Probe) Verdict { // length of the first message, 4C, kind, connection ...
			b := p.Data
			return onPort(p, len(b) >= 16 && b[2] == 0x4c && b[3] <= 1 && within(binary.BigEndian.Uint16(b), 16, uint16(min(p.Length, 1<<16-1))), 5008)
		},
		Samples: []string{"netmotion.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "softether", Doc: "SoftEther VPN: its servers behind NAT, and their names", Reference: "https://github.com/SoftEtherVPN/SoftEtherVPN, Mayaqua/Pack.c",
		Transport: UDP, Ports: []uint16{5004}, Application: "softether", Detect: detectSoftEther,
		Samples: []string{"softether.txt", "softether_address.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "ultrasurf", Doc: "Ultrasurf, a proxy around censors", Reference: asRecognized,
		Transport: TCP, Application: "ultrasurf", First: []string{"\xcc\x1c\x30\x41\x5b\xa4\x38\x66"},
		Detect:  func(*Probe) Verdict { return Yes },
		Samples: []string{"ultrasurf.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "nomachine", Doc: "NoMachine remote desktop (NX)", Reference: "https://kb.nomachine.com/AR02N00877",
		Transport: TCP | UDP, Ports: []uint16{4000}, Application: "nomachine", Detect: detectNoMachine,
		Samples: []string{"nomachine_tcp.txt", "nomachine_udp.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "meraki-cloud", Doc: "Devices of Cisco Meraki and their cloud", Reference: "https://documentation.meraki.com/General_Administration/Other_Topics/Firewall_rules_for_cloud_connectivity",
		Transport: UDP, Ports: []uint16{7351}, Application: "meraki-cloud", First: []string{"\xfe\xf7\x28\x91"},
		Detect:  func(p *Probe) Verdict { return yes(p.Length > 4) },
		Samples: []string{"meraki_cloud.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "vmware-heartbeat", Doc: "VMware: heartbeats of ESXi to vCenter", Reference: "https://ports.broadcom.com/, UDP 902",
		Transport: UDP, Bound: true, Ports: []uint16{902}, Application: "vmware", First: []string{"\xa4"},
		Detect:  func(p *Probe) Verdict { return onPort(p, p.Length == 66, 902) },
		Samples: []string{"vmware_heartbeat.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "hp_virtgrp", Doc: "HP Virtual Machine Group Management", Reference: asRecognized,
		Transport: TCP, Ports: []uint16{5223}, First: []string{"\x16\x00", "\x16\x01"},
		Detect: func(p *Probe) Verdict { // 16, length of all, zero
			b := p.Data
			return yes(len(b) >= 8 && int(binary.BigEndian.Uint16(b[1:])) == len(b) && b[3] == 0)
		},
		Samples: []string{"hp_virtgrp.txt"}, Hostile: []string{"short.txt"},
	})
}

func within(v, low, high uint16) bool { return v >= low && v <= high }

// detectSoftEther takes what servers tell the rendezvous of SoftEther: their
// address as text, or a pack of values of which the first is shown here.
//
//	0 values  4 length of the name and 1  8 name  kind (0 to 4)  how many  ...
func detectSoftEther(p *Probe) Verdict {
	b := p.Data
	if len(b) > 9 && string(b[:3]) == "IP=" {
		return yes(p.Length < 32 && bytes.Contains(b, []byte(",PORT=")))
	}
	if len(b) < 64 || b[0]|b[1]|b[2] != 0 || b[3] == 0 || b[4]|b[5]|b[6] != 0 || b[7] < 4 || b[7] > 33 {
		return No
	}
	k := 8 + int(b[7]) - 1
	for _, c := range b[8:k] {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || digit(c)) {
			return No
		}
	}
	return yes(binary.BigEndian.Uint32(b[k:]) <= 4 && binary.BigEndian.Uint32(b[k+4:]) == 1)
}

// detectNoMachine takes the versions both sides begin with over TCP, and over UDP
// the head of a datagram, little endian.
//
//	0 ...  2 one  4 length  6 ...  8 zero
func detectNoMachine(p *Probe) Verdict {
	b := p.Data
	if p.Transport == UDP {
		return yes(len(b) >= 10 && binary.LittleEndian.Uint16(b[2:]) == 1 && int(binary.LittleEndian.Uint16(b[4:])) == p.Length && b[8]|b[9] == 0)
	}
	for _, s := range []string{"NXSH-", "NXD-"} {
		if n := min(len(b), len(s)); string(b[:n]) == s[:n] {
			if len(b) <= len(s) {
				return More
			}
			return yes(digit(b[len(s)]) && len(b) < 32)
		}
	}
	return No
}
