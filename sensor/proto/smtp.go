package proto

// SMTP, RFC 5321: commands and replies by line; a message follows DATA until a
// line with a single dot, or comes in chunks by BDAT (RFC 3030). One event a
// message, or a connection that carried none; each message is a file.

import (
	"bytes"
	"strconv"

	"saksi/event"
	"saksi/rules/suricata"
)

func init() {
	register(&Entry{
		Name: "smtp", Doc: "Simple Mail Transfer Protocol", Reference: "RFC 5321",
		Transport: TCP, Ports: []uint16{25, 587, 2525}, App: suricata.AppSMTP,
		Detect: detectSMTP, New: func(Transport) Parser { return &smtp{mail: &mail{}} },
		Samples: []string{"smtp.txt", "smtp_bdat.txt", "smtp_mime.txt"}, Hostile: []string{"smtp_hostile.txt"},
	})
}

func detectSMTP(p *Probe) Verdict {
	b := p.Data
	if p.Dir == FromClient {
		v, _ := verb(b[:min(len(b), 6)])
		switch v {
		case "EHLO", "HELO", "LHLO":
			return Yes
		}
		return No
	}
	if len(b) < 4 {
		return More
	}
	code, _, ok := replyCode(b)
	if !ok || b[3] != ' ' && b[3] != '-' || code != 220 && code != 554 && code != 421 {
		return No
	}
	line, _, _ := nextLine(b)
	if line == nil {
		line = b
	}
	up := bytes.ToUpper(line[:min(len(line), 512)])
	switch {
	case bytes.Contains(up, []byte("FTP")):
		return No
	case bytes.Contains(up, []byte("SMTP")) || bytes.Contains(up, []byte("LMTP")):
		return Yes
	}
	return onPort(p, true, 25, 587)
}

const (
	// maxRecipients bounds the recipients of one event.
	maxRecipients = 100
	// maxMailHead bounds the part of a message's header that is read.
	maxMailHead = 32 << 10
)

// mail is one transaction.
type mail struct {
	packets Packets
	from    []byte
	to      [][]byte
	head    []byte // of the message, up to the empty line
	kept    []byte // of the message, for the rules
	headEnd bool
	asked   bool // DATA came
	file    FileWriter
	parts   mimeParts
	started bool
	sent    bool     // the message is complete
	code    int      // reply to it, or to what ended the transaction
	x       *mailEVE // for EVE JSON alone
}

// smtpReply is a reply that is still to come, and what it is for.
type smtpReply struct {
	kind smtpKind
	mail *mail
}

type smtpKind uint8

const (
	smtpOther smtpKind = iota
	smtpData           // DATA: 354 begins the message
	smtpEnd            // the end of a message
	smtpTLS            // STARTTLS: 220 begins TLS
)

// maxReplies bounds commands sent before their replies (RFC 2920).
const maxReplies = 256

type smtp struct {
	helo    []byte
	mail    *mail // the transaction in work
	waiting []smtpReply
	data    bool  // what the client sends is a message
	chunk   int64 // bytes of a BDAT chunk to come
	last    bool  // the chunk is the last
	line    bool  // the message is at the beginning of a line
	told    bool
	tx      uint64
	packets Packets // of a connection without message
	greeted bool    // the server spoke
	txs     uint64  // as Suricata numbers them
	name    []byte  // of the client, for EVE JSON alone
}

// Data implements Parser.
func (p *smtp) Data(c *Context, dir Dir, b []byte) Result {
	used := 0
	for used < len(b) {
		if dir == FromClient && (p.data || p.chunk > 0) {
			n := p.message(c, b[used:])
			if n == 0 {
				return Result(used)
			}
			used += n
			continue
		}
		line, n, ok := nextLine(b[used:])
		if !ok {
			return Broken
		}
		if n == 0 {
			break
		}
		if dir == FromClient {
			p.commandLine(c, line)
			p.command(c, line)
			used += n
			continue
		}
		used += n
		code, last, ok := replyCode(line)
		p.replyLine(c, line, code, ok)
		if !ok {
			return Broken
		}
		if last && p.reply(c, code) {
			c.Redetect, c.Used = true, used
			return Done
		}
	}
	return Result(used)
}

func (p *smtp) command(c *Context, line []byte) {
	p.packets.Add(c.Number)
	kind := smtpOther
	v, arg := verb(line)
	if v != "MAIL" && v != "QUIT" && v != "RSET" {
		p.mail.asks(c, p, v, line)
	}
	switch v {
	case "EHLO", "HELO", "LHLO":
		if p.helo != nil {
			p.raise(c, FromClient, "duplicate_fields")
		}
		p.helo = append(p.helo[:0], arg...)
	case "MAIL":
		if p.mail.started {
			p.raise(c, FromClient, "duplicate_fields")
		}
		x, again := p.mail.x, p.mail.started
		if p.flush(c); !again {
			p.mail.x = x
		}
		p.mail.asks(c, p, v, line)
		p.mail.started = true
		p.mail.from = address(arg)
		p.mail.packets.Add(c.Number)
	case "RCPT":
		p.mail.packets.Add(c.Number)
		if len(p.mail.to) < maxRecipients {
			p.mail.to = append(p.mail.to, address(arg))
		}
	case "DATA": // the message begins with its reply
		if p.mail.asked {
			p.raise(c, FromClient, "unparsable_content")
		}
		p.mail.asked = true
		p.mail.packets.Add(c.Number)
		kind = smtpData
	case "BDAT":
		size, rest, _ := bytes.Cut(arg, []byte(" "))
		n, err := strconv.ParseInt(string(size), 10, 64)
		if err != nil || n < 0 {
			break
		}
		p.chunk, p.last = n, bytes.EqualFold(rest, []byte("LAST"))
		p.mail.packets.Add(c.Number)
		switch {
		case n == 0 && p.last:
			p.endMessage(c, true)
			return
		case p.last: // its reply is awaited once the chunk is through
			return
		}
	case "STARTTLS":
		kind = smtpTLS
	case "RSET", "QUIT":
		p.flush(c)
	}
	if n := len(p.waiting); n > 0 && (p.waiting[n-1].kind == smtpData || p.waiting[n-1].kind == smtpTLS) {
		p.raise(c, FromClient, "invalid_pipelined_sequence")
	}
	p.await(kind, p.mail)
}

