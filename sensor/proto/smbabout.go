package proto

// What each command of SMB has of its own in EVE JSON.

import (
	"encoding/hex"
	"fmt"
	"strconv"

	"saksi/event"
	"saksi/sensor/proto/internal/dcerpc"
	"saksi/sensor/proto/internal/ntlm"
)

// smbNegotiated is a negotiation.
type smbNegotiated struct {
	dialects       []string
	client, server []byte
}

func (x *smbNegotiated) write(m *event.Members, t *smbTx) {
	m.Array("client_dialects")
	for _, d := range x.dialects {
		m.Str("", d)
	}
	m.End()
	if t.version == 2 {
		m.Str("client_guid", smbGUID(x.client))
	}
	m.Str("server_guid", smbGUID(x.server))
	if s := t.state; s.reads > 0 {
		m.Int("max_read_size", int64(s.reads))
	}
	if s := t.state; s.most > 0 {
		m.Int("max_write_size", int64(s.most))
	}
}

// smbGUID gives the text of a GUID; of anything else nothing.
func smbGUID(b []byte) string {
	if len(b) != 16 {
		return ""
	}
	u := [16]byte{b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6], b[9], b[8], b[11], b[10], b[15], b[14], b[13], b[12]} // as Suricata has it
	return dcerpc.UUID(u)
}

// smbFUID gives the text of a file's id.
func smbFUID(version int, b []byte) string {
	if version == 1 && len(b) >= 2 {
		return hex.EncodeToString([]byte{b[1], b[0]})
	}
	return smbGUID(b)
}

// smbSetup is a login.
type smbSetup struct {
	user             userName
	server           ntlm.Message
	ntlm             bool // it says who logs in
	request, respond bool // of version 1: systems are told
	system, manager  [2][]byte
}

func (x *smbSetup) write(m *event.Members, _ *smbTx) {
	u := &x.user
	if x.ntlm {
		m.Open("ntlmssp")
		m.Bytes("domain", u.domain)
		if string(u.name) == "anonymous" {
			m.Str("user", "")
		} else {
			m.Bytes("user", u.name)
		}
		m.Bytes("host", u.host)
		var major, minor, build int
		if n, err := fmt.Sscanf(u.build, "%d.%d.%d", &major, &minor, &build); err == nil && n == 3 {
			m.Str("version", fmt.Sprintf("%d.%d build %d rev 15", major, minor, build))
		}
		m.Close()
	}
	if len(u.service) > 0 {
		m.Open("kerberos")
		m.Bytes("realm", u.realm)
		m.Array("snames")
		start := 0
		for i, c := range u.service {
			if c == '/' {
				m.Bytes("", u.service[start:i])
				start = i + 1
			}
		}
		m.Bytes("", u.service[start:])
		m.End()
		m.Close()
	}
	for i, told := range [2]bool{x.request, x.respond} {
		if told {
			m.Open([2]string{"request", "response"}[i])
			m.Bytes("native_os", x.system[i])
			m.Bytes("native_lm", x.manager[i])
			m.Close()
		}
	}
}

// smbShare is a share that a client connects to.
type smbShare struct {
	name              []byte
	kind              byte
	pipe              bool // of version 1
	request, response []byte
}

func (x *smbShare) write(m *event.Members, t *smbTx) {
	if x.kind == 2 || x.pipe {
		m.Bytes("named_pipe", x.name)
	} else {
		m.Bytes("share", x.name)
	}
	if t.version == 1 {
		m.Open("service")
		if x.request != nil {
			m.Bytes("request", x.request)
		}
		if x.response != nil {
			m.Bytes("response", x.response)
		}
		m.Close()
		return
	}
	switch x.kind {
	case 1:
		m.Str("share_type", "FILE")
	case 2:
		m.Str("share_type", "PIPE")
	case 3:
		m.Str("share_type", "PRINT")
	default:
		m.Str("share_type", "UNKNOWN")
	}
}

// smbCreated is a file, a folder or a pipe that is opened.
type smbCreated struct {
	name                 []byte
	disposition, options uint32
	times                [4]int64
	size                 uint64
	file                 []byte
}

func smbName(m *event.Members, key string, name []byte) {
	if len(name) == 0 {
		m.Str("filename", "<share_root>")
		return
	}
	m.Bytes(key, name)
}

