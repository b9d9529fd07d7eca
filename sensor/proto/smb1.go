package proto

// SMB 1, [MS-CIFS] section 2.2.3 and [MS-SMB]: a header of 32 bytes, then words
// and bytes, each behind its count.
//
//	0 0xff "SMB"  4 command  5 status (4)  9 flags  10 flags  12 ... 24 tree
//	26 process  28 user  30 multiplex id  32 count of words, words, count of bytes (2), bytes
//
// Offsets in the comments below are in the words; a command that may have
// another behind it begins with four bytes that say which (AndX): command, 0, offset
// in the message (2).

import (
	"bytes"
	"encoding/binary"

	"saksi/sensor/proto/internal/octet"
)

// Commands (section 2.2.2.1).
const (
	smb1Close        = 0x04
	smb1Delete       = 0x06
	smb1Rename       = 0x07
	smb1Transaction  = 0x25
	smb1Transaction2 = 0x32
	smb1Locking      = 0x24
	smb1Open         = 0x2d
	smb1Read         = 0x2e
	smb1Write        = 0x2f
	smb1TreeDown     = 0x71
	smb1Negotiate    = 0x72
	smb1SessionSetup = 0x73
	smb1Logoff       = 0x74
	smb1TreeConnect  = 0x75
	smb1Create       = 0xa2
)

// smb1AndX are the commands that another may follow in the same message.
var smb1AndX = map[byte]bool{
	smb1Locking: true, smb1Open: true, smb1Read: true, smb1Write: true, smb1SessionSetup: true, smb1Logoff: true, smb1TreeConnect: true, smb1Create: true,
}

// smb1Hold is how much of a read or a write is held: a command that follows
// lies within it.
const smb1Hold = 8 << 10

// smb1Head is the head of a message, and the words and bytes of a command in it.
type smb1Head struct {
	command    byte
	status     uint32
	reply      bool
	unicode    bool
	tree, user uint16
	id         uint64 // of the request: command, process and multiplex id
	start      int    // offset of the command in the message
	words      octet.Reader
	count      int
	bytes      []byte
	at         int // offset of bytes in the message
}

func parseSMB1(b []byte) (h smb1Head, ok bool) {
	if len(b) < 35 {
		return h, false
	}
	o := binary.LittleEndian
	h.status, h.reply, h.unicode = o.Uint32(b[5:]), b[9]&0x80 != 0, o.Uint16(b[10:])&0x8000 != 0
	h.tree, h.user = o.Uint16(b[24:]), o.Uint16(b[28:])
	h.id = uint64(o.Uint16(b[26:]))<<32 | uint64(o.Uint16(b[30:]))
	return h, h.block(b, b[4], 32)
}

// block reads the command at an offset of the message.
func (h *smb1Head) block(b []byte, command byte, at int) bool {
	if at >= len(b) {
		return false
	}
	h.command, h.start, h.count = command, at, int(b[at])
	h.id = uint64(command)<<48 | h.id&0xffffffffffff
	r := octet.Of(b[at+1:])
	h.words = octet.Of(r.Next(2 * h.count))
	n := int(r.LE16())
	if r.Bad() {
		return false
	}
	h.at = at + 1 + 2*h.count + 2
	h.bytes = octet.Head(b, h.at, n)
	return true
}

// next says which command follows, and where; 0 means none.
func (h *smb1Head) next() (command byte, at int) {
	if !smb1AndX[h.command] || h.count < 2 {
		return 0, 0
	}
	w := h.words
	command = w.U8()
	w.Skip(1)
	if at = int(w.LE16()); command == 0xff || at <= h.start {
		return 0, 0
	}
	return command, at
}

// text reads a string at an offset of the bytes, which UTF-16 aligns to two
// bytes of the message, and returns the offset behind it.
func (h *smb1Head) text(at int) (s []byte, next int) {
	if !h.unicode {
		r := octet.Of(octet.Head(h.bytes, at, maxSMBName))
		s = bytes.Clone(r.CString())
		return s, at + len(s) + 1
	}
	at += (h.at + at) & 1
	v := octet.Head(h.bytes, at, maxSMBName)
	n := 0
	for n+1 < len(v) && (v[n] != 0 || v[n+1] != 0) {
		n += 2
	}
	return octet.AppendUTF16(nil, v[:n]), at + n + 2
}

