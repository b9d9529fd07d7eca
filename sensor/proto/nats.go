package proto

// NATS: lines of text. A server begins with "INFO {json}", a client with
// "CONNECT {json}"; then "PUB subject [reply] size", "SUB subject [queue] id",
// "MSG subject id [reply] size" and others. One event a login and each subject
// once.

import (
	"bytes"
	"encoding/json"
	"strconv"

	"saksi/event"
)

func init() {
	register(&Entry{
		Name: "nats", Doc: "NATS messaging", Reference: "https://docs.nats.io/reference/reference-protocols/nats-protocol",
		Transport: TCP, Ports: []uint16{4222}, First: []string{"INFO {", "CONNECT {"},
		Detect: func(p *Probe) Verdict {
			want := []byte(`"server_id"`)
			if p.Dir == FromClient {
				want = []byte(`"verbose"`)
			}
			if bytes.Contains(p.Data, want) {
				return Yes
			}
			if bytes.IndexByte(p.Data, '\n') < 0 && len(p.Data) < 2048 {
				return More
			}
			return No
		},
		New:     func(Transport) Parser { return &nats{said: map[string]bool{}} },
		Samples: []string{"nats.txt"}, Hostile: []string{"nats_hostile.txt"},
	})
}

// maxNATSSubjects bounds the subjects told of in one connection.
const maxNATSSubjects = 256

type nats struct {
	database
	login bool
	skip  [2]int64
	said  map[string]bool
}

// Data implements Parser.
func (p *nats) Data(c *Context, dir Dir, b []byte) Result {
	used := 0
	for used < len(b) {
		if n := min(p.skip[dir], int64(len(b)-used)); n > 0 {
			p.skip[dir] -= n
			used += int(n)
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
		p.line(c, dir, line)
	}
	return Result(used)
}

func (p *nats) line(c *Context, dir Dir, line []byte) {
	w, rest := verb(line)
	switch {
	case w == "INFO" && dir == FromServer:
		var v struct {
			Version string `json:"version"`
		}
		if json.Unmarshal(rest, &v) == nil {
			p.version = dbText([]byte(v.Version))
		}
	case w == "CONNECT" && dir == FromClient:
		var v struct {
			User string `json:"user"`
			Name string `json:"name"`
			Lang string `json:"lang"`
		}
		if json.Unmarshal(rest, &v) != nil {
			return
		}
		p.user, p.application = dbText([]byte(v.User)), dbText([]byte(v.Name))
		if v.Name == "" {
			p.application = dbText([]byte(v.Lang))
		}
		p.packets.Add(c.Number)
		p.login = true
	case w == "PONG" && dir == FromServer, w == "" && bytes.HasPrefix(line, []byte("+OK")):
		p.tell(c, "", true)
	case w == "" && bytes.HasPrefix(line, []byte("-ERR")):
		fail := bytes.Trim(line[4:], " '")
		p.tell(c, string(fail[:min(len(fail), 64)]), true)
	case w == "PUB", w == "HPUB", w == "SUB", w == "MSG", w == "HMSG":
		f := bytes.Fields(rest)
		if len(f) == 0 {
			return
		}
		if w != "SUB" {
			if n, err := strconv.ParseInt(string(f[len(f)-1]), 10, 32); err == nil && n >= 0 {
				p.skip[dir] = n + 2
			}
		}
		k := w + " " + string(f[0])
		if p.said[k] || len(p.said) >= maxNATSSubjects {
			return
		}
		p.said[k] = true
		p.packets.Reset()
		p.packets.Add(c.Number)
		e := p.begin(c, "saksi.nats", "command")
		e.Str(event.SaksiDbOperation, w)
		e.Bytes(event.SaksiDbObject, f[0])
		c.Emit(e)
	}
}

// tell tells of the login.
func (p *nats) tell(c *Context, fail string, known bool) {
	if !p.login {
		return
	}
	p.login = false
	p.packets.Add(c.Number)
	e := p.begin(c, "saksi.nats", "login")
	e.Str(event.SaksiDbError, fail)
	if known {
		outcome(e, fail == "")
	}
	c.Emit(e)
}

// Gap implements Parser: within a message it is passed over.
func (p *nats) Gap(_ *Context, dir Dir, n uint32) bool {
	if p.skip[dir] < int64(n) {
		return false
	}
	p.skip[dir] -= int64(n)
	return true
}

// Close implements Parser.
func (p *nats) Close(c *Context) { p.tell(c, "", false) }
