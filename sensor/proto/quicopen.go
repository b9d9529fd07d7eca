package proto

// Decryption of QUIC with the secrets of its session (RFC 9001 section 5): of the
// handshake what the server says of itself, its certificates and the protocol it
// chose; behind it HTTP/3.

import (
	"bytes"

	"saksi/sensor/keylog"
	"saksi/sensor/proto/internal/pieces"
	"saksi/sensor/proto/internal/quic"
	tlsmsg "saksi/sensor/proto/internal/tls"
)

// quicOpen is the decryption of one connection.
type quicOpen struct {
	openers [2]*quic.Opener // of the client, of the server
	crypto  [2]pieces.Buffer
	used    [2]int
	behind  [2]*quic.Opener // of what follows the handshake
	h3      *http3          // nil until something of it is opened
	failed  int             // packets that did not open
	over    bool
	why     Decryption
}

// reads reports whether what follows the handshake is read.
func (p *quicParser) reads() bool {
	o := p.unlocked
	return o != nil && !o.over && (o.behind[0] != nil || o.behind[1] != nil)
}

// opening reports whether more of the connection may be decrypted.
func (p *quicParser) opening(c *Context) bool {
	if p.unlocked == nil {
		if !p.hasC || !p.hasS || c.Keys.Empty() {
			return false
		}
		p.unlocked = &quicOpen{}
		p.unlocked.over = p.unlock(c) != Decrypted
	}
	return !p.unlocked.over && (!p.short[0] || p.reads())
}

// unlock takes the secrets of the session.
func (p *quicParser) unlock(c *Context) Decryption {
	o := p.unlocked
	o.why = NoSecret
	for i, label := range [4]keylog.Label{keylog.ClientHandshake, keylog.ServerHandshake, keylog.ClientTraffic, keylog.ServerTraffic} {
		secret := c.Keys.Secret(p.client.Random, label, c.Number)
		if secret == nil {
			continue
		}
		if o.why != Decrypted {
			if o.why = c.MayOpen(p.client.ServerName); o.why != Decrypted {
				return o.why
			}
		}
		x := quic.NewOpener(p.quicVersion, p.server.Cipher, secret)
		if x == nil {
			o.why = NoCipher
			return o.why
		}
		if i < 2 {
			o.openers[i] = x
		} else {
			o.behind[i-2] = x
		}
	}
	return o.why
}

// from tells who sent a datagram.
func (p *quicParser) from(dir Dir) Dir {
	if (dir == FromServer) != p.reversed {
		return FromServer
	}
	return FromClient
}

// fail notes a packet that did not open.
func (o *quicOpen) fail() {
	if o.failed++; o.failed > maxOpenTries && o.h3 == nil {
		o.over = true
	}
}

// sealed opens a Handshake packet and reads the messages that are whole.
func (p *quicParser) sealed(c *Context, dir Dir, x *quic.Packet) {
	if !p.opening(c) {
		return
	}
	o, from := p.unlocked, p.from(dir)
	if o.openers[from] == nil {
		return
	}
	frames, ok := o.openers[from].Open(x)
	if !ok {
		o.fail()
		return
	}
	p.decrypted = true
	p.packets.Add(c.Number)
	quic.Frames(frames, false, o.crypto[from].Add)
	for m := o.crypto[from].Bytes()[o.used[from]:]; len(m) >= 4; m = o.crypto[from].Bytes()[o.used[from]:] {
		n := int(m[1])<<16 | int(m[2])<<8 | int(m[3])
		if n > pieces.Max || len(m) < 4+n {
			return
		}
		switch body := m[4 : 4+n]; m[0] {
		case tlsExtensions:
			p.server.ALPN = append([]byte(nil), tlsmsg.ChosenALPN(body)...)
			p.offer(c, from)
		case tlsCertificate:
			if len(p.certs[from]) == 0 {
				p.chain(c, from, tlsmsg.Certificates13(body, maxCertificates))
			}
		case tlsFinished:
			o.over = o.over || !p.reads() && (from == FromClient || o.openers[0] == nil)
		}
		o.used[from] += 4 + n
	}
}

// speaksH3 reports whether the connection is one of HTTP/3: as the server chose,
// or if that was not seen, as the client offers.
func (p *quicParser) speaksH3() bool {
	if p.server.ALPN != nil {
		return bytes.HasPrefix(p.server.ALPN, []byte("h3"))
	}
	for _, a := range p.client.ALPN {
		if bytes.HasPrefix(a, []byte("h3")) {
			return true
		}
	}
	return false
}

// traffic opens a packet with a short header.
func (p *quicParser) traffic(c *Context, dir Dir, b []byte) {
	if !p.reads() {
		return
	}
	o, from := p.unlocked, p.from(dir)
	if o.behind[from] == nil {
		return
	}
	frames, ok := o.behind[from].OpenShort(b, p.idLen[1-from])
	if !ok {
		o.fail()
		return
	}
	p.decrypted = true
	if o.h3 == nil {
		if !p.speaksH3() {
			o.over = true
			return
		}
		o.h3 = newHTTP3()
		p.tell(c)
	}
	quic.Streams(frames, func(id, offset uint64, data []byte, fin bool) {
		c.InPlain(func() { o.h3.frame(c, from, id, offset, data, fin) })
	})
}

// closeOpen ends what was decrypted, and counts what became of the session.
func (p *quicParser) closeOpen(c *Context) {
	o := p.unlocked
	if o == nil {
		return
	}
	p.unlocked = nil
	switch {
	case o.h3 != nil:
		c.InPlain(func() { o.h3.closeAll(c) })
		c.CountOpened(Decrypted, true)
		c.ClosePlain()
	case p.decrypted:
		c.CountOpened(HandshakeOnly, true)
	case o.why != Decrypted:
		c.CountOpened(o.why, false)
	case o.failed > 0:
		c.CountOpened(BadRecord, false)
	default:
		c.CountOpened(LostRecord, false)
	}
}
