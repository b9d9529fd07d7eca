package proto

// POP3, RFC 1939: the server greets with "+OK" or "-ERR", and answers each
// command so. One event a login and STLS (RFC 2595). Passwords are never taken.

import (
	"bytes"
	"strings"

	"saksi/event"
	"saksi/rules/suricata"
)

func init() {
	register(&Entry{
		Name: "pop3", Doc: "Post Office Protocol version 3", Reference: "RFC 1939, RFC 2595, RFC 5034",
		Transport: TCP, Ports: []uint16{110}, App: suricata.AppPOP3,
		Detect: detectPOP3, New: func(Transport) Parser { return &pop3{} },
		Samples: []string{"pop3.txt", "pop3_mail.txt"}, Hostile: []string{"pop3_hostile.txt"},
	})
}

func detectPOP3(p *Probe) Verdict {
	b := p.Data
	if p.Dir == FromServer {
		if bytes.HasPrefix(b, []byte("+OK")) && (p.On(110) || bytes.Contains(b, []byte("POP"))) || bytes.HasPrefix(b, []byte("-ERR")) && p.On(110) {
			return Yes
		}
		return No
	}
	for _, s := range []string{"USER ", "CAPA\r\n", "APOP ", "AUTH ", "STLS\r\n"} {
		if bytes.HasPrefix(bytes.ToUpper(b[:min(len(b), 8)]), []byte(s)) && (p.On(110) || bytes.HasPrefix(p.Other, []byte("+OK"))) {
			return Yes
		}
	}
	return No
}

type pop3 struct {
	textSession
	waiting []string // commands to be answered; "" for those of no interest
	token   bool     // a SASL token is the next line
	tokens  int      // of LOGIN, which has two
	body    bool     // lines of an answer of several are coming
	mail    *mail    // the message they are of
}

// pop3Lines stands for a command whose answer has several lines.
const (
	pop3Lines = "."
	pop3Mail  = "RETR" // so does this one's: a message
)

// maxPOP3Waiting bounds commands sent before their answers (RFC 2449 section 6.6).
const maxPOP3Waiting = 64

// Data implements Parser.
func (p *pop3) Data(c *Context, dir Dir, b []byte) Result {
	used := 0
	for used < len(b) {
		line, n, ok := nextLine(b[used:])
		if !ok {
			return Broken
		}
		if n == 0 {
			break
		}
		used += n
		if dir == FromClient {
			p.request(c, line)
		} else if p.mail != nil {
			p.message(c, b[used-n:used], line)
		} else if p.answer(c, line) {
			c.Redetect, c.Used = true, used
			return Done
		}
	}
	return Result(used)
}

func (p *pop3) request(c *Context, line []byte) {
	p.odd(c, line)
	if p.token {
		p.token = false
		p.tokens++
		switch {
		case p.mechanism == "PLAIN":
			p.user = base64User(line)
		case p.mechanism == "LOGIN" && p.tokens == 1:
			p.user = dbText(base64Text(line))
		}
		return
	}
	v, arg := verb(line)
	said := ""
	switch v {
	case "USER":
		p.packets.Reset()
		p.mechanism, p.user = "USER", dbText(arg)
	case "PASS", "STLS":
		said = v
	case "APOP":
		said = v
		p.packets.Reset()
		user, _, _ := bytes.Cut(arg, []byte(" "))
		p.mechanism, p.user = "APOP", dbText(user)
	case "AUTH":
		if len(arg) == 0 {
			break
		}
		said = v
		p.packets.Reset()
		m, token, _ := bytes.Cut(arg, []byte(" "))
		p.mechanism, p.tokens = strings.ToUpper(string(m[:min(len(m), 32)])), 0
		if p.mechanism == "PLAIN" && len(token) > 0 {
			p.user = base64User(token)
		}
	case "RETR":
		said = pop3Mail
	case "TOP", "CAPA":
		said = pop3Lines
	case "LIST", "UIDL":
		if len(arg) == 0 {
			said = pop3Lines
		}
	case "":
		return
	}
	p.packets.Add(c.Number)
	if len(p.waiting) < maxPOP3Waiting {
		p.waiting = append(p.waiting, said)
	}
}

// answer returns true if TLS begins.
func (p *pop3) answer(c *Context, line []byte) bool {
	good := bytes.HasPrefix(line, []byte("+OK"))
	switch {
	case p.body:
		p.body = string(line) != "."
		return false
	case bytes.HasPrefix(line, []byte("+ ")) || string(line) == "+":
		p.token = true
		return false
	case !good && !bytes.HasPrefix(line, []byte("-ERR")): // lines of a message
		return false
	}
	if len(line) > maxPOP3Reply {
		p.raise(c, FromServer, "response_too_long")
	}
	if p.banner == nil {
		p.banner = dbText(line)
		p.packets.Add(c.Number)
		if len(p.waiting) == 0 {
			return false
		}
	}
	if len(p.waiting) == 0 {
		return false
	}
	said := p.waiting[0]
	p.waiting = p.waiting[:copy(p.waiting, p.waiting[1:])]
	switch said {
	case pop3Lines:
		p.body = good
		return false
	case pop3Mail:
		if p.packets.Add(c.Number); good {
			p.mail = &mail{}
		}
		return false
	case "":
		return false
	}
	p.packets.Add(c.Number)
	p.tell(c, said, true, good)
	return said == "STLS" && good
}

// message takes a line of a message, with its end and without: a dot ends it, and
// is doubled where it begins a line (RFC 1939 section 3).
func (p *pop3) message(c *Context, raw, line []byte) {
	if string(line) == "." {
		p.mail.end(c, true)
		p.mail = nil
		return
	}
	p.mail.add(c, FromServer, bytes.TrimPrefix(raw, []byte(".")))
}

func (p *pop3) tell(c *Context, said string, known, good bool) {
	action := "login"
	if said == "STLS" {
		action = "command"
	}
	e := p.begin(c, "saksi.pop3", action)
	e.Str(event.SaksiTextCommand, said)
	if known {
		outcome(e, good)
	}
	c.Emit(e)
}

// Gap implements Parser: lines are found again.
func (p *pop3) Gap(_ *Context, dir Dir, n uint32) bool {
	if p.mail != nil && dir == FromServer {
		p.mail.gap(n)
	}
	return true
}

// Close implements Parser.
func (p *pop3) Close(c *Context) {
	if p.mail != nil {
		p.mail.end(c, false)
		p.mail = nil
	}
	for _, said := range p.waiting {
		if said != "" && said != pop3Lines && said != pop3Mail {
			p.tell(c, said, false, false)
			break
		}
	}
	p.waiting = nil
	p.connected(c, "saksi.pop3")
}
