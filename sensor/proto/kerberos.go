package proto

// Kerberos 5, RFC 4120: messages in DER, over UDP as they are, over TCP behind a
// length of four bytes (section 7.2.2). They are drawn in internal/krb. One
// event a request with its answer.

import (
	"encoding/binary"

	"saksi/event"
	"saksi/rules/suricata"
	"saksi/sensor/proto/internal/krb"
)

func init() {
	register(&Entry{
		Name: "kerberos", Doc: "Kerberos network authentication", Reference: "RFC 4120",
		Transport: TCP | UDP, Ports: []uint16{88}, App: suricata.AppKerberos,
		Detect: detectKerberos, New: func(t Transport) Parser { return &kerberos{stream: t == TCP} },
		Samples: []string{"kerberos_udp.txt", "kerberos_tcp.txt"}, Hostile: []string{"kerberos_hostile.txt"},
	})
}

func detectKerberos(p *Probe) Verdict {
	b := p.Data
	if p.Transport == TCP {
		if b[0] != 0 {
			return No
		}
		if len(b) < 24 {
			return More
		}
		if n := binary.BigEndian.Uint32(b); n < 20 || n > maxKerberos {
			return No
		}
		b = b[4:]
	}
	if krb.Is(b) {
		return Yes
	}
	return No
}

// maxKerberos bounds a message; tickets with many groups reach 64 KiB.
const maxKerberos = 1 << 20

type kerberos struct {
	segmenter
	noRest
	stream  bool
	waiting bool // request holds a request
	request krb.Message
	packets Packets
	rules   kerberosRules
}

// Data implements Parser.
func (p *kerberos) Data(c *Context, dir Dir, b []byte) Result {
	if p.stream {
		return p.data(c, dir, b, p)
	}
	p.message(c, dir, b)
	return Result(len(b))
}

func (p *kerberos) size(_ Dir, b []byte) (n, hold int64) {
	if len(b) < 4 {
		return 0, 0
	}
	n = int64(binary.BigEndian.Uint32(b))
	if n > maxKerberos {
		return -1, 0
	}
	return 4 + n, maxHeld
}

func (p *kerberos) take(c *Context, dir Dir, b []byte, _ int64) Result {
	p.message(c, dir, b[4:])
	return 0
}

func (p *kerberos) message(c *Context, dir Dir, b []byte) {
	m, ok := krb.Parse(b)
	if !ok {
		p.rules.malformed(c, dir)
		return
	}
	p.rules.message(c, dir, &m)
	switch m.Type {
	case krb.ASReq, krb.TGSReq, krb.APReq:
		p.Close(c)
		p.packets.Reset()
		p.packets.Add(c.Number)
		p.request, p.waiting = cloneKerberos(m), true
	case krb.ASRep, krb.TGSRep, krb.APRep, krb.Error:
		if !p.waiting {
			p.packets.Reset()
			p.request = krb.Message{}
		}
		p.packets.Add(c.Number)
		p.emit(c, m)
	}
}

// cloneKerberos makes a message own its names.
func cloneKerberos(m krb.Message) krb.Message {
	for _, s := range []*[]byte{&m.Client, &m.Service, &m.ClientRealm, &m.Realm} {
		*s = append([]byte(nil), *s...)
	}
	return m
}

// kerberosActions name the exchanges.
var kerberosActions = map[int]string{krb.ASReq: "as", krb.ASRep: "as", krb.TGSReq: "tgs", krb.TGSRep: "tgs", krb.APReq: "ap", krb.APRep: "ap", krb.Error: "error"}

// emit tells of an exchange; answer is the zero Message if there was none.
func (p *kerberos) emit(c *Context, answer krb.Message) {
	p.waiting = false
	q := p.request
	e := c.Begin("saksi.kerberos", p.packets.List())
	e.Str(event.EventCategory, "authentication")
	if q.Type != 0 {
		e.Str(event.EventAction, kerberosActions[q.Type])
	} else {
		e.Str(event.EventAction, kerberosActions[answer.Type])
	}
	either := func(f event.Field, a, b []byte) {
		if len(a) == 0 {
			a = b
		}
		e.Bytes(f, a)
	}
	either(event.UserName, answer.Client, q.Client)
	either(event.RelatedUser, answer.Client, q.Client)
	either(event.UserDomain, answer.ClientRealm, q.ClientRealm)
	either(event.SaksiKerberosRealm, answer.Realm, q.Realm)
	either(event.SaksiKerberosService, answer.Service, q.Service)
	for _, n := range q.Offered {
		e.Str(event.SaksiKerberosOffered, krb.Etype(n))
	}
	for _, n := range q.PreAuth {
		e.Int(event.SaksiKerberosPreauth, n)
	}
	if t := max(answer.Ticket, q.Ticket); t != 0 {
		e.Str(event.SaksiKerberosTicketCipher, krb.Etype(t))
	}
	if answer.Cipher != 0 {
		e.Str(event.SaksiKerberosCipher, krb.Etype(answer.Cipher))
	}
	switch answer.Type {
	case 0:
	case krb.Error:
		e.Str(event.SaksiKerberosError, krb.Code(answer.Code))
		outcome(e, false)
	default:
		outcome(e, true)
	}
	c.Emit(e)
}

// Gap implements Parser.
func (p *kerberos) Gap(_ *Context, dir Dir, n uint32) bool { return p.gap(dir, n) }

// Close implements Parser.
func (p *kerberos) Close(c *Context) {
	if p.waiting {
		p.emit(c, krb.Message{})
	}
}
