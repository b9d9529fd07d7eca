package proto

// NFS over ONC RPC, RFC 5531, RFC 1813 and RFC 7530: program 100003. One event a
// flow; rules see each call.
//
//	TCP: 0 last fragment, length  then the message
//	0 transaction id  4 call 0 or reply 1  8 RPC version 2  12 program  16 version  20 procedure

import (
	"encoding/binary"

	"saksi/rules/suricata"
)

func init() {
	register(&Entry{
		Name: "nfs", Doc: "Network File System", Reference: "RFC 1813, RFC 7530, RFC 5531",
		Transport: TCP | UDP, Ports: []uint16{2049}, App: suricata.AppNFS,
		Detect: func(p *Probe) Verdict {
			b := p.Data
			if p.Transport == TCP {
				if len(b) < 4 {
					return More
				}
				b = b[4:]
			}
			if len(b) < 24 {
				if p.Transport == TCP && len(b) >= 8 && binary.BigEndian.Uint32(b[4:]) == 0 {
					return More
				}
				return No
			}
			if nfsCall(b) {
				return Yes
			}
			return No
		},
		New:     func(t Transport) Parser { return &nfs{stream: t == TCP} },
		Samples: []string{"nfs_tcp.txt", "nfs_udp.txt"}, Hostile: []string{"nfs_hostile.txt"},
	})
}

const nfsProgram = 100003

// nfsCall reports a call to NFS.
func nfsCall(b []byte) bool {
	return len(b) >= 24 && binary.BigEndian.Uint32(b[4:]) == 0 && binary.BigEndian.Uint32(b[8:]) == 2 &&
		binary.BigEndian.Uint32(b[12:]) == nfsProgram && binary.BigEndian.Uint32(b[16:])-2 <= 2
}

type nfs struct {
	stream  bool
	packets Packets
	skip    [2]int
	id      uint64
}

// Data implements Parser.
func (p *nfs) Data(c *Context, dir Dir, b []byte) Result {
	if !p.stream {
		p.message(c, dir, b)
		return Result(len(b))
	}
	used := 0
	for {
		n := min(p.skip[dir], len(b)-used)
		p.skip[dir] -= n
		used += n
		if len(b)-used < 4+24 {
			if len(b)-used < 4 || 4+int(binary.BigEndian.Uint32(b[used:])&0x7fffffff) > len(b)-used {
				return Result(used)
			}
		}
		n = int(binary.BigEndian.Uint32(b[used:]) & 0x7fffffff)
		m := b[used+4:]
		p.message(c, dir, m[:min(n, len(m))])
		used += 4
		p.skip[dir] = n
	}
}

// message looks at the head of a message.
func (p *nfs) message(c *Context, dir Dir, b []byte) {
	p.packets.Add(c.Number)
	if !nfsCall(b) || !c.Matching() {
		return
	}
	p.id++
	t := &bufTx{app: suricata.AppNFS, id: p.id, packets: []uint64{c.Number}}
	t.number(suricata.BufNFSVersion, uint64(binary.BigEndian.Uint32(b[16:])))
	t.number(suricata.BufNFSProcedure, uint64(binary.BigEndian.Uint32(b[20:])))
	c.Offer(t, dir)
}

// Gap implements Parser: only within a message.
func (p *nfs) Gap(_ *Context, dir Dir, n uint32) bool {
	if !p.stream {
		return true
	}
	if int64(n) > int64(p.skip[dir]) {
		return false
	}
	p.skip[dir] -= int(n)
	return true
}

// Close implements Parser.
func (p *nfs) Close(c *Context) {
	if list := p.packets.List(); len(list) > 0 {
		c.Emit(c.Begin("saksi.nfs", list))
		p.packets.Reset()
	}
}
