package proto

// SOCKS 4, 4a and 5 (RFC 1928, RFC 1929): what the client asks the proxy to
// reach; behind the proxy's consent the flow is the target's protocol.
//
//	4: 0 version  1 command  2 port  4 address  8 user, 0 [name, 0 if the address is 0.0.0.x]; answer 0, 90, 6 bytes
//	5: 0 version  1 count, methods; answer version, method; [1, user, password; answer 1, status]
//	   0 version  1 command  2 zero  3 kind (1 IPv4, 3 name, 4 IPv6), address, port; answer alike

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strconv"

	"saksi/event"
)

func init() {
	register(&Entry{
		Name: "socks", Doc: "SOCKS proxy", Reference: "RFC 1928, RFC 1929",
		Transport: TCP, Ports: []uint16{1080}, First: []string{"\x04", "\x05"},
		Detect: detectSOCKS, New: func(Transport) Parser { return &socks{} },
		Samples: []string{"socks4.txt", "socks5.txt"}, Hostile: []string{"socks_hostile.txt"},
	})
}

func detectSOCKS(p *Probe) Verdict {
	b := p.Data
	if p.Dir != FromClient {
		return No
	}
	if len(b) < 3 {
		return More
	}
	if b[0] == 5 { // a segment of nothing but methods
		n := int(b[1])
		if n == 0 || n > 8 || len(b) != 2+n {
			return No
		}
		for _, m := range b[2:] {
			if m > 9 && m < 0x80 {
				return No
			}
		}
		return Yes
	}
	if len(b) < 9 || b[1] != 1 && b[1] != 2 || b[2]|b[3] == 0 || b[len(b)-1] != 0 || len(b) > 512 {
		return No
	}
	for _, c := range b[8:] {
		if c != 0 && (c < '!' || c > '~') {
			return No
		}
	}
	return Yes
}

type socks struct {
	packets Packets
	version byte
	step    int // of the client: 0 methods, 1 request or user, 2 all was asked
	method  byte
	chosen  bool
	command byte
	user    string
	host    string
	port    uint16
	status  int // of the answer, -1 if there is none yet
	asked   bool
	told    bool
}

var socksCommands = [...]string{1: "connect", 2: "bind", 3: "associate"}

// Data implements Parser.
func (p *socks) Data(c *Context, dir Dir, b []byte) Result {
	p.packets.Add(c.Number)
	if p.version == 0 && len(b) > 0 {
		if dir != FromClient {
			return Broken
		}
		p.version = b[0]
	}
	used := 0
	for used < len(b) {
		n := 0
		if dir == FromClient {
			if p.asked {
				break // content, which comes before the proxy consents
			}
			n = p.client(b[used:])
		} else {
			n = p.server(b[used:])
		}
		if n < 0 {
			return Broken
		}
		if n == 0 {
			break
		}
		used += n
		if p.told {
			p.emit(c)
			if p.status != 0 {
				return Done
			}
			c.Redetect, c.Used = true, used
			return Done
		}
	}
	return Result(used)
}

// client takes one message of the client's and returns its length: 0 if more
// is needed, below 0 if it is broken.
func (p *socks) client(b []byte) int {
	switch {
	case p.version == 4:
		end := bytes.IndexByte(b[min(8, len(b)):], 0)
		if len(b) < 9 || end < 0 {
			return 0
		}
		p.command, p.port, p.user = b[1], binary.BigEndian.Uint16(b[2:]), string(b[8:8+end])
		n := 9 + end
		if b[4]|b[5]|b[6] == 0 && b[7] != 0 {
			k := bytes.IndexByte(b[n:], 0)
			if k < 0 {
				return 0
			}
			p.host = string(b[n : n+k])
			n += k + 1
		} else {
			p.host = netip.AddrFrom4([4]byte(b[4:8])).String()
		}
		p.asked = true
		return n
	case len(b) < 2:
		return 0
	case p.step == 0:
		p.step = 1
		if len(b) < 2+int(b[1]) {
			p.step = 0
			return 0
		}
		return 2 + int(b[1])
	case b[0] == 1 && p.chosen && p.method == 2: // user and password, which is not taken
		n := 2 + int(b[1])
		if len(b) <= n || len(b) < n+1+int(b[n]) {
			return 0
		}
		p.user = string(b[2:n])
		return n + 1 + int(b[n])
	case b[0] != 5:
		return -1
	}
	host, port, n := socksAddress(b)
	if n > 0 {
		p.command, p.host, p.port, p.asked = b[1], host, port, true
	}
	return n
}

// server takes one message of the proxy's.
func (p *socks) server(b []byte) int {
	if p.version == 4 {
		if len(b) < 8 {
			return 0
		}
		p.status, p.told = int(b[1]), true
		if b[1] == 90 {
			p.status = 0
		}
		return 8
	}
	if len(b) < 2 {
		return 0
	}
	switch {
	case !p.chosen:
		p.method, p.chosen = b[1], true
		if p.method == 0xff { // none of the methods
			p.status, p.told = 0xff, true
		}
		return 2
	case b[0] == 1 && !p.asked:
		if b[1] != 0 {
			p.status, p.told = int(b[1]), true
		}
		return 2
	case b[0] != 5:
		return -1
	}
	_, _, n := socksAddress(b)
	if n > 0 {
		p.status, p.told = int(b[1]), true
	}
	return n
}

// socksAddress reads the address of a request or an answer of version 5.
func socksAddress(b []byte) (host string, port uint16, n int) {
	if len(b) < 5 {
		return "", 0, 0
	}
	switch b[3] {
	case 1:
		n = 8
	case 3:
		n = 5 + int(b[4])
	case 4:
		n = 20
	default:
		return "", 0, -1
	}
	if len(b) < n+2 {
		return "", 0, 0
	}
	if b[3] == 3 {
		host = string(b[5:n])
	} else {
		a, _ := netip.AddrFromSlice(b[4:n])
		host = a.String()
	}
	return host, binary.BigEndian.Uint16(b[n:]), n + 2
}

// Gap implements Parser: the next message can't be found.
func (p *socks) Gap(*Context, Dir, uint32) bool { return false }

// Close implements Parser.
func (p *socks) Close(c *Context) {
	if !p.told && p.version != 0 {
		p.status = -1
		p.emit(c)
	}
}

func (p *socks) emit(c *Context) {
	e := c.Begin("saksi.socks", p.packets.List())
	e.Str(event.SaksiProxyVersion, strconv.Itoa(int(p.version)))
	if int(p.command) < len(socksCommands) {
		e.Str(event.EventAction, socksCommands[p.command])
	}
	switch {
	case p.status == 0:
		e.Str(event.EventOutcome, "success")
	case p.status > 0:
		e.Str(event.EventOutcome, "failure")
		e.Str(event.ErrorCode, strconv.Itoa(p.status))
	}
	e.Str(event.UserName, p.user)
	e.Str(event.URLDomain, p.host)
	e.Str(event.DestinationDomain, p.host)
	if p.port != 0 {
		e.Int(event.URLPort, int64(p.port))
	}
	c.Emit(e)
}
