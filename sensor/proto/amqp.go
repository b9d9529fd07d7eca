package proto

// AMQP 0-9-1 section 4.2: "AMQP" 0 0 9 1, then frames:
//
//	0 type: 1 method, 2 head, 3 body, 8 heartbeat  1 channel (2)  3 length (4)  7 payload  0xce
//	method  class (2), method (2), arguments; a short text is behind its length (1), a long one (4)
//
// AMQP 1.0 (OASIS, section 2.2) begins with "AMQP", 0, 2 or 3 and 1 0 0; it is
// named. One event a login, a host opened, and each queue or exchange used, once.

import (
	"bytes"
	"encoding/binary"

	"saksi/event"
	"saksi/sensor/proto/internal/octet"
)

func init() {
	register(&Entry{
		Name: "amqp", Doc: "Advanced Message Queuing Protocol", Reference: "AMQP 0-9-1, OASIS AMQP 1.0",
		Transport: TCP, Ports: []uint16{5672}, Detect: detectAMQP,
		New:     func(Transport) Parser { return &amqp{} },
		Samples: []string{"amqp.txt"}, Hostile: []string{"amqp_hostile.txt"},
	})
}

func detectAMQP(p *Probe) Verdict {
	b := p.Data
	if b[0] == 'A' {
		if len(b) < 8 {
			return More
		}
		if string(b[:4]) == "AMQP" && (b[4] <= 3 && b[5] <= 1 && b[6] <= 9 && b[7] <= 10 || b[4] == 1 && b[5] == 1) {
			return Yes
		}
		return No
	}
	if len(b) < 12 || b[0] != 1 { // a session picked up in its middle
		return No
	}
	n := int(binary.BigEndian.Uint32(b[3:]))
	if class, m := binary.BigEndian.Uint16(b[7:]), binary.BigEndian.Uint16(b[9:]); n >= 4 && n+8 <= len(b) && b[n+7] == 0xce && amqpMethod(class, m) != "" {
		return Yes
	}
	return No
}

// amqpMethod names the methods told of, and others that are known.
func amqpMethod(class, method uint16) string {
	switch {
	case class == 10 && method >= 10 && method <= 51:
		return "connection"
	case class == 20 && method >= 10 && method <= 41:
		return "channel"
	}
	return amqpMethods[uint32(class)<<16|uint32(method)]
}

var amqpMethods = map[uint32]string{
	40<<16 | 10: "exchange.declare", 40<<16 | 20: "exchange.delete", 50<<16 | 10: "queue.declare", 50<<16 | 20: "queue.bind", 50<<16 | 30: "queue.purge",
	50<<16 | 40: "queue.delete", 60<<16 | 20: "basic.consume", 60<<16 | 40: "basic.publish", 60<<16 | 60: "basic.deliver", 60<<16 | 70: "basic.get",
}

type amqp struct {
	segmenter
	noRest
	database
	started bool
	mine    [2]bool // the direction has passed its greeting
	said    map[string]bool
}

// maxAMQPObjects bounds the queues and exchanges told of in one connection.
const maxAMQPObjects = 256

// Data implements Parser.
func (p *amqp) Data(c *Context, dir Dir, b []byte) Result { return p.data(c, dir, b, p) }

func (p *amqp) size(dir Dir, b []byte) (n, hold int64) {
	switch {
	case len(b) < 8:
		return 0, 0
	case !p.mine[dir] && string(b[:4]) == "AMQP":
		return 8, 8
	case b[0] == 0 || b[0] > 8:
		return -1, 0
	}
	n = int64(binary.BigEndian.Uint32(b[3:]))
	if n > 1<<30 {
		return -1, 0
	}
	return 8 + n, 8 << 10
}

