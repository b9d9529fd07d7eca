package proto

// Decryption of the handshake of QUIC with the secrets of its session (RFC 9001
// section 5): what the server says of itself, its certificates and the protocol
// it chose. What follows the handshake stays closed.

import (
	"saksi/sensor/keylog"
	"saksi/sensor/proto/internal/pieces"
	"saksi/sensor/proto/internal/quic"
	tlsmsg "saksi/sensor/proto/internal/tls"
)

// quicOpen is the decryption of the handshake.
type quicOpen struct {
	openers [2]*quic.Opener // of the client, of the server
	crypto  [2]pieces.Buffer
	used    [2]int
	failed  int // packets that did not open
	over    bool
	why     Decryption
}

// opening reports whether more of the handshake may be decrypted.
func (p *quicParser) opening(c *Context) bool {
	if p.unlocked == nil {
		if !p.hasC || !p.hasS || c.Keys.Empty() {
			return false
		}
		p.unlocked = &quicOpen{}
		p.unlocked.over = p.unlock(c) != Decrypted
	}
	return !p.unlocked.over && !p.short[0]
}

// unlock takes the secrets of the session.
func (p *quicParser) unlock(c *Context) Decryption {
	o := p.unlocked
	o.why = NoSecret
	for i, label := range [2]keylog.Label{keylog.ClientHandshake, keylog.ServerHandshake} {
		secret := c.Keys.Secret(p.client.Random, label, c.Number)
		if secret == nil {
			continue
		}
		if o.why != Decrypted {
			if o.why = c.MayOpen(p.client.ServerName); o.why != Decrypted {
				return o.why
			}
		}
		if o.openers[i] = quic.NewOpener(p.quicVersion, p.server.Cipher, secret); o.openers[i] == nil {
			o.why = NoCipher
			return o.why
		}
	}
	return o.why
}

// sealed opens a Handshake packet and reads the messages that are whole.
func (p *quicParser) sealed(c *Context, dir Dir, x *quic.Packet) {
	if !p.opening(c) {
		return
	}
	o, k, from := p.unlocked, 0, FromClient
	if (dir == FromServer) != p.reversed {
		k, from = 1, FromServer
	}
	if o.openers[k] == nil {
		return
	}
	frames, ok := o.openers[k].Open(x)
	if !ok {
		if o.failed++; o.failed > maxOpenTries {
			o.over = true
		}
		return
	}
	p.decrypted = true
	p.packets.Add(c.Number)
	quic.Frames(frames, false, o.crypto[k].Add)
	for m := o.crypto[k].Bytes()[o.used[k]:]; len(m) >= 4; m = o.crypto[k].Bytes()[o.used[k]:] {
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
			o.over = o.over || from == FromClient || p.unlocked.openers[0] == nil
		}
		o.used[k] += 4 + n
	}
}

// closeOpen counts what became of the session.
func (p *quicParser) closeOpen(c *Context) {
	switch o := p.unlocked; {
	case o == nil:
	case p.decrypted:
		c.CountOpened(HandshakeOnly, true)
	case o.why != Decrypted:
		c.CountOpened(o.why, false)
	case o.failed > 0:
		c.CountOpened(BadRecord, false)
	default:
		c.CountOpened(LostRecord, false)
	}
	p.unlocked = nil
}
