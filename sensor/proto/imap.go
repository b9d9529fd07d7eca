package proto

// IMAP, RFC 9051: the server greets with "* OK", "* PREAUTH" or "* BYE"; a
// command is a tag, a word and arguments, and is answered by its tag and OK, NO
// or BAD. One event a login, a mailbox selected, and STARTTLS; what a mailbox
// holds is not read. Passwords are never taken.

import (
	"bytes"
	"strconv"
	"strings"

	"saksi/event"
	"saksi/rules/suricata"
	"saksi/sensor/proto/internal/http"
)

func init() {
	register(&Entry{
		Name: "imap", Doc: "Internet Message Access Protocol", Reference: "RFC 9051, RFC 3501",
		Transport: TCP, Ports: []uint16{143}, App: suricata.AppIMAP,
		Detect: detectIMAP, New: func(Transport) Parser { return &imap{} },
		Samples: []string{"imap.txt", "imap_sasl.txt", "imap_mail.txt"}, Hostile: []string{"imap_hostile.txt"},
	})
}

func detectIMAP(p *Probe) Verdict {
	b := p.Data
	if p.Dir == FromServer {
		for _, s := range []string{"* OK", "* PREAUTH", "* BYE"} {
			if bytes.HasPrefix(b, []byte(s)) && (bytes.Contains(b, []byte("IMAP")) || p.On(143)) {
				return Yes
			}
		}
		return No
	}
	line, _, ok := bytes.Cut(b, []byte("\r\n"))
	if !ok || len(line) > 512 {
		return No
	}
	tag, rest, _ := bytes.Cut(line, []byte(" "))
	verb, _, _ := bytes.Cut(rest, []byte(" "))
	if len(tag) == 0 || len(tag) > 16 {
		return No
	}
	for _, v := range []string{"capability", "login", "authenticate", "starttls", "select", "examine", "noop", "logout"} {
		if http.EqualFold(verb, v) && (p.On(143) || v != "noop" && bytes.HasPrefix(p.Other, []byte("* "))) {
			return Yes
		}
	}
	return No
}

type imap struct {
	textSession
	tag     []byte // of the command in work
	command string
	mailbox []byte
	token   bool // a SASL token or a literal is the next line
	literal [2]int64
	mail    [2]*mail // the message that the literal is
}

// Data implements Parser.
func (p *imap) Data(c *Context, dir Dir, b []byte) Result {
	used := 0
	for used < len(b) {
		if n := min(p.literal[dir], int64(len(b)-used)); n > 0 {
			if dir == FromClient && p.command == "LOGIN" && p.user == nil && n == p.literal[dir] {
				p.user = dbText(b[used : used+int(n)])
			}
			if m := p.mail[dir]; m != nil {
				m.add(c, dir, b[used:used+int(n)])
			}
			p.literal[dir] -= n
			used += int(n)
			if m := p.mail[dir]; m != nil && p.literal[dir] == 0 {
				m.end(c, true)
				p.mail[dir] = nil
			}
			continue
		}
		line, n, ok := nextLine(b[used:])
		if !ok {
			return Broken
		}
		if n == 0 {
			break
		}
		used += n
		p.literal[dir] = imapLiteral(line)
		if dir == FromClient {
			p.request(c, line)
			if p.command == "APPEND" && p.literal[dir] > 0 && !p.token {
				p.mail[dir] = &mail{}
			}
		} else if p.literal[dir] > 0 && imapMessage(line) {
			p.mail[dir] = &mail{}
		} else if p.answer(c, line) {
			c.Redetect, c.Used = true, used
			return Done
		}
	}
	return Result(used)
}

