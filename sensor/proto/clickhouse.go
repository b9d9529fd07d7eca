package proto

// ClickHouse's native protocol: a client's hello is 0, the program's name, major,
// minor, revision, database, user, password; a text is behind its length, and
// numbers have groups of seven bits. A server's is 0, name, major, minor, ... or 2,
// an exception. One event a login; the password is never taken.

import (
	"bytes"

	"saksi/event"
	"saksi/sensor/proto/internal/octet"
)

func init() {
	register(&Entry{
		Name: "clickhouse", Doc: "ClickHouse native protocol", Reference: "https://clickhouse.com/docs/native-protocol/client",
		Transport: TCP, Ports: []uint16{9000}, First: []string{"\x00"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			switch {
			case len(b) < 12:
				return More
			case p.Dir == FromClient && b[1] >= 6 && b[1] <= 64 && bytes.Contains(b[2:min(len(b), 2+int(b[1]))], []byte("ClickHouse")):
				return Yes
			}
			return No
		},
		New:     func(Transport) Parser { return &clickhouse{} },
		Samples: []string{"clickhouse.txt"}, Hostile: []string{"clickhouse_hostile.txt"},
	})
}

type clickhouse struct {
	database
	open bool
}

// varint reads a number in groups of seven bits, the low ones first.
func varint(r *octet.Reader) int {
	n := 0
	for i := range 5 {
		x := r.U8()
		n |= int(x&0x7f) << (7 * i)
		if x < 0x80 {
			break
		}
	}
	return n
}

// Data implements Parser.
func (p *clickhouse) Data(c *Context, dir Dir, b []byte) Result {
	if len(b) == 0 {
		return 0
	}
	if dir == FromServer {
		if !p.open {
			return Result(len(b))
		}
		p.packets.Add(c.Number)
		if b[0] == 0 {
			r := octet.Of(b[1:])
			p.version = dbText(r.Next(varint(&r)))
		}
		p.tell(c, true, b[0] == 0)
		return Done
	}
	if p.open {
		return Result(len(b))
	}
	r := octet.Of(b[1:])
	p.application = dbText(r.Next(varint(&r)))
	varint(&r)
	varint(&r)
	varint(&r)
	p.name = dbText(r.Next(varint(&r)))
	p.user = dbText(r.Next(varint(&r)))
	if r.Bad() {
		if len(b) > 4096 {
			return Broken
		}
		return 0
	}
	p.packets.Add(c.Number)
	p.open = true
	return Result(len(b))
}

func (p *clickhouse) tell(c *Context, known, good bool) {
	p.open = false
	e := p.begin(c, "saksi.clickhouse", "login")
	if known {
		outcome(e, good)
	}
	e.Str(event.EventType, "connection")
	c.Emit(e)
}

// Gap implements Parser.
func (p *clickhouse) Gap(*Context, Dir, uint32) bool { return false }

// Close implements Parser.
func (p *clickhouse) Close(c *Context) {
	if p.open {
		p.tell(c, false, false)
	}
}
