package proto

import (
	"bytes"
	"encoding/binary"

	"saksi/rules/suricata"
)

// smbRules shows shares and files to the rules.
type smbRules struct {
	id         uint64
	negotiated bool   // in version 1
	eve        *smbTx // of the message in work; nil for none
	// The greatest read and write agreed in version 2 or 3; 0: not known.
	maxRead, maxWrite uint32
}

// maxSMBTransfer is the greatest read or write that is not odd (Suricata's
// app-layer.protocols.smb.max-read-size and its like).
const maxSMBTransfer = 16 << 20

// size tells of a read or a write larger than was agreed.
func (r *smbRules) size(c *Context, dir Dir, n int64, agreed uint32, name string) {
	if agreed != 0 && n > int64(agreed) || n > maxSMBTransfer {
		r.odd(c, dir, name)
	}
}

// agreed notes the greatest read and write of a connection.
func (r *smbRules) agreed(c *Context, read, write uint32) {
	r.maxRead, r.maxWrite = read, write
	if read > maxSMBTransfer {
		r.odd(c, FromServer, "negotiate_max_read_size_too_large")
	}
	if write > maxSMBTransfer {
		r.odd(c, FromServer, "negotiate_max_write_size_too_large")
	}
}

// token tells of a last message of NTLM ([MS-NLMP] section 2.2.1.3) that is cut, or
// whose fields lie outside of it; and of one whose names do not stand in their order.
//
//	0 "NTLMSSP"  8 type 3; length, room and offset each: 12 and 20 answers  28 domain  36 user  44 host  52 key; 60 flags
func (r *smbRules) token(c *Context, b []byte) {
	i := bytes.Index(b, []byte("NTLMSSP\x00\x03\x00\x00\x00"))
	if i < 0 {
		return
	}
	m := b[i:]
	bad, unusual, end := len(m) < 64, false, uint64(0)
	for at := 12; at <= 52 && !bad; at += 8 {
		n, from := uint64(binary.LittleEndian.Uint16(m[at:])), uint64(binary.LittleEndian.Uint32(m[at+4:]))
		bad = n >= uint64(len(m)) || from >= uint64(len(m))
		if at < 28 || at > 44 { // the answers and the key are not looked at
			continue
		}
		bad = bad || from < 12 || from+n > uint64(len(m))
		unusual = unusual || at > 28 && from < end
		end = from + n
	}
	switch {
	case bad || m[63]&2 != 0 && len(m) < 72: // a version is said to be there
		r.odd(c, FromClient, "malformed_ntlmssp_request")
	case unusual:
		r.odd(c, FromClient, "unusual_ntlmssp_order")
	}
}

// dialects looks at those that a client of version 1 offers: each is a 2 and a
// text that ends with a zero ([MS-CIFS] section 2.2.4.52.1).
func (r *smbRules) dialects(c *Context, b []byte) {
	for _, d := range bytes.Split(bytes.TrimSuffix(b, []byte{0}), []byte{0}) {
		if len(d) == 0 || d[0] != 2 {
			r.odd(c, FromClient, "negotiate_malformed_dialects")
			return
		}
	}
}

// odd tells of something odd in the message in work.
func (r *smbRules) odd(c *Context, dir Dir, name string) {
	if c.Matching() {
		t := r.tx([]uint64{c.Number})
		t.event("smb." + name)
		c.Offer(t, dir)
	}
}

// way tells of a request that a server sends, and of a reply of a client.
func (r *smbRules) way(c *Context, dir Dir, reply bool) {
	switch {
	case reply && dir == FromClient:
		r.odd(c, dir, "response_to_server")
	case !reply && dir == FromServer:
		r.odd(c, dir, "request_to_client")
	}
}

func (r *smbRules) tx(packets []uint64) *bufTx {
	r.id++
	t := &bufTx{app: suricata.AppSMB, id: r.id, packets: packets}
	if r.eve != nil && r.eve.state != nil {
		t.eve = r.eve
	}
	return t
}

// isPipes reports whether a share is the one of named pipes.
func isPipes(share []byte) bool {
	return bytes.EqualFold(share[bytes.LastIndexByte(share, '\\')+1:], []byte("IPC$"))
}

// share offers the share that a client connects to (Suricata user guide,
// "smb.share" and "smb.named_pipe").
func (r *smbRules) share(c *Context, path []byte, version int) {
	if !c.Matching() || len(path) == 0 {
		return
	}
	if version == 1 {
		path = withoutSlash(path) // as Suricata has it
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
	if k.eve != nil {
		t.eve = k.eve
	}
	c.Offer(t, dir)
}

var (
	frameNBSSPDU    = frame("smb.nbss.pdu")
	frameNBSSHeader = frame("smb.nbss.hdr")
	frameNBSSData   = frame("smb.nbss.data")
	frameSMB        = [3][3]suricata.Buffer{
		{frame("smb.smb1.pdu"), frame("smb.smb1.hdr"), frame("smb.smb1.data")},
		{frame("smb.smb2.pdu"), frame("smb.smb2.hdr"), frame("smb.smb2.data")},
		{frame("smb.smb3.pdu"), frame("smb.smb3.hdr"), frame("smb.smb3.data")},
	}
)

// frames offers a message, as far as it is held, and its version.
func (r *smbRules) frames(c *Context, dir Dir, b []byte) {
	if !c.Matching() || len(b) < 4 {
		return
	}
	offerFrames(c, dir, suricata.AppSMB, framed{frameNBSSPDU, b}, framed{frameNBSSHeader, b[:4]}, framed{frameNBSSData, b[4:]})
	m := b[4:]
	if len(m) < 4 || b[0] != 0 {
		return
	}
	kind, head := 0, 32
	switch m[0] {
	case 0xff:
	case 0xfe:
		kind, head = 1, 64
	case 0xfd:
		kind, head = 2, 52
	default:
		return
	}
	head = min(head, len(m))
	f := frameSMB[kind]
	offerFrames(c, dir, suricata.AppSMB, framed{f[0], m}, framed{f[1], m[:head]}, framed{f[2], m[head:]})
	if kind < 2 && c.Wants(suricata.BufSMBVersion) {
		t := r.tx([]uint64{c.Number})
		t.number(suricata.BufSMBVersion, uint64(kind+1))
		c.Offer(t, dir)
	}
}

// login offers who logs in by NTLM (Suricata user guide, "smb.ntlmssp_user").
func (r *smbRules) login(c *Context, u *userName) {
	if !c.Matching() || u.version == 0 {
		return
	}
	t := r.tx([]uint64{c.Number})
	t.add(suricata.BufSMBUser, u.name)
	t.add(suricata.BufSMBDomain, u.domain)
	c.Offer(t, FromClient)
}
