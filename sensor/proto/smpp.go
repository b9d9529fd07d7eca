package proto

// SMPP, Short Message Peer-to-Peer 3.4 section 3.2: 0 length (4)  4 command (4); the
// highest bit is an answer  8 status (4)  12 number (4)  16 body. A bind (1 receiver,
// 2 transmitter, 9 both) has system NUL, password NUL, type NUL. One event a bind;
// passwords and messages are never taken.

import (
	"encoding/binary"
	"strconv"

	"saksi/event"
	"saksi/sensor/proto/internal/octet"
)

func init() {
	register(&Entry{
		Name: "smpp", Doc: "Short Message Peer-to-Peer", Reference: "SMPP Protocol Specification v3.4",
		Transport: TCP, Ports: []uint16{2775}, First: []string{"\x00\x00\x00"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 19 {
				if len(b) >= 8 && smppBind(binary.BigEndian.Uint32(b[4:])) == "" {
					return No
				}
				return More
			}
			r := octet.Of(b[16:])
			n := binary.BigEndian.Uint32(b)
			if p.Dir != FromClient || n < 23 || n > 128 || smppBind(binary.BigEndian.Uint32(b[4:])) == "" || binary.BigEndian.Uint32(b[8:]) != 0 {
				return No
			}
			if system, password := r.CString(), r.CString(); r.Bad() || !isPrintable(system) || len(system) > 15 || len(password) > 8 {
				return No
			}
			return Yes
		},
		New:     func(Transport) Parser { return &smpp{} },
		Samples: []string{"smpp.txt"}, Hostile: []string{"smpp_hostile.txt"},
	})
}

func smppBind(command uint32) string {
	switch command {
	case 1:
		return "bind_receiver"
	case 2:
		return "bind_transmitter"
	case 9:
		return "bind_transceiver"
	}
	return ""
}

type smpp struct {
	segmenter
	noRest
	textSession
	command string
}

// Data implements Parser.
func (p *smpp) Data(c *Context, dir Dir, b []byte) Result { return p.data(c, dir, b, p) }

func (p *smpp) size(_ Dir, b []byte) (n, hold int64) {
	if len(b) < 16 {
		return 0, 0
	}
	if n = int64(binary.BigEndian.Uint32(b)); n < 16 || n > 1<<20 {
		return -1, 0
	}
	return n, 256
}

func (p *smpp) take(c *Context, dir Dir, b []byte, _ int64) Result {
	command := binary.BigEndian.Uint32(b[4:])
	if bind := smppBind(command); dir == FromClient && bind != "" {
		p.packets.Reset()
		p.packets.Add(c.Number)
		r := octet.Of(b[16:])
		p.user, p.command = dbText(r.CString()), bind
		return 0
	}
	if dir == FromServer && p.command != "" && smppBind(command&0x7fffffff) == p.command && command>>31 == 1 {
		p.packets.Add(c.Number)
		p.tell(c, true, binary.BigEndian.Uint32(b[8:]))
	}
	return 0
}

func (p *smpp) tell(c *Context, known bool, status uint32) {
	e := p.begin(c, "saksi.smpp", "login")
	e.Str(event.SaksiTextCommand, p.command)
	if known {
		e.Str(event.SaksiTextReply, strconv.FormatUint(uint64(status), 10))
		outcome(e, status == 0)
	}
	c.Emit(e)
	p.command = ""
}

// Gap implements Parser.
func (p *smpp) Gap(_ *Context, dir Dir, n uint32) bool { return p.gap(dir, n) }

// Close implements Parser.
func (p *smpp) Close(c *Context) {
	if p.command != "" {
		p.tell(c, false, 0)
	}
}
