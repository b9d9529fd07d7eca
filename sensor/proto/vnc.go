package proto

// VNC, the Remote Framebuffer protocol, RFC 6143 section 7.1: both send "RFB
// 003.008\n"; the server sends a count and security types, the client one of
// them; after it a result (4 bytes, 0 is success). In version 3.3 the server
// sends one type (4 bytes). The server's last message of the beginning: 0 width (2)
// 2 height (2)  4 pixel format (16)  20 length of the name (4)  24 name.

import (
	"bytes"
	"encoding/binary"
	"strconv"

	"saksi/event"
	"saksi/rules/suricata"
	"saksi/sensor/proto/internal/octet"
)

func init() {
	register(&Entry{
		Name: "vnc", Doc: "Remote Framebuffer protocol of VNC", Reference: "RFC 6143",
		Transport: TCP, Ports: []uint16{5900, 5901}, App: suricata.AppRFB, First: []string{"RFB 00"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 12 {
				return More
			}
			if digits(b[4:7]) && b[7] == '.' && digits(b[8:11]) && b[11] == '\n' {
				return Yes
			}
			return No
		},
		New:     func(Transport) Parser { return &vnc{} },
		Samples: []string{"vnc.txt", "rfb.txt"}, Hostile: []string{"vnc_hostile.txt", "rfb_hostile.txt"},
	})
}

// vncTypes are the security types most seen (IANA, RFB).
var vncTypes = map[byte]string{
	0: "invalid", 1: "none", 2: "vnc", 5: "ra2", 6: "ra2ne", 16: "tight", 17: "ultra", 18: "tls", 19: "vencrypt", 20: "sasl", 21: "md5",
	22: "xvp", 30: "apple", 35: "apple-kerberos", 36: "apple-srp", 113: "ms-logon-2", 129: "ra2-256", 133: "rsa-aes",
}

func vncType(t byte) string {
	if s, ok := vncTypes[t]; ok {
		return s
	}
	return strconv.Itoa(int(t))
}

// Steps of the beginning.
const (
	vncVersion = iota
	vncSecurity
	vncChoice    // of the client
	vncChallenge // and response, 16 bytes each
	vncResult
	vncInit
)

type vnc struct {
	packets Packets
	version []byte // of the client, or of the server if it sent none
	minor   int
	agreed  bool // the client has sent its version
	step    int
	offered []byte
	chosen  byte
	result  int64
	name    []byte
	told    bool
	last    int // size of the message behind which nothing is of interest
	rules   vncRules
	tx      *rfbTx // made when it is needed
}

// Data implements Parser.
func (p *vnc) Data(c *Context, dir Dir, b []byte) Result {
	used := 0
	for {
		p.last = 0
		n := p.next(c, dir, b[used:])
		if size := max(n, p.last); size > 0 {
			offerFrames(c, dir, suricata.AppRFB, framed{frameRFBPDU, b[used : used+size]})
		}
		if n < 0 {
			p.emit(c)
			return Done
		}
		if n == 0 {
			return Result(used)
		}
		used += n
	}
}

