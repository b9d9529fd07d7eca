package proto

// FTP, RFC 959: commands and replies by line on the control connection. One
// event a command with its final reply. Passwords are never taken.

import (
	"bytes"

	"saksi/event"
	"saksi/rules/suricata"
)

func init() {
	register(&Entry{
		Name: "ftp", Doc: "File Transfer Protocol, control connection", Reference: "RFC 959, RFC 4217",
		Transport: TCP, Ports: []uint16{21}, App: suricata.AppFTP,
		Detect: detectFTP, New: func(Transport) Parser { return &ftp{} },
		Samples: []string{"ftp.txt", "ftp_odd.txt"}, Hostile: []string{"ftp_hostile.txt"},
	})
}

func detectFTP(p *Probe) Verdict {
	b := p.Data
	if p.Dir == FromClient {
		v, _ := verb(bytes.TrimRight(b[:min(len(b), 64)], "\r\n"))
		switch v {
		case "USER", "AUTH", "FEAT", "SYST":
			if code, _, ok := replyCode(p.Other); ok && code == 220 || p.On(21) {
				return Yes
			}
		}
		return No
	}
	if len(b) < 4 {
		return More
	}
	code, _, ok := replyCode(b)
	if !ok || b[3] != ' ' && b[3] != '-' || code != 220 && code != 120 && code != 421 && code != 530 {
		return No
	}
	if up := bytes.ToUpper(b[:min(len(b), 512)]); bytes.Contains(up, []byte("FTP")) && !bytes.Contains(up, []byte("SMTP")) {
		return Yes
	}
	return onPort(p, true, 21)
}

type ftp struct {
	packets Packets
	user    []byte
	command string
	arg     []byte
	open    bool
	tls     bool
	// more is set within a reply of several lines, odd when a line of the server
	// that answered the command in work was neither a reply nor within one.
	more, odd bool
	rules     ftpRules
	// transfer is the data connection announced last.
	transfer *ftpTransfer
	// txs numbers the transactions as Suricata does; within is set from the first
	// line of a reply to its last.
	txs    uint64
	within bool
	x      *ftpEVE // the one in work, for EVE JSON alone
}

// Data implements Parser.
func (p *ftp) Data(c *Context, dir Dir, b []byte) Result {
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
		if c.Matching() {
			p.rules.line(c, dir, line)
		}
		if dir == FromClient {
			p.flush(c, 0)
			v, arg := verb(bytes.TrimLeft(line, "\xff\xf4\xf2")) // Telnet codes before ABOR
			if v == "" {
				continue
			}
			p.packets.Reset()
			p.packets.Add(c.Number)
			p.command, p.open = v, true
			p.arg = append(p.arg[:0], arg...)
			p.within = false
			p.asked(c, v, bytes.TrimLeft(line, "\xff\xf4\xf2"))
			if c.Matching() {
				p.rules.request(c, p)
			}
			if port, ok := p.active(); ok {
				p.announce(c, FromClient, port)
			} else if p.transfer != nil && (v == "RETR" || v == "STOR" || v == "STOU" || v == "APPE" || v == "LIST" || v == "NLST" || v == "MLSD") {
				p.transfer.command, p.transfer.name = v, string(arg)
			}
			switch v {
			case "USER":
				p.user = append(p.user[:0], arg...)
			case "PASS", "ACCT":
				p.arg = p.arg[:0]
			case "AUTH":
				p.tls = true
			}
			continue
		}
		code, last, ok := replyCode(line)
		if port, ok := p.passive(line); ok {
			p.announce(c, FromServer, port)
		}
		p.answered(c, line)
		if p.x != nil && !(ok && last && code < 200) {
			p.x.done = true
		}
		if c.Matching() {
			p.rules.reply(c, p, line, ok)
		}
		if !ok || !last { // text lines of a reply of several
			p.more = p.more || ok
			p.odd = p.odd || !p.more && len(line) > 0
			continue
		}
		p.more = false
		if p.open {
			p.packets.Add(c.Number)
		} else if p.x != nil && code >= 200 {
			c.Record("ftp", p.x)
		}
		if code >= 200 {
			p.within = false
			tls := p.tls && p.open && code == 234
			p.flush(c, code)
			if tls {
				c.Redetect, c.Used = true, used
				return Done
			}
		}
	}
	return Result(used)
}

// flush tells of the command in work.
func (p *ftp) flush(c *Context, code int) {
	if !p.open {
		return
	}
	p.open, p.tls = false, false
	e := c.Begin("saksi.ftp", p.packets.List())
	p.Describe(e)
	if code != 0 {
		e.Int(event.SaksiFtpReplyCode, int64(code))
		if code >= 400 {
			e.Str(event.EventOutcome, "failure")
		} else {
			e.Str(event.EventOutcome, "success")
		}
	}
	switch {
	case p.x != nil:
		tellEVE(e, "ftp", p.x)
	case c.Detail:
		e.NoRecord()
	}
	c.Emit(e)
	p.odd = false
}

// Describe implements Describer.
func (p *ftp) Describe(e *event.Event) {
	e.Str(event.SaksiFtpCommand, p.command)
	if p.command != "PASS" && p.command != "ACCT" {
		e.Bytes(event.SaksiFtpArgument, p.arg)
	}
	e.Bytes(event.UserName, p.user)
	if p.odd {
		e.Bool(event.SaksiFtpMalformed, true)
	}
}

// Gap implements Parser: lines are found again.
func (p *ftp) Gap(c *Context, _ Dir, _ uint32) bool {
	p.flush(c, 0)
	p.within = false
	return true
}

// Close implements Parser.
func (p *ftp) Close(c *Context) { p.flush(c, 0) }
