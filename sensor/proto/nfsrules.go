package proto

import "saksi/rules/suricata"

// What rules see of NFS, as Suricata makes transactions of it: a call of version
// 2 or 3 each; of a compound of version 4 what it creates or removes; and of
// reads and writes one for each file until it is closed, however many they are.

const (
	nfs3Read, nfs3Write, nfs3Commit             = 6, 7, 21
	nfs4Create, nfs4Read, nfs4Remove, nfs4Write = 6, 25, 28, 38
	fileSync                                    = 2 // RFC 1813 section 3.3.7
)

// offer shows a call to NFS to the rules.
func (p *rpc) offer(c *Context, dir Dir, k *rpcCall) {
	if k.program != 100003 || !c.Matching() {
		return
	}
	key := nfsKey{k.handle, dir}
	switch {
	case k.version == 4 && k.made != 0:
		p.transaction(c, dir, k, k.made)
	case k.version == 4 && k.action == "write":
		p.offerFile(c, dir, k, key, nfs4Write, k.data.stable)
	case k.version == 4 && (k.action == "close" || k.action == "commit"), k.version < 4 && k.procedure == nfs3Commit:
		delete(p.shown, key)
	case k.version == 4:
	case k.version == 3 && k.procedure == nfs3Write:
		p.offerFile(c, dir, k, key, nfs3Write, k.data.stable)
	case k.version == 3 && k.procedure == nfs3Read:
		p.offerFile(c, dir, k, nfsKey{k.handle, 1 - dir}, nfs3Read, false)
	case k.procedure == nfs3Read, k.procedure == nfs3Write:
	default:
		p.transaction(c, dir, k, k.procedure)
	}
}

// offerRead shows a file that a reply begins to read; dir is the reply's.
func (p *rpc) offerRead(c *Context, dir Dir, k *rpcCall) {
	if k.program != 100003 || k.data.n <= 0 || !c.Matching() {
		return
	}
	number := nfs4Read
	if k.version < 4 {
		number = nfs3Read
	}
	p.offerFile(c, 1-dir, k, nfsKey{k.handle, dir}, number, k.data.sized && k.data.offset+uint64(k.data.n) >= k.data.size)
}

// offerFile shows the first read or write of a file; last says that it is the
// only one, or the last.
func (p *rpc) offerFile(c *Context, dir Dir, k *rpcCall, key nfsKey, number int, last bool) {
	if !p.shown[key] {
		p.transaction(c, dir, k, number)
	}
	switch {
	case last:
		delete(p.shown, key)
	case p.shown == nil:
		p.shown = map[nfsKey]bool{key: true}
	case len(p.shown) < maxNFSNames:
		p.shown[key] = true
	}
}

// transaction shows one; its keywords are of the request.
func (p *rpc) transaction(c *Context, dir Dir, k *rpcCall, number int) {
	p.id++
	t := &bufTx{app: suricata.AppNFS, id: p.id, packets: []uint64{c.Number}}
	t.number(suricata.BufNFSVersion, uint64(k.version))
	t.number(suricata.BufNFSProcedure, suricata.NFSProcedure(uint32(k.version), uint32(number)))
	c.Offer(t, dir)
}
