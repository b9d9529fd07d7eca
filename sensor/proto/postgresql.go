package proto

// PostgreSQL frontend/backend protocol 3.0: the first message of a client has a
// length (4) and a code (4); all others a type, a length (4, with itself) and
// the body.
//
//	codes   196608 startup: names and values, each with NUL; 80877103 TLS; 80877104 GSSAPI; 80877102 cancel
//	client  Q query  P parse: name NUL, query NUL  p password or token  X end
//	server  R authentication (4: 0 is success)  S parameter: name NUL, value NUL
//	        E error: letter, value NUL, ...  C complete  Z ready
//
// One event a login and one a query. Statements are masked, "p" is never read.

import (
	"bytes"
	"encoding/binary"

	"saksi/event"
	"saksi/rules/suricata"
	"saksi/sensor/proto/internal/octet"
	"saksi/sensor/proto/internal/sqlmask"
)

func init() {
	register(&Entry{
		Name: "postgresql", Doc: "PostgreSQL frontend/backend protocol", Reference: "https://www.postgresql.org/docs/current/protocol.html",
		Transport: TCP, Ports: []uint16{5432}, App: suricata.AppPgSQL,
		First: []string{"\x00\x00"}, Detect: detectPostgres,
		New:     func(Transport) Parser { return &postgres{} },
		Samples: []string{"postgresql.txt", "postgresql_tls.txt"}, Hostile: []string{"postgresql_hostile.txt"},
	})
}

// Codes of the first message.
const (
	pgStartup = 196608
	pgCancel  = 80877102
	pgTLS     = 80877103
	pgGSS     = 80877104
)

func detectPostgres(p *Probe) Verdict {
	b := p.Data
	if p.Dir != FromClient {
		return No
	}
	if len(b) < 8 {
		return More
	}
	n := binary.BigEndian.Uint32(b)
	switch binary.BigEndian.Uint32(b[4:]) {
	case pgTLS, pgGSS:
		if n == 8 {
			return Yes
		}
	case pgCancel:
		if n == 16 {
			return Yes
		}
	case pgStartup:
		if n > maxPGStartup || n < 9 {
			return No
		}
		if bytes.Contains(b[7:], []byte("\x00user\x00")) {
			return Yes
		}
	}
	return No
}

// maxPGStartup bounds the first message (MAX_STARTUP_PACKET_LENGTH).
const maxPGStartup = 10000

type postgres struct {
	segmenter
	noRest
	database
	started    bool // the startup message was seen
	asked      byte // TLS or GSSAPI was asked for
	told       bool // the login
	queries    []pgQuery
	wrapping   Parser
	statements uint64 // offered to rules
	eve        pgEVE
}

// pgQuery is a statement whose answer is to come.
type pgQuery struct {
	text    []byte
	action  string
	packets Packets
}

// maxPGQueries bounds statements that wait for their answers.
const maxPGQueries = 64

// Data implements Parser.
func (p *postgres) Data(c *Context, dir Dir, b []byte) Result {
	if p.wrapping != nil {
		return p.wrapping.Data(c, dir, b)
	}
	n := p.data(c, dir, b, p)
	p.eve.settle(c)
	return n
}

func (p *postgres) size(dir Dir, b []byte) (n, hold int64) {
	switch {
	case dir == FromServer && p.asked != 0:
		return 1, 1
	case dir == FromClient && !p.started:
		if len(b) < 4 {
			return 0, 0
		}
		if n = int64(binary.BigEndian.Uint32(b)); n < 8 || n > maxPGStartup {
			return -1, 0
		}
		return n, n
	case len(b) < 5:
		return 0, 0
	}
	n = int64(binary.BigEndian.Uint32(b[1:]))
	if n < 4 || n > 1<<30 || b[0] < '1' || b[0] > 'z' {
		return -1, 0
	}
	return 1 + n, maxHeld
}

func (p *postgres) take(c *Context, dir Dir, b []byte, _ int64) Result {
	switch {
	case dir == FromServer && p.asked != 0:
		ask := p.asked
		p.asked = 0
		p.packets.Add(c.Number)
		if c.Detail && ask == 'S' {
			p.eve.tls(c, b[0] == 'S')
		}
		if b[0] == 'N' {
			return 0
		}
		if ask == 'S' && b[0] == 'S' {
			e := p.begin(c, "saksi.postgresql", "starttls")
			e.Bool(event.SaksiDbTLS, true)
			c.Emit(e)
			p.told = true
			p.wrapping = newTLS()
			return 0
		}
		return Done
	case dir == FromClient && !p.started:
		if c.Detail {
			p.eve.first(c, b)
		}
		return p.first(c, b)
	case dir == FromClient:
		if c.Detail {
			p.eve.request(c, b[0], b[5:])
		}
		p.request(c, b[0], b[5:])
	default:
		if c.Detail {
			p.eve.answer(c, b[0], b[5:])
		}
		p.answer(c, b[0], b[5:])
	}
	return 0
}

