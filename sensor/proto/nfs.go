package proto

// Sun RPC, RFC 5531, and the programs that make up NFS: the port mapper (RFC
// 1833), MOUNT, NFS 2 (RFC 1094), 3 (RFC 1813) and 4 (RFC 7530, 8881), locks and
// status. Over TCP a record's fragments have a head of four bytes: last (1 bit),
// length.
//
//	call:  0 id  4 0  8 rpc version 2  12 program  16 version  20 procedure  24 credential, verifier, arguments
//	reply: 0 id  4 1  8 0 accepted or 1 denied  12 verifier  accepted: status, results
//	credential and verifier: 0 flavor  4 length  8 body
//
// All is big endian, strings and bytes padded to four.

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"

	"saksi/event"
	"saksi/rules/suricata"
)

func init() {
	register(&Entry{
		Name: "nfs", Doc: "Network File System with port mapper, mount, lock and status", Reference: "RFC 5531, RFC 1833, RFC 1094, RFC 1813, RFC 7530, RFC 8881",
		Transport: TCP | UDP, Ports: []uint16{111, 2049}, App: suricata.AppNFS,
		Detect:  func(p *Probe) Verdict { return detectRPC(p, true) },
		New:     func(t Transport) Parser { return &rpc{stream: t == TCP, dataset: "saksi.nfs"} },
		Samples: []string{"nfs_udp.txt", "nfs_tcp.txt", "nfs4.txt"}, Hostile: []string{"nfs_hostile.txt"},
	})
	register(&Entry{
		Name: "sunrpc", Doc: "Sun RPC of programs other than NFS's", Reference: "RFC 5531",
		Transport: TCP | UDP,
		Detect:    func(p *Probe) Verdict { return detectRPC(p, false) },
		New:       func(t Transport) Parser { return &rpc{stream: t == TCP, dataset: "saksi.sunrpc"} },
		Samples:   []string{"sunrpc_udp.txt"}, Hostile: []string{"nfs_hostile.txt"},
	})
}

const (
	// maxRPCHead is how much of a message is read; what follows are a file's bytes,
	// which are carved.
	maxRPCHead = 4 << 10
	// maxRPCOpen bounds the calls of a flow that wait for their replies.
	maxRPCOpen = 32
	// maxNFSOps bounds the operations read of a compound of NFS 4.
	maxNFSOps = 32
)

var rpcPrograms = map[int]string{
	100000: "portmap", 100003: "nfs", 100005: "mount", 100011: "rquota", 100021: "nlm", 100024: "status", 100227: "nfs-acl",
}

var rpcProcedures = map[int][]string{
	100000<<4 | 2: {"null", "set", "unset", "getport", "dump", "callit"},
	100000<<4 | 3: {"null", "set", "unset", "getaddr", "dump", "callit", "gettime", "uaddr2taddr", "taddr2uaddr"},
	100000<<4 | 4: {"null", "set", "unset", "getaddr", "dump", "bcast", "gettime", "uaddr2taddr", "taddr2uaddr", "getversaddr", "indirect", "getaddrlist", "getstat"},
	100005<<4 | 1: {"null", "mnt", "dump", "umnt", "umntall", "export"},
	100005<<4 | 2: {"null", "mnt", "dump", "umnt", "umntall", "export"},
	100005<<4 | 3: {"null", "mnt", "dump", "umnt", "umntall", "export"},
	100003<<4 | 2: {"null", "getattr", "setattr", "root", "lookup", "readlink", "read", "writecache", "write", "create", "remove", "rename", "link", "symlink", "mkdir", "rmdir", "readdir", "statfs"},
	100003<<4 | 3: {"null", "getattr", "setattr", "lookup", "access", "readlink", "read", "write", "create", "mkdir", "symlink", "mknod", "remove", "rmdir", "rename", "link", "readdir", "readdirplus", "fsstat", "fsinfo", "pathconf", "commit"},
	100003<<4 | 4: {"null", "compound"},
}

// detectRPC looks for a call; family tells whether its program is one of NFS's.
// A reply names no program and is known by its port alone.
func detectRPC(p *Probe, family bool) Verdict {
	b := p.Data
	if p.Transport == TCP {
		if len(b) < 36 {
			return More
		}
		n := binary.BigEndian.Uint32(b)
		if n>>31 == 0 || n&^(1<<31) < 24 || n&^(1<<31) > 2<<20 {
			return No
		}
		b = b[4:]
	}
	w := wire{b: b, at: 4}
	kind, version, program, v, proc, flavor, size := w.u32(), w.u32(), int(w.u32()), w.u32(), w.u32(), w.u32(), w.u32()
	if kind == 1 {
		return onPort(p, family && len(b) >= 24 && version <= 1 && program <= 6 && v <= 400 && v%4 == 0, 111, 2049)
	}
	if w.short || kind != 0 || version != 2 || v > 16 || proc > 64 || size > 400 || size%4 != 0 || flavor > 6 && flavor != 300001 {
		return No
	}
	if rpcPrograms[program] != "" {
		return yes(family)
	}
	return yes(!family && program >= 100000 && program < 0x60000000)
}

