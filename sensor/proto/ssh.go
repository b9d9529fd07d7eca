package proto

// SSH, RFC 4253: the identification lines, then the key exchange proposals,
// which HASSH is made from (https://github.com/salesforce/hassh).
//
//	packet   0 length  4 padding length  5 type (20: KEXINIT)  6 payload
//	KEXINIT  cookie (16), then ten name-lists: key exchange, host key,
//	         encryption, MAC, compression, languages, the latter four each way

import (
	"bytes"
	"encoding/binary"

	"saksi/event"
	"saksi/rules/suricata"
	tlsmsg "saksi/sensor/proto/internal/tls"
)

func init() {
	register(&Entry{
		Name: "ssh", Doc: "Secure Shell", Reference: "RFC 4253",
		Transport: TCP, Ports: []uint16{22, 2222}, App: suricata.AppSSH,
		First: []string{"SSH-"},
		Detect: func(p *Probe) Verdict {
			switch {
			case len(p.Data) < 6:
				return More
			case p.Data[4] == '1' || p.Data[4] == '2':
				return Yes
			}
			return No
		},
		New:     func(Transport) Parser { return &ssh{} },
		Samples: []string{"ssh.txt"}, Hostile: []string{"ssh_hostile.txt"},
	})
}

const (
	// maxSSHLine bounds an identification line (RFC 4253 section 4.2: 255).
	maxSSHLine = 1024
	// maxSSHPacket bounds a packet before encryption (section 6.1: 35,000).
	maxSSHPacket = 35000
	// maxSSHKex is the longest proposal that Suricata puts together.
	maxSSHKex = 65535
	// maxSSHLines bounds lines a server may send before its identification.
	maxSSHLines = 64
)

type sshSide struct {
	banner []byte // "SSH-2.0-..." without line end
	lines  int
	hassh  []byte
	list   []byte // text hassh is made from
	done   bool
}

type ssh struct {
	sides   [2]sshSide
	packets Packets
	told    bool
}

// Frames of a record: its length, that of its padding and its kind; the rest; both.
var frameSSHHeader, frameSSHData, frameSSHPDU = frame("ssh.record_hdr"), frame("ssh.record_data"), frame("ssh.record_pdu")

// Data implements Parser.
func (p *ssh) Data(c *Context, dir Dir, b []byte) Result {
	s := &p.sides[dir]
	used := 0
	for used < len(b) && !s.done {
		rest := b[used:]
		if s.banner == nil {
			i := bytes.IndexByte(rest, '\n')
			if i < 0 {
				if len(rest) > maxSSHLine {
					p.event(c, dir, "ssh.long_banner")
					return Broken
				}
				return Result(used)
			}
			used += i + 1
			line := bytes.TrimRight(rest[:i], "\r")
			if len(line) > 255 { // RFC 4253 section 4.2
				p.event(c, dir, "ssh.long_banner")
			} else if dir == FromClient && !bytes.HasPrefix(line, []byte("SSH-")) {
				p.event(c, dir, "ssh.invalid_banner")
			}
			if bytes.HasPrefix(line, []byte("SSH-")) {
				p.packets.Add(c.Number)
				s.banner = append([]byte{}, line...)
				if bytes.HasPrefix(line, []byte("SSH-1.")) && !bytes.HasPrefix(line, []byte("SSH-1.99")) {
					s.done = true
				}
				if c.Matching() {
					c.Offer(&sshView{p, dir}, dir)
				}
			} else if s.lines++; s.lines > maxSSHLines {
				return Broken
			}
			continue
		}
		if len(rest) < 6 {
			return Result(used)
		}
		n := int(binary.BigEndian.Uint32(rest))
		switch {
		case n < 2:
			p.event(c, dir, "ssh.invalid_record")
		case n > maxSSHKex && rest[5] == 20:
			p.event(c, dir, "ssh.long_kex_record")
		}
		if n < 2 || n > maxSSHPacket {
			return p.finish(c)
		}
		if len(rest) < 4+n {
			return Result(used)
		}
		offerFrames(c, dir, suricata.AppSSH, framed{frameSSHHeader, rest[:6]}, framed{frameSSHData, rest[6 : 4+n]}, framed{frameSSHPDU, rest[:4+n]})
		if rest[5] == 20 {
			p.packets.Add(c.Number)
			p.kexinit(c, dir, rest[6:4+n])
		}
		s.done = true
		used += 4 + n
	}
	if p.sides[0].done && p.sides[1].done {
		return p.finish(c)
	}
	if s.done {
		return Result(len(b))
	}
	return Result(used)
}

// event tells rules of something odd.
func (p *ssh) event(c *Context, dir Dir, name string) {
	if c.Matching() {
		t := &bufTx{app: suricata.AppSSH, id: malformedID, packets: []uint64{c.Number}}
		t.event(name)
		c.Offer(t, dir)
	}
}

