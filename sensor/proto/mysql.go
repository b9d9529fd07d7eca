package proto

// MySQL client/server protocol: a packet is a length (3, low byte first), a
// number, and the payload.
//
//	greeting  0 version 10, server version NUL, thread (4), scramble (8), 0, ...
//	login     0 capabilities (4)  4 largest packet (4)  8 character set  9 zeros (23)
//	          32 user NUL, response behind its length, database NUL, method NUL, attributes
//	command   0 command  1 argument
//	answer    0: 0x00 OK, 0xff error: code (2), 0xfe another method, else columns
//
// One event a login and one a query. Statements are masked.

import (
	"bytes"
	"encoding/binary"
	"strconv"

	"saksi/event"
	"saksi/sensor/proto/internal/octet"
	"saksi/sensor/proto/internal/sqlmask"
)

func init() {
	register(&Entry{
		Name: "mysql", Doc: "MySQL and MariaDB client/server protocol",
		Reference: "https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html",
		Transport: TCP, Ports: []uint16{3306}, Detect: detectMySQL,
		New:     func(Transport) Parser { return &mysql{} },
		Samples: []string{"mysql.txt", "mysql_tls.txt"}, Hostile: []string{"mysql_hostile.txt"},
	})
}

func detectMySQL(p *Probe) Verdict {
	b := p.Data
	if p.Dir != FromServer {
		return No
	}
	if len(b) < 5 {
		return More
	}
	n := int(b[0]) | int(b[1])<<8 | int(b[2])<<16
	if b[3] != 0 || n < 20 || n > 512 {
		return No
	}
	switch b[4] {
	case 10: // a version of digits and dots, then 13 bytes of which the last is zero
		v, rest, ok := bytes.Cut(b[5:], []byte{0})
		if !ok || len(v) < 3 || len(v) > 96 || !digit(v[0]) || !bytes.Contains(v[:min(len(v), 8)], []byte(".")) || len(rest) < 13 || rest[12] != 0 {
			return No
		}
		return Yes
	case 0xff: // refused before the greeting
		if n+4 == len(b) && (bytes.Contains(b[7:], []byte("Host '")) || bytes.Contains(b[7:], []byte("connections"))) {
			return Yes
		}
	}
	return No
}

// Capabilities.
const (
	mysqlWithDB      = 1 << 3
	mysqlCompress    = 1 << 5
	mysqlSSL         = 1 << 11
	mysqlSecure      = 1 << 15
	mysqlPlugin      = 1 << 19
	mysqlAttributes  = 1 << 20
	mysqlLengthCoded = 1 << 21
	mysqlZstd        = 1 << 26
	mysqlQueryAttr   = 1 << 27
)

type mysql struct {
	segmenter
	noRest
	database
	caps   uint32
	server uint32
	state  mysqlState
	op     byte
	text   []byte // masked statement
	inner  Parser
}

type mysqlState uint8

const (
	mysqlGreeting mysqlState = iota
	mysqlLogin               // the client's login is to come
	mysqlAnswer              // the answer to it
	mysqlReady
	mysqlWaiting // for the answer to a command
)

// Data implements Parser.
func (p *mysql) Data(c *Context, dir Dir, b []byte) Result {
	if p.inner != nil {
		return p.inner.Data(c, dir, b)
	}
	return p.data(c, dir, b, p)
}

func (p *mysql) size(_ Dir, b []byte) (n, hold int64) {
	if len(b) < 4 {
		return 0, 0
	}
	return 4 + (int64(b[0]) | int64(b[1])<<8 | int64(b[2])<<16), maxHeld
}

func (p *mysql) take(c *Context, dir Dir, b []byte, _ int64) Result {
	seq := b[3]
	if b = b[4:]; len(b) == 0 {
		return 0
	}
	if dir == FromServer {
		return p.reply(c, b)
	}
	switch p.state {
	case mysqlGreeting:
	case mysqlLogin:
		return p.login(c, b)
	case mysqlAnswer: // more of the login: never looked at
	default:
		if seq == 0 {
			p.command(c, b)
		}
	}
	return 0
}

func (p *mysql) reply(c *Context, b []byte) Result {
	switch p.state {
	case mysqlGreeting:
		p.packets.Add(c.Number)
		if b[0] == 0xff {
			p.told(c, "login", b)
			return Done
		}
		r := octet.Of(b[1:])
		p.version = dbText(r.CString())
		r.Skip(13)
		p.server = uint32(r.LE16())
		r.Skip(3)
		p.server |= uint32(r.LE16()) << 16
		p.state = mysqlLogin
	case mysqlAnswer:
		if b[0] != 0 && b[0] != 0xff {
			return 0
		}
		p.packets.Add(c.Number)
		p.told(c, "login", b)
		p.state = mysqlReady
		if b[0] == 0xff || p.caps&(mysqlCompress|mysqlZstd) != 0 {
			return Done
		}
	case mysqlWaiting:
		p.packets.Add(c.Number)
		p.told(c, mysqlCommands[p.op], b)
		p.state = mysqlReady
	}
	return 0
}

