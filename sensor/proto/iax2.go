package proto

// IAX2, RFC 5456 section 8.1: 0 F (1 bit), call here (15)  2 R, call there  4 time (4)
// 8 number out  9 number in  10 type: 6 IAX  11 subclass: 1 NEW, 13 REGREQ, ...  12
// elements: id, length, value: 1 called, 2 calling, 6 user, 11 version. One event
// a call; what answers a challenge is never taken.

import (
	"encoding/binary"

	"saksi/event"
	"saksi/sensor/proto/internal/octet"
)

func init() {
	register(&Entry{
		Name: "iax2", Doc: "Inter-Asterisk eXchange", Reference: "RFC 5456",
		Transport: UDP, Ports: []uint16{4569},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 12 || b[0]&0x80 == 0 || b[10] != 6 || b[9] != 0 || b[8] > 1 {
				return No
			}
			switch b[11] {
			case 1: // NEW: the version comes first
				if len(b) >= 16 && b[2] == 0 && b[3] == 0 && string(b[12:16]) == "\x0b\x02\x00\x02" {
					return Yes
				}
			case 13, 30: // REGREQ: the user; POKE
				return onPort(p, binary.BigEndian.Uint16(b[2:]) == 0, 4569)
			}
			return No
		},
		New:     func(Transport) Parser { return &iax2{} },
		Samples: []string{"iax2_udp.txt"}, Hostile: []string{"iax2_hostile.txt"},
	})
}

// iaxActions are the subclasses told of.
var iaxActions = map[byte]string{1: "new", 13: "register", 30: "poke"}

type iax2 struct{ calls int }

const (
	// maxIAXCalls bounds the calls told of in one flow.
	maxIAXCalls = 1000
	// maxIAXElements bounds the elements of a frame that are read.
	maxIAXElements = 64
)

// Data implements Parser.
func (p *iax2) Data(c *Context, _ Dir, b []byte) Result {
	if len(b) < 12 || b[0]&0x80 == 0 || b[10] != 6 || iaxActions[b[11]] == "" {
		return Result(len(b))
	}
	if p.calls++; p.calls > maxIAXCalls {
		return Done
	}
	e := c.Begin("saksi.iax2", []uint64{c.Number})
	e.Str(event.EventAction, iaxActions[b[11]])
	r := octet.Of(b[12:])
	for range maxIAXElements {
		id := r.U8()
		v := r.Next(int(r.U8()))
		if r.Bad() {
			break
		}
		switch id {
		case 1:
			e.Bytes(event.SaksiSipTo, v)
		case 2:
			e.Bytes(event.SaksiSipFrom, v)
		case 6:
			e.Bytes(event.UserName, v)
			e.Bytes(event.RelatedUser, v)
		}
	}
	c.Emit(e)
	return Result(len(b))
}

// Gap implements Parser.
func (p *iax2) Gap(*Context, Dir, uint32) bool { return true }

// Close implements Parser.
func (p *iax2) Close(*Context) {}
