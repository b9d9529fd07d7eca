package proto

// SMB 2 and 3, [MS-SMB2] section 2.2.1: a header of 64 bytes, then the command.
//
//	0 0xfe "SMB"  4 size 64  6 charge  8 status  12 command  14 credits  16 flags
//	20 next command  24 message id (8)  32 reserved  36 tree  40 session (8)  48 signature (16)
//
// Offsets in the comments below count from the end of the header.

import (
	"bytes"
	"encoding/binary"

	"saksi/sensor/proto/internal/octet"
)

const smb2Header = 64

// Commands.
const (
	smb2Negotiate = iota
	smb2SessionSetup
	smb2Logoff
	smb2TreeConnect
	smb2TreeDisconnect
	smb2Create
	smb2Close
	_
	smb2Read
	smb2Write
	_
	smb2Ioctl
	_
	_
	smb2QueryDirectory
	_
	smb2GetInfo
	smb2SetInfo
)

// Flags of the header.
const (
	smb2Response = 1
	smb2Related  = 4
)

// maxCompound bounds the commands in one message.
const maxCompound = 64

// smbHold is how much of a message must be held: of reads and writes alone,
// what precedes the content.
func smbHold(dir Dir, b []byte) int64 {
	if len(b) > 4 && b[0] == 0xff && (b[4] == smb1Read || b[4] == smb1Write) {
		return smb1Hold
	}
	if len(b) < smb2Header || b[0] != 0xfe || binary.LittleEndian.Uint32(b[20:]) != 0 {
		return maxHeld
	}
	switch binary.LittleEndian.Uint16(b[12:]) {
	case smb2Read:
		if dir == FromServer {
			return 4 + smb2Header + 16
		}
	case smb2Write:
		if dir == FromClient {
			return 4 + smb2Header + 48
		}
	}
	return maxHeld
}

// smb2 takes a message, as far as it is held.
func (p *smb) smb2(c *Context, dir Dir, b []byte) {
	var last *smbOpen
	for range maxCompound {
		if len(b) < smb2Header || b[0] != 0xfe {
			return
		}
		next := int(binary.LittleEndian.Uint32(b[20:]))
		one := b
		if next >= smb2Header && next <= len(b) {
			one = b[:next]
		}
		reply := binary.LittleEndian.Uint32(b[16:])&smb2Response != 0
		p.rules.way(c, dir, reply)
		switch {
		case !c.Detail || reply != (dir == FromServer):
		case reply:
			p.eve.reply2(c, one)
		default:
			p.eve.request2(c, one)
		}
		p.rules.eve = p.eve.now
		if reply {
			p.reply2(c, dir, one)
		} else {
			last = p.request2(c, dir, one, last)
		}
		if next < smb2Header || next > len(b) {
			return
		}
		b = b[next:]
	}
}

// utf16At reads a name within a message.
func utf16At(b []byte, at, n int) []byte {
	return octet.AppendUTF16(nil, octet.Slice(b, at, min(n, maxSMBName)))
}

// file finds the file a request is about: one of a compound may be about the
// file of the one before.
func (p *smb) file(id []byte, flags uint32, last *smbOpen) *smbOpen {
	if len(id) != 16 {
		return nil
	}
	if flags&smb2Related != 0 && last != nil {
		return last
	}
	return p.opens[smbID(id)]
}

// request2 takes a request and returns the file it is about.
func (p *smb) request2(c *Context, dir Dir, b []byte, last *smbOpen) *smbOpen {
	if dir != FromClient {
		return last
	}
	h, r := octet.Of(b), octet.Of(b[smb2Header:])
	h.Skip(12)
	q := &smbRequest{command: h.LE16()}
	h.Skip(2)
	flags := h.LE32()
	h.Skip(4)
	id := h.LE64()
	h.Skip(4)
	tree, session := h.LE32(), h.LE64()
	switch q.command {
	case smb2SessionSetup: // 12 offset, 14 length of the token
		r.Skip(12)
		at, n := int(r.LE16()), int(r.LE16())
		u, token := &userName{}, octet.Slice(b, at, n)
		p.rules.token(c, token)
		if u.token(token, &p.server) {
			q.user = u
			p.rules.login(c, u)
		}
	case smb2Logoff:
		delete(p.sessions, session)
		return last
	case smb2TreeConnect: // 4 offset, 6 length of the path
		r.Skip(4)
		q.share = utf16At(b, int(r.LE16()), int(r.LE16()))
		p.rules.share(c, q.share, 2)
	case smb2TreeDisconnect:
		delete(p.shares, tree)
		return last
	case smb2Create: // 36 disposition, 40 options, 44 offset, 46 length of the name
		r.Skip(40)
		options := r.LE32()
		o := &smbOpen{name: utf16At(b, int(r.LE16()), int(r.LE16())), share: p.shares[tree], user: p.sessions[session]}
		o.doomed, o.folder = options&0x1000 != 0, options&1 != 0
		o.pipe = isPipes(o.share)
		o.packets.Add(c.Number)
		q.open, last = o, o
	case smb2Close: // 8 file
		r.Skip(8)
		q.open = p.file(r.Next(16), flags, last)
		p.closing(c, q.open)
	case smb2Read: // 4 length, 8 offset, 16 file
		r.Skip(4)
		q.length, q.offset = r.LE32(), r.LE64()
		p.rules.size(c, FromClient, int64(q.length), p.rules.maxRead, "read_request_too_large")
		q.open = p.file(r.Next(16), flags, last)
	case smb2Write: // 2 offset of the content, 4 length, 8 offset, 16 file
		r.Skip(2)
		at, n, pos := int64(r.LE16()), int64(r.LE32()), r.LE64()
		p.rules.size(c, FromClient, n, p.rules.maxWrite, "write_request_too_large")
		q.open = p.file(r.Next(16), flags, last)
		p.content(c, dir, b, at, n, q.open, pos)
	case smb2Ioctl: // 4 code, 8 file, 24 offset, 28 length of the input
		r.Skip(4)
		code := r.LE32()
		q.open = p.file(r.Next(16), flags, last)
		if code == 0x0011c017 && q.open != nil && q.open.pipe { // FSCTL_PIPE_TRANSCEIVE
			q.flag = true
			at, n := int64(r.LE32()), int64(r.LE32())
			p.content(c, dir, b, at, n, q.open, 0)
		}
	case smb2QueryDirectory: // 8 file
		r.Skip(8)
		if q.open = p.file(r.Next(16), flags, last); q.open != nil {
			q.open.listed = true
		}
		return last
	case smb2SetInfo: // 2 kind, 3 class, 4 length, 8 offset of the value, 16 file
		r.Skip(2)
		kind, class, n, at := r.U8(), r.U8(), r.LE32(), int(r.LE16())
		r.Skip(6)
		q.open = p.file(r.Next(16), flags, last)
		if kind != 1 {
			return last
		}
		q.class, q.value = class, bytes.Clone(octet.Slice(b, at, int(min(n, maxSMBName))))
	case smb2Negotiate:
	default:
		return last
	}
	if q.open != nil {
		last = q.open
	}
	p.await(c, id, q)
	return last
}

