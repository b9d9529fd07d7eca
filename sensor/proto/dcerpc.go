package proto

// DCE/RPC, C706 chapter 12 and [MS-RPCE], over TCP (connection-oriented) and
// UDP (connectionless). One event a flow; rules see each call.
//
//	TCP  0 version 5  2 type  3 flags  4 data representation  8 fragment, auth length  12 call id  16 body
//	UDP  0 version 4  1 type  4 data representation  24 interface  60 its version  68 opnum  74 length  80 body

import (
	"bytes"
	"encoding/binary"

	"saksi/rules/suricata"
)

func init() {
	register(&Entry{
		Name: "dcerpc", Doc: "DCE/RPC, endpoint mapper and Windows services", Reference: "C706, [MS-RPCE]",
		Transport: TCP | UDP, Ports: []uint16{135}, App: suricata.AppDCERPC,
		First: []string{"\x05\x00", "\x04\x00"}, Detect: detectDCERPC,
		New:     func(t Transport) Parser { return &dcerpc{stream: t == TCP} },
		Samples: []string{"dcerpc_tcp.txt", "dcerpc_udp.txt"}, Hostile: []string{"dcerpc_hostile.txt"},
	})
}

// Packet types.
const (
	dceRequest  = 0
	dceResponse = 2
	dceBind     = 11
	dceBindAck  = 12
	dceAlter    = 14
	dceAlterAck = 15
)

func detectDCERPC(p *Probe) Verdict {
	b := p.Data
	if p.Transport == UDP {
		if len(b) < 80 || b[0] != 4 || b[1] > 10 || b[4]&0xef != 0 || profinet(b) {
			return No
		}
		if order(b[4]).Uint16(b[74:]) == uint16(len(b)-80) {
			return Yes
		}
		return No
	}
	if len(b) < 10 {
		return More
	}
	n := order(b[4]).Uint16(b[8:])
	if b[0] == 5 && b[1] <= 1 && (b[2] == dceBind || b[2] == dceBindAck || b[2] == dceRequest || b[2] == dceResponse) && b[4]&0xef == 0 &&
		b[5] == 0 && b[6] == 0 && b[7] == 0 && n >= 24 {
		return Yes
	}
	return No
}

// order is the byte order that a data representation names (C706 section 14.1).
func order(drep byte) binary.ByteOrder {
	if drep&0x10 != 0 {
		return binary.LittleEndian
	}
	return binary.BigEndian
}

const (
	// maxDCEStub bounds the data of a call put together from fragments.
	maxDCEStub = 64 << 10
	// maxDCEContexts bounds the interfaces of a connection.
	maxDCEContexts = 64
	// maxDCECalls bounds calls that wait for their answer.
	maxDCECalls = 128
)

// dceContext is an interface that a client asked for.
type dceContext struct {
	id       uint16
	uuid     []byte // 16 bytes as a UUID is written, then the version
	answered bool
	accepted bool
}

type dceCall struct {
	id     uint32
	ctx    uint16
	opnum  uint16
	begun  bool
	stub   []byte
	answer []byte
}

type dcerpc struct {
	stream   bool
	packets  Packets
	contexts []dceContext
	asked    []int // contexts of the bind that waits for its answer
	calls    []dceCall
	tx       uint64
}

// Data implements Parser.
func (p *dcerpc) Data(c *Context, dir Dir, b []byte) Result {
	if !p.stream {
		p.datagram(c, dir, b)
		return Result(len(b))
	}
	used := 0
	for len(b)-used >= 16 {
		h := b[used:]
		n := int(order(h[4]).Uint16(h[8:]))
		if h[0] != 5 || n < 16 {
			return Broken
		}
		if len(h) < n {
			break
		}
		p.packets.Add(c.Number)
		p.fragment(c, dir, h[:n])
		used += n
	}
	return Result(used)
}

// fragment reads one fragment. What rules know as stub data is what Suricata
// gives them: of a request all behind the operation number, with an object and
// the trailer of authentication; of a response all behind the common header.
func (p *dcerpc) fragment(c *Context, dir Dir, b []byte) {
	o := order(b[4])
	id := o.Uint32(b[12:])
	body := b[16:]
	switch b[2] {
	case dceBind, dceAlter:
		if b[3]&1 != 0 { // one that is not the first fragment binds nothing
			p.bind(o, body)
		}
	case dceBindAck, dceAlterAck:
		p.bound(o, body)
	case dceRequest:
		if len(body) < 8 {
			return
		}
		call := p.call(id)
		if !call.begun || b[3]&1 != 0 {
			*call = dceCall{id: id, begun: true, ctx: o.Uint16(body[4:]), opnum: o.Uint16(body[6:]), stub: call.stub[:0]}
		}
		call.stub = gather(call.stub, body[8:])
		if b[3]&2 != 0 {
			p.offer(c, dir, call, call.stub)
		}
	case dceResponse:
		if len(body) < 8 {
			return
		}
		call := p.call(id)
		if b[3]&1 != 0 {
			call.answer = call.answer[:0]
		}
		call.answer = gather(call.answer, body)
		if b[3]&2 != 0 {
			p.offer(c, dir, call, call.answer)
			call.answer = nil
		}
	}
}

