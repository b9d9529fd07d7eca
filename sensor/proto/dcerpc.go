package proto

// DCE/RPC, The Open Group C706 chapter 12 and [MS-RPCE], over TCP; calls through
// named pipes come from the parser of SMB. The header is drawn in
// internal/dcerpc. One event a bind, and one a call with its answer.

import (
	"fmt"

	"saksi/event"
	"saksi/rules/suricata"
	"saksi/sensor/proto/internal/dcerpc"
	"saksi/sensor/proto/internal/ntlm"
)

func init() {
	register(&Entry{
		Name: "dcerpc", Doc: "DCE/RPC, Microsoft's remote procedure calls", Reference: "The Open Group C706, [MS-RPCE]",
		Transport: TCP | UDP, Ports: []uint16{135, 593}, App: suricata.AppDCERPC,
		First: []string{"\x05\x00", "\x05\x01", "\x04\x00"},
		Detect: func(p *Probe) Verdict {
			if p.Transport == UDP {
				return detectDCEDatagram(p)
			}
			if len(p.Data) < dcerpc.HeaderSize {
				return More
			}
			h, ok := dcerpc.ParseHeader(p.Data)
			if !ok || h.Flags&1 == 0 || h.Length < 24 {
				return No
			}
			switch { // associations begin with a bind
			case p.Dir == FromClient && h.Type == dcerpc.Bind, p.Dir == FromServer && (h.Type == dcerpc.BindAck || h.Type == dcerpc.BindNak):
				return Yes
			}
			return onPort(p, h.Type == dcerpc.Request || h.Type == dcerpc.Response, 135)
		},
		New: func(t Transport) Parser {
			return seenByRules(&dceStream{datagram: t == UDP}, &dceRules{stream: t == TCP})
		},
		Samples: []string{"dcerpc.txt", "dcerpc_tcp.txt", "dcerpc_udp.txt"}, Hostile: []string{"dcerpc_hostile.txt", "dcerpc_lengths.txt"},
	})
}

// dceStream is an association over TCP.
type dceStream struct {
	segmenter
	noRest
	talk     dceTalk
	datagram bool
}

// Data implements Parser.
func (p *dceStream) Data(c *Context, dir Dir, b []byte) Result {
	if p.datagram {
		p.talk.datagram(c, dir, b)
		return Result(len(b))
	}
	return p.data(c, dir, b, p)
}

func (p *dceStream) size(_ Dir, b []byte) (n, hold int64) {
	if len(b) < dcerpc.HeaderSize {
		return 0, 0
	}
	h, ok := dcerpc.ParseHeader(b)
	if !ok {
		return -1, 0
	}
	return int64(h.Length), maxHeld
}

func (p *dceStream) take(c *Context, dir Dir, b []byte, _ int64) Result {
	p.talk.message(c, dir, b)
	return 0
}

// Gap implements Parser.
func (p *dceStream) Gap(_ *Context, dir Dir, n uint32) bool { return p.datagram || p.gap(dir, n) }

// Close implements Parser.
func (p *dceStream) Close(c *Context) { p.talk.close(c) }

const (
	// maxDCEBound bounds the interfaces of an association.
	maxDCEBound = 128
	// maxDCEWaiting bounds calls that wait for their answer.
	maxDCEWaiting = 64
)

// dceWaiting is a call whose answer is to come.
type dceWaiting struct {
	id      uint32
	context uint16
	op      uint16
	packets Packets
}

// dceTalk is an association: what was bound, and calls in work.
type dceTalk struct {
	endpoint []byte // the named pipe, if it runs through one
	contexts []dcerpc.Context
	calls    []dceWaiting
	server   ntlm.Message
	user     userName
}

// buffer takes what was written to or read from a named pipe.
func (t *dceTalk) buffer(c *Context, dir Dir, b []byte) {
	for len(b) >= dcerpc.HeaderSize {
		h, ok := dcerpc.ParseHeader(b)
		if !ok {
			return
		}
		t.message(c, dir, b[:min(h.Length, len(b))])
		b = b[min(h.Length, len(b)):]
	}
}

