package proto

// Transactions of NFS as Suricata has them, for rules and EVE JSON: in versions 2
// and 3 one a call but that all reads, or all writes, of a file until it ends are
// one; in version 4 one a file read or written, and one a CREATE or REMOVE.

import (
	"encoding/hex"
	"hash/crc32"
	"strconv"
	"strings"

	"saksi/event"
	"saksi/rules/suricata"
)

// nfsTx is a transaction.
type nfsTx struct {
	eveTx
	xid, lastXID            uint32
	version, procedure      int
	flavor, uid, gid        uint32
	denied, status          uint32
	machine                 string
	name, newName, handle   string // handle in hexadecimal digits
	file, first, last, told bool
	chunks                  int64
}

// nfsTxs are those of a flow that go on.
type nfsTxs struct {
	last  uint64
	calls map[uint32]*nfsTx // by call
	files map[nfsKey]*nfsTx
}

// nfs3Handles are the procedures of version 3 whose handle is told.
var nfs3Handles = map[string]bool{"access": true, "getattr": true, "readdirplus": true, "create": true, "remove": true, "rename": true, "mkdir": true, "rmdir": true}

// Numbers of procedures and operations.
const (
	nfs3Read, nfs3Write                         = 6, 7
	nfs4Create, nfs4Read, nfs4Remove, nfs4Write = 6, 25, 28, 38
	fileSync                                    = 2 // RFC 1813 section 3.3.7
)

// call takes a call whose arguments were read.
func (s *nfsTxs) call(c *Context, p *rpc, dir Dir, k *rpcCall) {
	if k.program != 100003 || !c.Matching() && !c.Detail {
		return
	}
	if k.closes || k.version == 3 && k.action == "commit" {
		s.end(c, nfsKey{k.handle, dir}, k.xid)
	}
	t := s.begin(k)
	switch {
	case k.version == 4 && k.made != 0:
		t.procedure, t.handle = k.made, k.handle
	case k.version == 4 && k.action == "write":
		s.file(c, p, dir, t, k, nfsKey{k.handle, dir}, nfs4Write)
		return
	case k.version == 4, k.version == 3 && k.action == "commit", k.version < 2, k.version > 4:
		return
	case k.version == 3 && k.action == "write":
		s.file(c, p, dir, t, k, nfsKey{k.handle, dir}, nfs3Write)
		return
	case k.procedure == nfs3Read:
		s.file(c, p, dir, t, k, nfsKey{k.handle, 1 - dir}, nfs3Read)
		return
	case k.version == 2 && k.procedure == nfs3Write: // Suricata takes numbers of version 3
		return
	case k.version == 2 || nfs3Handles[k.action]:
		t.handle = k.handle
		switch k.action {
		case "getattr", "access", "readdirplus":
			t.name = p.files.names[k.handle]
		case "rename":
			t.newName = k.newName
		}
	}
	s.add(c, p, dir, t)
	if len(s.calls) >= maxEVEOpen || s.calls[k.xid] != nil {
		s.record(c, t)
		return
	}
	if s.calls == nil {
		s.calls = map[uint32]*nfsTx{}
	}
	s.calls[k.xid] = t
}

func (s *nfsTxs) begin(k *rpcCall) *nfsTx {
	return &nfsTx{xid: k.xid, version: k.version, procedure: k.procedure, flavor: k.flavor, uid: k.uid, gid: k.gid, machine: k.machine, name: k.name}
}

// file takes a read or a write of a file.
func (s *nfsTxs) file(c *Context, p *rpc, dir Dir, t *nfsTx, k *rpcCall, key nfsKey, number int) {
	if old := s.files[key]; old != nil {
		old.chunks++
	} else {
		if number != nfs3Read { // as Suricata has it
			t.flavor, t.machine, t.uid, t.gid = 0, "", 0, 0
		}
		t.procedure, t.file, t.first, t.handle, t.name = number, true, true, k.handle, p.files.names[k.handle]
		s.add(c, p, dir, t)
		if len(s.files) >= maxEVEOpen {
			s.record(c, t)
			return
		}
		if s.files == nil {
			s.files = map[nfsKey]*nfsTx{}
		}
		s.files[key] = t
	}
	if k.data.stable {
		s.end(c, key, k.xid)
	}
}

// add numbers a transaction and shows it to the rules.
func (s *nfsTxs) add(c *Context, p *rpc, dir Dir, t *nfsTx) {
	s.last++
	t.eveTx = eveTx(s.last)
	if !c.Matching() {
		return
	}
	p.id++
	x := &bufTx{app: suricata.AppNFS, id: p.id, packets: []uint64{c.Number}}
	x.number(suricata.BufNFSVersion, uint64(t.version))
	x.number(suricata.BufNFSProcedure, suricata.NFSProcedure(uint32(t.version), uint32(t.procedure)))
	if c.Detail {
		x.eve = t
	}
	c.Offer(x, dir)
}