// rpcCall is a call and what its reply said, or several alike in a row.
type rpcCall struct {
	xid                         uint32
	packets                     Packets
	program, version, procedure int
	action, user, machine       string
	handle, name, newName, path string
	asked                       string
	port, bytes, calls          int64
	outcome, fault              string
	data                        nfsData // of a write; of a read its offset
	made                        int     // the last create or remove of a compound
	given                       string  // handle that the reply gives for name
	flavor, uid, gid            uint32  // of the credential
	denied, status              uint32  // of the reply
	closes                      bool    // it closes or commits a file
}

// rpc parses the calls of one flow.
type rpc struct {
	stream  bool
	dataset string
	skip    [2]int // bytes of a fragment that are not read
	open    []rpcCall
	id      uint64   // of what rules saw last
	run     *rpcCall // reads or writes of one file in a row, not told yet
	files   nfsFiles
	txs     nfsTxs
}

// Data implements Parser.
func (p *rpc) Data(c *Context, dir Dir, b []byte) Result {
	if !p.stream {
		p.message(c, dir, b, b)
		return Result(len(b))
	}
	used := 0
	for used < len(b) {
		m := b[used:]
		if n := min(p.skip[dir], len(m)); n > 0 {
			p.files.more(dir, m[:n])
			p.skip[dir] -= n
			used += n
			continue
		}
		if len(m) < 4 {
			break
		}
		n := int(binary.BigEndian.Uint32(m) &^ (1 << 31))
		if n > 16<<20 {
			p.Close(c)
			return Broken
		}
		read := min(n, maxRPCHead)
		if len(m) < 4+read {
			break
		}
		p.message(c, dir, m[:4+read], m[4:4+read])
		used += 4 + read
		p.skip[dir] = n - read
	}
	return Result(used)
}

// message reads a call or a reply; raw is b with what stood before it in the stream.
// A record's later fragments look like neither, but for chance.
func (p *rpc) message(c *Context, dir Dir, raw, b []byte) {
	w := wire{b: b}
	xid, kind := w.u32(), w.u32()
	if w.short {
		return
	}
	switch kind {
	case 0:
		k := rpcCall{xid: xid, port: -1, bytes: -1, calls: 1}
		k.packets.Add(c.Number)
		if w.u32() == 2 {
			k.program, k.version, k.procedure = int(w.u32()), int(w.u32()), int(w.u32())
			p.frames(c, dir, raw, b, k.program, k.version, false)
			k.credential(&w)
			if !w.short {
				k.arguments(&w)
				p.txs.call(c, p, dir, &k)
				switch k.action {
				case "write":
					p.files.begin(c, nfsKey{k.handle, dir}, k.data, b)
				case "commit", "close":
					p.files.commit(k.handle)
				}
				p.ask(c, k)
			}
		}
	case 1:
		for i := range p.open {
			if k := &p.open[i]; k.xid == xid {
				k.packets.Add(c.Number)
				p.frames(c, dir, raw, b, k.program, k.version, true)
				k.reply(&w)
				p.files.named(k.given, k.name)
				p.txs.reply(c, p, dir, k)
				if k.action == "read" {
					p.files.begin(c, nfsKey{k.handle, dir}, k.data, b)
				}
				p.tell(c, *k)
				p.open = append(p.open[:i], p.open[i+1:]...)
				return
			}
		}
	}
}

// ask keeps a call; one that is sent again is known by its id.
func (p *rpc) ask(c *Context, k rpcCall) {
	for i := range p.open {
		if p.open[i].xid == k.xid {
			return
		}
	}
	if len(p.open) == maxRPCOpen {
		p.tell(c, p.open[0])
		p.open = append(p.open[:0], p.open[1:]...)
	}
	p.open = append(p.open, k)
}

func (k *rpcCall) credential(w *wire) {
	flavor, body := w.u32(), w.opaque(400)
	if k.flavor = flavor; flavor == 1 { // AUTH_SYS: stamp, machine, user, group
		in := wire{b: body, at: min(4, len(body))}
		k.machine = printable(in.opaque(255))
		if uid := in.u32(); !in.short {
			k.user, k.uid = strconv.Itoa(int(uid)), uid
		}
		k.gid = in.u32()
	}
	w.u32()
	w.opaque(400)
}