func gather(dst, b []byte) []byte {
	return append(dst, b[:max(0, min(len(b), maxDCEStub-len(dst)))]...)
}

// call gives the call of an id, made when needed.
func (p *dcerpc) call(id uint32) *dceCall {
	for i := range p.calls {
		if p.calls[i].id == id {
			return &p.calls[i]
		}
	}
	if len(p.calls) >= maxDCECalls {
		p.calls = p.calls[:copy(p.calls, p.calls[1:])]
	}
	p.calls = append(p.calls, dceCall{id: id})
	return &p.calls[len(p.calls)-1]
}

// uuid writes a UUID's bytes in the order of its text, and the version.
func uuid(o binary.ByteOrder, b []byte) []byte {
	out := make([]byte, 0, 20)
	out = binary.BigEndian.AppendUint32(out, o.Uint32(b))
	out = binary.BigEndian.AppendUint16(out, o.Uint16(b[4:]))
	out = binary.BigEndian.AppendUint16(out, o.Uint16(b[6:]))
	return append(out, b[8:16]...)
}

// bind reads the interfaces a client asks for.
func (p *dcerpc) bind(o binary.ByteOrder, b []byte) {
	p.asked = p.asked[:0]
	if len(b) < 12 {
		return
	}
	n := int(b[8])
	b = b[12:]
	for range n {
		if len(b) < 24 || len(p.contexts) >= maxDCEContexts {
			return
		}
		x := dceContext{id: o.Uint16(b), uuid: binary.BigEndian.AppendUint16(uuid(o, b[4:]), o.Uint16(b[20:]))}
		p.asked = append(p.asked, len(p.contexts))
		p.contexts = append(p.contexts, x)
		k := 24 + int(b[2])*20
		if k > len(b) {
			return
		}
		b = b[k:]
	}
}

// bound reads which of them the server accepts, in the same order.
func (p *dcerpc) bound(o binary.ByteOrder, b []byte) {
	if len(b) < 10 {
		return
	}
	at := 10 + int(o.Uint16(b[8:]))
	at = (at+16+3)&^3 - 16 // aligned within the packet
	if len(b) < at+4 {
		return
	}
	n := int(b[at])
	b = b[at+4:]
	for i := 0; i < n && i < len(p.asked) && len(b) >= 24; i++ {
		x := &p.contexts[p.asked[i]]
		x.answered, x.accepted = true, o.Uint16(b) == 0
		b = b[24:]
	}
	p.asked = p.asked[:0]
}

// offer shows a call or its answer to the rules.
func (p *dcerpc) offer(c *Context, dir Dir, call *dceCall, stub []byte) {
	if !c.Matching() {
		return
	}
	p.tx++
	t := &bufTx{app: suricata.AppDCERPC, id: p.tx, packets: p.packets.List()}
	if call.begun {
		t.number(suricata.BufDCERPCOpnum, uint64(call.opnum))
		for i := len(p.contexts) - 1; i >= 0; i-- { // the last of an id counts
			if x := &p.contexts[i]; x.id == call.ctx && (x.accepted || !x.answered) {
				t.add(suricata.BufDCERPCInterface, x.uuid)
				break
			}
		}
	}
	t.add(suricata.BufDCERPCStub, bytes.Clone(stub))
	c.Offer(t, dir)
}

// datagram reads a packet of the connectionless protocol.
func (p *dcerpc) datagram(c *Context, dir Dir, b []byte) {
	if len(b) < 80 || b[0] != 4 {
		return
	}
	p.packets.Add(c.Number)
	if b[1] != dceRequest && b[1] != dceResponse {
		return
	}
	o := order(b[4])
	p.contexts = append(p.contexts[:0], dceContext{uuid: binary.BigEndian.AppendUint16(uuid(o, b[24:]), uint16(o.Uint32(b[60:])))})
	p.offer(c, dir, &dceCall{begun: true, opnum: o.Uint16(b[68:])}, b[80:])
}

// Gap implements Parser: the next fragment can't be found.
func (p *dcerpc) Gap(*Context, Dir, uint32) bool { return !p.stream }

// Close implements Parser.
func (p *dcerpc) Close(c *Context) {
	if list := p.packets.List(); len(list) > 0 {
		c.Emit(c.Begin("saksi.dcerpc", list))
		p.packets.Reset()
	}
}