func (x *smbCreated) write(m *event.Members, t *smbTx) {
	key := "filename"
	if x.options&1 != 0 {
		key = "directory"
	}
	smbName(m, key, x.name)
	names := [...]string{"FILE_SUPERSEDE", "FILE_OPEN", "FILE_CREATE", "FILE_OPEN_IF", "FILE_OVERWRITE", "FILE_OVERWRITE_IF"}
	if x.disposition < uint32(len(names)) {
		m.Str("disposition", names[x.disposition])
	} else {
		m.Str("disposition", "UNKNOWN")
	}
	smbAccess(m, x.options&0x1000 != 0)
	for i, k := range [4]string{"created", "accessed", "modified", "changed"} {
		m.Int(k, x.times[i])
	}
	m.Int("size", int64(x.size))
	m.Str("fuid", smbFUID(t.version, x.file))
}

func smbAccess(m *event.Members, doomed bool) {
	if doomed {
		m.Str("access", "delete on close")
	} else {
		m.Str("access", "normal")
	}
}

// smbContent is what is read from or written to a file.
type smbContent struct{ open *smbOpen }

func (x *smbContent) write(m *event.Members, t *smbTx) {
	m.Bytes("filename", x.open.name)
	m.Bytes("share", withoutSlash(x.open.share))
	m.Str("fuid", smbFUID(t.version, x.open.id[:]))
}

// smbRenamed is a change of a name.
type smbRenamed struct{ from, to, file []byte }

func (x *smbRenamed) write(m *event.Members, t *smbTx) {
	if t.version == 2 {
		m.Open("set_info")
		m.Str("class", "FILE_INFO")
		m.Str("info_level", "SMB2_FILE_RENAME_INFO")
		m.Close()
	}
	m.Open("rename")
	m.Bytes("from", x.from)
	m.Bytes("to", x.to)
	m.Close()
	m.Str("fuid", smbFUID(t.version, x.file))
}

// smbDisposed is a file that is to be deleted when it is closed.
type smbDisposed struct {
	name, file []byte
	doomed     bool
}

func (x *smbDisposed) write(m *event.Members, t *smbTx) {
	smbName(m, "filename", x.name)
	smbAccess(m, x.doomed)
	m.Str("fuid", smbFUID(t.version, x.file))
}

// smbCall is a call of DCE/RPC.
type smbCall struct{ call *dceExchange }

func (x *smbCall) write(m *event.Members, _ *smbTx) { x.call.members(m) }

// smbFunction is a control of a file system.
type smbFunction struct{ code uint32 }

// smbFunctions are the controls met most ([MS-FSCC] section 2.3, [MS-SMB2] section
// 2.2.31).
var smbFunctions = map[uint32]string{
	0x00060194: "FSCTL_DFS_GET_REFERRALS", 0x000601b0: "FSCTL_DFS_GET_REFERRALS_EX", 0x0009003c: "FSCTL_GET_COMPRESSION",
	0x0009009c: "FSCTL_GET_OBJECT_ID", 0x000900a4: "FSCTL_SET_REPARSE_POINT", 0x000900a8: "FSCTL_GET_REPARSE_POINT",
	0x000900c0: "FSCTL_CREATE_OR_GET_OBJECT_ID", 0x000900c4: "FSCTL_SET_SPARSE", 0x0009027c: "FSCTL_GET_INTEGRITY_INFORMATION",
	0x00090284: "FSCTL_QUERY_FILE_REGIONS", 0x000940cf: "FSCTL_QUERY_ALLOCATED_RANGES", 0x00098098: "FSCTL_SET_OBJECT_ID",
	0x000980c8: "FSCTL_SET_ZERO_DATA", 0x00098208: "FSCTL_FILE_LEVEL_TRIM", 0x0009c040: "FSCTL_SET_COMPRESSION",
	0x00110018: "FSCTL_PIPE_WAIT", 0x0011400c: "FSCTL_PIPE_PEEK", 0x0011c017: "FSCTL_PIPE_TRANSCEIVE", 0x00140078: "FSCTL_SRV_REQUEST_RESUME_KEY",
	0x001401d4: "FSCTL_LMR_REQUEST_RESILIENCY", 0x001401fc: "FSCTL_QUERY_NETWORK_INTERFACE_INFO", 0x00140200: "FSCTL_VALIDATE_NEGOTIATE_INFO_224",
	0x00140204: "FSCTL_VALIDATE_NEGOTIATE_INFO", 0x00144064: "FSCTL_SRV_ENUMERATE_SNAPSHOTS", 0x001440f2: "FSCTL_SRV_COPYCHUNK",
	0x001441bb: "FSCTL_SRV_READ_HASH", 0x001480f2: "FSCTL_SRV_COPYCHUNK_WRITE",
}

func (x *smbFunction) write(m *event.Members, _ *smbTx) {
	if s := smbFunctions[x.code]; s != "" {
		m.Str("function", s)
	} else {
		m.Str("function", strconv.FormatUint(uint64(x.code), 10))
	}
}

