package proto

// Telnet, RFC 854: text with commands in it: IAC 0xff, then 0xfb WILL, 0xfc WONT,
// 0xfd DO, 0xfe DONT and an option; 0xfa begins a subnegotiation that IAC 0xf0
// ends. One event a login: the line the client sends after "login:"; what
// follows "password:" is never taken.

import (
	"bytes"
	"strconv"

	"saksi/event"
	"saksi/rules/suricata"
)

func init() {
	register(&Entry{
		Name: "telnet", Doc: "Telnet terminal", Reference: "RFC 854, RFC 855, RFC 1091",
		Transport: TCP, Ports: []uint16{23, 2323}, App: suricata.AppTelnet, First: []string{"\xff"},
		Detect: func(p *Probe) Verdict {
			n := 0
			b := p.Data
			for len(b) >= 3 && b[0] == 0xff {
				if b[1] == 0xfa {
					break
				}
				if b[1] < 0xfb || b[2] > 49 && b[2] < 138 || b[2] > 140 {
					return No
				}
				n++
				b = b[3:]
			}
			switch {
			case n >= 2, n == 1 && p.On(23, 2323):
				return Yes
			case len(p.Data) < 6:
				return More
			}
			return No
		},
		New:     func(Transport) Parser { return &telnet{} },
		Samples: []string{"telnet.txt"}, Hostile: []string{"telnet_hostile.txt"},
	})
}

var (
	frameTelnetPDU  = frame("telnet.pdu")
	frameTelnetCtl  = frame("telnet.ctl")
	frameTelnetData = frame("telnet.data")
)

// frameChar gathers a line for rules on frames.
func (p *telnet) frameChar(c *Context, dir Dir, x byte) {
	if !c.Wants(frameTelnetData) && !c.Wants(frameTelnetPDU) {
		return
	}
	if p.raw[dir] = append(p.raw[dir], x); x == '\n' || len(p.raw[dir]) >= maxTelnetFrame {
		p.frameEnd(c, dir)
	}
}

// frameEnd offers what was gathered: a line, or what came with one segment.
func (p *telnet) frameEnd(c *Context, dir Dir) {
	if len(p.raw[dir]) > 0 {
		offerFrames(c, dir, suricata.AppTelnet, framed{frameTelnetPDU, p.raw[dir]}, framed{frameTelnetData, p.raw[dir]})
		p.raw[dir] = p.raw[dir][:0]
	}
}

// maxTelnetFrame bounds a line that rules see.
const maxTelnetFrame = 16 << 10

// telnetOptions are the options most seen (IANA, Telnet Options).
var telnetOptions = map[byte]string{
	0: "binary", 1: "echo", 3: "suppress-go-ahead", 5: "status", 6: "timing-mark", 24: "terminal-type", 25: "end-of-record", 31: "window-size",
	32: "terminal-speed", 33: "flow-control", 34: "linemode", 35: "x-display", 36: "environ", 37: "authentication", 38: "encryption",
	39: "new-environ", 40: "tn3270e", 42: "charset", 44: "com-port", 46: "starttls", 47: "kermit",
}

const (
	// maxTelnetLine bounds the line in work.
	maxTelnetLine = 512
	// maxTelnetLogins bounds the logins told of.
	maxTelnetLogins = 64
)

type telnet struct {
	textSession
	line     [2][]byte
	seen     [256]bool
	options  []byte
	terminal []byte
	ask      byte // 'u' the user's name comes next, 'p' a password
	tried    bool // a password was sent
	logins   int
	began    bool
	raw      [2][]byte // the line in work, for rules on frames
}

// Data implements Parser.
func (p *telnet) Data(c *Context, dir Dir, b []byte) Result {
	p.began = true
	used := 0
	for used < len(b) {
		rest := b[used:]
		if rest[0] != 0xff {
			p.frameChar(c, dir, rest[0])
			p.char(c, dir, rest[0])
			used++
			continue
		}
		n := p.iac(rest)
		if n == 0 {
			if len(rest) > 4096 {
				return Broken
			}
			break
		}
		offerFrames(c, dir, suricata.AppTelnet, framed{frameTelnetPDU, rest[:n]}, framed{frameTelnetCtl, rest[:n]})
		used += n
	}
	p.frameEnd(c, dir)
	if dir == FromServer {
		p.prompt(c)
	}
	return Result(used)
}

