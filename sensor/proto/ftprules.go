package proto

import (
	"bytes"
	"net/netip"
	"strconv"

	"saksi/rules/suricata"
)

// ftpRules shows commands and replies to the rules: a command with what it
// says of a data connection, then each line of the reply to it.
type ftpRules struct {
	id   uint64
	open int    // commands without a reply
	told uint64 // the command whose reply said that its port is listened on
}

const (
	// maxFTPLine is the longest line, maxFTPOpen the most commands without a
	// reply, that are not odd.
	maxFTPLine = 4096
	maxFTPOpen = 1024
)

// line tells of lines that are too long, and of commands without end.
func (r *ftpRules) line(c *Context, dir Dir, line []byte) {
	name := ""
	switch {
	case dir == FromServer:
		if r.open = 0; len(line) > maxFTPLine {
			name = "ftp.response_command_too_long"
		}
	case len(line) > maxFTPLine:
		name = "ftp.request_command_too_long"
	default:
		if r.open++; r.open == maxFTPOpen+1 {
			name = "ftp.too_many_transactions"
		}
	}
	if name != "" {
		t := &bufTx{app: suricata.AppFTP, id: r.id, packets: []uint64{c.Number}}
		t.event(name)
		c.Offer(t, dir)
	}
}

// request offers a command. Its password is shown to rules and written nowhere.
func (r *ftpRules) request(c *Context, p *ftp) {
	t := &bufTx{app: suricata.AppFTP, id: r.id, packets: p.packets.List(), eve: p.told()}
	t.add(suricata.BufFTPCommand, []byte(p.command))
	if len(p.arg) > 0 {
		t.add(suricata.BufFTPCommandData, bytes.Clone(p.arg))
	}
	if port, ok := p.active(); ok {
		t.number(suricata.BufFTPDynamicPort, uint64(port))
		t.number(suricata.BufFTPMode, 1)
		if p.command == "PORT" && !names(p.arg, c.Client) {
			t.number(suricata.BufFTPBounce, 1)
		}
	}
	c.Offer(t, FromClient)
}

// reply offers one line of a reply.
func (r *ftpRules) reply(c *Context, p *ftp, line []byte, coded bool) {
	t := &bufTx{app: suricata.AppFTP, id: r.id, packets: p.packets.List(), eve: p.told()}
	if p.command != "" { // not to the greeting
		t.number(suricata.BufFTPReplyReceived, 1)
	}
	port, passive := p.passive(line)
	if coded {
		t.add(suricata.BufFTPCompletionCode, bytes.Clone(line[:3]))
		line = bytes.TrimLeft(line[3:], " -")
	}
	t.add(suricata.BufFTPReply, bytes.Clone(line))
	if active, ok := p.active(); ok && coded && r.told != r.id {
		r.told = r.id
		t.number(suricata.BufFTPDynamicPort, uint64(active))
		t.number(suricata.BufFTPMode, 1)
	}
	if passive {
		t.number(suricata.BufFTPDynamicPort, uint64(port))
		t.number(suricata.BufFTPMode, 0)
	}
	c.Offer(t, FromServer)
}

// active is the port on which a client that sent PORT or EPRT listens.
func (p *ftp) active() (uint16, bool) {
	switch p.command {
	case "PORT":
		return hostPort(p.arg)
	case "EPRT":
		return extendedPort(p.arg)
	}
	return 0, false
}

// passive is the port that a reply to PASV or EPSV names.
func (p *ftp) passive(line []byte) (uint16, bool) {
	if p.command != "PASV" && p.command != "EPSV" {
		return 0, false
	}
	_, in, ok := bytes.Cut(line, []byte("("))
	in, _, closed := bytes.Cut(in, []byte(")"))
	if !ok || !closed {
		return 0, false
	}
	if port, ok := hostPort(in); ok {
		return port, true
	}
	return extendedPort(in)
}

// hostPort reads "h1,h2,h3,h4,p1,p2" (RFC 959 section 4.1.2).
func hostPort(b []byte) (uint16, bool) {
	parts := bytes.Split(bytes.TrimSpace(b), []byte(","))
	if len(parts) != 6 {
		return 0, false
	}
	hi, err1 := strconv.ParseUint(string(parts[4]), 10, 8)
	lo, err2 := strconv.ParseUint(string(parts[5]), 10, 8)
	return uint16(hi<<8 | lo), err1 == nil && err2 == nil
}

// names reports whether the address of a PORT is the given one.
func names(arg []byte, a netip.Addr) bool {
	parts := bytes.Split(bytes.TrimSpace(arg), []byte(","))
	if len(parts) != 6 {
		return false
	}
	return string(bytes.Join(parts[:4], []byte("."))) == a.Unmap().String()
}

// extendedPort reads the port of "|protocol|address|port|" (RFC 2428).
func extendedPort(b []byte) (uint16, bool) {
	b = bytes.TrimSpace(b)
	if len(b) == 0 {
		return 0, false
	}
	parts := bytes.Split(b, b[:1])
	if len(parts) < 4 {
		return 0, false
	}
	port, err := strconv.ParseUint(string(parts[3]), 10, 16)
	return uint16(port), err == nil
}
