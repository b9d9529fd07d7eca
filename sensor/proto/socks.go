package proto

// SOCKS 4 and 4a (the memos of D. Koblas and Y.-D. Lee) and 5 (RFC 1928):
//
//	4  0 version  1 command  2 port (2)  4 address (4)  8 user NUL, name NUL where the address is 0.0.0.x
//	   answer: 0 zero  1 code: 90 is success  2 port, address
//	5  0 version  1 count  2 methods; answer: 0 version  1 method: 0 none, 2 user and password
//	   then 0 version  1 command  2 0  3 kind: 1 IPv4, 3 name, 4 IPv6  4 address, port (2)
//	   answer: the same, with a code in the place of the command
//	   password (RFC 1929): 0 1  1 length, user, length, password; answer: 0 1  1 status
//
// One event a request; what the proxy carries is parsed as well.

import (
	"encoding/binary"
	"net/netip"

	"saksi/event"
	"saksi/sensor/proto/internal/octet"
)

func init() {
	register(&Entry{
		Name: "socks", Doc: "SOCKS proxy", Reference: "RFC 1928, RFC 1929, SOCKS 4, SOCKS 4A",
		Transport: TCP, Ports: []uint16{1080}, First: []string{"\x04", "\x05"}, Detect: detectSOCKS,
		New:     func(Transport) Parser { return &socks{} },
		Samples: []string{"socks5.txt", "socks4.txt", "socks5_password.txt"}, Hostile: []string{"socks_hostile.txt"},
	})
}

func detectSOCKS(p *Probe) Verdict {
	b := p.Data
	if p.Dir == FromServer { // the answer, where the request was seen as well
		o := p.Other
		if len(b) == 2 && b[0] == 5 && len(o) == 2+int(o1(o)) && o[0] == 5 && (b[1] <= 2 || b[1] == 0xff) {
			return Yes
		}
		return No
	}
	if len(b) < 3 {
		return More
	}
	if b[0] == 4 {
		if len(b) < 9 {
			return More
		}
		at := 8
		for range 2 { // the user, and with 4a a name, end with NUL at the end of the segment
			for at < len(b) && b[at] != 0 {
				if b[at] < 0x20 {
					return No
				}
				at++
			}
			at++
			if b[4]|b[5]|b[6] != 0 || b[7] == 0 {
				break
			}
		}
		if b[1] >= 1 && b[1] <= 2 && (b[2] != 0 || b[3] != 0) && at == len(b) {
			return Yes
		}
		return No
	}
	n := int(b[1])
	if n == 0 || n > 10 || len(b) != 2+n {
		return No
	}
	for i, m := range b[2:] {
		if m > 9 && m < 0x80 || i > 0 && m == b[1+i] {
			return No
		}
	}
	if p.On(1080) || len(p.Other) == 2 && p.Other[0] == 5 {
		return Yes
	}
	return No // the answer decides
}

func o1(b []byte) byte {
	if len(b) < 2 {
		return 0
	}
	return b[1]
}

// Steps of the beginning.
const (
	socksMethods = iota
	socksMethod  // the server's choice
	socksPassword
	socksPasswordReply
	socksRequest
	socksReply
	socksOpen
)

type socks struct {
	packets Packets
	version byte
	step    int
	user    []byte
	command byte
	name    []byte
	addr    netip.Addr
	port    uint16
	code    int
	told    bool
	inner   nested
}

// Data implements Parser.
func (p *socks) Data(c *Context, dir Dir, b []byte) Result {
	used := 0
	for used < len(b) {
		if p.step == socksOpen {
			p.inner.data(c, dir, b[used:])
			return Result(len(b))
		}
		n := p.next(dir, b[used:])
		if n <= 0 {
			if n < 0 {
				p.packets.Add(c.Number)
				return Broken
			}
			break
		}
		p.packets.Add(c.Number)
		used += n
		if p.step == socksOpen && !p.told {
			p.emit(c)
			if p.code != 0 {
				return Done
			}
		}
	}
	return Result(used)
}

