package proto

import "saksi/event"

// firstLine parses protocols of which the first line of the client says all
// that is wanted.
type firstLine struct {
	dataset string
	end     byte // of the line
	// tell adds what the line says; false means that it says nothing.
	tell func(e *event.Event, line []byte) bool
	done bool
}

// Data implements Parser.
func (p *firstLine) Data(c *Context, dir Dir, b []byte) Result {
	if dir != FromClient {
		return Result(len(b))
	}
	for i, x := range b {
		if x == p.end {
			p.emit(c, b[:i])
			return Done
		}
	}
	if len(b) > maxHeld {
		return Broken
	}
	return 0
}

func (p *firstLine) emit(c *Context, line []byte) {
	p.done = true
	e := c.Begin(p.dataset, []uint64{c.Number})
	e.Str(event.EventAction, "request")
	if p.tell(e, line) {
		c.Emit(e)
	}
}

// Gap implements Parser.
func (p *firstLine) Gap(_ *Context, dir Dir, _ uint32) bool { return dir == FromServer }

// Close implements Parser.
func (p *firstLine) Close(*Context) {}
