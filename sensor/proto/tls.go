package proto

// TLS, RFC 5246 and RFC 8446: the record layer and the part of the handshake
// that is not encrypted.
//
//	record     0 type  1 version  3 length (at most 2^14+2048)  5 fragment
//	handshake  0 type  1 length (24 bits)  4 body; may span records

import (
	"encoding/binary"

	"saksi/rules/suricata"
)

func init() {
	register(&Entry{
		Name: "tls", Doc: "Transport Layer Security", Reference: "RFC 5246, RFC 8446",
		Transport: TCP, Ports: []uint16{443, 465, 636, 853, 989, 990, 993, 995, 5061, 8443}, App: suricata.AppTLS,
		First: []string{"\x16\x03", "\x15\x03", "\x14\x03", "\x17\x03"}, Detect: detectTLS,
		New:     func(Transport) Parser { return newTLS() },
		Samples: []string{"tls12.txt", "tls13.txt"}, Hostile: []string{"tls_hostile.txt"},
	})
}

// maxRecord is the longest fragment TLS 1.2 allows.
const maxRecord = 1<<14 + 2048

func detectTLS(p *Probe) Verdict {
	b := p.Data
	if len(b) < 6 {
		return More
	}
	n := int(binary.BigEndian.Uint16(b[3:]))
	if b[2] > 4 || n == 0 || n > maxRecord {
		return No
	}
	switch b[0] {
	case 0x16:
		if (b[5] == 1 || b[5] == 2) && n >= 4 {
			if len(b) >= 11 && b[9] != 3 && b[9] != 0x7f { // version of the hello
				return No
			}
			return Yes
		}
		if b[5] <= 24 && p.On(443, 993, 995, 465, 8443) {
			return Yes
		}
	case 0x15: // alert, alone in its record
		if n == 2 && len(b) >= 7 && (b[5] == 1 || b[5] == 2) && b[6] < 122 {
			return Yes
		}
	case 0x14:
		if n == 1 && b[5] == 1 {
			return Yes
		}
	case 0x17: // a session picked up in its middle
		if len(b) == n+5 || len(b) >= n+8 && b[n+5] == 0x17 && b[n+6] == 3 || p.On(443, 993, 995, 465, 8443) {
			return Yes
		}
	}
	return No
}

// maxHandshake bounds a handshake message put together from records.
const maxHandshake = 64 << 10

// tlsSide is one direction.
type tlsSide struct {
	msg       []byte // handshake bytes not used yet
	encrypted bool   // what follows is
	data      bool   // application data was seen
	skip      int    // bytes of a record whose content is of no interest
}

// newTLS makes a parser of TLS over a stream, alone or inside another protocol.
func newTLS() *tlsParser { return &tlsParser{tlsSession: tlsSession{kind: 't'}} }

// newTLSOf makes a parser of TLS within which q goes on with a protocol, if it is
// decrypted.
func newTLSOf(name string, q Parser) *tlsParser {
	p := newTLS()
	p.name, p.within = name, q
	return p
}

type tlsParser struct {
	tlsSession
	sides [2]tlsSide
	// started is set once a record was read.
	started bool
	records uint64 // offered as frames
	asked   int    // bytes of an encrypted heartbeat that waits for its answer
	askedBy Dir
	keyed   bool     // whether there are keys was asked
	open    *tlsOpen // nil: nothing is decrypted
	name    string   // of the protocol that goes on within
	within  Parser   // of it; nil: what is within is detected
}

