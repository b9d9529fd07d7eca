package proto

// STOMP 1.2: a frame is a command, fields "name:value", an empty line, a body and
// NUL. A client begins with CONNECT or STOMP, the server answers with CONNECTED or
// ERROR. One event a login and each destination once; passcodes and bodies are
// never taken.

import (
	"bytes"

	"saksi/event"
)

func init() {
	register(&Entry{
		Name: "stomp", Doc: "Simple Text Oriented Messaging Protocol", Reference: "https://stomp.github.io/stomp-specification-1.2.html",
		Transport: TCP, Ports: []uint16{61613}, First: []string{"CONNECT\n", "CONNECT\r\n", "STOMP\n", "STOMP\r\n"},
		Detect: func(p *Probe) Verdict {
			b := p.Data[:min(len(p.Data), 1024)]
			for _, f := range []string{"\naccept-version:", "\nlogin:", "\nhost:", "\nheart-beat:"} {
				if bytes.Contains(b, []byte(f)) {
					return Yes
				}
			}
			if bytes.IndexByte(b, 0) < 0 && len(b) < 1024 {
				return More
			}
			return No
		},
		New:     func(Transport) Parser { return &stomp{said: map[string]bool{}} },
		Samples: []string{"stomp.txt"}, Hostile: []string{"stomp_hostile.txt"},
	})
}

// maxSTOMPDestinations bounds the destinations told of in one connection.
const maxSTOMPDestinations = 256

type stomp struct {
	database
	login bool
	skip  [2]bool // to the NUL behind a frame too long to hold
	said  map[string]bool
}

// Data implements Parser.
func (p *stomp) Data(c *Context, dir Dir, b []byte) Result {
	used := 0
	for used < len(b) {
		rest := b[used:]
		if !p.skip[dir] && (rest[0] == '\n' || rest[0] == '\r') { // kept alive
			used++
			continue
		}
		i := bytes.IndexByte(rest, 0)
		switch {
		case i < 0 && p.skip[dir]:
			return Result(len(b))
		case i < 0 && len(rest) > maxHeld:
			p.frame(c, dir, rest)
			p.skip[dir] = true
			return Result(len(b))
		case i < 0:
			return Result(used)
		case !p.skip[dir]:
			p.frame(c, dir, rest[:i])
		}
		p.skip[dir] = false
		used += i + 1
	}
	return Result(used)
}

func (p *stomp) frame(c *Context, dir Dir, b []byte) {
	head, _, _ := bytes.Cut(bytes.ReplaceAll(b[:min(len(b), 8<<10)], []byte("\r\n"), []byte("\n")), []byte("\n\n"))
	command, fields, _ := bytes.Cut(head, []byte("\n"))
	field := func(name string) []byte {
		_, v, ok := bytes.Cut(append([]byte("\n"), fields...), []byte("\n"+name+":"))
		if !ok {
			return nil
		}
		v, _, _ = bytes.Cut(v, []byte("\n"))
		return dbText(v)
	}
	switch {
	case dir == FromClient && (string(command) == "CONNECT" || string(command) == "STOMP"):
		p.packets.Add(c.Number)
		p.user, p.name, p.login = field("login"), field("host"), true
	case dir == FromServer && string(command) == "CONNECTED":
		p.version = field("server")
		p.tell(c, true, true)
	case dir == FromServer && string(command) == "ERROR":
		p.tell(c, true, false)
	case dir == FromClient && (string(command) == "SEND" || string(command) == "SUBSCRIBE"):
		to := field("destination")
		k := string(command) + " " + string(to)
		if len(to) == 0 || p.said[k] || len(p.said) >= maxSTOMPDestinations {
			return
		}
		p.said[k] = true
		p.packets.Reset()
		p.packets.Add(c.Number)
		e := p.begin(c, "saksi.stomp", "command")
		e.Bytes(event.SaksiDbOperation, command)
		e.Bytes(event.SaksiDbObject, to)
		c.Emit(e)
	}
}

func (p *stomp) tell(c *Context, known, good bool) {
	if !p.login {
		return
	}
	p.login = false
	p.packets.Add(c.Number)
	e := p.begin(c, "saksi.stomp", "login")
	if known {
		outcome(e, good)
	}
	c.Emit(e)
}

// Gap implements Parser: the next frame is found again.
func (p *stomp) Gap(_ *Context, dir Dir, _ uint32) bool {
	p.skip[dir] = true
	return true
}

// Close implements Parser.
func (p *stomp) Close(c *Context) { p.tell(c, false, false) }
