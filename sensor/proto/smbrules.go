package proto

import (
	"bytes"
	"encoding/binary"

	"saksi/rules/suricata"
)

// What rules see of SMB: shares that are connected to, and files that are read
// or written, from their start on.

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

// smbRuleID is a file's handle: of version 1 the first half only.
type smbRuleID [2]uint64

// smbRuleAsk is what a request said that its answer does not repeat.
type smbRuleAsk struct {
	cmd    uint16
	name   []byte
	id     smbRuleID
	offset uint64
}

// smbRuleSide is one direction: the message in work.
type smbRuleSide struct {
	left  int // bytes of it still to come
	head  []byte
	whole int // length of the message
	taken bool
	file  *smbRuleFile // whose content is in it
	from  int          // where the content starts and ends
	to    int
}

// smbRules is a Parser that emits nothing.
type smbRules struct {
	sides   [2]smbRuleSide
	files   map[smbRuleID]*smbRuleFile
	order   []smbRuleID
	asked   map[uint64]smbRuleAsk
	packets Packets
	tx      uint64
}

// Data implements Parser.
func (p *smbRules) Data(c *Context, dir Dir, b []byte) Result {
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
			*s = smbRuleSide{left: n, whole: n, head: s.head[:0]}
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
			s.content(s.head, 0)
			if over := at + len(take) - len(s.head); over > 0 {
				s.content(take[len(take)-over:], len(s.head))
			}
		case s.file != nil:
			s.content(take, at)
		}
		if s.left == 0 && s.file != nil {
			p.done(c, s.file)
		}
	}
}

// content hands on the part of b, which stands at an offset of the message,
// that is content.
func (s *smbRuleSide) content(b []byte, at int) {
	lo, hi := max(s.from-at, 0), min(s.to-at, len(b))
	if lo < hi {
		s.file.write(b[lo:hi])
	}
}

// message reads the commands of a message.
func (p *smbRules) message(c *Context, dir Dir, b []byte) {
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
func (p *smbRules) ask(mid uint64, a smbRuleAsk) {
	if len(p.asked) >= maxSMBAsked {
		clear(p.asked)
	}
	p.asked[mid] = a
}

// tree offers the share that a client connects to (Suricata user guide,
// "smb.share" and "smb.named_pipe").
func (p *smbRules) tree(c *Context, path []byte) {
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
func (p *smbRules) Gap(_ *Context, dir Dir, n uint32) bool {
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
func (p *smbRules) Close(c *Context) {
	for len(p.order) > 0 {
		p.close(c, p.order[0])
	}
}
