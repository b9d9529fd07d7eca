package proto

// Decryption of TLS with the secrets of its session: TLS 1.0 to 1.2 by the master
// secret (RFC 5246 section 6.3), TLS 1.3 by the traffic secrets (RFC 8446
// section 7.1). What is inside goes to the sensor as a stream of its own.

import (
	"saksi/sensor/keylog"
	tlsmsg "saksi/sensor/proto/internal/tls"
)

// Handshake messages that are read when they were decrypted (RFC 8446 section
// 4, RFC 5246 section 7.4).
const (
	tlsClientHello  = 1
	tlsServerHello  = 2
	tlsNewTicket    = 4
	tlsEndEarly     = 5
	tlsExtensions   = 8
	tlsCertificate  = 11
	tlsFinished     = 20
	tlsKeyUpdate    = 24
	maxOpenTries    = 64 // records of a direction that open with no secret before it is given up
	maxEarlyCiphers = 3
)

// tlsStage says which traffic secret of TLS 1.3 is in use.
type tlsStage uint8

const (
	tlsEarly tlsStage = iota
	tlsHandshake
	tlsTraffic
)

// tlsHalf is the decryption of one direction.
type tlsHalf struct {
	opener *tlsmsg.Opener // in use; nil before there is one
	next   *tlsmsg.Opener // after ChangeCipherSpec
	stage  tlsStage
	msg    []byte // handshake bytes not used yet
	tries  int
	had    int // bytes of an incomplete record that were left unread
	record int // its length
}

// tlsOpen is the decryption of one session.
type tlsOpen struct {
	half    [2]tlsHalf
	allowed bool // the authority was asked
	refused Decryption
	found   bool // a secret was
	master  []byte
	client  tlsmsg.Client // of a handshake within the session
	server  tlsmsg.Server
	keep    [2][]byte
	again   bool // those two hold
	ticket  []byte
}

// waits notes that a record is not whole yet.
func (o *tlsOpen) waits(dir Dir, had, record int) {
	o.half[dir].had, o.half[dir].record = had, record
}

// decrypt takes one record that is not a handshake in the clear. It returns
// false when nothing more is decrypted.
func (p *tlsParser) decrypt(c *Context, dir Dir, record []byte) bool {
	o := p.open
	o.half[dir].had = 0
	buf := c.borrow()
	content, typ, ok, why := buf, byte(0), false, Decrypted
	switch {
	case !p.hasS && dir == FromClient && p.client.EarlyData, p.hasS && p.modern():
		content, typ, ok, why = p.open13(c, dir, buf, record)
	default:
		content, typ, ok, why = p.open12(c, dir, buf, record)
	}
	if why != Decrypted {
		c.giveBack(buf)
		p.stop(c, why)
		return false
	}
	if !ok && !o.found && p.secured() { // as without keys
		c.giveBack(buf)
		p.stop(c, NoSecret)
		return false
	}
	goes := true
	if ok {
		p.decrypted = true
		p.packets.Add(c.Number)
		switch typ {
		case tlsmsg.Handshake:
			goes = p.inner(c, dir, content)
		case tlsmsg.Data:
			p.tellOpened(c)
			if p.within != nil {
				c.PlainAs(p.name, p.within)
				p.within = nil
			}
			goes = c.Plain(dir, content)
		}
	}
	c.giveBack(content)
	if p.open != nil {
		p.tellOpened(c)
	}
	if p.open == nil {
		return false
	}
	if !goes {
		p.tell(c)
		p.closeOpen(c)
	}
	return goes
}

// tellOpened emits the session when it is secured, and what the server says of
// itself under TLS 1.3 was decrypted if anything is.
func (p *tlsParser) tellOpened(c *Context) {
	if p.secured() && (!p.decrypted || !p.modern() || p.open.half[FromServer].stage == tlsTraffic) {
		p.tell(c)
	}
}

// stop ends decryption for a reason. What was decrypted stands.
func (p *tlsParser) stop(c *Context, why Decryption) {
	if p.open == nil {
		return
	}
	p.open = nil
	c.CountOpened(why, p.decrypted)
	if p.decrypted {
		p.tell(c)
		c.ClosePlain()
	}
}

// closeOpen ends decryption with the session.
func (p *tlsParser) closeOpen(c *Context) {
	switch {
	case p.open == nil:
		if p.started && !p.keyed && !c.Keys.Empty() {
			p.keyed = true
			c.CountOpened(NoHello, false)
		}
	case p.decrypted:
		p.open = nil
		c.CountOpened(Decrypted, true)
		c.ClosePlain()
	case p.sides[0].encrypted || p.sides[1].encrypted:
		p.stop(c, p.missing())
	}
}