// next takes one message and returns its length; 0 asks for more bytes.
func (p *socks) next(dir Dir, b []byte) int {
	fromClient := p.step == socksMethods || p.step == socksPassword || p.step == socksRequest
	if fromClient != (dir == FromClient) || len(b) < 2 {
		return 0
	}
	switch p.step {
	case socksMethods:
		p.version = b[0]
		switch b[0] {
		case 4:
			return p.request4(b)
		case 5:
			if len(b) < 2+int(b[1]) {
				return 0
			}
			p.step = socksMethod
			return 2 + int(b[1])
		}
		return -1
	case socksMethod:
		switch b[1] {
		case 0:
			p.step = socksRequest
		case 2:
			p.step = socksPassword
		default:
			return -1
		}
		return 2
	case socksPassword:
		r := octet.Of(b[1:])
		u := r.Next(int(r.U8()))
		r.Skip(int(r.U8()))
		if r.Bad() {
			return 0
		}
		p.user, p.step = dbText(u), socksPasswordReply
		return len(b) - r.Len()
	case socksPasswordReply:
		if p.step = socksRequest; b[1] != 0 {
			return -1
		}
		return 2
	case socksRequest:
		n := p.address5(b)
		if n > 0 {
			p.command, p.step = b[1], socksReply
		}
		return n
	}
	if p.version == 4 {
		if len(b) < 8 {
			return 0
		}
		if p.code = int(b[1]); p.code == 90 {
			p.code = 0
		}
		p.step = socksOpen
		return 8
	}
	var answer socks
	n := answer.address5(b)
	if n > 0 {
		p.code, p.step = int(b[1]), socksOpen
	}
	return n
}

func (p *socks) request4(b []byte) int {
	if len(b) < 9 {
		return 0
	}
	r := octet.Of(b[8:])
	user := r.CString()
	a := netip.AddrFrom4([4]byte(b[4:8]))
	var name []byte
	if b[4]|b[5]|b[6] == 0 && b[7] != 0 {
		name = r.CString()
		a = netip.Addr{}
	}
	if r.Bad() {
		if len(b) > 1024 {
			return -1
		}
		return 0
	}
	p.user, p.name, p.addr = dbText(user), dbText(name), a
	p.command, p.port, p.step = b[1], binary.BigEndian.Uint16(b[2:]), socksReply
	return len(b) - r.Len()
}

// address5 reads the address of a message of version 5.
func (p *socks) address5(b []byte) int {
	if len(b) < 5 {
		return 0
	}
	r := octet.Of(b[4:])
	switch b[3] {
	case 1:
		p.addr, _ = netip.AddrFromSlice(r.Next(4))
	case 3:
		p.name = dbText(r.Next(int(r.U8())))
	case 4:
		p.addr, _ = netip.AddrFromSlice(r.Next(16))
	default:
		return -1
	}
	p.port = r.BE16()
	if r.Bad() {
		return 0
	}
	return len(b) - r.Len()
}

// socksCommands name the commands.
var socksCommands = map[byte]string{1: "connect", 2: "bind", 3: "associate"}

func (p *socks) emit(c *Context) {
	p.told = true
	e := c.Begin("saksi.socks", p.packets.List())
	e.Str(event.EventAction, "proxy")
	e.Int(event.SaksiSocksVersion, int64(p.version))
	e.Str(event.SaksiSocksCommand, socksCommands[p.command])
	e.Bytes(event.UserName, p.user)
	e.Bytes(event.RelatedUser, p.user)
	if p.command != 0 {
		e.Bytes(event.ServerAddress, p.name)
		e.Bytes(event.RelatedHosts, p.name)
		e.Addr(event.ServerIP, p.addr)
		e.Int(event.ServerPort, int64(p.port))
	}
	if p.step == socksOpen {
		e.Int(event.SaksiSocksReply, int64(p.code))
		outcome(e, p.code == 0)
	}
	c.Emit(e)
}

// Gap implements Parser.
func (p *socks) Gap(c *Context, dir Dir, n uint32) bool {
	if p.step != socksOpen {
		return false
	}
	p.inner.gap(c, dir, n)
	return true
}

// Close implements Parser.
func (p *socks) Close(c *Context) {
	if !p.told && len(p.packets.List()) > 0 {
		p.emit(c)
	}
	p.inner.close(c)
}
