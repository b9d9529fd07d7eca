package proto

import (
	"encoding/binary"
	"unicode/utf16"

	"saksi/rules/suricata"
)

// smbRuleFile is a file that is open over SMB, read or written from its start on.
type smbRuleFile struct {
	id      smbRuleID
	name    []byte // UTF-8
	dir     Dir
	next    uint64 // offset of the byte expected next
	at      uint64 // offset of the content being taken
	inspect []byte
	begun   bool
	closing bool // the message that holds the content also closes the file
	missing bool
}

// add notes an open file.
func (p *smbRules) add(c *Context, id smbRuleID, name []byte) {
	if p.files[id] != nil {
		p.close(c, id)
	}
	if len(p.order) >= maxSMBFiles {
		p.close(c, p.order[0])
	}
	p.files[id] = &smbRuleFile{id: id, name: name}
	p.order = append(p.order, id)
}

// take says that the message in work carries content of a file.
func (p *smbRules) take(c *Context, dir Dir, id smbRuleID, offset uint64, from, n int) {
	f := p.files[id]
	if f == nil || n <= 0 || f.begun && f.dir != dir {
		return
	}
	if f.begun && offset < f.next && c.Matching() { // an event of the exchange: both directions see it
		p.tx++
		t := &bufTx{app: suricata.AppSMB, id: p.tx, packets: p.packets.List()}
		t.event("smb.file_overlap")
		c.Offer(t, FromClient)
		c.Offer(t, FromServer)
	}
	s := &p.sides[dir]
	f.dir, f.at = dir, offset
	s.file, s.from, s.to = f, from, from+n
}

// write takes content at f.at. Of what overlaps, the first stands.
func (f *smbRuleFile) write(b []byte) {
	if !f.begun {
		f.begun = true
	}
	if f.at > f.next {
		f.gap(uint32(min(f.at-f.next, 1<<31)))
	}
	if skip := f.next - f.at; f.at < f.next {
		n := min(skip, uint64(len(b)))
		f.at += n
		b = b[n:]
	}
	if len(b) == 0 {
		return
	}
	f.at += uint64(len(b))
	f.next = f.at
	if room := maxHTTPInspect - len(f.inspect); room > 0 {
		f.inspect = append(f.inspect, b[:min(room, len(b))]...)
	}
}

func (f *smbRuleFile) gap(n uint32) {
	f.missing = true
	f.next += uint64(n)
	f.at = max(f.at, f.next)
}

// done ends the content of a message.
func (p *smbRules) done(c *Context, f *smbRuleFile) {
	if f.closing {
		p.close(c, f.id)
	}
}

// close ends a file: rules see it.
func (p *smbRules) close(c *Context, id smbRuleID) {
	f := p.files[id]
	delete(p.files, id)
	for i, x := range p.order {
		if x == id {
			p.order = append(p.order[:i], p.order[i+1:]...)
			break
		}
	}
	if f == nil || !f.begun {
		return
	}
	for d := range p.sides {
		if p.sides[d].file == f {
			p.sides[d].file = nil
		}
	}
	if c.Matching() {
		p.tx++
		t := &bufTx{app: suricata.AppSMB, id: p.tx, packets: p.packets.List()}
		t.add(suricata.BufFileName, f.name)
		t.add(suricata.BufFileData, f.inspect)
		if !f.missing {
			t.number(suricata.BufFileSize, f.next)
		}
		c.Offer(t, f.dir)
	}
}

// closed handles a request to close a file: at once, or with the content that
// the same message carries.
func (p *smbRules) closed(c *Context, dir Dir, id smbRuleID) {
	f := p.files[id]
	if f == nil {
		return
	}
	if p.sides[dir].file == f {
		f.closing = true
		return
	}
	p.close(c, id)
}

// two reads one command of version 2 at an offset of the message ([MS-SMB2]
// section 2.2).
func (p *smbRules) two(c *Context, dir Dir, b []byte, at int) {
	h := b[at:]
	cmd, mid := binary.LittleEndian.Uint16(h[12:]), binary.LittleEndian.Uint64(h[24:])
	response := binary.LittleEndian.Uint32(h[16:])&1 != 0
	q := h[64:]
	id := func(o int) smbRuleID {
		return smbRuleID{binary.LittleEndian.Uint64(q[o:]), binary.LittleEndian.Uint64(q[o+8:])}
	}
	if response {
		a, ok := p.asked[mid]
		delete(p.asked, mid)
		if !ok || a.cmd != cmd || binary.LittleEndian.Uint32(h[8:]) != 0 {
			return
		}
		switch {
		case cmd == 5 && len(q) >= 80:
			p.add(c, id(64), a.name)
		case cmd == 8 && len(q) >= 16:
			p.take(c, dir, a.id, a.offset, at+int(q[2]), int(binary.LittleEndian.Uint32(q[4:])))
		}
		return
	}
	switch cmd {
	case 3: // TREE_CONNECT
		if len(q) >= 8 {
			p.tree(c, utf16Text(span(h, int(binary.LittleEndian.Uint16(q[4:])), int(binary.LittleEndian.Uint16(q[6:])))))
		}
	case 5: // CREATE
		if len(q) >= 48 {
			p.ask(mid, smbRuleAsk{cmd: cmd, name: utf16Text(span(h, int(binary.LittleEndian.Uint16(q[44:])), int(binary.LittleEndian.Uint16(q[46:]))))})
		}
	case 6: // CLOSE
		if len(q) >= 24 {
			p.closed(c, dir, id(8))
		}
	case 8: // READ
		if len(q) >= 32 {
			p.ask(mid, smbRuleAsk{cmd: cmd, id: id(16), offset: binary.LittleEndian.Uint64(q[8:])})
		}
	case 9: // WRITE
		if len(q) >= 32 {
			p.take(c, dir, id(16), binary.LittleEndian.Uint64(q[8:]), at+int(binary.LittleEndian.Uint16(q[2:])), int(binary.LittleEndian.Uint32(q[4:])))
		}
	}
}

// span cuts n bytes at an offset, as far as they are there.
func span(b []byte, at, n int) []byte {
	if at > len(b) {
		return nil
	}
	return b[at:min(len(b), at+n)]
}

// utf16Text turns little-endian UTF-16 into UTF-8.
func utf16Text(b []byte) []byte {
	u := make([]uint16, 0, len(b)/2)
	for ; len(b) >= 2; b = b[2:] {
		u = append(u, binary.LittleEndian.Uint16(b))
	}
	return []byte(string(utf16.Decode(u)))
}
