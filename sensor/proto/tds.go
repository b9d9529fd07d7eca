package proto

// TDS, Microsoft SQL Server, [MS-TDS] section 2.2: packets of a message, each
// behind a head of eight bytes.
//
//	0 type: 1 batch, 3 procedure, 4 answer, 16 login, 18 prelogin  1 status: 1 is the last
//	2 length (2)  4 process (2)  6 number  7 window
//	prelogin  option, offset (2), length (2), ...; 0xff ends
//	login     0 length  4 version  ...  36 pairs of offset and characters: host, user, password,
//	          program, server, extension, library, language, database
//	answer    tokens: 0xaa error, 0xab info, 0xad login, 0xe3 change, each behind its length
//
// The TLS of the login comes within prelogin packets. One event a login, a batch
// or a procedure. Passwords are never read, statements are masked.

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"saksi/event"
	"saksi/sensor/proto/internal/ntlm"
	"saksi/sensor/proto/internal/octet"
	"saksi/sensor/proto/internal/sqlmask"
)

func init() {
	register(&Entry{
		Name: "tds", Doc: "Tabular Data Stream of Microsoft SQL Server and Sybase", Reference: "[MS-TDS]",
		Transport: TCP, Ports: []uint16{1433},
		First: []string{"\x12\x01", "\x10\x00", "\x10\x01", "\x04\x01"}, Detect: detectTDS,
		New:     func(Transport) Parser { return &tds{} },
		Samples: []string{"tds.txt"}, Hostile: []string{"tds_hostile.txt"},
	})
}

// Types of packets.
const (
	tdsBatch    = 1
	tdsRPC      = 3
	tdsAnswer   = 4
	tdsLogin    = 16
	tdsSSPI     = 17
	tdsPrelogin = 18
)