// smbCommands1 and smbCommands2 are the commands as Suricata names them.
var (
	smbCommands1 = map[uint16]string{
		0x00: "CREATE_DIRECTORY", 0x01: "DELETE_DIRECTORY", 0x02: "OPEN", 0x03: "CREATE", 0x04: "CLOSE", 0x05: "FLUSH", 0x06: "DELETE", 0x07: "RENAME",
		0x08: "QUERY_INFORMATION", 0x09: "SET_INFORMATION", 0x0a: "READ", 0x0b: "WRITE", 0x0c: "LOCK_BYTE_RANGE", 0x0d: "UNLOCK_BYTE_RANGE",
		0x0e: "CREATE_TEMPORARY", 0x0f: "CREATE_NEW", 0x10: "CHECK_DIRECTORY", 0x11: "PROCESS_EXIT", 0x12: "SEEK", 0x13: "LOCK_AND_READ",
		0x14: "WRITE_AND_UNLOCK", 0x24: "LOCKING_ANDX", 0x25: "TRANS", 0x2b: "ECHO", 0x2c: "WRITE_AND_CLOSE", 0x2d: "OPEN_ANDX", 0x2e: "READ_ANDX",
		0x2f: "WRITE_ANDX", 0x32: "TRANS2", 0x33: "TRANS2_SECONDARY", 0x34: "FIND_CLOSE2", 0x71: "TREE_DISCONNECT", 0x72: "NEGOTIATE_PROTOCOL",
		0x73: "SESSION_SETUP_ANDX", 0x74: "LOGOFF_ANDX", 0x75: "TREE_CONNECT_ANDX", 0x80: "QUERY_INFO_DISK", 0xa0: "NT_TRANS",
		0xa1: "NT_TRANS_SECONDARY", 0xa2: "NT_CREATE_ANDX", 0xa4: "NT_CANCEL",
	}
	smbCommands2 = [...]string{
		"NEGOTIATE_PROTOCOL", "SESSION_SETUP", "SESSION_LOGOFF", "TREE_CONNECT", "TREE_DISCONNECT", "CREATE", "CLOSE", "FLUSH", "READ", "WRITE", "LOCK",
		"IOCTL", "CANCEL", "KEEPALIVE", "FIND", "CHANGE_NOTIFY", "GET_INFO", "SET_INFO", "OPLOCK_BREAK",
	}
)

func smbCommandName(version int, n uint16) string {
	if version == 1 {
		if s := smbCommands1[n]; s != "" {
			return "SMB1_COMMAND_" + s
		}
	} else if int(n) < len(smbCommands2) {
		return "SMB2_COMMAND_" + smbCommands2[n]
	}
	return strconv.Itoa(int(n))
}

// smbMoreStatuses are those that smbStatuses has not, as they are no failures, or
// rare.
var smbMoreStatuses = map[uint32]string{
	0: "STATUS_SUCCESS", 0x103: "STATUS_PENDING", 0x10b: "STATUS_NOTIFY_CLEANUP", 0x10c: "STATUS_NOTIFY_ENUM_DIR", 0x80000005: "STATUS_BUFFER_OVERFLOW",
	0x80000006: "STATUS_NO_MORE_FILES", 0x8000002d: "STATUS_STOPPED_ON_SYMLINK", 0xc0000001: "STATUS_UNSUCCESSFUL", 0xc0000002: "STATUS_NOT_IMPLEMENTED",
	0xc0000003: "STATUS_INVALID_INFO_CLASS", 0xc0000004: "STATUS_INFO_LENGTH_MISMATCH", 0xc0000010: "STATUS_INVALID_DEVICE_REQUEST",
	0xc0000023: "STATUS_BUFFER_TOO_SMALL", 0xc000003b: "STATUS_OBJECT_PATH_SYNTAX_BAD", 0xc0000054: "STATUS_FILE_LOCK_CONFLICT",
	0xc0000055: "STATUS_LOCK_NOT_GRANTED", 0xc0000061: "STATUS_PRIVILEGE_NOT_HELD", 0xc000007f: "STATUS_DISK_FULL", 0xc000009a: "STATUS_INSUFFICIENT_RESOURCES",
	0xc00000a2: "STATUS_MEDIA_WRITE_PROTECTED", 0xc00000ac: "STATUS_PIPE_NOT_AVAILABLE", 0xc00000ad: "STATUS_PIPE_BUSY", 0xc00000b0: "STATUS_PIPE_DISCONNECTED",
	0xc00000b5: "STATUS_IO_TIMEOUT", 0xc00000bd: "STATUS_DUPLICATE_NAME", 0xc00000c9: "STATUS_NETWORK_NAME_DELETED", 0xc00000ca: "STATUS_NETWORK_ACCESS_DENIED",
	0xc00000cb: "STATUS_BAD_DEVICE_TYPE", 0xc00000d0: "STATUS_REQUEST_NOT_ACCEPTED", 0xc0000103: "STATUS_NOT_A_DIRECTORY", 0xc0000120: "STATUS_CANCELLED",
	0xc0000128: "STATUS_FILE_CLOSED", 0xc000019c: "STATUS_FS_DRIVER_REQUIRED", 0xc0000205: "STATUS_INSUFF_SERVER_RESOURCES", 0xc000020c: "STATUS_CONNECTION_DISCONNECTED",
	0xc000022e: "STATUS_INTERNAL_ERROR", 0xc0000257: "STATUS_PATH_NOT_COVERED", 0xc000035c: "STATUS_NETWORK_SESSION_EXPIRED",
}