// kexinit makes the HASSH of a proposal.
func (p *ssh) kexinit(c *Context, dir Dir, b []byte) {
	if len(b) < 16 {
		return
	}
	b = b[16:]
	var lists [10][]byte
	for i := range lists {
		if len(b) < 4 {
			return
		}
		n := binary.BigEndian.Uint32(b)
		if uint32(len(b)-4) < n {
			return
		}
		lists[i], b = b[4:4+n], b[4+n:]
	}
	s := &p.sides[dir]
	pick := [4]int{0, 2, 4, 6} // client to server
	if dir == FromServer {
		pick = [4]int{0, 3, 5, 7}
	}
	for i, k := range pick {
		if i > 0 {
			s.list = append(s.list, ';')
		}
		s.list = append(s.list, lists[k]...)
	}
	s.hassh = tlsmsg.AppendMD5(nil, s.list)
	if c.Matching() {
		c.Offer(&sshView{p, dir}, dir)
	}
}

// Gap implements Parser.
func (p *ssh) Gap(*Context, Dir, uint32) bool { return false }

func (p *ssh) finish(c *Context) Result {
	p.emit(c)
	return Done
}

// Close implements Parser.
func (p *ssh) Close(c *Context) { p.emit(c) }

// software is the part of an identification line behind the version.
func software(banner []byte) []byte {
	parts := bytes.SplitN(banner, []byte("-"), 3)
	if len(parts) < 3 {
		return nil
	}
	return parts[2]
}

func (p *ssh) emit(c *Context) {
	if p.told || p.sides[0].banner == nil && p.sides[1].banner == nil {
		return
	}
	p.told = true
	e := c.Begin("saksi.ssh", p.packets.List())
	p.Describe(e)
	c.Emit(e)
}

// Describe implements Describer.
func (p *ssh) Describe(e *event.Event) {
	e.Bytes(event.SaksiSSHClient, software(p.sides[0].banner))
	e.Bytes(event.SaksiSSHServer, software(p.sides[1].banner))
	e.Bytes(event.SaksiSSHHassh, p.sides[0].hassh)
	e.Bytes(event.SaksiSSHHasshServer, p.sides[1].hassh)
	e.Bytes(event.SaksiEveSSHClientHassh, p.sides[0].list)
	e.Bytes(event.SaksiEveSSHServerHassh, p.sides[1].list)
	e.Bytes(event.SaksiEveSSHClientProto, sshVersion(p.sides[0].banner))
	e.Bytes(event.SaksiEveSSHServerProto, sshVersion(p.sides[1].banner))
}

// sshVersion is the version of the protocol in an identification line.
func sshVersion(banner []byte) []byte {
	if parts := bytes.SplitN(banner, []byte("-"), 3); len(parts) == 3 {
		return parts[1]
	}
	return nil
}

// sshView is one side of a connection as rules see it.
type sshView struct {
	p   *ssh
	dir Dir
}

// App implements suricata.Tx.
func (v *sshView) App() suricata.AppProto { return suricata.AppSSH }

// ID implements suricata.Tx: a connection is one transaction.
func (v *sshView) ID() uint64 { return 0 }

// Lasting implements Lasting.
func (v *sshView) Lasting() {}

// Describe implements Describer.
func (v *sshView) Describe(e *event.Event) { v.p.Describe(e) }

// Packets implements Evidence.
func (v *sshView) Packets() []uint64 { return v.p.packets.List() }

// Again implements suricata.Parts: the identification comes before the proposal.
func (v *sshView) Again() bool { return true }

// MayCome implements suricata.Growing.
func (v *sshView) MayCome(b suricata.Buffer) bool {
	switch b {
	case suricata.BufSSHHassh, suricata.BufSSHHasshString, suricata.BufSSHHasshServer, suricata.BufSSHHasshServerString:
		return true
	}
	return false
}

// NBuf implements suricata.Tx.
func (v *sshView) NBuf(b suricata.Buffer) int {
	if v.BufAt(b, 0) == nil {
		return 0
	}
	return 1
}

// BufAt implements suricata.Tx.
func (v *sshView) BufAt(b suricata.Buffer, _ int) []byte {
	s := &v.p.sides[v.dir]
	switch b {
	case suricata.BufSSHProto:
		return sshVersion(s.banner)
	case suricata.BufSSHVersion:
		return v.BufAt(suricata.BufSSHProto, 0)
	case suricata.BufSSHSoftware: // without the comment behind it (RFC 4253 section 4.2)
		name, _, _ := bytes.Cut(software(s.banner), []byte(" "))
		return name
	case suricata.BufSSHHassh:
		if v.dir == FromClient {
			return s.hassh
		}
	case suricata.BufSSHHasshString:
		if v.dir == FromClient {
			return s.list
		}
	case suricata.BufSSHHasshServer:
		if v.dir == FromServer {
			return s.hassh
		}
	case suricata.BufSSHHasshServerString:
		if v.dir == FromServer {
			return s.list
		}
	}
	return nil
}