// message takes the first bytes of a message.
func (t *dceTalk) message(c *Context, dir Dir, b []byte) {
	h, ok := dcerpc.ParseHeader(b)
	if !ok {
		return
	}
	if m, ok := ntlm.Find(h.Verifier(b)); ok {
		switch m.Type {
		case ntlm.Challenge:
			t.server = m
		case ntlm.Authenticate:
			t.user.ntlm(m, t.server)
			t.login(c)
		}
	}
	switch h.Type {
	case dcerpc.Bind, dcerpc.Alter:
		if dir == FromClient {
			t.bind(c, h, b)
		}
	case dcerpc.Request:
		context, op, ok := h.Operation(b)
		if !ok || dir != FromClient || h.Flags&1 == 0 { // a later fragment
			return
		}
		if len(t.calls) >= maxDCEWaiting {
			t.answer(c, 0, nil)
		}
		call := dceWaiting{id: h.Call, context: context, op: op}
		call.packets.Add(c.Number)
		t.calls = append(t.calls, call)
	case dcerpc.Response, dcerpc.Fault:
		for i := range t.calls {
			if t.calls[i].id != h.Call || dir != FromServer {
				continue
			}
			t.calls[i].packets.Add(c.Number)
			if status, ok := h.Status(b); ok && h.Type == dcerpc.Fault {
				t.answer(c, i, &status)
			} else {
				t.answer(c, i, nil)
			}
			return
		}
	}
}

func (t *dceTalk) begin(c *Context, action string, packets []uint64) *event.Event {
	e := c.Begin("saksi.dcerpc", packets)
	e.Str(event.EventAction, action)
	e.Bytes(event.SaksiDcerpcEndpoint, t.endpoint)
	t.user.describe(e)
	return e
}

func (t *dceTalk) bind(c *Context, h dcerpc.Header, b []byte) {
	list := h.Contexts(b)
	if len(list) == 0 {
		return
	}
	e := t.begin(c, "bind", []uint64{c.Number})
	for i, x := range list {
		if i > 0 && list[i-1].UUID == x.UUID { // the same again for another transfer syntax
			continue
		}
		describeInterface(e, x.UUID)
	}
	c.Emit(e)
	t.contexts = append(t.contexts, list[:min(len(list), maxDCEBound-len(t.contexts))]...)
}

func describeInterface(e *event.Event, uuid string) {
	name := dcerpc.Name(uuid)
	if name == "" {
		name = uuid
	}
	e.Str(event.SaksiDcerpcInterface, name)
	e.Str(event.SaksiDcerpcUUID, uuid)
}

// login tells who authenticated within the association.
func (t *dceTalk) login(c *Context) {
	e := t.begin(c, "authenticate", []uint64{c.Number})
	e.Str(event.EventCategory, "authentication")
	c.Emit(e)
}

// answer tells of the call at an index, which is over.
func (t *dceTalk) answer(c *Context, i int, fault *uint32) {
	call := &t.calls[i]
	e := t.begin(c, "call", call.packets.List())
	e.Int(event.SaksiDcerpcOpnum, int64(call.op))
	for k := len(t.contexts) - 1; k >= 0; k-- { // the last that took the number
		if x := t.contexts[k]; x.ID == call.context {
			describeInterface(e, x.UUID)
			e.Str(event.SaksiDcerpcOperation, dcerpc.Operation(x.UUID, call.op))
			break
		}
	}
	if fault != nil {
		e.Str(event.SaksiDcerpcStatus, fmt.Sprintf("0x%08x", *fault))
		e.Str(event.EventOutcome, "failure")
	}
	c.Emit(e)
	t.calls = append(t.calls[:i], t.calls[i+1:]...)
}

// close tells of calls that had no answer.
func (t *dceTalk) close(c *Context) {
	for len(t.calls) > 0 {
		t.answer(c, 0, nil)
	}
}

// detectDCEDatagram takes the connectionless protocol (C706 section 12.5), whose
// head of 80 bytes says how many follow.
func detectDCEDatagram(p *Probe) Verdict {
	b := p.Data
	if len(b) < 80 || b[0] != 4 || b[1] > 10 || b[4]&0xef != 0 || profinet(b) || int(order(b[4]).Uint16(b[74:])) != len(b)-80 {
		return No
	}
	return Yes
}

// datagram takes a packet of the connectionless protocol, which names interface
// and operation itself.
func (t *dceTalk) datagram(c *Context, dir Dir, b []byte) {
	if len(b) < 80 || b[0] != 4 || b[1] != dceRequest || dir != FromClient {
		return
	}
	o := order(b[4])
	id := dcerpc.UUID(b[24:], b[4]&0x10 != 0)
	e := t.begin(c, "call", []uint64{c.Number})
	describeInterface(e, id)
	e.Int(event.SaksiDcerpcOpnum, int64(o.Uint16(b[68:])))
	e.Str(event.SaksiDcerpcOperation, dcerpc.Operation(id, o.Uint16(b[68:])))
	c.Emit(e)
}
