package sensor

import (
	"saksi/event"
	"saksi/sensor/proto"
)

// maxPlain bounds streams within streams: TLS in HTTP CONNECT in TLS.
const maxPlain = 3

// root is the parser state of the flow in work, whatever of it was decrypted.
func (w *worker) root() *conn {
	c := w.conn
	for c != nil && c.outer != nil {
		c = c.outer
	}
	return c
}

// app is the index of the protocol of the stream in work: the flow's, or that
// of what was decrypted.
func (w *worker) app() uint16 {
	c := w.conn
	switch {
	case c == nil || c.outer == nil:
		return w.rec.App()
	case c.entry == nil:
		return 0
	}
	return c.entry.Index()
}

// plainPorts are the ports of protocols within TLS, with that of the same
// protocol in the clear (IANA "Service Name and Transport Protocol Port Number
// Registry"), so that weak signatures hold there too.
var plainPorts = map[uint16]uint16{
	443: 80, 465: 25, 563: 119, 636: 389, 853: 53, 989: 20, 990: 21, 992: 23, 993: 143, 994: 6667, 995: 110, 3269: 3268,
	5061: 5060, 5223: 5222, 5671: 5672, 6697: 6667, 8443: 8080, 8883: 1883,
}

func plainPort(p uint16) uint16 {
	if q, ok := plainPorts[p]; ok {
		return q
	}
	return p
}

// resumed are the protocols that go on within TLS after a command such as
// STARTTLS.
var resumed = map[string]bool{"smtp": true, "imap": true, "pop3": true, "ftp": true, "nntp": true, "xmpp": true, "irc": true, "ldap": true}

// within is the stream that is decrypted of the one in work, made when needed.
func (w *worker) within() *conn {
	outer := w.conn
	if outer.plain != nil {
		return outer.plain
	}
	c := &conn{outer: outer, ids: outer.ids}
	outer.plain = c
	if e := w.protos.Entry(outer.via); e != nil && resumed[e.Name] {
		w.found(c, e, proto.TCP)
	}
	return c
}

// inside runs f with the decrypted stream in work.
func (w *worker) inside(f func(c *conn)) {
	outer, pc := w.conn, w.pc
	c := w.within()
	w.conn, w.pc.InTLS = c, true
	f(c)
	w.conn, w.pc.InTLS = outer, pc.InTLS
	w.pc.Redetect, w.pc.Next, w.pc.Used = pc.Redetect, pc.Next, pc.Used
}

// MayOpen implements proto.Opened.
func (w *worker) MayOpen(server []byte) proto.Decryption {
	depth := 0
	for c := w.conn; c.outer != nil; c = c.outer {
		depth++
	}
	if depth >= maxPlain {
		return proto.TooDeep
	}
	return w.covered(server)
}

// Plain implements proto.Opened.
func (w *worker) Plain(dir proto.Dir, b []byte) (goes bool) {
	w.inside(func(c *conn) {
		if len(b) > 0 {
			w.deliver(c, int(dir), b)
		}
		goes = !c.quiet || w.engine != nil && c.entry == nil && (c.seen[0] < streamDepth || c.seen[1] < streamDepth)
	})
	return goes
}

// PlainAs implements proto.Opened.
func (w *worker) PlainAs(name string, p proto.Parser) {
	e := w.protos.ByName(name)
	w.inside(func(c *conn) { c.entry, c.parser = e, p })
}

// InPlain implements proto.Opened.
func (w *worker) InPlain(f func()) {
	entry := w.conn.entry
	w.inside(func(c *conn) {
		c.entry = entry
		f()
	})
}

// PlainGap implements proto.Opened.
func (w *worker) PlainGap(dir proto.Dir, n uint32) {
	w.inside(func(c *conn) { w.gap(c, int(dir), n) })
}

// ClosePlain implements proto.Opened.
func (w *worker) ClosePlain() {
	if w.conn == nil || w.conn.plain == nil {
		return
	}
	w.inside(func(*conn) { w.closeConn() })
	w.conn.plain = nil
}

// CountOpened implements proto.Opened.
func (w *worker) CountOpened(d proto.Decryption, some bool) {
	if w.stats.opened[d]++; some {
		w.stats.decrypted++
	}
}

// AboutOpened implements proto.Opened.
func (w *worker) AboutOpened(e *event.Event) {
	e.Bool(event.SaksiTLSDecrypted, true)
	if a := w.cfg.Authority; a != nil {
		e.Str(event.SaksiAuthorityReference, a.Reference)
	}
}