func detectTDS(p *Probe) Verdict {
	b := p.Data
	if len(b) < 14 {
		return More
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	if n < 14 || b[4] != 0 && p.Dir == FromClient || b[7] != 0 {
		return No
	}
	switch v := b[8:]; b[0] {
	case tdsPrelogin: // the version comes first, behind the options
		at := int(binary.BigEndian.Uint16(v[1:]))
		if v[0] == 0 && v[3] == 0 && v[4] == 6 && at >= 11 && at < n && v[5] == 1 {
			return Yes
		}
	case tdsLogin: // TDS 7
		if m := int(binary.LittleEndian.Uint32(v)); m >= 94 && m < 128<<10 && v[7] >= 0x70 && v[7] <= 0x7f || v[4] == 4 && v[7] == 0x74 {
			return Yes
		}
	case tdsAnswer:
		return onPort(p, v[0] == 0 && v[4] == 6 || v[0] == 0xaa || v[0] == 0xe3, 1433)
	}
	return No
}

type tds struct {
	segmenter
	noRest
	database
	login  userName
	server ntlm.Message
	op     string // what waits for its answer
	text   []byte
	object []byte
	part   bool // a message goes on in the next packet
	tls    bool
	// sealedIn says that all of it lies in TLS.
	sealedIn bool
	wrapped  *tlsParser
	sealing  [2][]byte // records of TLS that are not whole
	unread   bool      // nothing more of it is read
}

// Data implements Parser.
func (p *tds) Data(c *Context, dir Dir, b []byte) Result { return p.data(c, dir, b, p) }

func (p *tds) size(_ Dir, b []byte) (n, hold int64) {
	switch {
	case len(b) < 5:
		return 0, 0
	case p.tls && b[0] >= 0x14 && b[0] <= 0x17 && b[1] == 3: // TLS without the head of TDS
		return 5 + int64(binary.BigEndian.Uint16(b[3:])), maxHeld
	case b[0] == 0 || b[0] > 20:
		return -1, 0
	}
	if n = int64(binary.BigEndian.Uint16(b[2:])); n < 8 {
		return -1, 0
	}
	return n, maxHeld
}

func (p *tds) take(c *Context, dir Dir, b []byte, _ int64) Result {
	if p.tls && b[0] >= 0x14 && b[0] <= 0x17 && b[1] == 3 {
		return p.sealed(c, dir, b)
	}
	kind, last := b[0], b[1]&1 != 0
	b = b[8:]
	first := !p.part
	if dir == FromClient {
		p.part = !last
	}
	switch {
	case kind == tdsPrelogin && len(b) > 5 && b[0] == 0x16 && b[1] == 3:
		p.tls = true
		return p.sealed(c, dir, b)
	case dir == FromServer && kind == tdsAnswer:
		p.answer(c, b)
	case dir == FromServer || !first:
	case kind == tdsLogin:
		p.loginRequest(c, b)
	case kind == tdsSSPI:
		p.packets.Add(c.Number)
		p.login.token(b, &p.server)
	case kind == tdsBatch:
		p.begins(c, "query")
		p.text = sqlmask.Append(p.text[:0], octet.AppendUTF16(nil, tdsBody(b)), false)
	case kind == tdsRPC:
		p.begins(c, "procedure")
		p.procedure(tdsBody(b))
	}
	return 0
}

// sealed hands TLS on: the handshake in packets of TDS, what follows without.
func (p *tds) sealed(c *Context, dir Dir, b []byte) Result {
	if p.wrapped == nil {
		p.wrapped = newTLSOf("tds", &tds{database: database{version: p.version}, sealedIn: true})
	}
	if p.unread {
		return 0
	}
	if len(p.sealing[dir]) > 0 {
		p.sealing[dir] = append(p.sealing[dir], b...)
		b = p.sealing[dir]
	}
	n := p.wrapped.Data(c, dir, b)
	if n < 0 || len(b)-int(n) > MaxUnread {
		p.unread, p.sealing = true, [2][]byte{}
		p.wrapped.Close(c)
		return 0
	}
	p.sealing[dir] = append(p.sealing[dir][:0], b[n:]...)
	return 0
}

// begins starts an operation; the one before had no answer.
func (p *tds) begins(c *Context, op string) {
	p.flush(c, nil, false)
	p.packets.Reset()
	p.packets.Add(c.Number)
	p.op, p.text, p.object = op, p.text[:0], p.object[:0]
}

// tdsBody passes over ALL_HEADERS (section 2.2.5.3), which says its length.
func tdsBody(b []byte) []byte {
	if len(b) >= 4 {
		if n := binary.LittleEndian.Uint32(b); n >= 4 && n <= 1<<10 && int(n) <= len(b) {
			return b[n:]
		}
	}
	return b
}

func (p *tds) loginRequest(c *Context, b []byte) {
	p.begins(c, "login")
	field := func(at int) []byte {
		r := octet.Of(octet.Head(b, at, 4))
		off, n := int(r.LE16()), int(r.LE16())
		return octet.AppendUTF16(nil, octet.Slice(b, off, 2*min(n, maxDBText)))
	}
	p.host, p.user, p.application, p.name = field(36), field(40), field(48), field(68)
	p.mechanism = "password"
	r := octet.Of(octet.Head(b, 78, 4))
	if off, n := int(r.LE16()), int(r.LE16()); n > 0 {
		p.mechanism = "sspi"
		p.login.token(octet.Slice(b, off, n), &p.server)
	}
}

// tdsProcedures are the procedures that have numbers (section 2.2.6.6).
var tdsProcedures = map[uint16]string{
	1: "sp_cursor", 2: "sp_cursoropen", 3: "sp_cursorprepare", 4: "sp_cursorexecute", 5: "sp_cursorprepexec", 6: "sp_cursorunprepare",
	7: "sp_cursorfetch", 8: "sp_cursoroption", 9: "sp_cursorclose", 10: "sp_executesql", 11: "sp_prepare", 12: "sp_execute",
	13: "sp_prepexec", 14: "sp_prepexecrpc", 15: "sp_unprepare",
}

func (p *tds) procedure(b []byte) {
	r := octet.Of(b)
	n := r.LE16()
	if n == 0xffff {
		p.object = append(p.object, tdsProcedures[r.LE16()]...)
		return
	}
	p.object = octet.AppendUTF16(p.object, r.Next(2*int(min(n, 256))))
}

// maxTDSTokens bounds the tokens of an answer that are read.
const maxTDSTokens = 64

func (p *tds) answer(c *Context, b []byte) {
	if p.op == "" {
		if len(b) > 11 && b[0] == 0 && b[4] == 6 { // the answer to the prelogin
			if v := octet.Slice(b, int(binary.BigEndian.Uint16(b[1:])), 4); v != nil {
				p.version = fmt.Appendf(nil, "%d.%d.%d", v[0], v[1], binary.BigEndian.Uint16(v[2:]))
			}
		}
		return
	}
	p.packets.Add(c.Number)
	r := octet.Of(b)
	var code []byte
	for range maxTDSTokens {
		t := r.U8()
		if r.Bad() || t < 0xaa || t > 0xae && t != 0xe3 && t != 0xed { // columns, rows, the end
			break
		}
		v := octet.Of(r.Next(int(r.LE16())))
		switch t {
		case 0xaa:
			if n := v.LE32(); code == nil && !v.Bad() {
				code = strconv.AppendUint(nil, uint64(n), 10)
			}
		case 0xed: // a challenge
			p.login.token(v.Rest(), &p.server)
			return
		case 0xae: // of another form
			p.flush(c, code, true)
			return
		}
	}
	p.flush(c, code, true)
}

// flush tells of the operation in work.
func (p *tds) flush(c *Context, code []byte, known bool) {
	if p.op == "" {
		return
	}
	e := p.begin(c, "saksi.tds", p.op)
	p.login.login(e)
	if len(p.text) > 0 {
		statement(e, p.text)
	}
	e.Bytes(event.SaksiDbObject, p.object)
	if p.tls || p.sealedIn {
		e.Bool(event.SaksiDbTLS, true)
	}
	e.Bytes(event.SaksiDbError, code)
	if known {
		outcome(e, len(code) == 0)
	}
	c.Emit(e)
	p.op = ""
}

// Gap implements Parser.
func (p *tds) Gap(_ *Context, dir Dir, n uint32) bool { return p.gap(dir, n) }

// Close implements Parser.
func (p *tds) Close(c *Context) {
	p.flush(c, nil, false)
	if p.wrapped != nil {
		p.wrapped.Close(c)
	}
}