// arguments reads names and handles of the procedures an analyst asks for.
func (k *rpcCall) arguments(w *wire) {
	k.action = "procedure-" + strconv.Itoa(k.procedure)
	if names := rpcProcedures[k.program<<4|k.version]; k.procedure == 0 {
		k.action = "null"
	} else if k.procedure < len(names) {
		k.action = names[k.procedure]
	}
	switch {
	case k.program == 100003 && k.version == 4 && k.procedure == 1:
		nfs4(k, w)
	case k.program == 100003 && (k.version == 2 || k.version == 3) && k.procedure > 0:
		if k.version == 2 {
			k.handle = hex.EncodeToString(w.take(32))
		} else {
			k.handle = hex.EncodeToString(w.opaque(64))
		}
		switch k.action {
		case "lookup", "create", "remove", "mkdir", "rmdir", "mknod", "symlink":
			k.name = printable(w.opaque(255))
		case "rename", "link":
			if k.action == "rename" {
				k.name = printable(w.opaque(255))
			}
			if k.version == 2 {
				w.take(32)
			} else {
				w.opaque(64)
			}
			k.newName = printable(w.opaque(255))
		case "read", "write":
			k.span(w)
		}
	case k.program == 100005 && (k.procedure == 1 || k.procedure == 3):
		k.path = printable(w.opaque(1024))
	case k.program == 100000 && k.version == 2 && k.procedure >= 1 && k.procedure <= 3:
		program := int(w.u32())
		w.take(8)
		k.asked = nameOr(rpcPrograms, program, "program-")
		if port := w.u32(); k.procedure < 3 && port < 1<<16 {
			k.port = int64(port)
		}
	case k.program == 100000 && k.procedure >= 1 && k.procedure <= 3:
		k.asked = nameOr(rpcPrograms, int(w.u32()), "program-")
	}
}

func (k *rpcCall) reply(w *wire) {
	denied := w.u32()
	if k.denied = denied; denied != 0 {
		k.outcome, k.fault = "failure", "denied"
		return
	}
	w.u32()
	w.opaque(400)
	status := w.u32()
	if w.short || status > 5 {
		return
	}
	if status != 0 {
		k.outcome, k.fault = "failure", [...]string{"", "prog-unavail", "prog-mismatch", "proc-unavail", "garbage-args", "system-err"}[status]
		return
	}
	k.outcome = "success"
	switch {
	case k.procedure == 0:
	case k.program == 100003, k.program == 100005 && k.procedure == 1:
		if n := int(w.u32()); n != 0 && !w.short {
			k.status = uint32(n)
			k.outcome, k.fault = "failure", nameOr(nfsStatus, n, "status-")
		} else if k.program == 100003 {
			k.results(w)
		}
	case k.program == 100000 && k.version == 2 && k.procedure == 3:
		if port := w.u32(); !w.short && port < 1<<16 {
			k.port = int64(port)
		}
	}
}

// tell emits a call. Reads and writes of one file in a row make one event.
func (p *rpc) tell(c *Context, k rpcCall) {
	if r := p.run; r != nil && (r.action == "read" || r.action == "write") && r.action == k.action && r.program == k.program &&
		r.handle == k.handle && r.outcome == k.outcome && r.user == k.user {
		r.calls++
		r.bytes += k.bytes
		for _, n := range k.packets.List() {
			r.packets.Add(n)
		}
		return
	}
	p.flush(c)
	if k.action == "read" || k.action == "write" {
		p.run = &k
		return
	}
	k.emit(c, p.dataset)
}

func (p *rpc) flush(c *Context) {
	if p.run != nil {
		p.run.emit(c, p.dataset)
		p.run = nil
	}
}

func (k *rpcCall) emit(c *Context, dataset string) {
	e := c.Begin(dataset, k.packets.List())
	e.Str(event.EventAction, k.action)
	switch k.action { // ECS knows no change of category network
	case "set", "unset":
		e.Str(event.EventCategory, "host")
		e.Str(event.EventType, "change")
	case "setattr", "write", "create", "remove", "rename", "link", "symlink", "mkdir", "mknod", "rmdir", "open-create":
		e.Str(event.EventCategory, "file")
		e.Str(event.EventType, "change")
	}
	e.Str(event.EventOutcome, k.outcome)
	e.Str(event.ErrorCode, k.fault)
	e.Str(event.ServiceName, rpcPrograms[k.program])
	e.Int(event.SaksiRpcProgram, int64(k.program))
	e.Int(event.SaksiRpcVersion, int64(k.version))
	e.Int(event.SaksiRpcProcedure, int64(k.procedure))
	e.Str(event.SaksiRpcMachine, k.machine)
	e.Str(event.SaksiRpcAsked, k.asked)
	e.Str(event.UserID, k.user)
	e.Str(event.SaksiNfsHandle, k.handle)
	e.Str(event.FileName, k.name)
	e.Str(event.SaksiNfsNewName, k.newName)
	e.Str(event.FilePath, k.path)
	if k.port >= 0 {
		e.Int(event.SaksiRpcPort, k.port)
	}
	if k.bytes >= 0 {
		e.Int(event.SaksiNfsBytes, k.bytes)
	}
	if k.calls > 1 {
		e.Int(event.SaksiRpcCalls, k.calls)
	}
	c.Emit(e)
}

// Gap implements Parser: within what is not read a gap is no loss; elsewhere
// the next record can't be found.
func (p *rpc) Gap(_ *Context, dir Dir, n uint32) bool {
	if !p.stream {
		return true
	}
	if uint32(p.skip[dir]) < n {
		return false
	}
	p.files.lost(dir, int(n))
	p.skip[dir] -= int(n)
	return true
}

// Close implements Parser.
func (p *rpc) Close(c *Context) {
	for i := range p.open {
		p.tell(c, p.open[i])
	}
	p.open = nil
	p.txs.close(c)
	p.files.close()
	p.flush(c)
}
