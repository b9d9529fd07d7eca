package proto

import (
	"bytes"
	"cmp"
	"maps"
	"slices"

	"saksi/event"
)

// smbOpen is a file, a folder or a pipe that a client has open.
type smbOpen struct {
	id            smbID
	name, share   []byte
	user          *userName
	packets       Packets
	size          uint64 // when it was opened
	pipe          bool
	folder        bool
	created       bool
	doomed        bool // deleted when it is closed
	listed        bool
	closed        bool
	renamed       []byte // its new name
	read, written uint64
	carve         [2]smbCarve // by direction: written by the client, read from the server
	rpc           *dceTalk
}

// smbCarve is the content going one way.
type smbCarve struct {
	file    FileWriter
	begun   bool
	next    uint64 // offset the next bytes must have
	missing bool   // some were passed over
	lost    bool   // some came again
	inspect []byte // the first of it, for rules
	eve     *smbTx // that tells of it; nil for none
}

// content takes bytes written to (FromClient) or read from a file.
func (o *smbOpen) content(c *Context, p *smb, dir Dir, pos uint64, b []byte) {
	if o.closed {
		return
	}
	if dir == FromClient {
		o.written += uint64(len(b))
	} else {
		o.read += uint64(len(b))
	}
	o.packets.Add(c.Number)
	if o.pipe {
		if o.rpc == nil {
			o.rpc = &dceTalk{endpoint: o.name}
			if o.user != nil {
				o.rpc.user = *o.user
			}
		}
		if c.Detail {
			p.eve.pipe(o)
		}
		o.rpc.buffer(c, dir, b)
		return
	}
	k := &o.carve[dir]
	if pos == 0 && k.next > 0 { // from the beginning again
		o.end(c, p, dir, false)
	}
	if !k.begun {
		k.begun = true
		k.file = c.OpenFile(string(o.base()), dir)
	}
	if c.Detail {
		k.eve = p.eve.file(c, o, dir)
	}
	switch {
	case pos < k.next: // the first stands
		n := min(k.next-pos, uint64(len(b)))
		pos, b, k.lost = pos+n, b[n:], true
	case pos > k.next:
		k.missing = true
		if k.file != nil {
			k.file.Gap(uint32(min(pos-k.next, 1<<31)))
		}
	}
	if len(b) == 0 {
		return
	}
	if k.file != nil {
		k.file.Write(b)
	}
	if room := maxHTTPInspect - len(k.inspect); room > 0 && c.Matching() {
		k.inspect = append(k.inspect, b[:min(room, len(b))]...)
	}
	k.next = pos + uint64(len(b))
}

// end closes what went one way: rules see it, and what was carved is told.
func (o *smbOpen) end(c *Context, p *smb, dir Dir, closed bool) {
	k := &o.carve[dir]
	if dir == FromClient {
		o.size = max(o.size, k.next)
	}
	if k.begun {
		p.rules.file(c, o, dir)
	}
	if k.file != nil {
		whole, why := closed && !k.lost, "connection_end"
		switch {
		case dir == FromServer && k.next >= o.size && !k.lost:
			whole = true
		case dir == FromServer || k.lost:
			whole, why = false, "gap"
		}
		k.file.Close(whole, why, func(e *event.Event) {
			o.describe(e)
		})
	}
	*k = smbCarve{}
}

// base is the last part of the name.
func (o *smbOpen) base() []byte { return o.name[bytes.LastIndexByte(o.name, '\\')+1:] }

func (o *smbOpen) describe(e *event.Event) {
	path := append(append(bytes.Clone(o.share), '\\'), bytes.TrimLeft(o.name, "\\")...)
	e.Bytes(event.FilePath, path)
	e.Bytes(event.FileName, o.base())
	e.Bytes(event.SaksiSmbShare, o.share)
	e.Bytes(event.SaksiSmbName, bytes.TrimLeft(o.name, "\\"))
	if o.user != nil {
		o.user.describe(e)
	}
}

// close tells what was done with the file.
func (o *smbOpen) close(c *Context, p *smb, closed bool) {
	o.end(c, p, FromClient, closed)
	o.end(c, p, FromServer, closed)
	o.closed = true
	p.eve.closed(c, o, closed)
	if o.rpc != nil {
		o.rpc.close(c)
	}
	action, typ := "open", "access"
	switch {
	case o.doomed:
		action, typ = "delete", "deletion"
	case o.renamed != nil:
		action, typ = "rename", "change"
	case o.written > 0 && !o.pipe:
		action, typ = "write", "change"
	case o.created:
		action, typ = "create", "creation"
	case o.read > 0 && !o.pipe:
		action = "read"
	case o.listed:
		action = "list"
	}
	e := p.begin(c, action, o.packets.List())
	e.Str(event.EventCategory, "file")
	e.Str(event.EventType, typ)
	o.describe(e)
	switch {
	case o.pipe:
		e.Str(event.FileType, "pipe")
	case o.folder:
		e.Str(event.FileType, "dir")
	default:
		e.Str(event.FileType, "file")
		e.Int(event.FileSize, int64(o.size))
	}
	e.Bytes(event.FileTargetPath, o.renamed)
	if o.read > 0 {
		e.Int(event.SaksiSmbBytesRead, int64(o.read))
	}
	if o.written > 0 {
		e.Int(event.SaksiSmbBytesWritten, int64(o.written))
	}
	outcome(e, true)
	c.Emit(e)
}

// opened takes the answer to an open.
func (p *smb) opened(c *Context, r *smbRequest, id smbID, status uint32) {
	o := r.open
	o.packets.Add(c.Number)
	if status != 0 {
		e := p.begin(c, "open", o.packets.List())
		e.Str(event.EventCategory, "file")
		e.Str(event.EventType, "access")
		o.describe(e)
		p.status(e, status)
		c.Emit(e)
		return
	}
	o.id = id
	if len(p.opens) < maxSMB {
		p.opens[id] = o
	}
}

// sorted returns values in the order of their keys.
func sorted[K cmp.Ordered, V any](m map[K]V) (out []V) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[k])
	}
	return out
}

func sortedIDs(m map[smbID]*smbOpen) []smbID {
	return slices.SortedFunc(maps.Keys(m), func(a, b smbID) int { return bytes.Compare(a[:], b[:]) })
}
