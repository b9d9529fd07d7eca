package proto

// SMB over TCP ([MS-SMB2] section 2.1): a zero byte and a length of three, then
// a message that begins with 0xff (SMB 1, [MS-CIFS]), 0xfe (SMB 2 and 3), 0xfd
// (encrypted) or 0xfc (compressed) and "SMB". NetBIOS session requests (RFC
// 1002 section 4.3.2) may come first.
//
// One event a negotiation, a login, a share connected to, and a file when it is
// closed; what is read or written is a file. Rules see shares and files.

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"saksi/event"
	"saksi/rules/suricata"
	"saksi/sensor/proto/internal/ntlm"
)

func init() {
	register(&Entry{
		Name: "smb", Doc: "Server Message Block", Reference: "[MS-CIFS], [MS-SMB2]",
		Transport: TCP, Ports: []uint16{445, 139}, App: suricata.AppSMB,
		First: []string{"\x00", "\x81\x00"}, Detect: detectSMB,
		New:     func(Transport) Parser { return newSMB() },
		Samples: []string{"smb2_files.txt", "smb1.txt", "smb1_write.txt"}, Hostile: []string{"smb_hostile.txt", "smb_offsets.txt"},
	})
}

func detectSMB(p *Probe) Verdict {
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
}

const (
	// maxSMB bounds each of the tables of a connection: requests, files,
	// shares and sessions in work.
	maxSMB = 256
	// maxSMBName bounds a name, in bytes.
	maxSMBName = 4 << 10
	// Statuses that don't end a request ([MS-ERREF] section 2.3.1).
	smbPending  = 0x00000103
	smbMore     = 0xc0000016
	smbOverflow = 0x80000005
	smbEOF      = 0xc0000011
)

// smbID is the id of a file: 16 bytes in SMB 2, two in SMB 1.
type smbID [16]byte

// smbRequest is a request whose answer is to come.
type smbRequest struct {
	command uint16
	packets Packets
	user    *userName // of a login
	share   []byte    // to be connected to
	open    *smbOpen
	offset  uint64
	length  uint32
	class   byte // of a change
	value   []byte
	flag    bool
}

type smb struct {
	segmenter
	version  string
	server   ntlm.Message
	sessions map[uint64]*userName
	shares   map[uint32][]byte
	opens    map[smbID]*smbOpen
	requests map[uint64]*smbRequest
	sink     [2]smbSink
	sealed   bool
	rules    smbRules
	eve      smbEVE
}

// smbSink is where the rest of a message goes.
type smbSink struct {
	open *smbOpen
	pos  uint64 // in the file
	skip int64  // bytes before the content
	left int64
	last bool // the same message closes the file
}

func newSMB() *smb {
	return &smb{sessions: map[uint64]*userName{}, shares: map[uint32][]byte{}, opens: map[smbID]*smbOpen{}, requests: map[uint64]*smbRequest{}}
}

// Data implements Parser.
func (p *smb) Data(c *Context, dir Dir, b []byte) Result { return p.data(c, dir, b, p) }

func (p *smb) size(dir Dir, b []byte) (n, hold int64) {
	if len(b) < 4 {
		return 0, 0
	}
	switch {
	case b[0] >= 0x81 && b[0] <= 0x85: // NetBIOS session service
		return 4 + int64(binary.BigEndian.Uint16(b[2:])), maxHeld
	case b[0] != 0:
		return -1, 0
	}
	n = 4 + int64(binary.BigEndian.Uint32(b)&0xffffff)
	if len(b) < int(min(n, 4+smb2Header+4)) {
		return 0, 0
	}
	if n > 8 && !bytes.Equal(b[5:8], []byte("SMB")) {
		return -1, 0
	}
	return n, smbHold(dir, b[4:])
}

func (p *smb) take(c *Context, dir Dir, b []byte, _ int64) Result {
	p.sink[dir] = smbSink{}
	p.rules.frames(c, dir, b)
	if b[0] != 0 || len(b) < 8 {
		return 0
	}
	switch b[4] {
	case 0xff:
		p.smb1(c, dir, b[4:])
	case 0xfe:
		p.smb2(c, dir, b[4:])
	case 0xfd:
		if !p.sealed {
			p.sealed = true
			e := p.begin(c, "encrypt", []uint64{c.Number})
			c.Emit(e)
		}
	}
	return 0
}

func (p *smb) rest(c *Context, dir Dir, b []byte) {
	s := &p.sink[dir]
	if s.skip > 0 {
		n := min(s.skip, int64(len(b)))
		s.skip -= n
		b = b[n:]
	}
	b = b[:min(s.left, int64(len(b)))]
	if s.open == nil || len(b) == 0 {
		return
	}
	s.open.content(c, p, dir, s.pos, b)
	s.pos += uint64(len(b))
	if s.left -= int64(len(b)); s.left == 0 && s.last {
		s.open.end(c, p, dir, true)
	}
}

// content hands on n bytes of a file that begin at offset at of a message of
// which b is held.
func (p *smb) content(c *Context, dir Dir, b []byte, at, n int64, o *smbOpen, pos uint64) {
	if o == nil || at < 0 || n <= 0 {
		return
	}
	if pos < o.carve[dir].next {
		p.rules.overlap(c, o)
	}
	if at < int64(len(b)) {
		have := b[at:min(at+n, int64(len(b)))]
		o.content(c, p, dir, pos, have)
		pos += uint64(len(have))
		n -= int64(len(have))
		at += int64(len(have))
	}
	if n > 0 {
		p.sink[dir] = smbSink{open: o, pos: pos, skip: at - int64(len(b)), left: n}
	}
}