// reply2 takes a reply.
func (p *smb) reply2(c *Context, dir Dir, b []byte) {
	if dir != FromServer {
		return
	}
	h, r := octet.Of(b), octet.Of(b[smb2Header:])
	h.Skip(8)
	status := h.LE32()
	h.Skip(12)
	id := h.LE64()
	h.Skip(4)
	tree, session := h.LE32(), h.LE64()
	if status == smbPending {
		return
	}
	q := p.answered(c, id)
	if q == nil {
		return
	}
	switch q.command {
	case smb2Negotiate: // 4 dialect, 32 greatest read, 36 greatest write
		r.Skip(4)
		p.version = smbDialects[r.LE16()]
		r.Skip(26)
		p.rules.agreed(c, r.LE32(), r.LE32())
		e := p.begin(c, "negotiate", q.packets.List())
		p.status(e, status)
		c.Emit(e)
	case smb2SessionSetup: // 4 offset, 6 length of the token
		r.Skip(4)
		at, n := int(r.LE16()), int(r.LE16())
		(&userName{}).token(octet.Slice(b, at, n), &p.server)
		if q.user == nil || status == smbMore {
			return
		}
		if status == 0 && len(p.sessions) < maxSMB {
			p.sessions[session] = q.user
		}
		p.login(c, q, status, false)
	case smb2TreeConnect:
		p.connected(c, q, tree, p.sessions[session], status)
	case smb2Create: // 4 what was done, 48 size, 56 attributes, 64 file
		r.Skip(4)
		q.open.created = r.LE32() == 2
		r.Skip(40)
		q.open.size = r.LE64()
		folder := r.LE32()&0x10 != 0
		q.open.folder = q.open.folder || folder
		r.Skip(4)
		var fid smbID
		copy(fid[:], r.Next(16))
		p.opened(c, q, fid, status)
	case smb2Close:
		if q.open != nil && status == 0 {
			q.open.packets.Add(c.Number)
			delete(p.opens, q.open.id)
			q.open.close(c, p, true)
		}
	case smb2Read: // 2 offset of the content, 4 length
		r.Skip(2)
		at := int64(r.U8())
		r.Skip(1)
		if n := int64(r.LE32()); status == 0 || status == smbOverflow {
			p.rules.size(c, FromServer, n, p.rules.maxRead, "read_response_too_large")
			p.content(c, dir, b, at, n, q.open, q.offset)
		}
	case smb2Ioctl: // 32 offset, 36 length of the output
		r.Skip(32)
		if at, n := int64(r.LE32()), int64(r.LE32()); q.flag && (status == 0 || status == smbOverflow) {
			p.content(c, dir, b, at, n, q.open, 0)
		}
	case smb2SetInfo:
		if status == 0 && q.open != nil {
			q.open.packets.Add(c.Number)
			q.open.change(q.class, q.value)
		}
	}
}

// change takes a change of a file ([MS-FSCC] section 2.4).
func (o *smbOpen) change(class byte, v []byte) {
	switch class {
	case 13, 64: // FileDispositionInformation and Ex: the first bit deletes
		o.doomed = len(v) > 0 && v[0]&1 != 0
	case 10: // FileRenameInformation: 16 length, 20 name
		if len(v) > 20 {
			n := int(min(binary.LittleEndian.Uint32(v[16:]), maxSMBName))
			o.renamed = octet.AppendUTF16(nil, octet.Head(v, 20, n))
		}
	}
}

// smbDialects are the dialects of SMB 2 and 3 (section 2.2.4).
var smbDialects = map[uint16]string{0x0202: "2.0.2", 0x0210: "2.1", 0x02ff: "2", 0x0300: "3.0", 0x0302: "3.0.2", 0x0311: "3.1.1"}
