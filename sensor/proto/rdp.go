package proto

// RDP, [MS-RDPBCGR] section 2.2.1: TPKT (RFC 1006) and X.224 (RFC 905 class 0).
//
//	0 version 3  1 0  2 length (2)  4 length of the X.224 head  5 code: 0xe0 request, 0xd0 confirm
//	6 references (4)  10 class  11 routing token or "Cookie: mstshash=NAME\r\n", then
//	0 type: 1 request, 2 response, 3 failure  1 flags  2 length 8 (2)  4 protocols (4)
//
// Then TLS, or without it the Connect Initial of T.125 with the client's core
// data: 0 0xc001  2 length  4 version  8 width  10 height  12 ...  16 keyboard
// 20 build  24 name (32, UTF-16).

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"saksi/event"
	"saksi/rules/suricata"
	"saksi/sensor/proto/internal/octet"
)

func init() {
	register(&Entry{
		Name: "rdp", App: suricata.AppRDP, Doc: "Remote Desktop Protocol", Reference: "[MS-RDPBCGR], [MS-RDPEUDP]",
		Transport: TCP | UDP, Ports: []uint16{3389},
		First: []string{"\x03\x00", "\xff\xff\xff\xff"}, Detect: detectRDP,
		New:     func(t Transport) Parser { return &rdp{datagram: t == UDP} },
		Samples: []string{"rdp.txt", "rdp_tls.txt", "rdp_udp.txt"}, Hostile: []string{"rdp_hostile.txt"},
	})
}