func (p *amqp) take(c *Context, dir Dir, b []byte, n int64) Result {
	if string(b[:4]) == "AMQP" {
		if b[5] == 1 && b[4] != 1 || b[4] == 1 && b[6] == 0 && b[5] == 0 { // AMQP 1.0
			p.packets.Add(c.Number)
			p.version = []byte("1.0")
			c.Emit(p.begin(c, "saksi.amqp", "connect"))
			return Done
		}
		p.mine[dir] = true
		return 0
	}
	p.mine[dir] = true
	switch {
	case int64(len(b)) == n && b[n-1] != 0xce:
		return Broken
	case b[0] != 1:
		return 0
	}
	r := octet.Of(b[7:])
	class, method := r.BE16(), r.BE16()
	if class == 10 {
		return p.connection(c, method, &r)
	}
	name := amqpMethods[uint32(class)<<16|uint32(method)]
	if name == "" {
		return 0
	}
	var object []byte
	switch name {
	case "basic.deliver": // consumer, tag (8), redelivered, exchange, key
		r.Next(int(r.U8()))
		r.Skip(9)
		object = r.Next(int(r.U8()))
	case "queue.bind": // reserved, queue
		r.Skip(2)
		object = r.Next(int(r.U8()))
	case "basic.publish": // reserved, exchange, key
		r.Skip(2)
		object = r.Next(int(r.U8()))
		if key := r.Next(int(r.U8())); len(object) == 0 {
			object = key
		}
	default:
		r.Skip(2)
		object = r.Next(int(r.U8()))
	}
	if p.said == nil {
		p.said = map[string]bool{}
	}
	k := name + " " + string(object)
	if p.said[k] || len(p.said) >= maxAMQPObjects {
		return 0
	}
	p.said[k] = true
	p.packets.Reset()
	p.packets.Add(c.Number)
	e := p.begin(c, "saksi.amqp", "command")
	e.Str(event.SaksiDbOperation, name)
	e.Bytes(event.SaksiDbObject, object)
	c.Emit(e)
	return 0
}

// connection takes the methods of class 10.
func (p *amqp) connection(c *Context, method uint16, r *octet.Reader) Result {
	switch method {
	case 10: // start: version (2), properties
		r.Skip(2)
		p.packets.Add(c.Number)
		t := octet.Head(r.Rest(), 4, int(r.BE32()))
		p.version = amqpProperty(t, "version")
	case 11: // start-ok: properties, mechanism, response
		p.packets.Add(c.Number)
		n := int(r.BE32())
		p.application = amqpProperty(octet.Head(r.Rest(), 0, n), "product")
		r.Skip(n)
		m := r.Next(int(r.U8()))
		p.mechanism = string(m[:min(len(m), 32)])
		response := r.Next(int(r.BE32()))
		switch p.mechanism {
		case "PLAIN":
			p.user = plainUser(response)
		case "AMQPLAIN":
			p.user = amqpProperty(response, "LOGIN")
		}
		p.started = true
	case 40: // open: host
		p.name = dbText(r.Next(int(r.U8())))
	case 41, 50: // open-ok; close: code (2)
		if !p.started {
			return 0
		}
		p.started = false
		p.packets.Add(c.Number)
		e := p.begin(c, "saksi.amqp", "login")
		outcome(e, method == 41)
		c.Emit(e)
	}
	return 0
}

// amqpProperty returns a text of a table: name behind its length, "S", length
// (4), text.
func amqpProperty(t []byte, name string) []byte {
	_, v, ok := bytes.Cut(t, append([]byte{byte(len(name))}, name+"S"...))
	if !ok {
		return nil
	}
	r := octet.Of(v)
	return dbText(r.Next(int(r.BE32())))
}

// Gap implements Parser.
func (p *amqp) Gap(_ *Context, dir Dir, n uint32) bool { return p.gap(dir, n) }

// Close implements Parser.
func (p *amqp) Close(c *Context) {
	if p.started {
		c.Emit(p.begin(c, "saksi.amqp", "login"))
		p.started = false
	}
}