// secret gives a secret of the session, if it may be used.
func (p *tlsParser) secret(c *Context, s []byte) []byte {
	o := p.open
	if s == nil || o.refused != Decrypted {
		return nil
	}
	if o.found = true; !o.allowed {
		o.allowed = true
		if o.refused = c.MayOpen(p.client.ServerName); o.refused != Decrypted {
			return nil
		}
	}
	return s
}

// missing says why there is no key.
func (p *tlsParser) missing() Decryption {
	switch o := p.open; {
	case o.refused != Decrypted:
		return o.refused
	case !o.found:
		return NoSecret
	}
	return BadRecord
}

// open12 opens a record of TLS 1.0 to 1.2.
func (p *tlsParser) open12(c *Context, dir Dir, buf, record []byte) (content []byte, typ byte, ok bool, why Decryption) {
	h := &p.open.half[dir]
	if h.opener == nil {
		switch record[0] {
		case tlsmsg.ChangeCipherSpec:
			return buf, 0, false, p.change(c, dir)
		case tlsmsg.Alert:
			return buf, 0, false, Decrypted
		}
		return buf, 0, false, p.missing() // picked up behind the change of keys
	}
	if content, typ, ok = h.opener.Open(buf, record); !ok {
		return buf, 0, false, BadRecord
	}
	if typ == tlsmsg.ChangeCipherSpec {
		return content, typ, true, p.change(c, dir)
	}
	return content, typ, true, Decrypted
}

// change takes new keys into use.
func (p *tlsParser) change(c *Context, dir Dir) Decryption {
	o := p.open
	if o.half[dir].next == nil {
		if why := p.derive(c, dir); why != Decrypted {
			return why
		}
	}
	o.half[dir].opener, o.half[dir].next = o.half[dir].next, nil
	p.remember(c)
	return Decrypted
}

// derive makes the keys of both directions. Who changes first tells whether the
// session is resumed: then the server does.
func (p *tlsParser) derive(c *Context, first Dir) Decryption {
	o := p.open
	client, server := &p.client, &p.server
	if o.again {
		client, server = &o.client, &o.server
	}
	switch {
	case !p.hasS:
		return p.missing()
	case server.Version < 0x0301 || server.Version > 0x0303 || server.Compressed:
		return NoVersion
	case !tlsmsg.CanOpen(server.Cipher) || contains16(server.Extensions, tlsmsg.ExtTruncatedMAC):
		return NoCipher
	}
	o.master = p.secret(c, c.Keys.Secret(client.Random, keylog.Master, c.Number))
	if o.master == nil {
		o.master = p.secret(c, c.Keys.MasterOf(server.Session, c.Number))
	}
	if o.master == nil && first == FromServer {
		if o.master = p.secret(c, c.Sessions.get(byID, server.Session)); o.master == nil {
			o.master = p.secret(c, c.Sessions.get(byTicket, client.Ticket))
		}
	}
	if o.master == nil {
		return p.missing()
	}
	s := tlsmsg.Session{
		Version: server.Version, Cipher: server.Cipher, Master: o.master, Client: client.Random, Server: server.Random,
		EncryptThenMAC: contains16(server.Extensions, tlsmsg.ExtEncryptThenMAC),
	}
	if o.half[0].next, o.half[1].next = s.Openers(); o.half[0].next == nil {
		return NoCipher
	}
	return Decrypted
}

func contains16(list []uint16, v uint16) bool {
	for _, x := range list {
		if x == v {
			return true
		}
	}
	return false
}

// remember keeps what the session may be resumed with.
func (p *tlsParser) remember(c *Context) {
	server := &p.server
	if p.open.again {
		server = &p.open.server
	}
	c.Sessions.add(byID, server.Session, p.open.master)
	c.Sessions.add(byTicket, p.open.ticket, p.open.master)
}

// newTicket takes a NewSessionTicket (RFC 5077 section 3.3): 0 lifetime, 4 length,
// 6 ticket.
func (p *tlsParser) newTicket(c *Context, body []byte) {
	if p.open == nil || len(body) < 6 || len(body) != 6+int(body[4])<<8+int(body[5]) {
		return
	}
	p.open.ticket = append([]byte(nil), body[6:]...)
	if p.open.master != nil {
		p.remember(c)
	}
}

// open13 opens a record of TLS 1.3.
func (p *tlsParser) open13(c *Context, dir Dir, buf, record []byte) (content []byte, typ byte, ok bool, why Decryption) {
	if record[0] != tlsmsg.Data { // in the clear: for middleboxes, or a hello after a HelloRetryRequest
		return buf, 0, false, Decrypted
	}
	h := &p.open.half[dir]
	switch {
	case p.hasS && p.server.Version != 0x0304:
		return buf, 0, false, NoVersion // a draft
	case p.hasS && !tlsmsg.CanOpen(p.server.Cipher):
		return buf, 0, false, NoCipher
	case h.opener != nil:
		if content, typ, ok = h.opener.Open(buf, record); ok {
			return content, typ, true, Decrypted
		}
		if h.stage == tlsTraffic {
			return buf, 0, false, BadRecord
		}
		h.opener = nil // the end of early data, or a message of the handshake, was not seen
		h.stage++
	}
	for s := h.stage; s <= tlsTraffic; s++ {
		for _, x := range p.openers(c, dir, s) {
			if content, typ, ok = x.Open(buf, record); ok {
				h.opener, h.stage, h.tries = x, s, 0
				return content, typ, true, Decrypted
			}
		}
	}
	if h.tries++; h.tries > maxOpenTries || p.open.refused != Decrypted {
		return buf, 0, false, p.missing()
	}
	return buf, 0, false, Decrypted
}