// await notes that a reply is to come.
func (p *smtp) await(kind smtpKind, m *mail) {
	if len(p.waiting) < maxReplies {
		p.waiting = append(p.waiting, smtpReply{kind, m})
	}
}

// reply takes the last line of a reply; it returns true if TLS begins.
func (p *smtp) reply(c *Context, code int) bool {
	p.packets.Add(c.Number)
	if len(p.waiting) == 0 { // the greeting
		return false
	}
	r := p.waiting[0]
	p.waiting = p.waiting[:copy(p.waiting, p.waiting[1:])]
	switch r.kind {
	case smtpTLS:
		if code == 220 {
			p.told = true
			return true
		}
	case smtpData:
		r.mail.packets.Add(c.Number)
		if code == 354 {
			p.data, p.line = true, true
		} else {
			r.mail.code = code
		}
	case smtpEnd:
		r.mail.packets.Add(c.Number)
		r.mail.code = code
		p.emit(c, r.mail)
	}
	return false
}

// message takes bytes of a message and returns how many.
func (p *smtp) message(c *Context, b []byte) int {
	p.mail.packets.Add(c.Number)
	if p.chunk > 0 {
		n := int(min(p.chunk, int64(len(b))))
		p.content(c, b[:n])
		if p.chunk == int64(n) && b[n-1] != '\n' { // within a line
			p.raise(c, FromClient, "bdat_chunk_len_exceeded")
		}
		if p.chunk -= int64(n); p.chunk == 0 && p.last {
			p.endMessage(c, true)
		}
		return n
	}
	used := 0
	for used < len(b) {
		rest := b[used:]
		if p.line && rest[0] == '.' {
			switch {
			case len(rest) == 1, len(rest) == 2 && rest[1] == '\r': // may be the end
				return used
			case rest[1] == '\n':
				p.data = false
				p.endMessage(c, true)
				return used + 2
			case rest[1] == '\r' && rest[2] == '\n':
				p.data = false
				p.endMessage(c, true)
				return used + 3
			}
			used++ // a dot doubled by the sender
			rest = b[used:]
		}
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			p.content(c, rest)
			p.line = false
			return len(b)
		}
		p.content(c, rest[:i+1])
		p.line = true
		used += i + 1
	}
	return used
}

func (p *smtp) content(c *Context, b []byte) {
	m := p.mail
	if c.Matching() || c.Detail {
		m.kept = append(m.kept, b[:max(0, min(len(b), maxMailInspect-len(m.kept)))]...)
	}
	m.add(c, FromClient, b)
}

// endMessage closes the file of the message; its reply is awaited and the next
// transaction may begin.
func (p *smtp) endMessage(c *Context, whole bool) {
	m := p.mail
	m.sent, p.last = true, false
	if m.x != nil {
		m.x.read(m.kept)
	}
	if c.Matching() {
		offerFrames(c, FromClient, suricata.AppSMTP, framed{frameSMTPData, m.kept})
		p.inspect(c, m)
	}
	m.kept = nil
	m.end(c, whole)
	for o := mimeLongLine; o <= mimeLongFile; o <<= 1 {
		if m.parts.oddities&o != 0 {
			p.raise(c, FromClient, mimeOddities[o])
		}
	}
	p.await(smtpEnd, m)
	p.mail = &mail{}
}

// flush tells of the transaction in work, which has ended without a message.
func (p *smtp) flush(c *Context) {
	m := p.mail
	p.mail = &mail{}
	p.emit(c, m)
}

func (p *smtp) emit(c *Context, m *mail) {
	if !m.started && !m.sent {
		return
	}
	p.told = true
	e := c.Begin("saksi.smtp", m.packets.List())
	e.Str(event.EventCategory, "email")
	e.Bytes(event.SaksiSmtpHelo, p.helo)
	if m.code != 0 {
		e.Int(event.SaksiSmtpReplyCode, int64(m.code))
	}
	m.describe(e)
	if m.x != nil {
		tellEVE(e, "smtp", m.x)
	}
	c.Emit(e)
}

// Gap implements Parser: within a message it is passed over.
func (p *smtp) Gap(_ *Context, dir Dir, n uint32) bool {
	if dir != FromClient || !p.data && p.chunk < int64(n) {
		return false
	}
	if !p.data {
		p.chunk -= int64(n)
	}
	p.line = false
	p.mail.gap(n)
	return true
}

// Close implements Parser.
func (p *smtp) Close(c *Context) {
	if p.mail.file != nil {
		p.endMessage(c, false)
	}
	for _, r := range p.waiting {
		if r.kind == smtpEnd {
			p.emit(c, r.mail)
		}
	}
	p.waiting = nil
	p.flush(c)
	if !p.told && len(p.packets.List()) > 0 {
		p.told = true
		e := c.Begin("saksi.smtp", p.packets.List())
		e.Str(event.EventCategory, "email")
		e.Bytes(event.SaksiSmtpHelo, p.helo)
		c.Emit(e)
	}
}