// maxPGParameters bounds the parameters of a startup message that are read.
const maxPGParameters = 64

func (p *postgres) first(c *Context, b []byte) Result {
	p.packets.Add(c.Number)
	switch binary.BigEndian.Uint32(b[4:]) {
	case pgTLS:
		p.asked = 'S'
		return 0
	case pgGSS:
		p.asked = 'G'
		return 0
	case pgCancel:
		c.Emit(p.begin(c, "saksi.postgresql", "cancel"))
		p.told = true
		return Done
	}
	p.started = true
	r := octet.Of(b[8:])
	for range maxPGParameters {
		k, v := r.CString(), r.CString()
		if r.Bad() || len(k) == 0 {
			break
		}
		switch string(k) {
		case "user":
			p.user = dbText(v)
		case "database":
			p.name = dbText(v)
		case "application_name":
			p.application = dbText(v)
		}
	}
	return 0
}

func (p *postgres) request(c *Context, kind byte, b []byte) {
	r := octet.Of(b)
	q := pgQuery{}
	switch kind {
	case 'Q':
		q.action = "query"
	case 'P':
		q.action = "prepare"
		r.CString()
	default:
		return
	}
	text, _, _ := bytes.Cut(r.Rest(), []byte{0})
	if kind == 'Q' {
		p.offer(c, text)
	}
	q.text = sqlmask.Append(nil, text, false)
	q.packets.Add(c.Number)
	if len(p.queries) >= maxPGQueries {
		p.answered(c, nil, false)
	}
	p.queries = append(p.queries, q)
}

// offer shows a simple query to the rules.
func (p *postgres) offer(c *Context, text []byte) {
	if !c.Matching() {
		return
	}
	p.statements++
	t := &bufTx{app: suricata.AppPgSQL, id: p.statements, packets: []uint64{c.Number}}
	t.add(suricata.BufPgSQLQuery, text)
	if p.eve.tx != nil {
		t.eve = p.eve.tx
	}
	c.Offer(t, FromClient)
}

// pgMechanisms are the requests of authentication (section 55.7, Authentication...).
var pgMechanisms = map[uint32]string{2: "kerberos", 3: "cleartext", 5: "md5", 7: "gss", 9: "sspi", 10: "sasl"}

func (p *postgres) answer(c *Context, kind byte, b []byte) {
	r := octet.Of(b)
	switch kind {
	case 'R':
		p.packets.Add(c.Number)
		if m := pgMechanisms[r.BE32()]; m != "" {
			p.mechanism = m
		}
	case 'S':
		if string(r.CString()) == "server_version" {
			p.version = dbText(r.CString())
		}
	case 'E':
		code := pgCode(b)
		if !p.told {
			p.packets.Add(c.Number)
			p.login(c, code, true)
			break
		}
		p.answered(c, code, true)
	case 'Z':
		if !p.told {
			p.packets.Add(c.Number)
			p.login(c, nil, true)
		}
		for len(p.queries) > 0 { // all that was asked is done
			p.answered(c, nil, true)
		}
	case 'C':
		p.answered(c, nil, true)
	}
}

// pgCode returns the SQLSTATE of an error.
func pgCode(b []byte) []byte {
	r := octet.Of(b)
	for range 32 {
		k, v := r.U8(), r.CString()
		if r.Bad() || k == 0 {
			break
		}
		if k == 'C' {
			return dbText(v)
		}
	}
	return []byte("error")
}

func (p *postgres) login(c *Context, code []byte, known bool) {
	p.told = true
	e := p.begin(c, "saksi.postgresql", "login")
	e.Bytes(event.SaksiDbError, code)
	if known {
		outcome(e, len(code) == 0)
	}
	c.Emit(e)
}

// answered tells of the oldest statement.
func (p *postgres) answered(c *Context, code []byte, known bool) {
	if len(p.queries) == 0 {
		return
	}
	q := &p.queries[0]
	if known {
		q.packets.Add(c.Number)
	}
	p.packets = q.packets
	e := p.begin(c, "saksi.postgresql", q.action)
	statement(e, q.text)
	e.Bytes(event.SaksiDbError, code)
	if known {
		outcome(e, len(code) == 0)
	}
	c.Emit(e)
	p.packets = Packets{}
	p.queries = p.queries[:copy(p.queries, p.queries[1:])]
}

// Gap implements Parser.
func (p *postgres) Gap(c *Context, dir Dir, n uint32) bool {
	if p.wrapping != nil {
		return p.wrapping.Gap(c, dir, n)
	}
	return p.gap(dir, n)
}

// Close implements Parser.
func (p *postgres) Close(c *Context) {
	p.eve.flush(c)
	if !p.told && len(p.packets.List()) > 0 {
		p.login(c, nil, false)
	}
	for len(p.queries) > 0 {
		p.answered(c, nil, false)
	}
	if p.wrapping != nil {
		p.wrapping.Close(c)
	}
}
