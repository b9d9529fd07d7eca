package proto

// MongoDB wire protocol: a head of 16 bytes, low bytes first, then by code:
//
//	0 length  4 request  8 answers to  12 code: 2013 OP_MSG, 2004 OP_QUERY, 2012 OP_COMPRESSED, 1 OP_REPLY
//	OP_MSG    16 flags  20 kind 0, a document; its first name is the command, "$db" the database
//	OP_QUERY  16 flags  20 "database.collection" NUL  skip (4)  count (4)  a document
//
// A document (bsonspec.org) has a length, then type, name NUL, value, and 0. One
// event a command with its answer; values are not taken but for names.

import (
	"bytes"
	"encoding/binary"

	"saksi/event"
	"saksi/sensor/proto/internal/octet"
)

func init() {
	register(&Entry{
		Name: "mongodb", Doc: "MongoDB wire protocol", Reference: "https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/",
		Transport: TCP, Ports: []uint16{27017}, Detect: detectMongo,
		New:     func(Transport) Parser { return &mongo{} },
		Samples: []string{"mongodb.txt"}, Hostile: []string{"mongodb_hostile.txt"},
	})
}

// Codes.
const (
	mongoReply      = 1
	mongoQuery      = 2004
	mongoCompressed = 2012
	mongoMsg        = 2013
)

// maxMongo bounds a message (maxMessageSizeBytes).
const maxMongo = 48000000

func detectMongo(p *Probe) Verdict {
	b := p.Data
	if len(b) < 26 {
		if len(b) >= 16 && !mongoCode(binary.LittleEndian.Uint32(b[12:])) || len(b) >= 4 && binary.LittleEndian.Uint32(b) > maxMongo {
			return No
		}
		return More
	}
	n, code := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[12:])
	if n < 26 || n > maxMongo || !mongoCode(code) {
		return No
	}
	switch code {
	case mongoMsg:
		if m := binary.LittleEndian.Uint32(b[21:]); b[20] == 0 && m >= 5 && m <= n-21 && bsonType(b[25]) {
			return Yes
		}
	case mongoQuery:
		if name, _, ok := bytes.Cut(b[20:], []byte{0}); ok && bytes.Contains(name, []byte(".")) && len(name) <= 256 {
			return Yes
		}
	case mongoReply:
		return onPort(p, p.Dir == FromServer && n >= 36, 27017)
	}
	return No
}

func mongoCode(n uint32) bool {
	return n == mongoMsg || n == mongoQuery || n == mongoReply || n == mongoCompressed
}

func bsonType(t byte) bool { return t >= 1 && t <= 0x13 || t == 0x7f || t == 0xff || t == 0 }

type mongo struct {
	segmenter
	noRest
	database
	pending []mongoCommand
}

// mongoCommand is a command whose answer is to come.
type mongoCommand struct {
	id      uint32
	name    string
	object  []byte
	db      []byte
	packets Packets
}

const (
	// maxMongoCommands bounds commands that wait for their answers.
	maxMongoCommands = 64
	// maxBSON bounds the elements of a document that are read.
	maxBSON = 64
)

// Data implements Parser.
func (p *mongo) Data(c *Context, dir Dir, b []byte) Result { return p.data(c, dir, b, p) }

func (p *mongo) size(_ Dir, b []byte) (n, hold int64) {
	if len(b) < 16 {
		return 0, 0
	}
	n = int64(binary.LittleEndian.Uint32(b))
	if n < 16 || n > maxMongo {
		return -1, 0
	}
	return n, 4 << 10
}

func (p *mongo) take(c *Context, dir Dir, b []byte, _ int64) Result {
	r := octet.Of(b)
	r.Skip(4)
	id, to, code := r.LE32(), r.LE32(), r.LE32()
	var doc, ns []byte
	switch code {
	case mongoMsg:
		r.Skip(4)
		if r.U8() != 0 {
			return 0
		}
		doc = r.Rest()
	case mongoQuery:
		r.Skip(4)
		ns = r.CString()
		r.Skip(8)
		doc = r.Rest()
	case mongoReply:
		r.Skip(20)
		doc = r.Rest()
	default:
		return 0
	}
	if dir == FromServer {
		p.answer(c, to, doc)
	} else {
		p.command(c, id, ns, doc)
	}
	return 0
}