// reply takes the reply to a call; dir is the reply's.
func (s *nfsTxs) reply(c *Context, p *rpc, dir Dir, k *rpcCall) {
	if k.program != 100003 || !c.Matching() && !c.Detail {
		return
	}
	if k.action == "read" && k.data.n > 0 && k.version > 2 {
		key := nfsKey{k.handle, dir}
		if s.files[key] == nil {
			number := nfs4Read
			if k.version == 3 {
				number = nfs3Read
			}
			s.file(c, p, 1-dir, s.begin(k), k, key, number)
		}
		if k.data.sized && k.data.offset+uint64(k.data.n) >= k.data.size {
			s.end(c, key, k.xid)
		}
	}
	t := s.calls[k.xid]
	if t == nil {
		return
	}
	delete(s.calls, k.xid)
	t.denied, t.status = k.denied, k.status
	if t.handle == "" {
		t.handle = k.given
	}
	s.record(c, t)
}

// end ends what is read or written of a file.
func (s *nfsTxs) end(c *Context, key nfsKey, xid uint32) {
	if t := s.files[key]; t != nil {
		t.last, t.lastXID = true, xid
		delete(s.files, key)
		s.record(c, t)
	}
}

// record tells of a transaction once. Of attributes asked for Suricata tells
// nothing.
func (s *nfsTxs) record(c *Context, t *nfsTx) {
	if c.Detail && !t.told && (t.version > 3 || t.procedure != 1) {
		t.told = true
		c.Record("nfs", t)
	}
}

// close tells of what goes on.
func (s *nfsTxs) close(c *Context) {
	if len(s.calls)+len(s.files) == 0 {
		return
	}
	all := map[uint64]*nfsTx{}
	for _, t := range s.calls {
		all[t.Number()] = t
	}
	for _, t := range s.files {
		all[t.Number()] = t
	}
	for _, t := range byNumber(all) {
		s.record(c, t)
	}
	clear(s.calls)
	clear(s.files)
}

// nfsFlavors name how a caller says who it is (RFC 5531 section 10).
var nfsFlavors = []string{"NULL", "UNIX", "SHORT", "DH", "KERB", "RSA", "GSS"}

// AppendEVE implements EVE.
func (t *nfsTx) AppendEVE(m *event.Members) {
	m.Open("rpc")
	m.Int("xid", int64(t.xid))
	m.Str("status", [...]string{"ACCEPTED", "DENIED"}[min(t.denied, 1)])
	if int(t.flavor) < len(nfsFlavors) {
		m.Str("auth_type", nfsFlavors[t.flavor])
	} else {
		m.Str("auth_type", strconv.Itoa(int(t.flavor)))
	}
	if t.flavor == 1 {
		m.Open("creds")
		m.Str("machine_name", t.machine)
		m.Int("uid", int64(t.uid))
		m.Int("gid", int64(t.gid))
		m.Close()
	}
	m.Close()
	m.Open("nfs")
	m.Int("version", int64(t.version))
	m.Str("procedure", t.procedureName())
	m.Str("filename", t.name)
	if b, err := hex.DecodeString(t.handle); err == nil && len(b) > 0 {
		m.Str("hhash", strconv.FormatUint(uint64(crc32.ChecksumIEEE(b)), 16))
	}
	m.Int("id", int64(t.Number()))
	m.Bool("file_tx", t.file)
	m.Str("type", "response")
	m.Str("status", nfsStatusName(t.status))
	if t.version <= 3 {
		switch {
		case t.procedure == nfs3Read || t.procedure == nfs3Write:
			m.Open(map[int]string{nfs3Read: "read", nfs3Write: "write"}[t.procedure])
			m.Bool("first", t.first)
			m.Bool("last", t.last)
			if t.file {
				m.Int("last_xid", int64(t.lastXID))
				m.Int("chunks", t.chunks)
			}
			m.Close()
		case t.procedure == 14:
			m.Open("rename")
			m.Str("from", t.name)
			m.Str("to", t.newName)
			m.Close()
		}
	}
	m.Close()
}

// procedureName is by the numbers of version 3 for 2 too, as Suricata has it.
func (t *nfsTx) procedureName() string {
	if t.version == 4 {
		return strings.ToUpper(nfs4Names[t.procedure])
	} else if names := rpcProcedures[100003<<4|3]; t.procedure < len(names) {
		return strings.ToUpper(names[t.procedure])
	}
	return strconv.Itoa(t.procedure)
}

// nfs3Status are the results that Suricata names besides those of nfsStatus.
var nfs3Status = map[uint32]string{71: "REMOTE", 10002: "NOT_SYNC", 10003: "BAD_COOKIE", 10005: "TOOSMALL", 10007: "BADTYPE", 10008: "JUKEBOX"}

func nfsStatusName(n uint32) string {
	if n == 0 {
		return "OK"
	}
	name := nfs3Status[n]
	if name == "" && n < 10009 {
		name = nfsStatus[int(n)]
	}
	if name == "" {
		return strconv.FormatUint(uint64(n), 10)
	}
	return "ERR_" + name
}
