package proto

import (
	"bytes"

	"saksi/rules/suricata"
)

// smbRules shows shares and files to the rules.
type smbRules struct{ id uint64 }

func (r *smbRules) tx(packets []uint64) *bufTx {
	r.id++
	return &bufTx{app: suricata.AppSMB, id: r.id, packets: packets}
}

// isPipes reports whether a share is the one of named pipes.
func isPipes(share []byte) bool {
	return bytes.EqualFold(share[bytes.LastIndexByte(share, '\\')+1:], []byte("IPC$"))
}

// share offers the share that a client connects to (Suricata user guide,
// "smb.share" and "smb.named_pipe").
func (r *smbRules) share(c *Context, path []byte) {
	if !c.Matching() || len(path) == 0 {
		return
	}
	t := r.tx([]uint64{c.Number})
	if isPipes(path) {
		t.add(suricata.BufSMBNamedPipe, path)
	} else {
		t.add(suricata.BufSMBShare, path)
	}
	c.Offer(t, FromClient)
}

// overlap tells of content that lies over what came before. It is an event of
// the exchange: both directions see it.
func (r *smbRules) overlap(c *Context, o *smbOpen) {
	if !c.Matching() {
		return
	}
	t := r.tx(o.packets.List())
	t.event("smb.file_overlap")
	c.Offer(t, FromClient)
	c.Offer(t, FromServer)
}

// file offers what went one way of a file.
func (r *smbRules) file(c *Context, o *smbOpen, dir Dir) {
	if !c.Matching() {
		return
	}
	k := &o.carve[dir]
	t := r.tx(o.packets.List())
	t.add(suricata.BufFileName, o.name)
	t.add(suricata.BufFileData, k.inspect)
	if !k.missing {
		t.number(suricata.BufFileSize, k.next)
	}
	c.Offer(t, dir)
}
