package proto

// What rules see of VNC: the type of security, its result, the desktop's name.

import (
	"bytes"
	"encoding/binary"

	"saksi/rules/suricata"
)

// States of the server's side, and of the client's.
const (
	rfbVersion = iota
	rfbTypes
	rfbChallenge
	rfbResult
	rfbInit
	rfbDone
)

const rfbVNC = 2 // security type of a challenge (RFC 6143 section 7.2.2)

// vncRules is a Parser that emits nothing.
type vncRules struct {
	packets Packets
	state   [2]int
	minor   byte // of the version the client chose: 3, 7 or 8
	sec     uint32
	view    bufTx
}

// Data implements Parser.
func (p *vncRules) Data(c *Context, dir Dir, b []byte) Result {
	used := 0
	p.packets.Add(c.Number)
	for p.state[dir] != rfbDone {
		n := 0
		if dir == FromServer {
			n = p.server(c, b[used:])
		} else {
			n = p.client(b[used:])
		}
		if n == 0 {
			return Result(used)
		}
		used += n
	}
	if p.state[0] == rfbDone && p.state[1] == rfbDone {
		return Done
	}
	return Result(len(b))
}

// client takes what the client says; 0 means that more is needed.
func (p *vncRules) client(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	switch p.state[0] {
	case rfbVersion:
		if len(b) < 12 {
			return 0
		}
		p.minor = 3
		if m := b[10]; m == '7' || m == '8' {
			p.minor = m - '0'
		}
		p.state[0] = rfbTypes
		if p.minor == 3 {
			p.state[0] = rfbDone
		}
		return 12
	case rfbTypes:
		if len(b) < 1 {
			return 0
		}
		p.sec = uint32(b[0])
		p.state[0] = rfbDone
		return 1
	}
	return len(b)
}

// server takes what the server says; 0 means that more is needed.
func (p *vncRules) server(c *Context, b []byte) int {
	if len(b) == 0 {
		return 0
	}
	switch p.state[1] {
	case rfbVersion:
		if len(b) < 12 {
			return 0
		}
		p.state[1] = rfbTypes
		return 12
	case rfbTypes:
		return p.types(c, b)
	case rfbChallenge:
		if p.minor > 3 {
			p.security(c, p.sec)
		}
		switch {
		case p.sec == rfbVNC:
			if len(b) < 16 {
				return 0
			}
			p.state[1] = rfbResult
			return 16
		case p.sec == 1 && p.minor < 8: // none: no result
			p.state[1] = rfbInit
		case p.sec == 1:
			p.state[1] = rfbResult
		default: // of its own
			p.state[1], p.state[0] = rfbDone, rfbDone
			return 1
		}
		return p.server(c, b)
	case rfbResult:
		if len(b) < 4 {
			return 0
		}
		n := binary.BigEndian.Uint32(b)
		p.offer(c, suricata.BufRFBSecResult, suricata.AppendNumber(nil, uint64(n)))
		p.state[1] = rfbInit
		if n != 0 {
			p.state[1], p.state[0] = rfbDone, rfbDone
		}
		return 4
	case rfbInit: // width, height, pixel format of 16 bytes, name
		if len(b) < 24 {
			return 0
		}
		n := int(min(binary.BigEndian.Uint32(b[20:]), 4096))
		if len(b) < 24+n {
			return 0
		}
		p.offer(c, suricata.BufRFBName, bytes.Clone(b[24:24+n]))
		p.state[1], p.state[0] = rfbDone, rfbDone
		return 24 + n
	}
	return len(b)
}

// types reads the security types a server offers, or the one it decides.
func (p *vncRules) types(c *Context, b []byte) int {
	if p.minor == 3 || p.minor == 0 {
		if len(b) < 4 {
			return 0
		}
		p.sec = binary.BigEndian.Uint32(b)
		p.security(c, p.sec)
		p.state[1] = rfbChallenge
		return 4
	}
	if len(b) < 1 || len(b) < 1+int(b[0]) {
		return 0
	}
	p.state[1] = rfbChallenge
	if b[0] == 0 {
		p.state[1], p.state[0] = rfbDone, rfbDone
	}
	return 1 + int(b[0])
}

func (p *vncRules) security(c *Context, typ uint32) {
	if p.view.NBuf(suricata.BufRFBSecType) == 0 {
		p.offer(c, suricata.BufRFBSecType, suricata.AppendNumber(nil, uint64(typ)))
	}
}

// offer shows what is known, which grew by one buffer.
func (p *vncRules) offer(c *Context, b suricata.Buffer, data []byte) {
	p.view.app, p.view.id, p.view.again = suricata.AppRFB, 1, true
	p.view.packets = p.packets.List()
	p.view.add(b, data)
	if c.Matching() {
		c.Offer(&p.view, FromServer)
	}
}

// Gap implements Parser.
func (p *vncRules) Gap(*Context, Dir, uint32) bool { return false }

// Close implements Parser.
func (p *vncRules) Close(*Context) {}
