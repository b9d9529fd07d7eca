package proto

// LPD, RFC 1179: a command is a byte and a line: 1 print, 2 receive a job, 3 and 4
// state, 5 remove, each with a queue; the server answers with a zero. Within a
// job: 2 size name, the control file; 3 size name, the data. The control file has
// lines: H host, P user, J job, N file. One event a job or a command.

import (
	"bytes"
	"strconv"

	"saksi/event"
)

func init() {
	register(&Entry{
		Name: "lpd", Doc: "Line Printer Daemon", Reference: "RFC 1179",
		Transport: TCP, Ports: []uint16{515}, Detect: detectLPD,
		New:     func(Transport) Parser { return &lpd{} },
		Samples: []string{"lpd.txt"}, Hostile: []string{"lpd_hostile.txt"},
	})
}

func detectLPD(p *Probe) Verdict {
	ask := p.Data
	if p.Dir == FromServer {
		ask = p.Other
	}
	if len(ask) < 3 || ask[0] < 1 || ask[0] > 5 || ask[len(ask)-1] != '\n' || len(ask) > 128 {
		return No
	}
	for _, x := range ask[1 : len(ask)-1] {
		if x < 0x20 || x > 0x7e {
			return No
		}
	}
	if p.Dir == FromServer && ask[0] == 2 && len(p.Data) == 1 && p.Data[0] == 0 {
		return Yes
	}
	return onPort(p, true, 515)
}

type lpd struct {
	packets    Packets
	queue      []byte
	job        bool
	skip       int64
	control    bool // the control file is going through
	host, user []byte
	name       []byte
	open       bool
}

// lpdCommands name the commands.
var lpdCommands = [...]string{"", "print", "receive", "state", "state", "remove"}

// Data implements Parser.
func (p *lpd) Data(c *Context, dir Dir, b []byte) Result {
	if dir == FromServer {
		return Result(len(b))
	}
	used := 0
	for used < len(b) {
		if p.skip > 0 && !p.control {
			n := min(p.skip, int64(len(b)-used))
			p.skip -= n
			used += int(n)
			continue
		}
		if p.skip > 0 && p.skip == 1 { // the zero behind a file
			p.skip, p.control = 0, false
			used++
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
		p.packets.Add(c.Number)
		if p.skip > 0 {
			p.field(line)
			if p.skip -= int64(n); p.skip < 1 {
				return Broken
			}
			continue
		}
		if !p.command(c, line) {
			return Broken
		}
	}
	return Result(used)
}

func (p *lpd) command(c *Context, line []byte) bool {
	switch {
	case len(line) == 0 || line[0] > 5:
		return false
	case line[0] == 0: // the zero behind a file that was passed over
		return true
	case !p.job:
		p.queue, _, _ = bytes.Cut(line[1:], []byte(" "))
		p.queue = dbText(p.queue)
		if p.job = line[0] == 2; !p.job {
			p.tell(c, lpdCommands[line[0]])
			return true
		}
		p.open = true
		return true
	}
	size, _, _ := bytes.Cut(line[1:], []byte(" "))
	n, err := strconv.ParseInt(string(size), 10, 64)
	if line[0] == 1 { // abort
		return true
	}
	if err != nil || n < 0 || n > 1<<40 {
		return false
	}
	p.skip, p.control = n+1, line[0] == 2
	return true
}

// field takes a line of the control file.
func (p *lpd) field(line []byte) {
	if len(line) < 2 {
		return
	}
	switch v := dbText(line[1:]); line[0] {
	case 'H':
		p.host = v
	case 'P':
		p.user = v
	case 'J', 'N':
		p.name = v
	}
}

func (p *lpd) tell(c *Context, action string) {
	p.open = false
	e := c.Begin("saksi.lpd", p.packets.List())
	e.Str(event.EventAction, action)
	e.Bytes(event.SaksiTextArgument, p.queue)
	e.Bytes(event.UserName, p.user)
	e.Bytes(event.RelatedUser, p.user)
	e.Bytes(event.HostName, p.host)
	e.Bytes(event.FileName, p.name)
	c.Emit(e)
}

// Gap implements Parser: within a file it is passed over.
func (p *lpd) Gap(_ *Context, dir Dir, n uint32) bool {
	if dir == FromServer {
		return true
	}
	if p.skip <= int64(n) || p.control {
		return false
	}
	p.skip -= int64(n)
	return true
}

// Close implements Parser.
func (p *lpd) Close(c *Context) {
	if p.open {
		p.tell(c, "receive")
	}
}
