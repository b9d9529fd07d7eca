package proto

import (
	"bytes"
	"encoding/binary"

	"saksi/rules/suricata"
)

// SMB over TCP ([MS-SMB2] section 2.1): a length of four bytes whose first is
// zero, then 0xff (version 1), 0xfe (2 and 3), 0xfd (encrypted) or 0xfc
// (compressed) and "SMB". NetBIOS session requests (RFC 1002 section 4.3.2) may
// come first. One event a connection; files that are read and written are
// carved.

func init() {
	register(&Entry{
		Name: "smb", Doc: "Server Message Block", Reference: "[MS-CIFS], [MS-SMB2]",
		Transport: TCP, Ports: []uint16{445, 139}, App: suricata.AppSMB,
		First: []string{"\x00", "\x81\x00"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if len(b) < 8 {
				return More
			}
			if b[0] == 0x81 {
				return onPort(p, b[1] <= 1 && b[4] == 0x20, 139)
			}
			if bytes.Equal(b[5:8], []byte("SMB")) && (b[4] == 0xff || b[4] >= 0xfc && b[4] <= 0xfe) {
				return Yes
			}
			return No
		},
		New:     func(Transport) Parser { return &smb{files: map[smbID]*smbFile{}, asked: map[uint64]smbAsk{}} },
		Samples: []string{"smb2.txt", "smb1_write.txt"}, Hostile: []string{"smb_hostile.txt", "short.txt"},
	})
}

const (
	// maxSMBHead is how much of a message is looked at besides file content.
	maxSMBHead = 8 << 10
	// maxSMBFiles bounds the files of a connection that are open at once.
	maxSMBFiles = 64
	// maxSMBAsked bounds requests that wait for their answer.
	maxSMBAsked = 256
	// maxSMBChain bounds the commands of one message.
	maxSMBChain = 32
)

// smbID is a file's handle: of version 1 the first half only.
type smbID [2]uint64

// smbAsk is what a request said that its answer does not repeat.
type smbAsk struct {
	cmd    uint16
	name   []byte
	id     smbID
	offset uint64
}

// smbSide is one direction: the message in work.
type smbSide struct {
	left  int // bytes of it still to come
	head  []byte
	whole int // length of the message
	taken bool
	file  *smbFile // whose content is in it
	from  int      // where the content starts and ends
	to    int
}

type smb struct {
	sides   [2]smbSide
	files   map[smbID]*smbFile
	order   []smbID
	asked   map[uint64]smbAsk
	packets Packets
	tx      uint64
}

// Data implements Parser.
func (p *smb) Data(c *Context, dir Dir, b []byte) Result {
	s := &p.sides[dir]
	used := 0
	for {
		if s.left == 0 {
			h := b[used:]
			if len(h) < 4 {
				return Result(used)
			}
			n := int(h[1])<<16 | int(h[2])<<8 | int(h[3])
			if h[0] != 0 && (h[0] < 0x81 || h[0] > 0x85) {
				return Broken
			}
			used += 4
			*s = smbSide{left: n, whole: n, head: s.head[:0]}
			if n == 0 {
				continue
			}
			p.packets.Add(c.Number)
		}
		take := b[used:min(len(b), used+s.left)]
		if len(take) == 0 {
			return Result(used)
		}
		at := s.whole - s.left
		used += len(take)
		s.left -= len(take)
		if room := maxSMBHead - len(s.head); room > 0 {
			s.head = append(s.head, take[:min(room, len(take))]...)
		}
		before := s.file
		if !s.taken && (s.left == 0 || len(s.head) == maxSMBHead) {
			s.taken = true
			p.message(c, dir, s.head)
		}
		switch {
		case before == nil && s.file != nil: // what was gathered holds the beginning
			s.content(c, s.head, 0)
			if over := at + len(take) - len(s.head); over > 0 {
				s.content(c, take[len(take)-over:], len(s.head))
			}
		case s.file != nil:
			s.content(c, take, at)
		}
		if s.left == 0 && s.file != nil {
			p.done(c, s.file)
		}
	}
}

// content hands on the part of b, which stands at an offset of the message,
// that is content.
func (s *smbSide) content(c *Context, b []byte, at int) {
	lo, hi := max(s.from-at, 0), min(s.to-at, len(b))
	if lo < hi {
		s.file.write(c, b[lo:hi])
	}
}

// message reads the commands of a message.
func (p *smb) message(c *Context, dir Dir, b []byte) {
	if len(b) < 36 || string(b[1:4]) != "SMB" {
		return
	}
	switch b[0] {
	case 0xff:
		p.one(c, dir, b)
	case 0xfe:
		for at, i := 0, 0; i < maxSMBChain && at+64 <= len(b) && b[at] == 0xfe; i++ {
			p.two(c, dir, b, at)
			next := int(binary.LittleEndian.Uint32(b[at+20:]))
			if next < 64 || next > len(b)-at {
				return
			}
			at += next
		}
	}
}

// ask remembers a request until its answer comes.
func (p *smb) ask(mid uint64, a smbAsk) {
	if len(p.asked) >= maxSMBAsked {
		clear(p.asked)
	}
	p.asked[mid] = a
}

// tree offers the share that a client connects to (Suricata user guide,
// "smb.share" and "smb.named_pipe").
func (p *smb) tree(c *Context, path []byte) {
	if !c.Matching() {
		return
	}
	p.tx++
	t := &bufTx{app: suricata.AppSMB, id: p.tx, packets: p.packets.List()}
	if i := bytes.LastIndexByte(path, '\\'); bytes.EqualFold(path[i+1:], []byte("IPC$")) {
		t.add(suricata.BufSMBNamedPipe, path)
	} else {
		t.add(suricata.BufSMBShare, path)
	}
	c.Offer(t, FromClient)
}

// Gap implements Parser: only what lies within one message may be missing.
func (p *smb) Gap(_ *Context, dir Dir, n uint32) bool {
	s := &p.sides[dir]
	if !s.taken || int64(n) > int64(s.left) {
		return false
	}
	if s.file != nil {
		at := s.whole - s.left
		if lost := min(s.to, at+int(n)) - max(s.from, at); lost > 0 {
			s.file.gap(uint32(lost))
		}
	}
	s.left -= int(n)
	return true
}

// Close implements Parser.
func (p *smb) Close(c *Context) {
	for len(p.order) > 0 {
		p.close(c, p.order[0], false)
	}
	if list := p.packets.List(); len(list) > 0 {
		e := c.Begin("saksi.smb", list)
		c.Emit(e)
		p.packets.Reset()
	}
}
