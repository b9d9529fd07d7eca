package proto

// STUN and TURN, RFC 8489 section 5 and RFC 8656: two zero bits, type, length,
// cookie 0x2112a442, transaction id, attributes.
//
//	attribute  0 type  2 length  4 value, padded to four bytes

import (
	"encoding/binary"
	"net/netip"

	"saksi/event"
)

func init() {
	register(&Entry{
		Name: "stun", Doc: "Session Traversal Utilities for NAT", Reference: "RFC 8489, RFC 8656",
		Transport: TCP | UDP, Ports: []uint16{3478, 5349},
		First:  []string{"\x00", "\x01", "\x02", "\x03"},
		Detect: detectSTUN, New: func(t Transport) Parser { return &stun{stream: t == TCP} },
		Samples: []string{"stun_udp.txt", "stun_tcp.txt"}, Hostile: []string{"short.txt", "stun_hostile.txt"},
	})
}

const stunCookie = 0x2112a442

func detectSTUN(p *Probe) Verdict {
	b := p.Data
	if len(b) < 20 {
		if p.Transport == TCP {
			return More
		}
		return No
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	if n%4 != 0 || binary.BigEndian.Uint32(b[4:]) != stunCookie || p.Transport == UDP && n+20 > p.Length {
		return No
	}
	return Yes
}

// Attributes read here (IANA "STUN Attributes").
const (
	stunUsername  = 0x0006
	stunRealm     = 0x0014
	stunMapped    = 0x0020
	stunSoftware  = 0x8022
	maxSTUNPacket = 256 // messages that are looked at
)

type stun struct {
	stream   bool
	packets  Packets
	software string
	realm    string
	user     string
	vendor   string
	mapped   netip.AddrPort
	messages int
}

// Data implements Parser.
func (p *stun) Data(c *Context, dir Dir, b []byte) Result {
	used := 0
	for used < len(b) {
		m := b[used:]
		if len(m) < 4 {
			break
		}
		n := 20 + int(binary.BigEndian.Uint16(m[2:]))
		if m[0]&0xc0 == 0x40 { // channel data
			n = 4 + (int(binary.BigEndian.Uint16(m[2:]))+3)&^3
		} else if len(m) >= 8 && (m[0]&0xc0 != 0 || binary.BigEndian.Uint32(m[4:]) != stunCookie) {
			if p.stream {
				return Broken
			}
			return 0 // media shares the flow
		}
		if len(m) < n {
			if !p.stream { // cut by the capture
				n = len(m)
			} else {
				break
			}
		}
		if m[0]&0xc0 == 0 && n >= 20 {
			p.message(c, dir, m[:n])
		}
		used += n
		if p.messages > maxSTUNPacket {
			return Done
		}
	}
	return Result(used)
}

func (p *stun) message(c *Context, dir Dir, m []byte) {
	p.messages++
	told := false
	for a := m[20:]; len(a) >= 4; {
		typ, n := binary.BigEndian.Uint16(a), int(binary.BigEndian.Uint16(a[2:]))
		if n > len(a)-4 {
			break
		}
		v := a[4 : 4+n]
		a = a[min(4+(n+3)&^3, len(a)):]
		switch typ {
		case stunUsername:
			told = told || p.user == ""
			if p.user == "" {
				p.user = string(v)
			}
		case stunRealm:
			told = told || p.realm == ""
			if p.realm == "" {
				p.realm = string(v)
			}
		case stunSoftware:
			told = told || p.software == ""
			if p.software == "" {
				p.software = string(zeroEnded(v))
			}
		case stunMapped:
			if dir == FromServer && !p.mapped.IsValid() {
				p.mapped = xorMapped(v, m[4:20])
				told = told || p.mapped.IsValid()
			}
		}
		if s := stunVendors[typ]; s != "" && p.vendor == "" {
			p.vendor, told = s, true
		}
	}
	if told || p.messages == 1 {
		p.packets.Add(c.Number)
	}
}

// xorMapped undoes the masking of an address by cookie and transaction id
// (RFC 8489 section 14.2).
func xorMapped(v, key []byte) netip.AddrPort {
	n := 4
	if len(v) >= 2 && v[1] == 2 {
		n = 16
	}
	if len(v) < 4+n {
		return netip.AddrPort{}
	}
	var a [16]byte
	for i := range n {
		a[i] = v[4+i] ^ key[i]
	}
	ip, _ := netip.AddrFromSlice(a[:n])
	return netip.AddrPortFrom(ip, binary.BigEndian.Uint16(v[2:])^stunCookie>>16)
}

// Gap implements Parser: the next message can't be found.
func (p *stun) Gap(*Context, Dir, uint32) bool { return false }

// Close implements Parser.
func (p *stun) Close(c *Context) {
	if p.messages == 0 {
		return
	}
	e := c.Begin("saksi.stun", p.packets.List())
	e.Str(event.SaksiStunSoftware, p.software)
	e.Str(event.SaksiStunRealm, p.realm)
	e.Str(event.SaksiStunUsername, p.user)
	e.Str(event.SaksiStunVendor, p.vendor)
	if p.mapped.IsValid() {
		e.Addr(event.SourceNatIP, p.mapped.Addr())
		e.Int(event.SourceNatPort, int64(p.mapped.Port()))
	}
	c.Emit(e)
}