// closing takes a request to close a file: nothing more is written to it, but
// for what the same message carries.
func (p *smb) closing(c *Context, o *smbOpen) {
	if s := &p.sink[FromClient]; s.open == o && s.left > 0 {
		s.last = true
	} else if o != nil {
		o.end(c, p, FromClient, true)
	}
}

// Gap implements Parser.
func (p *smb) Gap(_ *Context, dir Dir, n uint32) bool {
	if !p.gap(dir, n) {
		return false
	}
	s := &p.sink[dir]
	skip := min(s.skip, int64(n))
	s.skip -= skip
	miss := min(s.left, int64(n)-skip)
	s.pos += uint64(miss)
	s.left -= miss
	return true
}

// Close implements Parser.
func (p *smb) Close(c *Context) {
	for _, r := range sorted(p.requests) {
		if r.user != nil {
			p.login(c, r, 0, true)
		}
	}
	for _, id := range sortedIDs(p.opens) {
		p.opens[id].close(c, p, false)
	}
	clear(p.requests)
	clear(p.opens)
	p.eve.close(c)
}

// begin starts an event of the connection.
func (p *smb) begin(c *Context, action string, packets []uint64) *event.Event {
	e := c.Begin("saksi.smb", packets)
	e.Str(event.EventAction, action)
	e.Str(event.SaksiSmbVersion, p.version)
	return e
}

// await notes a request; there may be too many in work.
func (p *smb) await(c *Context, id uint64, r *smbRequest) {
	if len(p.requests) < maxSMB {
		r.packets.Add(c.Number)
		p.requests[id] = r
	}
}

// answered returns the request that a reply belongs to.
func (p *smb) answered(c *Context, id uint64) *smbRequest {
	r := p.requests[id]
	if r != nil {
		delete(p.requests, id)
		r.packets.Add(c.Number)
	}
	return r
}

// login tells how a login ended; open means that it is not known.
func (p *smb) login(c *Context, r *smbRequest, status uint32, open bool) {
	e := p.begin(c, "login", r.packets.List())
	e.Str(event.EventCategory, "authentication")
	r.user.login(e)
	if !open {
		p.status(e, status)
	}
	c.Emit(e)
}

// connected tells of a share.
func (p *smb) connected(c *Context, r *smbRequest, id uint32, user *userName, status uint32) {
	if status == 0 && len(p.shares) < maxSMB {
		p.shares[id] = r.share
	}
	e := p.begin(c, "connect", r.packets.List())
	e.Bytes(event.SaksiSmbShare, r.share)
	if user != nil {
		user.describe(e)
	}
	p.status(e, status)
	c.Emit(e)
}

func (p *smb) status(e *event.Event, status uint32) {
	outcome(e, status == 0)
	if status != 0 {
		if s, ok := smbStatuses[status]; ok {
			e.Str(event.SaksiSmbStatus, s)
		} else {
			e.Str(event.SaksiSmbStatus, fmt.Sprintf("0x%08x", status))
		}
	}
}

// smbStatuses are the statuses most seen ([MS-ERREF] section 2.3.1).
var smbStatuses = map[uint32]string{
	0xc0000008: "STATUS_INVALID_HANDLE", 0xc000000d: "STATUS_INVALID_PARAMETER", 0xc000000f: "STATUS_NO_SUCH_FILE",
	0xc0000011: "STATUS_END_OF_FILE", 0xc0000016: "STATUS_MORE_PROCESSING_REQUIRED", 0xc0000022: "STATUS_ACCESS_DENIED",
	0xc0000033: "STATUS_OBJECT_NAME_INVALID", 0xc0000034: "STATUS_OBJECT_NAME_NOT_FOUND", 0xc0000035: "STATUS_OBJECT_NAME_COLLISION",
	0xc000003a: "STATUS_OBJECT_PATH_NOT_FOUND", 0xc0000043: "STATUS_SHARING_VIOLATION", 0xc0000056: "STATUS_DELETE_PENDING",
	0xc000005e: "STATUS_NO_LOGON_SERVERS", 0xc0000064: "STATUS_NO_SUCH_USER", 0xc000006a: "STATUS_WRONG_PASSWORD",
	0xc000006d: "STATUS_LOGON_FAILURE", 0xc000006e: "STATUS_ACCOUNT_RESTRICTION", 0xc000006f: "STATUS_INVALID_LOGON_HOURS",
	0xc0000070: "STATUS_INVALID_WORKSTATION", 0xc0000071: "STATUS_PASSWORD_EXPIRED", 0xc0000072: "STATUS_ACCOUNT_DISABLED",
	0xc00000ba: "STATUS_FILE_IS_A_DIRECTORY", 0xc00000bb: "STATUS_NOT_SUPPORTED", 0xc00000cc: "STATUS_BAD_NETWORK_NAME",
	0xc0000101: "STATUS_DIRECTORY_NOT_EMPTY", 0xc0000121: "STATUS_CANNOT_DELETE", 0xc000015b: "STATUS_LOGON_TYPE_NOT_GRANTED",
	0xc0000193: "STATUS_ACCOUNT_EXPIRED", 0xc0000203: "STATUS_USER_SESSION_DELETED", 0xc0000224: "STATUS_PASSWORD_MUST_CHANGE",
	0xc0000225: "STATUS_NOT_FOUND", 0xc0000234: "STATUS_ACCOUNT_LOCKED_OUT",
}
