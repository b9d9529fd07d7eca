package proto

// Transactions of SMB as EVE JSON has them: one a request with its answer, but
// that reads and writes of a file are one each until it is closed, those of a
// pipe are the calls of DCE/RPC in them, and of changes only a new name and a
// deletion are told.

import (
	"bytes"
	"encoding/binary"
	"strconv"

	"saksi/event"
	"saksi/sensor/proto/internal/octet"
)

// smbTx is a transaction.
type smbTx struct {
	eveTx
	state   *smbEVE
	version int // 1 or 2
	command uint16
	status  uint32
	known   bool // status was seen
	session uint64
	tree    uint32
	about   smbAbout // nil for nothing
	told    bool
}

// smbAbout writes what a command has of its own.
type smbAbout interface {
	write(m *event.Members, t *smbTx)
}

// smbEVE gathers transactions.
type smbEVE struct {
	last        uint64
	open        map[uint64]*smbTx // by message
	files       map[smbFileKey]*smbTx
	names       map[smbID][]byte
	dialect     uint16
	dialectText string // of version 1
	reads, most uint32 // the most that one reads or writes
	now         *smbTx // of the message in work
	message     smbTx  // its version, session and tree
}

// smbFileKey is a file and the way its content goes.
type smbFileKey struct {
	open *smbOpen
	dir  Dir
}

func (s *smbEVE) begin(command uint16, about smbAbout) *smbTx {
	s.last++
	return &smbTx{eveTx: eveTx(s.last), state: s, version: s.message.version, command: command, session: s.message.session, tree: s.message.tree, about: about}
}

// ask keeps a request until its answer comes.
func (s *smbEVE) ask(c *Context, id uint64, t *smbTx) {
	s.now = t
	if s.open == nil {
		s.open = map[uint64]*smbTx{}
	}
	if old := s.open[id]; old != nil {
		s.record(c, old)
	} else if len(s.open) >= maxEVEOpen {
		s.record(c, t)
		return
	}
	s.open[id] = t
}

// answered takes the answer to a request; nil for none that is known.
func (s *smbEVE) answered(c *Context, id uint64, status uint32) *smbTx {
	t := s.open[id]
	if s.now = t; t == nil {
		return nil
	}
	t.status, t.known = status, true
	if status == smbPending {
		return nil
	}
	delete(s.open, id)
	return t
}

func (s *smbEVE) record(c *Context, t *smbTx) {
	if !t.told {
		t.told = true
		c.Record("smb", t)
	}
}

// file gives the transaction of what is read from or written to a file.
func (s *smbEVE) file(c *Context, o *smbOpen, dir Dir) *smbTx {
	key := smbFileKey{o, dir}
	if t := s.files[key]; t != nil {
		return t
	}
	command := [2][2]uint16{{smb1Write, smb1Read}, {smb2Write, smb2Read}}[s.message.version/2][dir]
	t := s.begin(command, &smbContent{o})
	if len(s.files) >= maxSMB {
		return t
	}
	if s.files == nil {
		s.files = map[smbFileKey]*smbTx{}
	}
	s.files[key] = t
	return t
}

// closed tells of what was read from and written to a file.
func (s *smbEVE) closed(c *Context, o *smbOpen, whole bool) {
	for dir := FromClient; dir <= FromServer; dir++ {
		if t := s.files[smbFileKey{o, dir}]; t != nil {
			delete(s.files, smbFileKey{o, dir})
			t.known = whole
			s.record(c, t)
		}
	}
}

// pipe makes the calls of a pipe be told of as transactions of SMB.
func (s *smbEVE) pipe(o *smbOpen) {
	if o.rpc.eve.begin != nil {
		return
	}
	o.rpc.eve.begin = func(x *dceExchange) EVE {
		command := uint16(smb2Write)
		switch {
		case s.message.version == 1:
			command = smb1Write
			if s.now != nil {
				command = s.now.command
			}
		case s.now != nil && s.now.command == smb2Ioctl:
			command = smb2Ioctl
		}
		t := s.begin(command, &smbCall{x})
		x.eveTx = t.eveTx
		return t
	}
}

// close tells of what has no answer.
func (s *smbEVE) close(c *Context) {
	all := map[uint64]*smbTx{}
	for _, t := range s.open {
		all[t.Number()] = t
	}
	for _, t := range s.files {
		all[t.Number()] = t
	}
	for _, t := range byNumber(all) {
		s.record(c, t)
	}
	clear(s.open)
	clear(s.files)
}

