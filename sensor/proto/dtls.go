package proto

// DTLS, RFC 6347 section 4.1 and RFC 9147: records of TLS with a sequence
// number, whose handshake messages come in fragments.
//
//	record     0 type  1 version (fe ff, fe fd)  3 epoch  5 sequence number  11 length
//	handshake  0 type  1 length (24 bits)  4 message  6 fragment offset  9 fragment length  12 body

import (
	"encoding/binary"

	"saksi/sensor/proto/internal/pieces"
)

func init() {
	register(&Entry{
		Name: "dtls", Doc: "Datagram Transport Layer Security", Reference: "RFC 6347, RFC 9147",
		Transport: UDP, Ports: []uint16{4433, 5684},
		First:  []string{"\x16\xfe", "\x16\x01\x00", "\x15\xfe", "\x14\xfe", "\x17\xfe", "\x17\x01\x00"},
		Detect: detectDTLS, New: func(Transport) Parser { return &dtlsParser{tlsSession: tlsSession{kind: 'd'}} },
		Samples: []string{"dtls.txt", "dtls12.txt"}, Hostile: []string{"short.txt", "dtls_hostile.txt"},
	})
}

func detectDTLS(p *Probe) Verdict {
	b := p.Data
	if len(b) < 13 || b[1] == 0xfe && b[2] < 0xfc {
		return No
	}
	if n := int(binary.BigEndian.Uint16(b[11:])); n == 0 || n+13 > p.Length {
		return No
	}
	return Yes
}

const (
	// maxDTLSDatagrams is how many datagrams are looked at.
	maxDTLSDatagrams = 64
	// maxDTLSMessages bounds the messages of a direction put together at once.
	maxDTLSMessages = 8
)

// dtlsMessage is a handshake message whose fragments come.
type dtlsMessage struct {
	seq    uint16
	typ    byte
	length int
	body   pieces.Buffer
	done   bool
}

type dtlsParser struct {
	tlsSession
	messages  [2][]*dtlsMessage
	encrypted [2]bool
	seen      bool
	datagrams int
}

// Data implements Parser.
func (p *dtlsParser) Data(c *Context, dir Dir, b []byte) Result {
	if p.datagrams++; p.datagrams > maxDTLSDatagrams {
		return Done
	}
	for len(b) >= 13 && b[0] >= 0x14 && b[0] <= 0x1a {
		n := min(int(binary.BigEndian.Uint16(b[11:])), len(b)-13)
		if v := binary.BigEndian.Uint16(b[1:]); !p.seen {
			p.seen, p.version = true, v
			p.packets.Add(c.Number)
		}
		switch epoch := binary.BigEndian.Uint16(b[3:]); {
		case epoch > 0 || b[0] == 0x17:
			p.encrypted[dir] = true
		case b[0] == 0x16:
			p.packets.Add(c.Number)
			p.handshake(c, dir, b[13:13+n])
		case b[0] == 0x15 && n == 2 && b[13] == 2: // fatal alert
			p.packets.Add(c.Number)
			return Done
		}
		b = b[13+n:]
	}
	if len(b) > 0 && b[0]>>5 == 1 && p.hasC { // the short header of DTLS 1.3 is for ciphertext alone
		p.encrypted[dir] = true
	}
	if p.encrypted[0] && p.encrypted[1] {
		return Done
	}
	return 0
}

// handshake takes the fragments of one record.
func (p *dtlsParser) handshake(c *Context, dir Dir, b []byte) {
	for len(b) >= 12 {
		length, seq := int(b[1])<<16|int(b[2])<<8|int(b[3]), binary.BigEndian.Uint16(b[4:])
		from, n := int(b[6])<<16|int(b[7])<<8|int(b[8]), int(b[9])<<16|int(b[10])<<8|int(b[11])
		if length > pieces.Max || from+n > length {
			return
		}
		n = min(n, len(b)-12)
		if m := p.find(dir, b[0], seq, length); m != nil && !m.done {
			m.body.Add(uint64(from), b[12:12+n])
			if body := m.body.Bytes(); len(body) >= length {
				m.done = true
				p.whole(c, dir, m.typ, body)
				m.body = pieces.Buffer{}
			}
		}
		b = b[12+n:]
	}
}

// find returns the message of a number, begun if it is new; nil if there are
// too many.
func (p *dtlsParser) find(dir Dir, typ byte, seq uint16, length int) *dtlsMessage {
	for _, m := range p.messages[dir] {
		if m.seq == seq && m.typ == typ && m.length == length {
			return m
		}
	}
	if len(p.messages[dir]) == maxDTLSMessages {
		return nil
	}
	m := &dtlsMessage{seq: seq, typ: typ, length: length}
	p.messages[dir] = append(p.messages[dir], m)
	return m
}

// whole takes a message that is complete. The cookie of a ClientHello, which
// TLS has not, is taken out of it.
func (p *dtlsParser) whole(c *Context, dir Dir, typ byte, body []byte) {
	if typ == 1 && dir == FromClient {
		at := 35 // version, random, length of the session id
		if len(body) < at {
			return
		}
		if at += int(body[34]); len(body) <= at {
			return
		}
		end := at + 1 + int(body[at])
		if len(body) < end {
			return
		}
		body = append(append([]byte(nil), body[:at]...), body[end:]...)
	}
	p.message(c, dir, typ, body)
}

// Gap implements Parser: datagrams have none.
func (p *dtlsParser) Gap(*Context, Dir, uint32) bool { return true }

// Close implements Parser.
func (p *dtlsParser) Close(c *Context) {
	p.established = p.encrypted[0] && p.encrypted[1]
	if p.emit(c, "saksi.tls", nil) || !p.seen {
		return
	}
	e := c.Begin("saksi.tls", p.packets.List()) // picked up in its middle
	aboutVersion(e, p.version)
	c.Emit(e)
}