// openers are what may open the first record of a stage. Early data comes before
// the server names the cipher suite.
func (p *tlsParser) openers(c *Context, dir Dir, s tlsStage) []*tlsmsg.Opener {
	label := [...][2]keylog.Label{
		tlsEarly:     {keylog.ClientEarly, keylog.ClientEarly},
		tlsHandshake: {keylog.ClientHandshake, keylog.ServerHandshake},
		tlsTraffic:   {keylog.ClientTraffic, keylog.ServerTraffic},
	}[s][dir]
	if s == tlsEarly && (dir == FromServer || !p.client.EarlyData) || s != tlsEarly && !p.hasS {
		return nil
	}
	secret := p.secret(c, c.Keys.Secret(p.client.Random, label, c.Number))
	if secret == nil {
		return nil
	}
	ciphers := []uint16{p.server.Cipher}
	if !p.hasS {
		ciphers = []uint16{0x1301, 0x1302, 0x1303}
	}
	out := make([]*tlsmsg.Opener, 0, maxEarlyCiphers)
	for _, id := range ciphers {
		if o := tlsmsg.NewOpener(id, secret); o != nil {
			out = append(out, o)
		}
	}
	return out
}

// inner takes handshake bytes that were decrypted. It returns false when they
// can't be read, and so the keys of what follows not be known.
func (p *tlsParser) inner(c *Context, dir Dir, b []byte) bool {
	h := &p.open.half[dir]
	h.msg = append(h.msg, b...)
	b = h.msg
	for len(b) >= 4 {
		n := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
		if n > maxHandshake {
			p.stop(c, BadRecord)
			return false
		}
		if len(b) < 4+n {
			break
		}
		p.opened(c, dir, b[0], b[4:4+n])
		b = b[4+n:]
	}
	h.msg = append(h.msg[:0], b...)
	return true
}

// opened takes a handshake message that was decrypted.
func (p *tlsParser) opened(c *Context, dir Dir, typ byte, body []byte) {
	o := p.open
	h := &o.half[dir]
	if !p.modern() {
		switch { // a handshake within the session
		case typ == tlsClientHello && dir == FromClient:
			o.keep[0] = append(o.keep[0][:0], body...)
			o.again = tlsmsg.ParseClient(&o.client, o.keep[0])
			o.server, o.ticket, o.master, o.half[0].next, o.half[1].next = tlsmsg.Server{}, nil, nil, nil, nil
		case typ == tlsServerHello && dir == FromServer && o.again:
			o.keep[1] = append(o.keep[1][:0], body...)
			tlsmsg.ParseServer(&o.server, o.keep[1])
		case typ == tlsNewTicket && dir == FromServer:
			p.newTicket(c, body)
		}
		return
	}
	switch typ {
	case tlsEndEarly:
		if h.stage == tlsEarly {
			h.opener, h.stage = nil, tlsHandshake
		}
	case tlsExtensions:
		p.server.ALPN = append([]byte(nil), tlsmsg.ChosenALPN(body)...)
		p.offer(c, dir)
	case tlsCertificate:
		if len(p.certs[dir]) == 0 && h.stage == tlsHandshake {
			p.chain(c, dir, tlsmsg.Certificates13(body, maxCertificates))
		}
	case tlsFinished:
		if h.stage == tlsHandshake {
			h.opener, h.stage = nil, tlsTraffic
		}
	case tlsKeyUpdate:
		if h.stage == tlsTraffic && h.opener != nil {
			h.opener = h.opener.Updated()
		}
	}
}

// lost takes n missing bytes of a direction: of a record that is known to end
// behind them only its content is lost.
func (p *tlsParser) lost(c *Context, dir Dir, n int) bool {
	h, s := &p.open.half[dir], &p.sides[dir]
	left := s.skip
	if left == 0 && h.had >= 5 {
		left = h.record - h.had
		if n > left || h.opener == nil || len(h.msg) > 0 || !h.opener.Lost() {
			left = 0
		} else if size := h.record - 5 - h.opener.Overhead(); size > 0 {
			c.PlainGap(dir, uint32(size))
		}
	}
	if h.had = 0; n > left {
		p.stop(c, LostRecord)
		return false
	}
	s.skip = left - n
	return true
}
