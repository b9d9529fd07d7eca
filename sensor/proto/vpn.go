package proto

// Tunnels that are named only: all behind their first messages is encrypted.

import "encoding/binary"

func init() {
	register(&Entry{
		Name: "wireguard", Doc: "WireGuard", Reference: "https://www.wireguard.com/protocol/",
		Transport: UDP, Ports: []uint16{51820},
		First: []string{"\x01\x00\x00\x00", "\x02\x00\x00\x00", "\x03\x00\x00\x00", "\x04\x00\x00\x00"}, Detect: detectWireGuard,
		Samples: []string{"wireguard.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "openvpn", Doc: "OpenVPN", Reference: "https://openvpn.net/community-resources/openvpn-protocol/",
		Transport: TCP | UDP, Ports: []uint16{1194}, Detect: detectOpenVPN,
		Samples: []string{"openvpn_udp.txt", "openvpn_auth_udp.txt", "openvpn_tcp.txt"}, Hostile: []string{"short.txt"},
	})
	register(&Entry{
		Name: "sstp", Doc: "Secure Socket Tunneling Protocol", Reference: "[MS-SSTP] section 3.2.4.1",
		Transport: TCP, First: []string{"SSTP_DUPLEX_POST "},
		Detect:  func(*Probe) Verdict { return Yes },
		Samples: []string{"sstp.txt"}, Hostile: []string{"short.txt"},
	})
}

// detectWireGuard knows the four messages by type, three zero bytes and
// length. Transport data alone has no more than that: it needs the port, or a
// counter that is as low as that of a session's begin and a whole number of
// blocks.
//
//	1 initiation (148)  2 response (92)  3 cookie (64)  4 data: 4 receiver  8 counter (64, little endian)  16 ...
func detectWireGuard(p *Probe) Verdict {
	b := p.Data
	switch b[0] {
	case 1:
		if p.Length == 148 {
			return Yes
		}
	case 2:
		if p.Length == 92 {
			return Yes
		}
	case 3:
		if p.Length == 64 && p.On(51820) {
			return Yes
		}
	case 4:
		if p.Length >= 32 && p.Length%16 == 0 && len(b) >= 16 && p.On(51820) && binary.LittleEndian.Uint64(b[8:]) < 1<<32 {
			return Yes
		}
	}
	return No
}

// openVPN reports a first message of OpenVPN: a hard reset. With tls-auth or
// tls-crypt a digest and a replay counter that begins at 1 stand between.
//
//	0 opcode and key id  1 session id  9 [digest, packet id, time]  acknowledged ids: count, ids, peer  packet id
//	tls-crypt: 9 packet id  13 time  17 digest (32)  49 encrypted
func openVPN(b []byte) bool {
	const (
		clientV1, serverV1 = 1 << 3, 2 << 3
		clientV2, serverV2 = 7 << 3, 8 << 3
		clientV3           = 10 << 3
	)
	client := false
	switch b[0] & 0xf8 {
	case clientV1, clientV2, clientV3:
		client = true
	case serverV1, serverV2:
	default:
		return false
	}
	if b[0]&7 != 0 || len(b) < 14 || binary.BigEndian.Uint64(b[1:]) == 0 {
		return false
	}
	tail := func(t []byte) bool { // acknowledgments and the packet id
		if client {
			return len(t) == 5 && t[0] == 0 && binary.BigEndian.Uint32(t[1:]) == 0
		}
		n := int(t[0])
		if n == 0 {
			return len(t) == 5 && binary.BigEndian.Uint32(t[1:]) == 0
		}
		return n <= 8 && len(t) == 1+4*n+8+4 && binary.BigEndian.Uint32(t[len(t)-4:]) == 0
	}
	if tail(b[9:]) {
		return true
	}
	for _, h := range [...]int{16, 20, 28, 32, 48, 64} { // digests: MD5, SHA-1, SHA-2
		if at := 9 + h; len(b) > at+8 && binary.BigEndian.Uint32(b[at:]) == 1 && tail(b[at+8:]) {
			return true
		}
	}
	if len(b) >= 54 { // tls-crypt; its second version adds the wrapped key of the client
		id := binary.BigEndian.Uint32(b[9:])
		return (id == 1 || id == 0x0f000001) && (b[0]&0xf8 == clientV3 || len(b) <= 14+8+32+64)
	}
	return false
}

func detectOpenVPN(p *Probe) Verdict {
	b := p.Data
	if p.Transport == UDP {
		if openVPN(b) {
			return Yes
		}
		return No
	}
	if len(b) < 3 {
		return More
	}
	n := int(binary.BigEndian.Uint16(b))
	if n < 14 || n > 1500 || b[2]&7 != 0 || b[2]>>3 == 0 || b[2]>>3 > 11 {
		return No
	}
	if len(b) < 2+n {
		return More
	}
	if openVPN(b[2 : 2+n]) {
		return Yes
	}
	return No
}