// fid is the id of a file as the tables keep it.
func fid(n uint16) (id smbID) {
	binary.LittleEndian.PutUint16(id[:], n)
	return id
}

// smb1 takes a message, as far as it is held.
func (p *smb) smb1(c *Context, dir Dir, b []byte) {
	h, ok := parseSMB1(b)
	if !ok {
		return
	}
	if p.rules.way(c, dir, h.reply); h.reply != (dir == FromServer) {
		return
	}
	for range maxCompound {
		command, at := h.next()
		if h.reply {
			p.reply1(c, &h, b)
		} else {
			p.request1(c, &h, b)
		}
		if at == 0 || !h.block(b, command, at) {
			return
		}
	}
}

func (p *smb) request1(c *Context, h *smb1Head, b []byte) {
	q := &smbRequest{command: uint16(h.command)}
	if c.Detail {
		head := *h
		p.eve.begin1(c, &head)
		p.rules.eve = p.eve.now
		defer func() { p.eve.fill1(&head, q) }()
	}
	w := &h.words
	switch h.command {
	case smb1Negotiate: // bytes: 2 and a dialect, each
		if p.rules.negotiated {
			p.rules.odd(c, FromClient, "duplicate_negotiate")
		}
		p.rules.negotiated = true
		p.rules.dialects(c, h.bytes)
		q.value = bytes.Clone(h.bytes)
	case smb1SessionSetup:
		q.user = p.setup1(c, h)
	case smb1TreeConnect: // 6 length of the password; bytes: password, path
		w.Skip(6)
		q.share, _ = h.text(int(w.LE16()))
		p.rules.share(c, q.share, 1)
	case smb1TreeDown:
		delete(p.shares, uint32(h.tree))
		return
	case smb1Logoff:
		delete(p.sessions, uint64(h.user))
		return
	case smb1Create: // 36 options; bytes: name
		w.Skip(39)
		options := w.LE32()
		o := p.open1(c, h)
		o.name, _ = h.text(0)
		o.doomed, o.folder = options&0x1000 != 0, options&1 != 0
		q.open = o
	case smb1Open: // bytes: name
		q.open = p.open1(c, h)
		q.open.name, _ = h.text(0)
	case smb1Delete, smb1Rename: // bytes: 4, name; 4, new name
		o := p.open1(c, h)
		var next int
		o.name, next = h.text(1)
		if h.command == smb1Rename {
			o.renamed, _ = h.text(next + 1)
		}
		o.doomed = h.command == smb1Delete
		q.open = o
	case smb1Close: // 0 file
		q.open = p.opens[fid(w.LE16())]
		p.closing(c, q.open)
	case smb1Read: // 4 file, 6 offset, 10 length, 20 high half of the offset
		w.Skip(4)
		q.open, q.offset = p.opens[fid(w.LE16())], uint64(w.LE32())
		if h.count == 12 {
			w.Skip(10)
			q.offset |= uint64(w.LE32()) << 32
		}
	case smb1Write: // 4 file, 6 offset, 18 high half, 20 length, 22 where, 24 high half of the offset
		w.Skip(4)
		o, pos := p.opens[fid(w.LE16())], uint64(w.LE32())
		w.Skip(8)
		n := int64(w.LE16()) << 16
		n |= int64(w.LE16())
		at := int64(w.LE16())
		if h.count == 14 {
			pos |= uint64(w.LE32()) << 32
		}
		p.content(c, FromClient, b, at, n, o, pos)
	case smb1Transaction: // 22 count, 24 offset of the data, 26 count of setup words: 28 function, 30 file
		w.Skip(22)
		n, at := int64(w.LE16()), int64(w.LE16())
		setup := w.U8()
		w.Skip(1)
		if setup != 2 || w.LE16() != 0x26 { // TRANS_TRANSACT_NMPIPE
			return
		}
		if q.open = p.opens[fid(w.LE16())]; q.open != nil {
			p.content(c, FromClient, b, at, n, q.open, 0)
		}
	default:
		return
	}
	p.await(c, h.id, q)
}

// open1 begins a file that a request names.
func (p *smb) open1(c *Context, h *smb1Head) *smbOpen {
	o := &smbOpen{share: p.shares[uint32(h.tree)], user: p.sessions[uint64(h.user)]}
	o.pipe = isPipes(o.share)
	o.packets.Add(c.Number)
	return o
}

