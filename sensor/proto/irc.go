package proto

// IRC, RFC 1459 and RFC 2812 section 2.3: lines of at most 512 bytes, "[:prefix]
// COMMAND arguments [:last]". A client begins with CAP, PASS, NICK and USER.
// One event a login, a channel joined, and each channel or person addressed,
// once; passwords and messages are never taken.

import (
	"bytes"

	"saksi/event"
	"saksi/rules/suricata"
)

func init() {
	register(&Entry{
		Name: "irc", App: suricata.AppIRC, Doc: "Internet Relay Chat", Reference: "RFC 1459, RFC 2812",
		Transport: TCP, Ports: []uint16{6667, 6666, 6668, 6669, 6697}, Detect: detectIRC,
		New:     func(Transport) Parser { return &irc{said: map[string]bool{}} },
		Samples: []string{"irc.txt"}, Hostile: []string{"irc_hostile.txt"},
	})
}

// detectIRC wants two lines of a client's beginning: other protocols have one
// or the other.
func detectIRC(p *Probe) Verdict {
	b := p.Data[:min(len(p.Data), 1024)]
	if p.Dir == FromServer {
		line, _, ok := bytes.Cut(b, []byte("\r\n"))
		if ok && bytes.HasPrefix(line, []byte(":")) && bytes.Contains(line, []byte(" NOTICE ")) && bytes.Contains(line, []byte(":*** ")) {
			return Yes
		}
		return No
	}
	nick, user := false, false
	for range 6 {
		line, rest, ok := bytes.Cut(b, []byte("\n"))
		if !ok {
			break
		}
		v, arg := verb(bytes.TrimRight(line, "\r"))
		switch v {
		case "CAP", "PASS":
		case "NICK":
			if len(arg) == 0 || len(arg) > 32 || bytes.IndexByte(arg, ' ') >= 0 {
				return No
			}
			nick = true
		case "USER":
			if len(bytes.Fields(arg)) < 4 {
				return No
			}
			user = true
		default:
			return No
		}
		b = rest
	}
	switch {
	case nick && user:
		return Yes
	case nick || user:
		if p.On(6667, 6666, 6668, 6669) {
			return Yes
		}
		return More
	case bytes.HasPrefix(p.Data, []byte("CAP LS")) || bytes.HasPrefix(p.Data, []byte("PASS ")):
		return More
	}
	return No
}

// maxIRCTargets bounds the channels and persons told of in one connection.
const maxIRCTargets = 256

type irc struct {
	packets    Packets
	nick, user []byte
	server     []byte
	open       bool // the login has no answer yet
	said       map[string]bool
}

// Data implements Parser.
func (p *irc) Data(c *Context, dir Dir, b []byte) Result {
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
		if len(line) > 0 && line[0] == '@' { // tags
			_, line, _ = bytes.Cut(line, []byte(" "))
		}
		var prefix []byte
		if len(line) > 0 && line[0] == ':' {
			prefix, line, _ = bytes.Cut(line[1:], []byte(" "))
		}
		if dir == FromClient {
			if p.client(c, line) {
				c.Redetect, c.Used = true, used
				return Done
			}
		} else {
			p.reply(c, prefix, line)
		}
	}
	return Result(used)
}

// client returns true if TLS begins.
func (p *irc) client(c *Context, line []byte) bool {
	v, arg := verb(line)
	first, _, _ := bytes.Cut(arg, []byte(" "))
	first = bytes.TrimPrefix(first, []byte(":"))
	switch v {
	case "NICK":
		p.packets.Add(c.Number)
		p.nick = dbText(first)
		p.open = p.open || p.server == nil
	case "USER":
		p.packets.Add(c.Number)
		p.user = dbText(first)
		p.open = true
	case "JOIN":
		for ch := range bytes.SplitSeq(first, []byte(",")) {
			p.tell(c, "join", ch)
		}
	case "PRIVMSG", "NOTICE":
		p.tell(c, "message", first)
	case "STARTTLS":
		return true
	}
	return false
}

func (p *irc) reply(c *Context, prefix, line []byte) {
	word, _, _ := bytes.Cut(line, []byte(" "))
	switch {
	case string(word) == "001": // welcome
		p.server = dbText(prefix)
		p.packets.Add(c.Number)
		p.login(c, true, true)
	case len(word) == 3 && word[0] == '4' && (string(word) == "433" || string(word) == "464" || string(word) == "465"): // nickname in use, password, banned
		p.packets.Add(c.Number)
		p.login(c, true, false)
	case string(word) == "PRIVMSG":
		if who, _, ok := bytes.Cut(prefix, []byte("!")); ok {
			p.tell(c, "receive", who)
		}
	}
}

func (p *irc) begin(c *Context, action string) *event.Event {
	e := c.Begin("saksi.irc", p.packets.List())
	e.Str(event.EventAction, action)
	e.Bytes(event.SaksiIrcNick, p.nick)
	e.Bytes(event.UserName, p.user)
	e.Bytes(event.RelatedUser, p.user)
	e.Bytes(event.ServerAddress, p.server)
	return e
}

func (p *irc) login(c *Context, known, good bool) {
	if !p.open {
		return
	}
	p.open = false
	e := p.begin(c, "login")
	e.Str(event.EventCategory, "authentication")
	if known {
		outcome(e, good)
	}
	c.Emit(e)
}

func (p *irc) tell(c *Context, action string, to []byte) {
	k := action + " " + string(to[:min(len(to), 64)])
	if len(to) == 0 || p.said[k] || len(p.said) >= maxIRCTargets {
		return
	}
	p.said[k] = true
	p.packets.Reset()
	p.packets.Add(c.Number)
	e := p.begin(c, action)
	e.Bytes(event.SaksiIrcChannel, to[:min(len(to), 64)])
	c.Emit(e)
}

// Gap implements Parser: lines are found again.
func (p *irc) Gap(*Context, Dir, uint32) bool { return true }

// Close implements Parser.
func (p *irc) Close(c *Context) { p.login(c, false, false) }
