package proto

// nested recognizes and parses what a protocol carries, without a change of
// the flow's protocol.
type nested struct {
	parser Parser
	tail   [2][]byte
	tries  int
	over   bool
}

const (
	// maxNestedTries bounds the segments of both directions that are looked at.
	maxNestedTries = 12
	// maxNestedBytes bounds the bytes of a direction held until then.
	maxNestedBytes = 4 << 10
)

// data takes all bytes given.
func (n *nested) data(c *Context, dir Dir, b []byte) {
	if n.over || len(b) == 0 {
		return
	}
	if n.parser != nil {
		n.feed(c, dir, b)
		return
	}
	n.tail[dir] = append(n.tail[dir], b...)
	src, dst := c.ClientPort, c.ServerPort
	if dir == FromServer {
		src, dst = dst, src
	}
	e, _ := Default().Detect(&Probe{
		Data: n.tail[dir], Other: n.tail[1-dir], Dir: dir, Transport: TCP, SrcPort: src, DstPort: dst, Length: len(n.tail[dir]),
	})
	switch {
	case e != nil && e.New != nil:
		n.parser = e.New(TCP)
		early := n.tail
		n.tail = [2][]byte{}
		n.feed(c, 1-dir, early[1-dir])
		n.feed(c, dir, early[dir])
	case e != nil, n.tries >= maxNestedTries, len(n.tail[dir]) > maxNestedBytes:
		n.over, n.tail = true, [2][]byte{}
	default:
		n.tries++
	}
}

func (n *nested) feed(c *Context, dir Dir, b []byte) {
	if n.over || len(b) == 0 {
		return
	}
	if len(n.tail[dir]) > 0 {
		n.tail[dir] = append(n.tail[dir], b...)
		b = n.tail[dir]
	}
	r := n.parser.Data(c, dir, b)
	c.Redetect = false
	if r < 0 || len(b)-int(r) > MaxUnread {
		n.close(c)
		return
	}
	n.tail[dir] = append(n.tail[dir][:0], b[r:]...)
}

// gap reports a gap of the carried stream.
func (n *nested) gap(c *Context, dir Dir, k uint32) {
	if n.parser == nil {
		n.over, n.tail = true, [2][]byte{}
	} else if !n.over && !n.parser.Gap(c, dir, k) {
		n.close(c)
	}
	n.tail[dir] = n.tail[dir][:0]
}

func (n *nested) close(c *Context) {
	if n.parser != nil && !n.over {
		n.parser.Close(c)
	}
	n.over, n.tail = true, [2][]byte{}
}
