package proto

// NNTP, RFC 3977: lines; the server greets with 200 or 201, commands are answered
// by a code of three digits. AUTHINFO USER and PASS (RFC 4643) log in, 281 is
// success. One event a login, a group entered and STARTTLS.

import (
	"bytes"
	"strconv"

	"saksi/event"
)

func init() {
	register(&Entry{
		Name: "nntp", Doc: "Network News Transfer Protocol", Reference: "RFC 3977, RFC 4643, RFC 4642",
		Transport: TCP, Application: "usenet", Ports: []uint16{119},
		Detect: func(p *Probe) Verdict {
			line, _, ok := bytes.Cut(p.Data[:min(len(p.Data), 1024)], []byte("\r\n"))
			if p.Dir == FromServer {
				code, _, is := replyCode(line)
				if !ok || !is || code != 200 && code != 201 || len(line) < 4 || line[3] != ' ' {
					return No
				}
				if up := bytes.ToUpper(line); bytes.Contains(up, []byte("NNTP")) || bytes.Contains(up, []byte("NEWS SERVER")) || bytes.Contains(up, []byte("INN ")) || bytes.Contains(up, []byte("INNRD")) {
					return Yes
				}
				return onPort(p, true, 119)
			}
			up := bytes.ToUpper(line)
			if ok && (bytes.HasPrefix(up, []byte("AUTHINFO ")) || string(up) == "MODE READER") {
				return Yes
			}
			return No
		},
		New:     func(Transport) Parser { return &nntp{} },
		Samples: []string{"nntp.txt"}, Hostile: []string{"nntp_hostile.txt"},
	})
}

type nntp struct {
	textSession
	command string
	group   []byte
	body    [2]bool // lines of an article are going through
}

// Data implements Parser.
func (p *nntp) Data(c *Context, dir Dir, b []byte) Result {
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
		switch {
		case p.body[dir]:
			p.body[dir] = string(line) != "."
		case dir == FromClient:
			p.request(c, line)
		case p.answer(c, line):
			c.Redetect, c.Used = true, used
			return Done
		}
	}
	return Result(used)
}

func (p *nntp) request(c *Context, line []byte) {
	p.command = ""
	v, arg := verb(line)
	switch v {
	case "AUTHINFO":
		kind, rest := verb(arg)
		p.packets.Add(c.Number)
		switch kind {
		case "USER":
			p.packets.Reset()
			p.packets.Add(c.Number)
			p.user, p.mechanism = dbText(rest), "USER"
		case "PASS":
			p.command = "AUTHINFO"
		case "SASL":
			p.command = "AUTHINFO"
			m, token, _ := bytes.Cut(rest, []byte(" "))
			p.mechanism = string(m[:min(len(m), 32)])
			if p.mechanism == "PLAIN" {
				p.user = base64User(token)
			}
		}
	case "GROUP":
		p.packets.Reset()
		p.packets.Add(c.Number)
		p.command, p.group = v, dbText(arg)
	case "STARTTLS", "POST", "IHAVE":
		p.packets.Reset()
		p.packets.Add(c.Number)
		p.command = v
	}
}

// answer returns true if TLS begins.
func (p *nntp) answer(c *Context, line []byte) bool {
	code, _, ok := replyCode(line)
	if !ok {
		return false
	}
	if p.banner == nil {
		p.banner = dbText(line)
		p.packets.Add(c.Number)
		return false
	}
	switch code { // what follows them has several lines
	case 100, 101, 215, 220, 221, 222, 224, 225, 230, 231:
		p.body[FromServer] = true
	case 335, 340:
		p.body[FromClient] = true
		return false
	}
	if p.command == "" || code == 381 || code == 383 {
		return false
	}
	p.packets.Add(c.Number)
	action := "command"
	if p.command == "AUTHINFO" {
		action = "login"
	}
	e := p.begin(c, "saksi.nntp", action)
	e.Str(event.SaksiTextCommand, p.command)
	if p.command == "GROUP" {
		e.Bytes(event.SaksiTextArgument, p.group)
	}
	e.Str(event.SaksiTextReply, strconv.Itoa(code))
	outcome(e, code < 400)
	c.Emit(e)
	tls := p.command == "STARTTLS" && code == 382
	p.command = ""
	return tls
}

// Gap implements Parser: lines are found again.
func (p *nntp) Gap(*Context, Dir, uint32) bool { return true }

// Close implements Parser.
func (p *nntp) Close(c *Context) { p.connected(c, "saksi.nntp") }