// bson calls f with the type, name and value of each element of a document.
func bson(b []byte, f func(t byte, name, v []byte)) {
	r := octet.Of(b)
	if n := r.LE32(); n >= 4 && int64(n) < int64(len(b)) {
		r = octet.Of(b[4:n])
	}
	for range maxBSON {
		t := r.U8()
		name := r.CString()
		if t == 0 || r.Bad() {
			return
		}
		n := 0
		switch t {
		case 1, 9, 0x11, 0x12:
			n = 8
		case 2:
			n = int(min(r.LE32(), maxMongo))
		case 3, 4:
			if rest := r.Rest(); len(rest) >= 4 {
				n = int(min(binary.LittleEndian.Uint32(rest), maxMongo))
			}
			f(t, name, octet.Head(r.Rest(), 0, n))
			r.Skip(n)
			continue
		case 5:
			n = int(min(r.LE32(), maxMongo))
			r.Skip(1)
		case 7:
			n = 12
		case 8:
			n = 1
		case 10, 6, 0x7f, 0xff:
		case 0x10:
			n = 4
		case 0x13:
			n = 16
		default:
			return
		}
		v := octet.Head(r.Rest(), 0, n)
		if t == 2 {
			v = bytes.TrimSuffix(v, []byte{0})
		}
		f(t, name, v)
		r.Skip(n)
	}
}

func (p *mongo) command(c *Context, id uint32, ns, doc []byte) {
	m := mongoCommand{id: id}
	m.packets.Add(c.Number)
	if db, coll, ok := bytes.Cut(ns, []byte(".")); ok {
		m.db = dbText(db)
		if string(coll) != "$cmd" {
			m.name, m.object = "query", dbText(coll)
		}
	}
	sasl := false
	bson(doc, func(t byte, name, v []byte) {
		switch {
		case m.name == "":
			m.name = string(name[:min(len(name), 64)])
			sasl = m.name == "saslStart"
			if t == 2 {
				m.object = dbText(v)
			}
		case string(name) == "$db" && t == 2:
			m.db = dbText(v)
		case sasl && string(name) == "mechanism" && t == 2:
			p.mechanism = string(v[:min(len(v), 32)])
		case sasl && string(name) == "payload" && t == 5:
			if p.mechanism == "PLAIN" {
				p.user = plainUser(v)
			} else {
				p.user = scramUser(v)
			}
		case string(name) == "client" && t == 3:
			p.client(v)
		}
	})
	if m.name == "" {
		return
	}
	if len(p.pending) >= maxMongoCommands {
		p.emit(c, 0, nil, false)
	}
	p.pending = append(p.pending, m)
}

// client reads what a driver says of itself.
func (p *mongo) client(doc []byte) {
	bson(doc, func(t byte, name, v []byte) {
		if t == 3 && (string(name) == "application" || string(name) == "driver") {
			bson(v, func(t byte, k, v []byte) {
				if t == 2 && string(k) == "name" && (len(p.application) == 0 || string(name) == "application") {
					p.application = dbText(v)
				}
			})
		}
	})
}

func (p *mongo) answer(c *Context, to uint32, doc []byte) {
	for i := range p.pending {
		if p.pending[i].id != to {
			continue
		}
		p.pending[i].packets.Add(c.Number)
		var code []byte
		bson(doc, func(t byte, name, v []byte) {
			switch string(name) {
			case "codeName":
				code = v
			case "version":
				p.version = dbText(v)
			}
		})
		p.emit(c, i, code, true)
		return
	}
}

func (p *mongo) emit(c *Context, i int, code []byte, known bool) {
	m := p.pending[i]
	p.pending = append(p.pending[:i], p.pending[i+1:]...)
	p.packets = m.packets
	p.name = m.db
	action := "command"
	if m.name == "saslStart" || m.name == "saslContinue" {
		action = "login"
	}
	e := p.begin(c, "saksi.mongodb", action)
	e.Str(event.SaksiDbOperation, m.name)
	e.Bytes(event.SaksiDbObject, m.object)
	e.Bytes(event.SaksiDbError, code)
	if known {
		outcome(e, len(code) == 0)
	}
	c.Emit(e)
	p.packets = Packets{}
}

// Gap implements Parser.
func (p *mongo) Gap(_ *Context, dir Dir, n uint32) bool { return p.gap(dir, n) }

// Close implements Parser.
func (p *mongo) Close(c *Context) {
	for len(p.pending) > 0 {
		p.emit(c, 0, nil, false)
	}
}