// iac takes a command; 0 means that more bytes are needed.
func (p *telnet) iac(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case 0xfb, 0xfc, 0xfd, 0xfe:
		if len(b) < 3 {
			return 0
		}
		if !p.seen[b[2]] && (b[1] == 0xfb || b[1] == 0xfd) {
			p.seen[b[2]] = true
			p.options = append(p.options, b[2])
		}
		return 3
	case 0xfa:
		i := bytes.Index(b, []byte{0xff, 0xf0})
		if i < 0 {
			return 0
		}
		if i > 4 && b[2] == 24 && b[3] == 0 { // terminal type IS
			p.terminal = dbText(b[4:i])
		}
		return i + 2
	}
	return 2
}

func (p *telnet) char(c *Context, dir Dir, x byte) {
	l := p.line[dir]
	switch {
	case x == '\r' || x == '\n':
		if dir == FromClient && len(l) > 0 {
			p.entered(c, l)
		}
		if dir == FromServer && len(l) > 0 {
			p.said(c, l)
		}
		p.line[dir] = l[:0]
	case (x == 8 || x == 127) && dir == FromClient:
		p.line[dir] = l[:max(0, len(l)-1)]
	case x >= 0x20 && len(l) < maxTelnetLine && (dir == FromServer || p.ask == 'u'):
		p.line[dir] = append(l, x)
	case x >= 0x20 && dir == FromClient && len(l) == 0:
		p.line[dir] = append(l, '*') // a line is there; what it holds is not kept
	}
}

// prompt looks at what the server leaves on the line.
func (p *telnet) prompt(c *Context) {
	l := bytes.ToLower(bytes.TrimRight(p.line[FromServer], " "))
	switch {
	case bytes.HasSuffix(l, []byte("login:")) || bytes.HasSuffix(l, []byte("username:")) || bytes.HasSuffix(l, []byte("user:")):
		p.tell(c, false)
		p.ask = 'u'
	case bytes.HasSuffix(l, []byte("password:")) || bytes.HasSuffix(l, []byte("passcode:")):
		p.ask = 'p'
	case len(l) > 0 && p.tried && (bytes.HasSuffix(l, []byte("$")) || bytes.HasSuffix(l, []byte("#")) || bytes.HasSuffix(l, []byte(">"))):
		p.tell(c, true)
	default:
		return
	}
	p.packets.Add(c.Number)
}

// said takes a whole line of the server.
func (p *telnet) said(c *Context, l []byte) {
	low := bytes.ToLower(l)
	switch {
	case p.tried && (bytes.Contains(low, []byte("incorrect")) || bytes.Contains(low, []byte("fail")) || bytes.Contains(low, []byte("denied")) || bytes.Contains(low, []byte("invalid"))):
		p.packets.Add(c.Number)
		p.tell(c, false)
	case p.banner == nil:
		p.banner = dbText(l)
	}
}

// entered takes a line of the client.
func (p *telnet) entered(c *Context, l []byte) {
	p.packets.Add(c.Number)
	switch p.ask {
	case 'u':
		p.user = dbText(l)
	case 'p':
		p.tried = true
	}
	p.ask = 0
}

// tell tells of the login that was tried.
func (p *telnet) tell(c *Context, good bool) {
	if !p.tried {
		return
	}
	p.tried = false
	if p.logins++; p.logins > maxTelnetLogins {
		return
	}
	e := p.begin(c, "saksi.telnet", "login")
	p.describe(e)
	outcome(e, good)
	c.Emit(e)
	p.packets.Reset()
}

func (p *telnet) describe(e *event.Event) {
	for _, o := range p.options[:min(len(p.options), 32)] {
		if s, ok := telnetOptions[o]; ok {
			e.Str(event.SaksiTelnetOption, s)
		} else {
			e.Str(event.SaksiTelnetOption, strconv.Itoa(int(o)))
		}
	}
	e.Bytes(event.SaksiTelnetTerminal, p.terminal)
}

// Gap implements Parser.
func (p *telnet) Gap(_ *Context, dir Dir, _ uint32) bool {
	p.line[dir] = p.line[dir][:0]
	return true
}

// Close implements Parser.
func (p *telnet) Close(c *Context) {
	switch {
	case p.tried:
		e := p.begin(c, "saksi.telnet", "login")
		p.describe(e)
		c.Emit(e)
		p.tried = false
	case p.began && !p.told:
		p.packets.Add(c.Number)
		e := p.begin(c, "saksi.telnet", "connect")
		p.describe(e)
		c.Emit(e)
	}
}
