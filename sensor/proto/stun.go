package proto

// STUN, RFC 8489 section 5, with TURN (RFC 8656); classic STUN (RFC 3489) has no
// cookie:
//
//	0 two zero bits, method and class  2 length  4 cookie 0x2112a442  8 transaction (12)
//	20 attributes: type, length, value, padded to four bytes
//
// Over TCP it stands alone or behind a length of two bytes (RFC 4571, ICE).

import (
	"encoding/binary"
	"net/netip"
	"strconv"

	"saksi/event"
)

func init() {
	register(&Entry{
		Name: "stun", Doc: "Session Traversal Utilities for NAT, with TURN", Reference: "RFC 8489, RFC 8656, RFC 3489",
		Transport: TCP | UDP, Ports: []uint16{3478, 5349},
		First: []string{"\x00", "\x01", "\x02", "\x03"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if p.Transport == UDP {
				return yes(stunShape(b, p.Length))
			}
			if len(b) < 22 {
				return More
			}
			n := int(binary.BigEndian.Uint16(b))
			return yes(stunCookie(b) && b[3]%4 == 0 || n >= 20 && stunCookie(b[2:]) && int(binary.BigEndian.Uint16(b[4:]))+20 == n)
		},
		New:     func(t Transport) Parser { return &stun{stream: t == TCP} },
		Samples: []string{"stun_udp.txt", "stun_tcp.txt"}, Hostile: []string{"stun_hostile.txt"},
	})
}

const stunMagic = 0x2112a442

func stunCookie(b []byte) bool {
	return len(b) >= 8 && b[0]&0xc0 == 0 && binary.BigEndian.Uint32(b[4:]) == stunMagic
}

