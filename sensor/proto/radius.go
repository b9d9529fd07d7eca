package proto

// RADIUS, RFC 2865 section 3 and 5, RFC 2866, RFC 5176:
//
//	0 code  1 identifier  2 length  4 authenticator  20 attributes: type, length of all, value

import (
	"encoding/binary"
	"net/netip"

	"saksi/event"
)

func init() {
	register(&Entry{
		Name: "radius", Doc: "Remote Authentication Dial-In User Service", Reference: "RFC 2865, RFC 2866, RFC 5176",
		Transport: UDP, Ports: []uint16{1812, 1813, 1645, 1646, 3799},
		Detect: detectRADIUS, New: func(Transport) Parser { return &radius{} },
		Samples: []string{"radius.txt"}, Hostile: []string{"radius_hostile.txt"},
	})
}

// maxRADIUSOpen bounds the requests of a flow that wait for their replies.
const maxRADIUSOpen = 32

var radiusCodes = map[int]string{
	1: "access-request", 2: "access-accept", 3: "access-reject", 4: "accounting-request", 5: "accounting-response",
	11: "access-challenge", 12: "status-server", 13: "status-client", 40: "disconnect-request", 41: "disconnect-ack",
	42: "disconnect-nak", 43: "coa-request", 44: "coa-ack", 45: "coa-nak",
}

var radiusAccounting = map[int]string{1: "start", 2: "stop", 3: "interim-update", 7: "accounting-on", 8: "accounting-off"}

func detectRADIUS(p *Probe) Verdict {
	b := p.Data
	if len(b) < 20 || radiusCodes[int(b[0])] == "" || int(binary.BigEndian.Uint16(b[2:])) != p.Length || p.Length > 4096 {
		return No
	}
	named, at := false, 20
	for at+2 <= len(b) {
		n := int(b[at+1])
		if b[at] == 0 || n < 2 {
			return No
		}
		switch b[at] {
		case 1, 4, 24, 25, 32, 80, 95: // user, server, state, class, name of server, message authenticator
			named = true
		}
		at += n
	}
	if at != p.Length {
		return No
	}
	return yes(named || p.On(1812, 1813, 1645, 1646, 3799))
}

// radiusCall is a request, or a request with its reply. Passwords, challenges
// and keys are never taken.
type radiusCall struct {
	packets                                  Packets
	code                                     int
	dir                                      Dir
	id                                       byte
	user, method, nas, calling, called       string
	session, accounting, reason, reply, fail string
	nasIP, framed                            netip.Addr
}

type radius struct{ open []radiusCall }

// Data implements Parser.
func (p *radius) Data(c *Context, dir Dir, b []byte) Result {
	if len(b) < 20 {
		return Result(len(b))
	}
	code := int(b[0])
	switch code {
	case 1, 4, 12, 13, 40, 43:
		k := radiusCall{code: code, dir: dir, id: b[1]}
		k.packets.Add(c.Number)
		k.attributes(b[20:])
		if len(p.open) == maxRADIUSOpen {
			p.open[0].emit(c)
			p.open = append(p.open[:0], p.open[1:]...)
		}
		p.open = append(p.open, k)
		return Result(len(b))
	}
	for i := len(p.open) - 1; i >= 0; i-- {
		k := &p.open[i]
		if k.id != b[1] || k.dir == dir {
			continue
		}
		k.packets.Add(c.Number)
		k.reply = nameOr(radiusCodes, code, "code-")
		k.attributes(b[20:])
		k.emit(c)
		p.open = append(p.open[:i], p.open[i+1:]...)
		break
	}
	return Result(len(b))
}

func (k *radiusCall) attributes(b []byte) {
	for w := (wire{b: b}); w.left() >= 2; {
		kind := w.u8()
		v := w.take(w.u8() - 2)
		switch {
		case kind == 1 && k.user == "":
			k.user = printable(v)
		case kind == 2:
			k.method = "pap"
		case kind == 3:
			k.method = "chap"
		case kind == 4:
			k.nasIP, _ = netip.AddrFromSlice(v)
		case kind == 95:
			k.nasIP, _ = netip.AddrFromSlice(v)
		case kind == 8:
			k.framed, _ = netip.AddrFromSlice(v)
		case kind == 18:
			k.reason = printable(v)
		case kind == 26 && len(v) > 5 && binary.BigEndian.Uint32(v) == 311 && (v[4] == 1 || v[4] == 25): // RFC 2548
			k.method = "mschap"
		case kind == 30:
			k.called = printable(v)
		case kind == 31:
			k.calling = printable(v)
		case kind == 32:
			k.nas = printable(v)
		case kind == 40 && len(v) == 4:
			k.accounting = nameOr(radiusAccounting, int(v[3]), "status-")
		case kind == 44:
			k.session = printable(v)
		case kind == 79 && k.method == "":
			k.method = "eap"
		case kind == 101 && len(v) == 4:
			k.fail = nameOr(nil, int(binary.BigEndian.Uint32(v)&0xffff), "error-cause-")
		}
	}
}

func (k *radiusCall) emit(c *Context) {
	e := c.Begin("saksi.radius", k.packets.List())
	e.Str(event.EventCategory, "authentication")
	e.Str(event.EventAction, nameOr(radiusCodes, k.code, "code-"))
	switch k.reply {
	case "access-accept", "accounting-response", "disconnect-ack", "coa-ack":
		e.Str(event.EventOutcome, "success")
	case "access-reject", "disconnect-nak", "coa-nak":
		e.Str(event.EventOutcome, "failure")
	case "access-challenge":
		e.Str(event.EventOutcome, "unknown")
	}
	if k.code >= 40 && k.code <= 42 { // RFC 5176: the session is ended; from 43 on, its rights change
		e.Str(event.EventType, "end")
	} else if k.code > 42 {
		e.Str(event.EventType, "info")
	}
	e.Str(event.ErrorCode, k.fail)
	e.Str(event.EventReason, k.reason)
	e.Str(event.UserName, k.user)
	e.Str(event.RelatedUser, k.user)
	e.Str(event.SaksiRadiusMethod, k.method)
	e.Addr(event.SaksiRadiusNasIP, k.nasIP)
	e.Str(event.SaksiRadiusNasID, k.nas)
	e.Str(event.SaksiRadiusCallingStation, k.calling)
	e.Str(event.SaksiRadiusCalledStation, k.called)
	e.Addr(event.SaksiRadiusFramedIP, k.framed)
	e.Str(event.SaksiRadiusSessionID, k.session)
	e.Str(event.SaksiRadiusAccounting, k.accounting)
	c.Emit(e)
}

// Gap implements Parser; datagrams have none.
func (p *radius) Gap(*Context, Dir, uint32) bool { return true }

// Close implements Parser.
func (p *radius) Close(c *Context) {
	for i := range p.open {
		p.open[i].emit(c)
	}
	p.open = nil
}
