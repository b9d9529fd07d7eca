package proto

// OpenVPN (https://openvpn.net/community-resources/openvpn-protocol/): what
// stands before the encrypted control channel, and whether the tunnel came up.
// Over TCP each message has its length (2) before it.

import (
	"encoding/binary"
	"encoding/hex"

	"saksi/event"
)

func init() {
	register(&Entry{
		Name: "openvpn", Doc: "OpenVPN", Reference: "https://openvpn.net/community-resources/openvpn-protocol/",
		Transport: TCP | UDP, Ports: []uint16{1194}, Detect: detectOpenVPN,
		New: func(t Transport) Parser {
			if t == TCP {
				return &openVPNStream{}
			}
			return &openVPNTunnel{}
		},
		Samples: []string{"openvpn_udp.txt", "openvpn_auth_udp.txt", "openvpn_tcp.txt", "openvpn_tunnel_udp.txt"}, Hostile: []string{"openvpn_hostile_udp.txt"},
	})
}

// Operations, the upper five bits of the first byte.
const (
	ovpnClientV1 = 1
	ovpnServerV1 = 2
	ovpnDataV1   = 6
	ovpnClientV2 = 7
	ovpnServerV2 = 8
	ovpnDataV2   = 9
	ovpnClientV3 = 10
)

// ovpnDigests name the digests of tls-auth by their size.
var ovpnDigests = map[int]string{16: "md5", 20: "sha1", 28: "sha224", 32: "sha256", 48: "sha384", 64: "sha512"}

// openVPN reports a first message of OpenVPN: a hard reset. With tls-auth or
// tls-crypt a digest and a replay counter that begins at 1 stand between.
//
//	0 opcode and key id  1 session id  9 [digest, packet id, time]  acknowledged ids: count, ids, peer  packet id
//	tls-crypt: 9 packet id  13 time  17 digest (32)  49 encrypted
func openVPN(b []byte) bool { return ovpnProtection(b) != "" }

// ovpnProtection says how the control channel that a hard reset opens is
// protected; it is empty for what is none.
func ovpnProtection(b []byte) string {
	client := false
	switch b[0] >> 3 {
	case ovpnClientV1, ovpnClientV2, ovpnClientV3:
		client = true
	case ovpnServerV1, ovpnServerV2:
	default:
		return ""
	}
	if b[0]&7 != 0 || len(b) < 14 || binary.BigEndian.Uint64(b[1:]) == 0 {
		return ""
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
		return "none"
	}
	for _, h := range [...]int{16, 20, 28, 32, 48, 64} { // digests: MD5, SHA-1, SHA-2
		if at := 9 + h; len(b) > at+8 && binary.BigEndian.Uint32(b[at:]) == 1 && tail(b[at+8:]) {
			return "tls-auth " + ovpnDigests[h]
		}
	}
	if len(b) >= 54 { // tls-crypt; its second version adds the wrapped key of the client
		id := binary.BigEndian.Uint32(b[9:])
		switch {
		case id != 1 && id != 0x0f000001:
		case b[0]>>3 == ovpnClientV3:
			return "tls-crypt-v2"
		case len(b) <= 14+8+32+64:
			return "tls-crypt"
		}
	}
	return ""
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

// openVPNTunnel tells of a tunnel once: when data flows both ways, or at the end.
type openVPNTunnel struct {
	packets    Packets
	session    [2][]byte
	protection string
	method     string
	data       [2]bool
	told       bool
}

// Data implements Parser.
func (p *openVPNTunnel) Data(c *Context, dir Dir, b []byte) Result {
	if len(b) == 0 {
		return 0
	}
	op := b[0] >> 3
	switch op {
	case ovpnClientV1, ovpnClientV2, ovpnClientV3, ovpnServerV1, ovpnServerV2:
		p.packets.Add(c.Number)
		if s := ovpnProtection(b); s != "" && p.protection == "" {
			p.protection = s
		}
		p.method = "2"
		if op == ovpnClientV1 || op == ovpnServerV1 {
			p.method = "1"
		}
		if len(b) >= 9 {
			p.session[dir] = append(p.session[dir][:0], b[1:9]...)
		}
	case ovpnDataV1, ovpnDataV2:
		if !p.data[dir] {
			p.packets.Add(c.Number)
		}
		if p.data[dir] = true; p.data[1-dir] {
			p.emit(c)
			return Done
		}
	}
	return Result(len(b))
}

func (p *openVPNTunnel) emit(c *Context) {
	if p.told {
		return
	}
	p.told = true
	e := c.Begin("saksi.openvpn", p.packets.List())
	e.Str(event.EventAction, "tunnel")
	switch {
	case p.data[0] && p.data[1]:
		e.Str(event.EventOutcome, "success")
	case p.session[FromServer] == nil && !p.data[FromServer]:
		e.Str(event.EventOutcome, "failure")
	default:
		e.Str(event.EventOutcome, "unknown")
	}
	e.Str(event.SaksiVpnVersion, p.method)
	e.Str(event.SaksiVpnProtection, p.protection)
	for _, s := range p.session {
		if s != nil {
			e.Str(event.SaksiVpnSession, hex.EncodeToString(s))
		}
	}
	c.Emit(e)
}

// Gap implements Parser; datagrams have none.
func (p *openVPNTunnel) Gap(*Context, Dir, uint32) bool { return true }

// Close implements Parser.
func (p *openVPNTunnel) Close(c *Context) {
	if p.method != "" || p.data[0] || p.data[1] {
		p.emit(c)
	}
}

// openVPNStream is a tunnel over TCP.
type openVPNStream struct {
	segmenter
	noRest
	tunnel openVPNTunnel
}

// Data implements Parser.
func (p *openVPNStream) Data(c *Context, dir Dir, b []byte) Result { return p.data(c, dir, b, p) }

// ovpnHeld is how much of a message is looked at: more than a hard reset has.
const ovpnHeld = 128

func (p *openVPNStream) size(_ Dir, b []byte) (n, hold int64) {
	if len(b) < 3 {
		return 0, 0
	}
	n = 2 + int64(binary.BigEndian.Uint16(b))
	if op := b[2] >> 3; n < 3 || op == 0 || op > 11 {
		return -1, 0
	}
	return n, 2 + ovpnHeld
}

func (p *openVPNStream) take(c *Context, dir Dir, b []byte, _ int64) Result {
	return p.tunnel.Data(c, dir, b[2:])
}

// Gap implements Parser.
func (p *openVPNStream) Gap(_ *Context, dir Dir, n uint32) bool { return p.gap(dir, n) }

// Close implements Parser.
func (p *openVPNStream) Close(c *Context) { p.tunnel.Close(c) }