func smbStatusName(n uint32) string {
	if s := smbStatuses[n]; s != "" {
		return s
	}
	if s := smbMoreStatuses[n]; s != "" {
		return s
	}
	return strconv.FormatUint(uint64(n), 10)
}

// begin1 takes a command of a request of version 1, of which fill1 tells more
// once it was read.
func (s *smbEVE) begin1(c *Context, h *smb1Head) {
	s.now = nil
	s.message = smbTx{version: 1, session: uint64(h.user), tree: uint32(h.tree)}
	switch h.command {
	case smb1Read, smb1Write, smb1Transaction, smb1Transaction2:
		s.now = &smbTx{command: uint16(h.command)}
	default:
		s.ask(c, h.id, s.begin(uint16(h.command), nil))
	}
}

func (s *smbEVE) fill1(h *smb1Head, q *smbRequest) {
	if s.now == nil || s.now.state == nil {
		return
	}
	var about smbAbout
	w := h.words
	switch h.command {
	case smb1Negotiate:
		x := &smbNegotiated{}
		for b := h.bytes; len(b) > 1 && len(x.dialects) < maxCompound; {
			if b[0] != 2 {
				break
			}
			d := trimZero(b[1:])
			x.dialects = append(x.dialects, string(d))
			b = b[min(len(d)+2, len(b)):]
		}
		about = x
	case smb1SessionSetup:
		x := &smbSetup{request: true}
		if q.user != nil {
			x.user, x.ntlm = *q.user, h.count == 12 && len(q.user.service) == 0
			x.system[0] = q.user.system
		}
		about = x
	case smb1TreeConnect:
		x := &smbShare{name: withoutSlash(q.share)}
		w.Skip(6)
		_, at := h.text(int(w.LE16()))
		if at < len(h.bytes) {
			x.request = trimZero(h.bytes[at:])
		}
		about = x
	case smb1Create: // 17 ... 35 disposition, 39 options
		w.Skip(35)
		x := &smbCreated{disposition: w.LE32(), options: w.LE32()}
		if q.open != nil {
			x.name = q.open.name
		}
		about = x
	case smb1Rename:
		if q.open != nil {
			about = &smbRenamed{from: q.open.name, to: q.open.renamed}
		}
	}
	s.now.about = about
}

// reply1 takes a command of a reply of version 1.
func (s *smbEVE) reply1(c *Context, h *smb1Head) {
	s.message = smbTx{version: 1, session: uint64(h.user), tree: uint32(h.tree)}
	t := s.answered(c, h.id, h.status)
	if t == nil {
		return
	}
	w := h.words
	switch x := t.about.(type) {
	case *smbNegotiated: // 0 dialect; bytes: server, with extended security
		if n := int(w.LE16()); n < len(x.dialects) {
			s.dialectText = x.dialects[n]
		}
		if len(h.bytes) >= 16 {
			x.server = append([]byte(nil), h.bytes[:16]...)
		}
	case *smbSetup:
		t.session = s.message.session
		x.respond = true
		at := 0
		if h.count == 4 {
			w.Skip(6)
			at = int(w.LE16())
		}
		x.system[1], at = h.text(at)
		x.manager[1], _ = h.text(at)
	case *smbShare: // bytes: service
		t.tree = s.message.tree
		x.response = append([]byte(nil), trimZero(h.bytes)...)
		x.pipe = string(x.response) == "IPC"
	case *smbCreated: // 5 file, 11 times, 55 size
		w.Skip(5)
		x.file = append([]byte(nil), w.Next(2)...)
		w.Skip(4)
		for i := range x.times {
			x.times[i] = smbUnix(w.LE64())
		}
		w.Skip(12)
		x.size = w.LE64()
	}
	s.record(c, t)
}
