package proto

// Cassandra's native protocol, versions 3 to 5, high byte first:
//
//	0 version; 0x80 in answers  1 flags  2 stream (2)  4 code  5 length (4)  9 body
//	1 STARTUP: names and values, each behind its length (2)   7 QUERY, 9 PREPARE: a statement behind its length (4)
//	15 AUTH_RESPONSE: a SASL token behind its length (4)      0 ERROR: code (4)   3 AUTHENTICATE: class
//	8 RESULT  14 AUTH_CHALLENGE  16 AUTH_SUCCESS  2 READY
//
// Version 5 frames what follows the startup anew; it is not read. One event a
// login and a statement, without literals.

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"saksi/event"
	"saksi/sensor/proto/internal/octet"
	"saksi/sensor/proto/internal/sqlmask"
)

func init() {
	register(&Entry{
		Name: "cassandra", Doc: "Cassandra's native protocol", Reference: "https://cassandra.apache.org/doc/latest/cassandra/_attachments/native_protocol_v4.html",
		Transport: TCP, Ports: []uint16{9042},
		First: []string{"\x03", "\x04", "\x05"}, Detect: detectCassandra,
		New:     func(Transport) Parser { return &cassandra{} },
		Samples: []string{"cassandra.txt"}, Hostile: []string{"cassandra_hostile.txt"},
	})
}

// Codes.
const (
	cqlError     = 0
	cqlStartup   = 1
	cqlReady     = 2
	cqlOptions   = 5
	cqlQuery     = 7
	cqlResult    = 8
	cqlPrepare   = 9
	cqlChallenge = 14
	cqlToken     = 15
	cqlSuccess   = 16
)

func detectCassandra(p *Probe) Verdict {
	b := p.Data
	if len(b) < 9 {
		return More
	}
	n := binary.BigEndian.Uint32(b[5:])
	if b[1] > 0x1f || p.Dir != FromClient {
		return No
	}
	switch b[4] {
	case cqlStartup:
		if n > 1<<16 {
			return No
		}
		if bytes.Contains(b[9:], []byte("CQL_VERSION")) {
			return Yes
		}
	case cqlOptions:
		return onPort(p, n == 0, 9042)
	}
	return No
}

type cassandra struct {
	segmenter
	noRest
	database
	waiting []cqlRequest
}

type cqlRequest struct {
	stream  uint16
	action  string
	text    []byte
	packets Packets
}

// maxCQLRequests bounds requests that wait for their answers.
const maxCQLRequests = 128

// Data implements Parser.
func (p *cassandra) Data(c *Context, dir Dir, b []byte) Result { return p.data(c, dir, b, p) }

func (p *cassandra) size(_ Dir, b []byte) (n, hold int64) {
	if len(b) < 9 {
		return 0, 0
	}
	if v := b[0] & 0x7f; v < 3 || v > 5 || b[4] > 16 {
		return -1, 0
	}
	if n = int64(binary.BigEndian.Uint32(b[5:])); n > 256<<20 {
		return -1, 0
	}
	return 9 + n, 8 << 10
}

func (p *cassandra) take(c *Context, dir Dir, b []byte, _ int64) Result {
	stream, code := binary.BigEndian.Uint16(b[2:]), b[4]
	r := octet.Of(b[9:])
	if dir == FromServer {
		p.answer(c, stream, code, &r)
		if b[0]&0x7f == 5 && (code == cqlReady || code == 3) {
			return Done
		}
		return 0
	}
	q := cqlRequest{stream: stream}
	q.packets.Add(c.Number)
	switch code {
	case cqlStartup:
		q.action = "startup"
		p.options(&r)
	case cqlToken:
		q.action = "login"
		p.user = plainUser(r.Next(int(r.BE32())))
	case cqlQuery, cqlPrepare:
		q.action = map[byte]string{cqlQuery: "query", cqlPrepare: "prepare"}[code]
		n := int(r.BE32())
		q.text = sqlmask.Append(nil, octet.Head(r.Rest(), 0, n), false)
	default:
		return 0
	}
	if len(p.waiting) >= maxCQLRequests {
		p.emit(c, 0, nil, false)
	}
	p.waiting = append(p.waiting, q)
	return 0
}

func (p *cassandra) options(r *octet.Reader) {
	for range min(r.BE16(), 32) {
		k, v := r.Next(int(r.BE16())), r.Next(int(r.BE16()))
		if r.Bad() {
			return
		}
		switch string(k) {
		case "DRIVER_NAME", "APPLICATION_NAME":
			p.application = dbText(v)
		}
	}
}

func (p *cassandra) answer(c *Context, stream uint16, code byte, r *octet.Reader) {
	if code == 3 { // AUTHENTICATE
		class := r.Next(int(r.BE16()))
		p.mechanism = string(class[bytes.LastIndexByte(class, '.')+1:])
	}
	for i := range p.waiting {
		if p.waiting[i].stream != stream {
			continue
		}
		p.waiting[i].packets.Add(c.Number)
		var fail []byte
		if code == cqlError {
			fail = fmt.Appendf(nil, "0x%04x", r.BE32())
		}
		p.emit(c, i, fail, code != cqlChallenge)
		return
	}
}

func (p *cassandra) emit(c *Context, i int, fail []byte, known bool) {
	q := p.waiting[i]
	p.waiting = append(p.waiting[:i], p.waiting[i+1:]...)
	p.packets = q.packets
	e := p.begin(c, "saksi.cassandra", q.action)
	if len(q.text) > 0 {
		statement(e, q.text)
	}
	e.Bytes(event.SaksiDbError, fail)
	if known {
		outcome(e, len(fail) == 0)
	}
	c.Emit(e)
}

// Gap implements Parser.
func (p *cassandra) Gap(_ *Context, dir Dir, n uint32) bool { return p.gap(dir, n) }

// Close implements Parser.
func (p *cassandra) Close(c *Context) {
	for len(p.waiting) > 0 {
		p.emit(c, 0, nil, false)
	}
}