// Data implements Parser.
func (p *tlsParser) Data(c *Context, dir Dir, b []byte) Result {
	s := &p.sides[dir]
	used, frames := 0, false
	for used < len(b) {
		if s.skip > 0 {
			n := min(s.skip, len(b)-used)
			s.skip -= n
			used += n
			continue
		}
		if len(b)-used < 5 {
			break
		}
		h := b[used:]
		n := int(binary.BigEndian.Uint16(h[3:]))
		if h[0] < 0x14 || h[0] > 0x18 || h[1] != 3 || n > maxRecord {
			p.oddRecord(c, dir, h)
			if p.started {
				return p.finish(c)
			}
			return Broken
		}
		if p.version == 0 {
			p.version = binary.BigEndian.Uint16(h[1:])
		}
		if p.open != nil && len(h) < 5+n {
			p.open.waits(dir, len(h), 5+n)
			break
		}
		if frames = frames || wantsFrames(c); frames {
			if len(h) < 5+n {
				break
			}
			p.record(c, dir, h[:5+n])
		}
		if h[0] == 0x16 && !s.encrypted {
			if len(h) < 5+n {
				break
			}
			p.packets.Add(c.Number)
			if !p.handshake(c, dir, h[5:5+n]) {
				return p.finish(c)
			}
			if p.hasC && !p.keyed {
				if p.keyed = true; !c.Keys.Empty() {
					p.open = &tlsOpen{}
				}
			}
			p.started = true
			used += 5 + n
			continue
		}
		switch h[0] {
		case 0x14:
			s.encrypted = true
			if dir == FromServer && p.hasS && len(p.certs[1]) == 0 && !p.modern() {
				p.resumed = true
			}
		case 0x17:
			s.data, s.encrypted = true, true
		case 0x18:
			if c.Matching() && len(h) >= 5+n {
				p.heartbeat(c, dir, h[5:5+n])
			}
		case 0x15:
			if !s.encrypted && len(h) >= 7 && h[5] == 2 { // fatal alert in the clear
				p.packets.Add(c.Number)
				if !frames {
					return p.finish(c)
				}
				p.tell(c)
			}
		}
		p.started = true
		if p.open != nil && p.decrypt(c, dir, h[:5+n]) {
			used += 5 + n
			continue
		}
		if p.told && !frames { // it was decrypted up to here
			return Done
		}
		used += 5
		s.skip = n
		if p.secured() {
			if !frames { // rules on frames look at what is encrypted, too
				return p.finish(c)
			}
			p.tell(c)
		}
	}
	return Result(used)
}

// secured reports that both sides encrypt: nothing more is said in the clear.
func (p *tlsParser) secured() bool {
	a, b := &p.sides[0], &p.sides[1]
	return a.encrypted && b.encrypted && (a.data || b.data) || a.data && b.data
}

// handshake takes the fragment of one record. It returns false when nothing
// more can be read.
func (p *tlsParser) handshake(c *Context, dir Dir, b []byte) bool {
	s := &p.sides[dir]
	if len(s.msg) > 0 {
		s.msg = append(s.msg, b...)
		b = s.msg
	}
	for len(b) >= 4 {
		n := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
		if n > maxHandshake {
			return false
		}
		if len(b) < 4+n {
			break
		}
		p.message(c, dir, b[0], b[4:4+n])
		if b[0] == tlsNewTicket && dir == FromServer {
			p.newTicket(c, b[4:4+n])
		}
		if !p.faults(c, dir, b[0], b[4:4+n]) {
			return false
		}
		b = b[4+n:]
	}
	if len(b) > maxHandshake+4 {
		return false
	}
	s.msg = append(s.msg[:0], b...)
	return true
}

// Gap implements Parser: what is encrypted may be missing.
func (p *tlsParser) Gap(c *Context, dir Dir, n uint32) bool {
	s := &p.sides[dir]
	if p.open != nil {
		return p.lost(c, dir, int(n))
	}
	if s.skip >= int(n) {
		s.skip -= int(n)
		return true
	}
	return false
}

func (p *tlsParser) finish(c *Context) Result {
	p.tell(c)
	return Done
}

// Close implements Parser.
func (p *tlsParser) Close(c *Context) {
	p.tell(c)
	p.closeOpen(c)
}

// tell emits the session.
func (p *tlsParser) tell(c *Context) {
	s := &p.sides
	p.established = s[0].data || s[1].data || s[0].encrypted && s[1].encrypted
	p.emit(c, "saksi.tls", nil)
}
