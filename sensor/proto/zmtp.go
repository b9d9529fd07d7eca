package proto

// ZMTP, the transport of ZeroMQ, 23/ZMTP: 0 0xff  1 eight bytes  9 0x7f  10 major
// 11 minor  12 mechanism (20, padded)  32 server  33 zeros (31). One event a
// connection.

import (
	"bytes"

	"saksi/event"
)

func init() {
	register(&Entry{
		Name: "zmtp", Doc: "ZeroMQ message transport", Reference: "https://rfc.zeromq.org/spec/23/",
		Transport: TCP, Application: "zeromq", First: []string{"\xff\x00\x00\x00\x00\x00\x00\x00"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			switch {
			case len(b) < 10:
				return More
			case b[8] > 1 || b[9] != 0x7f:
				return No
			case len(b) < 12:
				return Yes
			}
			if b[10] > 3 {
				return No
			}
			return Yes
		},
		New:     func(Transport) Parser { return &zmtp{} },
		Samples: []string{"zmtp.txt"}, Hostile: []string{"zmtp_hostile.txt"},
	})
}

type zmtp struct {
	database
	done [2]bool
}

// Data implements Parser.
func (p *zmtp) Data(c *Context, dir Dir, b []byte) Result {
	if p.done[dir] {
		return Result(len(b))
	}
	if len(b) < 32 && (len(b) < 11 || b[10] >= 3) {
		return 0
	}
	p.done[dir] = true
	p.packets.Add(c.Number)
	if b[10] >= 3 {
		m := bytes.TrimRight(b[12:32], "\x00")
		p.mechanism = string(m)
	}
	if !p.done[1-dir] {
		return Result(len(b))
	}
	p.emit(c)
	return Done
}

func (p *zmtp) emit(c *Context) {
	e := p.begin(c, "saksi.zmtp", "connect")
	e.Str(event.EventType, "connection")
	c.Emit(e)
	p.done = [2]bool{}
}

// Gap implements Parser.
func (p *zmtp) Gap(*Context, Dir, uint32) bool { return false }

// Close implements Parser.
func (p *zmtp) Close(c *Context) {
	if p.done[0] || p.done[1] {
		p.emit(c)
	}
}