// login reads the client's answer to the greeting.
func (p *mysql) login(c *Context, b []byte) Result {
	p.packets.Add(c.Number)
	p.state = mysqlAnswer
	r := octet.Of(b)
	p.caps = r.LE32() & (p.server | 0xffff0000)
	if len(b) == 32 && p.caps&mysqlSSL != 0 {
		e := p.begin(c, "saksi.mysql", "starttls")
		e.Bool(event.SaksiDbTLS, true)
		c.Emit(e)
		within := &mysql{database: database{version: p.version}, server: p.server, state: mysqlLogin}
		p.inner = newTLSOf("mysql", within)
		return 0
	}
	r.Skip(28)
	p.user = dbText(r.CString())
	switch {
	case p.caps&mysqlLengthCoded != 0:
		r.Skip(lenenc(&r))
	case p.caps&mysqlSecure != 0:
		r.Skip(int(r.U8()))
	default:
		r.CString()
	}
	if p.caps&mysqlWithDB != 0 {
		p.name = dbText(r.CString())
	}
	if p.caps&mysqlPlugin != 0 {
		m := r.CString()
		p.mechanism = string(m[:min(len(m), 64)])
	}
	if p.caps&mysqlAttributes != 0 {
		p.attributes(octet.Of(r.Next(min(lenenc(&r), r.Len()))))
	}
	return 0
}

// maxMySQLAttributes bounds the attributes of a connection that are read.
const maxMySQLAttributes = 64

func (p *mysql) attributes(r octet.Reader) {
	for range maxMySQLAttributes {
		k := r.Next(lenenc(&r))
		v := r.Next(lenenc(&r))
		if r.Bad() || len(k) == 0 {
			return
		}
		switch string(k) {
		case "program_name":
			p.application = dbText(v)
		case "_client_name":
			if len(p.application) == 0 {
				p.application = dbText(v)
			}
		}
	}
}

// lenenc reads a number of the length-encoded form; what is too big is the
// biggest int.
func lenenc(r *octet.Reader) int {
	switch n := r.U8(); n {
	case 0xfc:
		return int(r.LE16())
	case 0xfd:
		return int(r.LE16()) | int(r.U8())<<16
	case 0xfe:
		return int(min(r.LE64(), 1<<31-1))
	case 0xfb, 0xff:
		return 0
	default:
		return int(n)
	}
}

// mysqlCommands are the commands told of.
var mysqlCommands = map[byte]string{
	2: "use", 3: "query", 5: "create_db", 6: "drop_db", 8: "shutdown", 12: "kill", 17: "change_user", 18: "binlog_dump", 22: "prepare", 30: "binlog_dump",
}

func (p *mysql) command(c *Context, b []byte) {
	if mysqlCommands[b[0]] == "" {
		return
	}
	p.packets.Reset()
	p.packets.Add(c.Number)
	p.op, p.state, p.text = b[0], mysqlWaiting, p.text[:0]
	switch arg := b[1:]; p.op {
	case 2, 5, 6:
		p.name = dbText(arg)
	case 17:
		r := octet.Of(arg)
		p.user = dbText(r.CString())
	case 3:
		if p.caps&p.server&mysqlQueryAttr != 0 {
			r := octet.Of(arg)
			if lenenc(&r) != 0 { // parameters precede the statement
				return
			}
			lenenc(&r)
			arg = r.Rest()
		}
		p.text = sqlmask.Append(p.text, arg, true)
	case 22:
		p.text = sqlmask.Append(p.text, arg, true)
	}
}

// told emits what was asked and the answer, if there was one.
func (p *mysql) told(c *Context, action string, answer []byte) {
	e := p.begin(c, "saksi.mysql", action)
	statement(e, p.text)
	if answer != nil {
		outcome(e, answer[0] != 0xff)
		if answer[0] == 0xff && len(answer) >= 3 {
			e.Str(event.SaksiDbError, strconv.Itoa(int(binary.LittleEndian.Uint16(answer[1:]))))
		}
	}
	c.Emit(e)
}

// Gap implements Parser.
func (p *mysql) Gap(c *Context, dir Dir, n uint32) bool {
	if p.inner != nil {
		return p.inner.Gap(c, dir, n)
	}
	return p.gap(dir, n)
}

// Close implements Parser.
func (p *mysql) Close(c *Context) {
	switch {
	case p.inner != nil:
		p.inner.Close(c)
	case p.state == mysqlLogin:
		p.told(c, "greeting", nil)
	case p.state == mysqlAnswer:
		p.told(c, "login", nil)
	case p.state == mysqlWaiting:
		p.told(c, mysqlCommands[p.op], nil)
	}
}