// setup1 reads who logs in: a token, or with 13 words the names after two
// passwords.
func (p *smb) setup1(c *Context, h *smb1Head) *userName {
	u := &userName{}
	w := &h.words
	w.Skip(14)
	if h.count == 12 { // 14 length of the token
		n := int(w.LE16())
		token := octet.Head(h.bytes, 0, n)
		p.rules.token(c, token)
		if !u.token(token, &p.server) {
			return nil
		}
		p.rules.login(c, u)
		u.system, _ = h.text(n)
		return u
	}
	if h.count != 13 {
		return nil
	}
	lm, nt := int(w.LE16()), int(w.LE16())
	var at int
	u.name, at = h.text(lm + nt)
	u.domain, at = h.text(at)
	u.system, _ = h.text(at)
	switch {
	case nt > 24:
		u.version = 2
	case nt == 24 || lm == 24:
		u.version = 1
	case len(u.name) == 0:
		u.name = []byte("anonymous")
	}
	return u
}

func (p *smb) reply1(c *Context, h *smb1Head, b []byte) {
	if c.Detail {
		p.eve.reply1(c, h)
		p.rules.eve = p.eve.now
	}
	q := p.answered(c, h.id)
	if q == nil || q.command != uint16(h.command) {
		return
	}
	w := &h.words
	switch h.command {
	case smb1Negotiate: // 0 number of the dialect
		p.version = dialect1(q.value, int(w.LE16()))
		e := p.begin(c, "negotiate", q.packets.List())
		p.status(e, h.status)
		c.Emit(e)
	case smb1SessionSetup: // 6 length of the token, with 4 words; bytes: token, system
		token := 0
		if h.count == 4 {
			w.Skip(6)
			token = int(w.LE16())
			(&userName{}).token(octet.Head(h.bytes, 0, token), &p.server)
		}
		if q.user != nil {
			q.user.serverSystem, _ = h.text(token)
		}
		if q.user == nil || h.status == smbMore {
			return
		}
		if h.status == 0 && len(p.sessions) < maxSMB {
			p.sessions[uint64(h.user)] = q.user
		}
		p.login(c, q, h.status, false)
	case smb1TreeConnect:
		p.connected(c, q, uint32(h.tree), p.sessions[uint64(h.user)], h.status)
	case smb1Create: // 5 file, 7 what was done, 43 attributes, 55 size
		w.Skip(5)
		id := fid(w.LE16())
		q.open.created = w.LE32() == 2
		w.Skip(32)
		folder := w.LE32()&0x10 != 0
		q.open.folder = q.open.folder || folder
		w.Skip(8)
		q.open.size = w.LE64()
		p.opened(c, q, id, h.status)
	case smb1Open: // 4 file, 12 size, 22 what was done
		w.Skip(4)
		id := fid(w.LE16())
		w.Skip(6)
		q.open.size = uint64(w.LE32())
		w.Skip(6)
		q.open.created = w.LE16()&3 == 2
		p.opened(c, q, id, h.status)
	case smb1Delete, smb1Rename:
		q.open.packets.Add(c.Number)
		if h.status != 0 {
			p.opened(c, q, smbID{}, h.status)
			return
		}
		q.open.close(c, p, true)
	case smb1Close:
		if q.open != nil && h.status == 0 {
			q.open.packets.Add(c.Number)
			delete(p.opens, q.open.id)
			q.open.close(c, p, true)
		}
	case smb1Read: // 10 length, 12 where, 14 high half of the length
		w.Skip(10)
		n, at := int64(w.LE16()), int64(w.LE16())
		n |= int64(w.LE16()) << 16
		if h.status == 0 || h.status == smbOverflow {
			p.content(c, FromServer, b, at, n, q.open, q.offset)
		}
	case smb1Transaction: // 12 count, 14 offset of the data
		w.Skip(12)
		if n, at := int64(w.LE16()), int64(w.LE16()); h.status == 0 || h.status == smbOverflow {
			p.content(c, FromServer, b, at, n, q.open, 0)
		}
	}
}

// dialect1 returns the text of a dialect offered.
func dialect1(b []byte, n int) string {
	for i, v := range bytes.SplitN(b, []byte{0}, maxCompound) {
		if i == n && len(v) > 1 && v[0] == 2 {
			return string(v[1:])
		}
	}
	return ""
}