// imapLiteral is the size of the literal that follows a line, "{n}" or "{n+}".
func imapLiteral(line []byte) int64 {
	if !bytes.HasSuffix(line, []byte("}")) {
		return 0
	}
	i := bytes.LastIndexByte(line, '{')
	if i < 0 {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimRight(string(line[i+1:len(line)-1]), "+"), 10, 32)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// imapMessage reports a line of a FETCH response whose literal is a whole message
// (RFC 9051 section 7.5.2): BODY[], not a part of it, or RFC822.
func imapMessage(line []byte) bool {
	up := bytes.ToUpper(line)
	if !bytes.HasPrefix(up, []byte("* ")) || !bytes.Contains(up, []byte(" FETCH ")) {
		return false
	}
	i := bytes.LastIndexByte(up, '{')
	item := bytes.TrimRight(up[:max(i, 0)], " ")
	for _, s := range [...]string{"BODY[]", "RFC822", "BODY[]<0>", "BINARY[]"} {
		if bytes.HasSuffix(item, []byte(s)) {
			return true
		}
	}
	return false
}

func (p *imap) request(c *Context, line []byte) {
	if p.token {
		p.token = false
		if p.mechanism == "PLAIN" {
			p.user = base64User(line)
		}
		return
	}
	tag, rest, ok := bytes.Cut(line, []byte(" "))
	if !ok {
		return
	}
	word, arg, _ := bytes.Cut(rest, []byte(" "))
	command := strings.ToUpper(string(word[:min(len(word), 16)]))
	switch command {
	case "LOGIN", "AUTHENTICATE", "SELECT", "EXAMINE", "STARTTLS", "DELETE", "APPEND":
	default:
		return
	}
	p.packets.Reset()
	p.packets.Add(c.Number)
	p.tag, p.command, p.mailbox = append(p.tag[:0], tag[:min(len(tag), 32)]...), command, nil
	first, rest := imapString(arg)
	switch command {
	case "LOGIN":
		p.mechanism = "LOGIN"
		if p.user = nil; p.literal[FromClient] == 0 || len(rest) > 0 {
			p.user = dbText(first)
		}
	case "AUTHENTICATE":
		p.mechanism = strings.ToUpper(string(first[:min(len(first), 32)]))
		p.user = nil
		if len(rest) == 0 {
			p.token = true
		} else if p.mechanism == "PLAIN" {
			p.user = base64User(rest)
		}
	case "STARTTLS":
	default:
		p.mailbox = dbText(first)
	}
}

// imapString takes an atom or a quoted string off the arguments.
func imapString(b []byte) (first, rest []byte) {
	if len(b) == 0 || b[0] != '"' {
		first, rest, _ = bytes.Cut(b, []byte(" "))
		return first, rest
	}
	first, rest, _ = bytes.Cut(b[1:], []byte(`"`))
	return first, bytes.TrimLeft(rest, " ")
}

// answer returns true if TLS begins.
func (p *imap) answer(c *Context, line []byte) bool {
	if p.banner == nil && bytes.HasPrefix(line, []byte("* ")) {
		p.banner = dbText(line[2:])
		p.packets.Add(c.Number)
	}
	tag, rest, _ := bytes.Cut(line, []byte(" "))
	if p.command == "" || !bytes.Equal(tag, p.tag) {
		return false
	}
	word, _, _ := bytes.Cut(rest, []byte(" "))
	p.packets.Add(c.Number)
	good := bytes.EqualFold(word, []byte("OK"))
	p.tell(c, string(word[:min(len(word), 8)]), good)
	tls := p.command == "STARTTLS" && good
	p.command, p.token = "", false
	return tls
}

// tell tells of the command in work; reply is empty if there was none.
func (p *imap) tell(c *Context, reply string, good bool) {
	action := "command"
	if p.command == "LOGIN" || p.command == "AUTHENTICATE" {
		action = "login"
	}
	e := p.begin(c, "saksi.imap", action)
	e.Str(event.SaksiTextCommand, p.command)
	e.Bytes(event.SaksiTextArgument, p.mailbox)
	if reply != "" {
		e.Str(event.SaksiTextReply, reply)
		outcome(e, good)
	}
	c.Emit(e)
}

// Gap implements Parser: lines are found again.
func (p *imap) Gap(c *Context, dir Dir, n uint32) bool {
	lost := min(p.literal[dir], int64(n))
	p.literal[dir] -= lost
	if m := p.mail[dir]; m != nil {
		m.gap(uint32(lost))
		if p.literal[dir] == 0 {
			m.end(c, false)
			p.mail[dir] = nil
		}
	}
	return true
}

// Close implements Parser.
func (p *imap) Close(c *Context) {
	for d, m := range p.mail {
		if m != nil {
			m.end(c, false)
			p.mail[d] = nil
		}
	}
	if p.command != "" {
		p.tell(c, "", false)
		p.command = ""
	}
	p.connected(c, "saksi.imap")
}
