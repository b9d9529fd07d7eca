package proto

// Rlogin, RFC 1282: 0, user here, 0, user there, 0, terminal "/" speed, 0; the
// server answers with a zero. rsh (BSD rcmd): port of the error stream in digits,
// 0, user here, 0, user there, 0, command, 0. One event each.

import (
	"bytes"

	"saksi/event"
)

func init() {
	register(&Entry{
		Name: "rlogin", Doc: "Remote login of BSD", Reference: "RFC 1282",
		Transport: TCP, Ports: []uint16{513}, First: []string{"\x00"},
		Detect: func(p *Probe) Verdict {
			if f := nulFields(p.Data); p.Dir == FromClient && len(f) == 4 && len(f[0]) == 0 && isPrintable(f[1]) && isPrintable(f[2]) {
				if _, speed, ok := bytes.Cut(f[3], []byte("/")); ok && digits(speed) {
					return Yes
				}
			}
			return No
		},
		New:     func(Transport) Parser { return &rcmd{shell: false} },
		Samples: []string{"rlogin.txt"}, Hostile: []string{"rlogin_hostile.txt"},
	})
	register(&Entry{
		Name: "rsh", Doc: "Remote shell of BSD", Reference: "https://man.freebsd.org/cgi/man.cgi?query=rshd",
		Transport: TCP, Ports: []uint16{514},
		Detect: func(p *Probe) Verdict {
			f := nulFields(p.Data)
			if p.Dir != FromClient || len(f) != 4 || len(f[0]) > 5 || len(f[0]) > 0 && !digits(f[0]) || !isPrintable(f[1]) || !isPrintable(f[2]) || len(f[3]) == 0 {
				return No
			}
			if len(f[0]) > 0 && isPrintable(f[3]) {
				return Yes
			}
			return onPort(p, true, 514)
		},
		New:     func(Transport) Parser { return &rcmd{shell: true} },
		Samples: []string{"rsh.txt"}, Hostile: []string{"rlogin_hostile.txt"},
	})
}

// nulFields parts texts that each end with NUL; nil if the last does not.
func nulFields(b []byte) [][]byte {
	if len(b) < 6 || len(b) > 1024 || b[len(b)-1] != 0 {
		return nil
	}
	return bytes.SplitN(b[:len(b)-1], []byte{0}, 6)
}

// isPrintable reports whether b is a word of printable characters.
func isPrintable(b []byte) bool {
	for _, c := range b {
		if c < 0x20 || c > 0x7e {
			return false
		}
	}
	return len(b) > 0
}

type rcmd struct{ shell bool }

// Data implements Parser.
func (p *rcmd) Data(c *Context, dir Dir, b []byte) Result {
	if dir == FromServer {
		return Result(len(b))
	}
	f := nulFields(b)
	if len(f) != 4 {
		if len(b) > 1024 {
			return Broken
		}
		return 0
	}
	dataset := "saksi.rlogin"
	if p.shell {
		dataset = "saksi.rsh"
	}
	e := c.Begin(dataset, []uint64{c.Number})
	e.Str(event.EventAction, "login")
	e.Str(event.EventCategory, "authentication")
	e.Bytes(event.SourceUserName, f[1])
	e.Bytes(event.UserName, f[2])
	e.Bytes(event.RelatedUser, f[1])
	e.Bytes(event.RelatedUser, f[2])
	if p.shell {
		e.Bytes(event.ProcessCommandLine, f[3])
	} else {
		e.Bytes(event.SaksiTelnetTerminal, f[3])
	}
	c.Emit(e)
	return Done
}

// Gap implements Parser.
func (p *rcmd) Gap(*Context, Dir, uint32) bool { return false }

// Close implements Parser.
func (p *rcmd) Close(*Context) {}