// detectRDP tells RDP from the other users of TPKT by what is behind the X.224
// head: a cookie or a negotiation.
func detectRDP(p *Probe) Verdict {
	b := p.Data
	if p.Transport == UDP {
		return detectRDPUDP(p)
	}
	if len(b) < 11 {
		return More
	}
	if b[0] != 3 {
		return No
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	if n < 11 || n > 512 || int(b[4]) != n-5 || b[5] != 0xe0 && b[5] != 0xd0 || b[10] != 0 {
		return No
	}
	if len(b) < n {
		return More
	}
	v := b[11:n]
	switch {
	case b[5] == 0xe0 && (bytes.HasPrefix(v, []byte("Cookie: mst")) || rdpNegotiation(v) != nil):
		return Yes
	case b[5] == 0xd0 && rdpNegotiation(v) != nil:
		return Yes
	}
	return onPort(p, n == 11, 3389)
}

// detectRDPUDP takes the SYN of [MS-RDPEUDP] section 2.2.2, padded to at least
// the least MTU: 0 -1  4 window  6 flags: 1 SYN  8 sequence  12 MTU up  14 MTU down.
func detectRDPUDP(p *Probe) Verdict {
	b := p.Data
	if len(b) < 16 || p.Length < 1132 || p.Length > 1232 || b[0] != 0xff || b[7]&1 == 0 {
		return No
	}
	for _, at := range [2]int{12, 14} {
		if n := binary.BigEndian.Uint16(b[at:]); n < 1132 || n > 1232 {
			return No
		}
	}
	return Yes
}

// rdpNegotiation returns the negotiation at the end of an X.224 head.
func rdpNegotiation(v []byte) []byte {
	if len(v) < 8 {
		return nil
	}
	if v = v[len(v)-8:]; v[0] < 1 || v[0] > 3 || v[2] != 8 || v[3] != 0 {
		return nil
	}
	return v
}

// rdpProtocols are the bits of section 2.2.1.1.1.
var rdpProtocols = []struct {
	bit  uint32
	name string
}{{1, "tls"}, {2, "hybrid"}, {4, "rdstls"}, {8, "hybrid_ex"}, {16, "rdsaad"}}

type rdp struct {
	segmenter
	noRest
	packets    Packets
	cookie     []byte
	requested  uint32
	negotiated bool // the client offered protocols
	selected   uint32
	answered   bool
	failed     uint32
	name       []byte
	build      uint32
	keyboard   uint32
	w, h       uint16
	told       bool
	inner      Parser
	datagram   bool
	eve        rdpEVE
}

// Data implements Parser.
func (p *rdp) Data(c *Context, dir Dir, b []byte) Result {
	switch {
	case p.datagram: // what follows is TLS behind headers of its own
		p.packets.Add(c.Number)
		p.emit(c)
		return Done
	case p.inner != nil:
		n := p.inner.Data(c, dir, b)
		if x, ok := p.inner.(*tlsParser); ok && c.Detail {
			p.eve.chain(c, x)
		}
		return n
	}
	return p.data(c, dir, b, p)
}

func (p *rdp) size(_ Dir, b []byte) (n, hold int64) {
	if len(b) < 5 {
		return 0, 0
	}
	if b[0] != 3 || b[1] != 0 {
		return -1, 0
	}
	n = int64(binary.BigEndian.Uint16(b[2:]))
	if n < 7 {
		return -1, 0
	}
	return n, maxHeld
}

func (p *rdp) take(c *Context, dir Dir, b []byte, _ int64) Result {
	p.packets.Add(c.Number)
	switch {
	case b[5] == 0xe0 && dir == FromClient && len(b) > 11:
		v := b[11:]
		if _, name, ok := bytes.Cut(v, []byte("mstshash=")); ok {
			name, _, _ = bytes.Cut(name, []byte("\r\n"))
			p.cookie = bytes.Clone(name[:min(len(name), 256)])
		}
		if n := rdpNegotiation(v); n != nil && n[0] == 1 {
			p.requested, p.negotiated = binary.LittleEndian.Uint32(n[4:]), true
		}
		if c.Detail {
			p.eve.request(c, v, p.cookie)
		}
	case b[5] == 0xd0 && dir == FromServer:
		p.answered = true
		if c.Detail {
			p.eve.confirm(c, b[min(11, len(b)):])
		}
		if n := rdpNegotiation(b[min(11, len(b)):]); n != nil {
			v := binary.LittleEndian.Uint32(n[4:])
			if n[0] == 3 {
				p.failed = v
				p.emit(c)
				return Done
			}
			p.selected = v
		}
		if p.selected != 0 { // TLS follows
			p.emit(c)
			p.inner = newTLSOf("rdp", &rdp{cookie: p.cookie, requested: p.requested, negotiated: p.negotiated, selected: p.selected, answered: true})
			return 0
		}
	case dir == FromClient:
		if i := bytes.Index(b, []byte("Duca")); i > 0 { // the key of the conference (section 2.2.1.3)
			p.core(b[i+4:])
			p.emit(c)
			if !c.Detail {
				return Done
			}
			p.eve.connect(c, b[i+4:])
		}
	case p.told && len(b) > 8 && b[7] == 0x7f && b[8] == 0x66: // connect response
		p.eve.tell(c, "connect_response", nil)
		return Done
	}
	return 0
}

// core reads the client's core data, which stand behind a length of one or two
// bytes.
func (p *rdp) core(b []byte) {
	if len(b) > 0 && b[0]&0x80 != 0 {
		b = b[1:]
	}
	if len(b) == 0 {
		return
	}
	r := octet.Of(b[1:])
	if r.LE16() != 0xc001 {
		return
	}
	r.Skip(6)
	p.w, p.h = r.LE16(), r.LE16()
	r.Skip(4)
	p.keyboard, p.build = r.LE32(), r.LE32()
	p.name = octet.AppendUTF16(nil, r.Next(32))
}

func (p *rdp) emit(c *Context) {
	if p.told {
		return
	}
	p.told = true
	e := c.Begin("saksi.rdp", p.packets.List())
	e.Str(event.EventAction, "connect")
	e.Bytes(event.UserName, p.cookie)
	e.Bytes(event.RelatedUser, p.cookie)
	if p.negotiated {
		if p.requested == 0 {
			e.Str(event.SaksiRdpRequested, "rdp")
		}
		for _, x := range rdpProtocols {
			if p.requested&x.bit != 0 {
				e.Str(event.SaksiRdpRequested, x.name)
			}
		}
	}
	if p.answered {
		outcome(e, p.failed == 0)
		if p.failed != 0 {
			e.Str(event.ErrorCode, fmt.Sprint(p.failed))
		} else {
			e.Str(event.SaksiRdpSelected, "rdp")
		}
		for _, x := range rdpProtocols {
			if p.selected == x.bit {
				e.Str(event.SaksiRdpSelected, x.name)
			}
		}
	}
	e.Bytes(event.SaksiRdpClientName, p.name)
	if p.build != 0 {
		e.Int(event.SaksiRdpClientBuild, int64(p.build))
		e.Str(event.SaksiRdpKeyboard, fmt.Sprintf("%08x", p.keyboard))
		e.Str(event.SaksiRdpDesktop, fmt.Sprintf("%dx%d", p.w, p.h))
	}
	c.Emit(e)
}

// Gap implements Parser.
func (p *rdp) Gap(c *Context, dir Dir, n uint32) bool {
	if p.inner != nil {
		return p.inner.Gap(c, dir, n)
	}
	return p.gap(dir, n)
}

// Close implements Parser.
func (p *rdp) Close(c *Context) {
	p.emit(c)
	if p.inner != nil {
		p.inner.Close(c)
	}
}