// request2 takes a request of version 2, whose header b begins with.
func (s *smbEVE) request2(c *Context, b []byte) {
	h, r := octet.Of(b), octet.Of(b[smb2Header:])
	h.Skip(12)
	command := h.LE16()
	h.Skip(10)
	id := h.LE64()
	h.Skip(4)
	s.now, s.message = nil, smbTx{version: 2, tree: h.LE32(), session: h.LE64()}
	var about smbAbout
	switch command {
	case smb2Read, smb2Write, smb2GetInfo:
		return
	case smb2SetInfo: // 2 kind, 3 class, 4 length, 8 offset, 16 file
		r.Skip(2)
		kind, class, n, at := r.U8(), r.U8(), int(r.LE32()), int(r.LE16())
		r.Skip(6)
		var file smbID
		copy(file[:], r.Next(16))
		v := octet.Slice(b, at, n)
		name := s.names[file]
		if name == nil {
			name = []byte("<unknown>")
		}
		switch {
		case kind == 1 && class == 10 && len(v) > 20:
			to := octet.AppendUTF16(nil, octet.Head(v, 20, int(min(binary.LittleEndian.Uint32(v[16:]), maxSMBName))))
			about = &smbRenamed{from: name, to: to, file: file[:]}
		case kind == 1 && class == 13:
			about = &smbDisposed{name: name, file: file[:], doomed: len(v) > 0 && v[0]&1 != 0}
		default:
			return
		}
	case smb2Negotiate: // 2 count, 12 client (16), 36 dialects
		r.Skip(2)
		n := int(r.LE16())
		r.Skip(8)
		x := &smbNegotiated{client: bytes.Clone(r.Next(16))}
		r.Skip(8)
		for range min(n, 16) {
			if d := r.LE16(); !r.Bad() {
				x.dialects = append(x.dialects, smbDialectName(d))
			}
		}
		about = x
		s.message.tree, s.message.session = 0, 0
	case smb2SessionSetup: // 12 offset, 14 length of the token
		r.Skip(12)
		at, n := int(r.LE16()), int(r.LE16())
		x := &smbSetup{}
		x.ntlm = x.user.token(octet.Slice(b, at, n), &x.server) && len(x.user.service) == 0
		about = x
		s.message.tree = 0
	case smb2TreeConnect: // 4 offset, 6 length of the path
		r.Skip(4)
		about = &smbShare{name: withoutSlash(utf16At(b, int(r.LE16()), int(r.LE16())))}
	case smb2Create: // 36 disposition, 40 options, 44 offset, 46 length of the name
		r.Skip(36)
		x := &smbCreated{disposition: r.LE32(), options: r.LE32()}
		x.name = utf16At(b, int(r.LE16()), int(r.LE16()))
		about = x
	case smb2Ioctl: // 4 function
		r.Skip(4)
		code := r.LE32()
		if code == 0x0011c017 { // its call is told of
			s.now = &smbTx{command: smb2Ioctl}
			return
		}
		about = &smbFunction{code}
	}
	s.ask(c, id, s.begin(command, about))
}

// reply2 takes a reply of version 2.
func (s *smbEVE) reply2(c *Context, b []byte) {
	h, r := octet.Of(b), octet.Of(b[smb2Header:])
	h.Skip(8)
	status := h.LE32()
	h.Skip(12)
	id := h.LE64()
	h.Skip(4)
	s.message = smbTx{version: 2, tree: h.LE32(), session: h.LE64()}
	t := s.answered(c, id, status)
	if t == nil {
		return
	}
	switch x := t.about.(type) {
	case *smbNegotiated: // 4 dialect, 8 server (16), 28 the most that is read, 32 written
		r.Skip(4)
		s.dialect = r.LE16()
		r.Skip(2)
		x.server = bytes.Clone(r.Next(16))
		r.Skip(8)
		s.reads, s.most = r.LE32(), r.LE32()
	case *smbSetup:
		t.session, t.tree = s.message.session, s.message.tree
	case *smbShare: // 2 kind
		r.Skip(2)
		if status == 0 {
			x.kind = r.U8()
		}
		t.session, t.tree = s.message.session, s.message.tree
	case *smbCreated: // 8 times: made, accessed, written, changed; 48 size, 64 file
		if status != 0 {
			break
		}
		r.Skip(8)
		for i := range x.times {
			x.times[i] = smbUnix(r.LE64())
		}
		r.Skip(8)
		x.size = r.LE64()
		r.Skip(8)
		x.file = bytes.Clone(r.Next(16))
		s.named(x.file, x.name)
	}
	s.record(c, t)
}

// named notes the name of a file.
func (s *smbEVE) named(file, name []byte) {
	if s.names == nil {
		s.names = map[smbID][]byte{}
	}
	if len(s.names) < maxSMB {
		var id smbID
		copy(id[:], file)
		s.names[id] = name
	}
}

// smbUnix gives the seconds since 1970 of a FILETIME.
func smbUnix(n uint64) int64 {
	const between = 116444736000000000
	if n <= between {
		return 0
	}
	return int64(uint32((n - between) / 10_000_000))
}

// withoutSlash cuts the first of the two that begin a path.
func withoutSlash(b []byte) []byte {
	if len(b) > 1 {
		return b[1:]
	}
	return b
}

func smbDialectName(d uint16) string {
	if d == 0x02ff {
		return "2.??"
	}
	if d>>8 == 2 || d>>8 == 3 {
		return strconv.Itoa(int(d>>8)) + "." + strconv.FormatUint(uint64(d&0xff|0x100), 16)[1:]
	}
	return strconv.Itoa(int(d))
}

// AppendEVE implements EVE.
func (t *smbTx) AppendEVE(m *event.Members) {
	m.Open("smb")
	m.Int("id", int64(t.Number()))
	switch s := t.state; {
	case s.dialect != 0:
		m.Str("dialect", smbDialectName(s.dialect))
	case s.dialectText != "":
		m.Str("dialect", s.dialectText)
	default:
		m.Str("dialect", "unknown")
	}
	m.Str("command", smbCommandName(t.version, t.command))
	if x, ok := t.about.(*smbCall); ok {
		t.known = x.call.answered
	}
	if t.known {
		name := smbStatusName(t.status)
		m.Str("status", name)
		m.Str("status_code", "0x"+strconv.FormatUint(uint64(t.status), 16))
	}
	m.Int("session_id", int64(t.session))
	m.Int("tree_id", int64(t.tree))
	if t.about != nil {
		t.about.write(m, t)
	}
	m.Close()
}
