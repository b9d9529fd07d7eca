package proto

// nested parses what another parser is shown too, and holds what it did not
// use.
type nested struct {
	parser Parser
	tail   [2][]byte
	over   bool
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
	if !n.over && !n.parser.Gap(c, dir, k) {
		n.close(c)
	}
	n.tail[dir] = n.tail[dir][:0]
}

func (n *nested) close(c *Context) {
	if !n.over {
		n.parser.Close(c)
	}
	n.over, n.tail = true, [2][]byte{}
}

// withRules shows what a parser is given to a second one too, which emits
// nothing and offers what rules see. It does so only when there are rules.
type withRules struct {
	Parser
	view   nested
	unused [2]int // bytes the parser did not use, which come again
}

// seenByRules makes a parser that offers by view what rules see.
func seenByRules(p, view Parser) Parser { return &withRules{Parser: p, view: nested{parser: view}} }

// Data implements Parser.
func (w *withRules) Data(c *Context, dir Dir, b []byte) Result {
	if c.Matching() && len(b) >= w.unused[dir] {
		w.view.feed(c, dir, b[w.unused[dir]:])
	}
	n := w.Parser.Data(c, dir, b)
	if n >= 0 {
		w.unused[dir] = len(b) - int(n)
	}
	return n
}

// Gap implements Parser.
func (w *withRules) Gap(c *Context, dir Dir, n uint32) bool {
	w.unused[dir] = 0
	if c.Matching() {
		w.view.gap(c, dir, n)
	}
	return w.Parser.Gap(c, dir, n)
}

// Close implements Parser.
func (w *withRules) Close(c *Context) {
	if c.Matching() {
		w.view.close(c)
	}
	w.Parser.Close(c)
}
