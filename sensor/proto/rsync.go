package proto

// The rsync daemon: both sides send "@RSYNCD: version\n"; the client names a
// module, the server answers "@RSYNCD: OK", "@RSYNCD: AUTHREQD challenge", which
// the client answers with "user response", or "@ERROR: text". One event a
// module; the response is never taken.

import (
	"bytes"

	"saksi/event"
)

func init() {
	register(&Entry{
		Name: "rsync", Doc: "rsync daemon", Reference: "https://download.samba.org/pub/rsync/rsyncd.conf.5, https://github.com/RsyncProject/rsync (clientserver.c)",
		Transport: TCP, Ports: []uint16{873}, First: []string{"@RSYNCD: "},
		Detect: func(p *Probe) Verdict {
			switch {
			case len(p.Data) < 10:
				return More
			case digit(p.Data[9]):
				return Yes
			}
			return No
		},
		New:     func(Transport) Parser { return &rsync{} },
		Samples: []string{"rsync.txt"}, Hostile: []string{"rsync_hostile.txt"},
	})
}

type rsync struct {
	textSession
	lines  [2]int
	module []byte
	asked  bool // for a user
}

// Data implements Parser.
func (p *rsync) Data(c *Context, dir Dir, b []byte) Result {
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
		p.lines[dir]++
		p.packets.Add(c.Number)
		switch {
		case p.lines[dir] == 1:
			if dir == FromServer {
				p.banner = dbText(line)
			}
		case dir == FromClient && p.asked:
			user, _, _ := bytes.Cut(line, []byte(" "))
			p.user, p.asked = dbText(user), false
		case dir == FromClient && p.module == nil:
			p.module = dbText(line)
		case dir == FromServer && bytes.HasPrefix(line, []byte("@RSYNCD: AUTHREQD")):
			p.asked = true
		case dir == FromServer && string(line) == "@RSYNCD: OK":
			p.tell(c, "", true)
			return Done
		case dir == FromServer && (bytes.HasPrefix(line, []byte("@ERROR")) || string(line) == "@RSYNCD: EXIT"):
			word, _, _ := bytes.Cut(bytes.TrimPrefix(line, []byte("@RSYNCD: ")), []byte(":"))
			p.tell(c, string(word), true)
			return Done
		}
	}
	return Result(used)
}

func (p *rsync) tell(c *Context, reply string, known bool) {
	action := "module"
	if p.user != nil {
		action = "login"
	}
	e := p.begin(c, "saksi.rsync", action)
	e.Bytes(event.SaksiTextArgument, p.module)
	e.Str(event.SaksiTextReply, reply)
	if known {
		outcome(e, reply != "@ERROR")
	}
	c.Emit(e)
}

// Gap implements Parser.
func (p *rsync) Gap(*Context, Dir, uint32) bool { return false }

// Close implements Parser.
func (p *rsync) Close(c *Context) {
	if !p.told && len(p.packets.List()) > 0 {
		p.tell(c, "", false)
	}
}