// next takes one message of the beginning and returns its length, 0 if it is
// not there yet, or -1 if nothing else is of interest.
func (p *vnc) next(c *Context, dir Dir, b []byte) int {
	if len(b) == 0 {
		return 0
	}
	p.packets.Add(c.Number)
	switch {
	case dir == FromServer && p.step == vncVersion, dir == FromClient && !p.agreed:
		if len(b) < 12 {
			return 0
		}
		p.version = dbText(b[4:11])
		p.minor, _ = strconv.Atoi(string(b[8:11]))
		p.eve().versions[1-dir] = p.version
		if dir == FromServer {
			p.step = vncSecurity
		} else {
			p.agreed = true
		}
		return 12
	case dir == FromServer && p.step == vncSecurity:
		return p.security(c, b)
	case dir == FromClient && p.step == vncChoice:
		p.chosen = b[0]
		return p.choose(c, 1)
	case p.step == vncChallenge:
		if len(b) < 16 {
			return 0
		}
		if dir == FromClient {
			p.step = vncResult
		}
		return 16
	case dir == FromServer && p.step == vncResult:
		if len(b) < 4 {
			return 0
		}
		p.result = int64(binary.BigEndian.Uint32(b))
		p.eve().result = p.result
		if n := octet.Head(b, 8, 1024); p.result != 0 && len(n) > 0 && p.minor >= 8 {
			p.eve().reason = bytes.Clone(n[:min(len(n), int(binary.BigEndian.Uint32(b[4:])))])
		}
		p.rules.number(c, &p.packets, suricata.BufRFBSecResult, uint64(p.result))
		if p.result > 2 { // RFC 6143 section 7.1.3
			p.rules.event(c, &p.packets, "unknown_security_result")
		}
		if p.step = vncInit; p.result != 0 {
			p.last = 4
			return -1
		}
		return 4
	case dir == FromServer && p.step == vncInit:
		if len(b) < 24 {
			return 0
		}
		n := int64(binary.BigEndian.Uint32(b[20:]))
		if int64(len(b)) < 24+min(n, maxDBText) {
			return 0
		}
		p.last = min(len(b), 24+int(n))
		p.name = dbText(octet.Head(b, 24, int(min(n, maxDBText))))
		p.eve().init, p.eve().name = bytes.Clone(b[:24]), p.name
		p.rules.add(c, &p.packets, suricata.BufRFBName, p.name)
		return -1
	case dir == FromClient && (p.step == vncInit || p.step == vncResult): // shared or not
		p.eve().shared = int(b[0])
		return 1
	}
	return 0
}

// eve is what EVE JSON tells of the connection.
func (p *vnc) eve() *rfbTx {
	if p.tx == nil {
		p.tx = &rfbTx{chosen: -1, result: -1, shared: -1}
		p.rules.view.eve = p.tx
	}
	return p.tx
}

func (p *vnc) security(c *Context, b []byte) int {
	if p.agreed && p.minor < 7 { // 3.3: the server decides
		if len(b) < 4 {
			return 0
		}
		p.chosen = b[3]
		p.offered = []byte{b[3]}
		return p.choose(c, 4)
	}
	n := int(b[0])
	if n == 0 {
		p.result = 1
		return -1
	}
	if len(b) < 1+n {
		return 0
	}
	p.offered = append(p.offered, b[1:1+n]...)
	p.step = vncChoice
	return 1 + n
}

// choose goes on after a type was chosen, by a message of n bytes.
func (p *vnc) choose(c *Context, n int) int {
	p.eve().chosen = int(p.chosen)
	p.rules.number(c, &p.packets, suricata.BufRFBSecType, uint64(p.chosen))
	if p.chosen > 2 { // beyond none and VNC authentication
		p.rules.event(c, &p.packets, "unimplemented_security_type")
	}
	p.result = -1
	switch p.chosen {
	case 0:
		p.result, p.last = 1, n
		return -1
	case 1:
		p.step = vncResult
		if p.minor < 8 { // no result is sent
			p.step, p.result = vncInit, 0
		}
	case 2:
		p.step = vncChallenge
	default: // another protocol begins
		p.last = n
		return -1
	}
	return n
}

func (p *vnc) emit(c *Context) {
	if p.told {
		return
	}
	p.told = true
	e := c.Begin("saksi.vnc", p.packets.List())
	e.Str(event.EventAction, "connect")
	e.Bytes(event.SaksiVncVersion, p.version)
	for _, t := range p.offered[:min(len(p.offered), 16)] {
		e.Str(event.SaksiVncSecurity, vncType(t))
	}
	if p.chosen != 0 {
		e.Str(event.SaksiVncChosen, vncType(p.chosen))
	}
	if p.result >= 0 && (p.step >= vncInit || p.result > 0) {
		e.Str(event.EventCategory, "authentication")
		outcome(e, p.result == 0)
	}
	e.Bytes(event.SaksiVncDesktop, p.name)
	c.Emit(e)
	if c.Detail {
		c.Record("rfb", p.eve())
	}
}

// Gap implements Parser.
func (p *vnc) Gap(*Context, Dir, uint32) bool { return false }

// Close implements Parser.
func (p *vnc) Close(c *Context) {
	if len(p.packets.List()) > 0 {
		p.emit(c)
	}
}