// stunShape checks a datagram: with the cookie its length, without it one of
// the first methods and attributes that fill it.
func stunShape(b []byte, size int) bool {
	if len(b) < 20 {
		return false
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	if stunCookie(b) {
		return n%4 == 0 && n+20 <= size
	}
	if b[0] > 1 || b[0] == 1 && b[1]&0xef != 1 && b[1]&0xef != 2 || b[0] == 0 && b[1] != 1 && b[1] != 2 || n+20 != size || len(b) != size {
		return false
	}
	w := wire{b: b, at: 20}
	for w.left() > 0 {
		kind, k := w.u16(), w.u16()
		w.take(k)
		if w.short || kind == 0 || kind > 0x0b && kind < 0x8000 {
			return false
		}
	}
	return n > 0 || size == 20 && b[0] == 0 && b[1] == 1
}

// maxSTUN is how many requests of a flow wait for their answers.
const maxSTUN = 8

var stunMethods = map[int]string{
	1: "binding", 2: "shared-secret", 3: "allocate", 4: "refresh", 6: "send", 7: "data", 8: "create-permission", 9: "channel-bind",
	10: "connect", 11: "connection-bind", 12: "connection-attempt",
}

// stunFacts are what an event tells; those already told are not told again.
type stunFacts struct {
	method                int
	outcome, fault        string
	user, realm, software string
	vendor                string
	mapped, relayed       netip.AddrPort
	peer                  netip.Addr
}

type stunCall struct {
	id      [16]byte
	dir     Dir
	packets Packets
	facts   stunFacts
}

type stun struct {
	stream bool
	open   []stunCall
	last   stunFacts
}

// Data implements Parser.
func (p *stun) Data(c *Context, dir Dir, b []byte) Result {
	if !p.stream {
		if stunShape(b, len(b)) {
			p.message(c, dir, b)
		}
		return Result(len(b))
	}
	used := 0
	for len(b)-used >= 4 {
		m := b[used:]
		n := int(binary.BigEndian.Uint16(m[2:]))
		switch {
		case stunCookie(m):
			if n += 20; len(m) >= n {
				p.message(c, dir, m[:n])
			}
		case m[0]&0xc0 == 0x40: // data of a channel, padded (RFC 8656 section 12.5)
			n = 4 + (n+3)&^3
		case len(m) < 8:
			return Result(used)
		default: // a frame of RFC 4571
			n = 2 + int(binary.BigEndian.Uint16(m))
			if len(m) >= n && stunShape(m[2:n], n-2) {
				p.message(c, dir, m[2:n])
			}
		}
		if len(m) < n {
			break
		}
		used += n
	}
	return Result(used)
}

func (p *stun) message(c *Context, dir Dir, b []byte) {
	kind := int(binary.BigEndian.Uint16(b))
	class := kind>>4&1 | kind>>7&2
	method := kind&0x0f | kind>>1&0x70 | kind>>2&0xf80
	var id [16]byte
	copy(id[:], b[4:20])
	switch class {
	case 0:
		k := stunCall{id: id, dir: dir, facts: stunFacts{method: method}}
		k.packets.Add(c.Number)
		k.facts.attributes(b)
		if len(p.open) == maxSTUN {
			p.tell(c, &p.open[0])
			p.open = append(p.open[:0], p.open[1:]...)
		}
		p.open = append(p.open, k)
	case 2, 3:
		for i := len(p.open) - 1; i >= 0; i-- {
			k := &p.open[i]
			if k.id != id || k.dir == dir {
				continue
			}
			k.packets.Add(c.Number)
			k.facts.outcome = [...]string{"success", "failure"}[class-2]
			k.facts.attributes(b)
			p.tell(c, k)
			p.open = append(p.open[:i], p.open[i+1:]...)
			return
		}
	}
}

// attributes reads what is asked and answered (RFC 8489 section 14).
func (f *stunFacts) attributes(b []byte) {
	for w := (wire{b: b, at: 20}); w.left() >= 4; {
		kind, n := w.u16(), w.u16()
		v := w.take(n)
		w.take(min(-n&3, w.left()))
		if s := stunVendors[uint16(kind)]; s != "" && f.vendor == "" {
			f.vendor = s
		}
		switch kind {
		case 0x0001:
			if a := stunAddr(b, v, false); !f.mapped.IsValid() {
				f.mapped = a
			}
		case 0x0020, 0x8020:
			f.mapped = stunAddr(b, v, true)
		case 0x0012:
			f.peer = stunAddr(b, v, true).Addr()
		case 0x0016:
			f.relayed = stunAddr(b, v, true)
		case 0x0006:
			f.user = printable(v)
		case 0x0014:
			f.realm = printable(v)
		case 0x8022:
			f.software = printable(v[:min(len(v), 128)])
		case 0x0009:
			if len(v) >= 4 {
				f.fault = strconv.Itoa(int(v[2]&7)*100 + int(v[3]))
			}
		}
	}
}

// stunAddr reads an address, under the cookie and transaction if it is masked.
func stunAddr(b, v []byte, masked bool) netip.AddrPort {
	if len(v) != 8 && len(v) != 20 {
		return netip.AddrPort{}
	}
	port := binary.BigEndian.Uint16(v[2:])
	var raw [16]byte
	n := copy(raw[:], v[4:])
	if masked {
		port ^= stunMagic >> 16
		for i := range n {
			raw[i] ^= b[4+i]
		}
	}
	a, _ := netip.AddrFromSlice(raw[:n])
	return netip.AddrPortFrom(a, port)
}

// tell emits the facts of a request and its answer, unless it told the same
// just before, as keep-alives would have it.
func (p *stun) tell(c *Context, k *stunCall) {
	f := k.facts
	if f == p.last {
		return
	}
	p.last = f
	e := c.Begin("saksi.stun", k.packets.List())
	e.Str(event.EventAction, nameOr(stunMethods, f.method, "method-"))
	e.Str(event.EventOutcome, f.outcome)
	e.Str(event.ErrorCode, f.fault)
	e.Str(event.SaksiStunUsername, f.user)
	e.Str(event.SaksiStunRealm, f.realm)
	e.Str(event.SaksiStunSoftware, f.software)
	e.Str(event.SaksiStunVendor, f.vendor)
	if f.mapped.IsValid() {
		e.Addr(event.SourceNatIP, f.mapped.Addr())
		e.Int(event.SourceNatPort, int64(f.mapped.Port()))
	}
	if f.relayed.IsValid() {
		e.Addr(event.SaksiStunRelayedIP, f.relayed.Addr())
		e.Int(event.SaksiStunRelayedPort, int64(f.relayed.Port()))
	}
	e.Addr(event.SaksiStunPeerIP, f.peer)
	c.Emit(e)
}

// Gap implements Parser: over TCP the next message can't be found.
func (p *stun) Gap(*Context, Dir, uint32) bool { return !p.stream }

// Close implements Parser.
func (p *stun) Close(c *Context) {
	for i := range p.open {
		p.tell(c, &p.open[i])
	}
	p.open = nil
}
