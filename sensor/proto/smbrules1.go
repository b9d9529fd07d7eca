package proto

import (
	"bytes"
	"encoding/binary"
)

// Commands of version 1 ([MS-CIFS] section 2.2.2.1).
const (
	smbClose       = 0x04
	smbLocking     = 0x24
	smbReadAndX    = 0x2e
	smbWriteAndX   = 0x2f
	smbOpenAndX    = 0x2d
	smbSession     = 0x73
	smbLogoff      = 0x74
	smbTreeConnect = 0x75
	smbNTCreate    = 0xa2
)

// andX are the commands that another one may follow in the same message.
var andX = map[byte]bool{
	smbLocking: true, smbReadAndX: true, smbWriteAndX: true, smbOpenAndX: true, smbSession: true, smbLogoff: true, smbTreeConnect: true, smbNTCreate: true,
}

// one reads the commands of a message of version 1.
//
//	4 command  5 status  9 flags  10 flags2  24 tree  30 multiplex id  32 parameters, bytes
func (p *smbRules) one(c *Context, dir Dir, b []byte) {
	cmd, at := b[4], 32
	for range maxSMBChain {
		if at >= len(b) {
			return
		}
		n := int(b[at]) * 2
		if at+1+n+2 > len(b) {
			return
		}
		words, data := b[at+1:at+1+n], b[at+3+n:]
		if b[9]&0x80 != 0 {
			p.oneAnswer(c, dir, b, cmd, words)
		} else {
			p.oneRequest(c, dir, b, cmd, words, data)
		}
		if !andX[cmd] || n < 4 || words[0] == 0xff {
			return
		}
		next := int(binary.LittleEndian.Uint16(words[2:]))
		if next <= at {
			return
		}
		cmd, at = words[0], next
	}
}

// smbRuleFID makes the handle of a file of version 1.
func smbRuleFID(b []byte) smbRuleID { return smbRuleID{uint64(binary.LittleEndian.Uint16(b)), 1} }

// mid1 numbers a command of a message: with it the answer finds its request.
func mid1(b []byte, cmd byte) uint64 {
	return uint64(cmd)<<48 | uint64(binary.LittleEndian.Uint16(b[26:]))<<16 | uint64(binary.LittleEndian.Uint16(b[30:]))
}

func (p *smbRules) oneRequest(c *Context, dir Dir, b []byte, cmd byte, w, data []byte) {
	switch cmd {
	case smbTreeConnect:
		if len(w) >= 8 {
			path := span(data, int(binary.LittleEndian.Uint16(w[6:])), len(data))
			if text := smbText(b, path); len(text) > 0 {
				p.tree(c, text)
			}
		}
	case smbNTCreate:
		if len(w) >= 7 {
			n := int(binary.LittleEndian.Uint16(w[5:]))
			p.ask(mid1(b, cmd), smbRuleAsk{cmd: uint16(cmd), name: smbText(b, data[:min(n+1, len(data))])})
		}
	case smbOpenAndX:
		p.ask(mid1(b, cmd), smbRuleAsk{cmd: uint16(cmd), name: smbText(b, data)})
	case smbReadAndX:
		if len(w) >= 10 {
			offset := uint64(binary.LittleEndian.Uint32(w[6:]))
			if len(w) >= 24 {
				offset |= uint64(binary.LittleEndian.Uint32(w[20:])) << 32
			}
			p.ask(mid1(b, cmd), smbRuleAsk{cmd: uint16(cmd), id: smbRuleFID(w[4:]), offset: offset})
		}
	case smbWriteAndX:
		if len(w) >= 24 {
			offset := uint64(binary.LittleEndian.Uint32(w[6:]))
			if len(w) >= 28 {
				offset |= uint64(binary.LittleEndian.Uint32(w[24:])) << 32
			}
			n := int(binary.LittleEndian.Uint16(w[20:])) | int(binary.LittleEndian.Uint16(w[18:]))<<16
			p.take(c, dir, smbRuleFID(w[4:]), offset, int(binary.LittleEndian.Uint16(w[22:])), n)
		}
	case smbClose:
		if len(w) >= 2 {
			p.closed(c, dir, smbRuleFID(w))
		}
	}
}

func (p *smbRules) oneAnswer(c *Context, dir Dir, b []byte, cmd byte, w []byte) {
	mid := mid1(b, cmd)
	a, ok := p.asked[mid]
	if !ok || a.cmd != uint16(cmd) {
		return
	}
	delete(p.asked, mid)
	if binary.LittleEndian.Uint32(b[5:]) != 0 {
		return
	}
	switch {
	case cmd == smbNTCreate && len(w) >= 7:
		p.add(c, smbRuleFID(w[5:]), a.name)
	case cmd == smbOpenAndX && len(w) >= 6:
		p.add(c, smbRuleFID(w[4:]), a.name)
	case cmd == smbReadAndX && len(w) >= 14:
		n := int(binary.LittleEndian.Uint16(w[10:]))
		if len(w) >= 18 {
			n |= int(binary.LittleEndian.Uint16(w[14:])) << 16
		}
		p.take(c, dir, a.id, a.offset, int(binary.LittleEndian.Uint16(w[12:])), n)
	}
}

// smbText reads a text: UTF-16 behind a byte of alignment if the message says
// so, else bytes up to a zero.
func smbText(msg, b []byte) []byte {
	if msg[11]&0x80 == 0 {
		text, _, _ := bytes.Cut(b, []byte{0})
		return bytes.Clone(text)
	}
	if len(b) > 1 && b[0] == 0 {
		b = b[1:]
	}
	for i := 0; i+1 < len(b); i += 2 {
		if b[i] == 0 && b[i+1] == 0 {
			b = b[:i]
			break
		}
	}
	return utf16Text(b)
}
