package proto

// DCE/RPC, The Open Group C706 chapter 12 and [MS-RPCE], over TCP and UDP; calls
// through named pipes come from the parser of SMB. The headers are drawn in
// internal/dcerpc. One event a bind, and one a call with its answer; rules see
// each call and each answer.

import (
	"fmt"
	"slices"

	"saksi/event"
	"saksi/rules/suricata"
	"saksi/sensor/proto/internal/dcerpc"
	"saksi/sensor/proto/internal/ntlm"
)

func init() {
	register(&Entry{
		Name: "dcerpc", Doc: "DCE/RPC, Microsoft's remote procedure calls", Reference: "The Open Group C706, [MS-RPCE]",
		Transport: TCP | UDP, Ports: []uint16{135, 593}, App: suricata.AppDCERPC,
		First: []string{"\x05\x00", "\x05\x01", "\x04\x00"}, Detect: detectDCERPC,
		New: func(t Transport) Parser {
			if t == UDP {
				return &dceDatagrams{}
			}
			return &dceStream{}
		},
		Samples: []string{"dcerpc.txt", "dcerpc_tcp.txt", "dcerpc_udp.txt"}, Hostile: []string{"dcerpc_hostile.txt", "dcerpc_lengths.txt"},
	})
}

func detectDCERPC(p *Probe) Verdict {
	b := p.Data
	if p.Transport == UDP {
		if _, ok := dcerpc.ParseDatagram(b); ok && !profinet(b) {
			return Yes
		}
		return No
	}
	if len(b) < dcerpc.HeaderSize {
		return More
	}
	h, ok := dcerpc.ParseHeader(b)
	if !ok || h.Length < 24 || b[5] != 0 || b[6] != 0 || b[7] != 0 {
		return No
	}
	switch h.Type {
	case dcerpc.Bind, dcerpc.BindAck, dcerpc.BindNak, dcerpc.Request, dcerpc.Response:
		return Yes
	}
	return No
}

// dceStream is an association over TCP.
type dceStream struct {
	segmenter
	noRest
	talk dceTalk
}

// Data implements Parser.
func (p *dceStream) Data(c *Context, dir Dir, b []byte) Result { return p.data(c, dir, b, p) }

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
	offerFrames(c, dir, suricata.AppDCERPC, framed{frameDCEPDU, b}, framed{frameDCEHeader, b[:dcerpc.HeaderSize]}, framed{frameDCEData, b[dcerpc.HeaderSize:]})
	p.talk.message(c, dir, b)
	return 0
}

// Gap implements Parser.
func (p *dceStream) Gap(_ *Context, dir Dir, n uint32) bool { return p.gap(dir, n) }

// Close implements Parser.
func (p *dceStream) Close(c *Context) { p.talk.close(c) }

// dceDatagrams are calls over UDP.
type dceDatagrams struct{ talk dceTalk }

// Data implements Parser.
func (p *dceDatagrams) Data(c *Context, dir Dir, b []byte) Result {
	if d, ok := dcerpc.ParseDatagram(b); ok {
		if c.Detail {
			p.talk.eve.datagram(c, dir, &d, b)
			p.talk.rules.eve = p.talk.eve.now
		}
		p.talk.datagram(c, dir, &d)
	}
	return Result(len(b))
}

// Gap implements Parser.
func (p *dceDatagrams) Gap(*Context, Dir, uint32) bool { return true }

// Close implements Parser.
func (p *dceDatagrams) Close(c *Context) { p.talk.close(c) }

const (
	// maxDCEContexts bounds the interfaces of an association.
	maxDCEContexts = 128
	// maxDCECalls bounds calls that wait for their answer.
	maxDCECalls = 64
)

// Flags of a message: it is the first or the last fragment of its call.
const (
	dceFirst = 1
	dceLast  = 2
)

// dceContext is an interface that a client asked for.
type dceContext struct {
	dcerpc.Context
	partial            bool // asked for by a message that is no first fragment
	answered, accepted bool
}

// bound reports whether the interface can be called, as far as is known.
func (x *dceContext) bound() bool { return !x.partial && (x.accepted || !x.answered) }

// dceCall is a call whose answer is to come.
type dceCall struct {
	id           uint32
	context      *dceContext
	op           uint16
	packets      Packets
	stub, answer []byte // gathered for rules
}

// dceTalk is an association: what was bound, and calls in work.
type dceTalk struct {
	endpoint []byte // the named pipe, if it runs through one
	held     [2][]byte
	contexts []*dceContext
	asked    []*dceContext // those of the bind that waits for its answer
	calls    []*dceCall
	server   ntlm.Message
	user     userName
	rules    dceRules
	eve      dceEVE
}

// buffer takes what was written to or read from a named pipe, in pieces.
func (t *dceTalk) buffer(c *Context, dir Dir, b []byte) {
	if len(t.held[dir]) > 0 {
		t.held[dir] = append(t.held[dir], b...)
		b = t.held[dir]
	}
	for len(b) >= dcerpc.HeaderSize {
		h, ok := dcerpc.ParseHeader(b)
		if !ok {
			b = nil
			break
		}
		if len(b) < h.Length {
			break
		}
		t.message(c, dir, b[:h.Length])
		b = b[h.Length:]
	}
	t.held[dir] = append(t.held[dir][:0], b...)
}

// message takes a message, or the first bytes of one.
func (t *dceTalk) message(c *Context, dir Dir, b []byte) {
	h, ok := dcerpc.ParseHeader(b)
	if !ok {
		return
	}
	t.rules.little = h.Little
	if c.Detail {
		t.eve.message(c, dir, h, b)
		t.rules.eve = t.eve.now
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
	switch {
	case dir == FromClient && (h.Type == dcerpc.Bind || h.Type == dcerpc.Alter):
		t.bind(c, h, b)
	case dir == FromServer && (h.Type == dcerpc.BindAck || h.Type == dcerpc.AlterAck):
		for i, ok := range h.Accepted(b) {
			if i < len(t.asked) {
				t.asked[i].answered, t.asked[i].accepted = true, ok
			}
		}
		t.asked = nil
	case dir == FromClient && h.Type == dcerpc.Request:
		if context, op, ok := h.Operation(b); ok {
			i := t.find(h.Call)
			if i >= 0 && h.Flags&dceFirst != 0 { // the number is taken again
				t.tell(c, i, nil)
				i = -1
			}
			t.request(c, i, dceCall{id: h.Call, context: t.context(context), op: op}, b[24:], h.Flags&dceLast != 0)
		}
	case dir == FromServer && h.Type == dcerpc.Response && len(b) >= 24:
		t.response(c, h.Call, b[dcerpc.HeaderSize:], h.Flags&dceLast != 0)
	case dir == FromServer && h.Type == dcerpc.Fault:
		status, ok := h.Status(b)
		t.fault(c, h.Call, status, ok)
	}
}

// datagram takes a message of version 4.
func (t *dceTalk) datagram(c *Context, dir Dir, d *dcerpc.Datagram) {
	t.rules.little = d.Little
	switch {
	case dir == FromClient && d.Type == dcerpc.Request: // perhaps sent again
		t.request(c, t.find(d.Call), dceCall{id: d.Call, context: &dceContext{Context: d.Context}, op: d.Op}, d.Body, true)
	case dir == FromServer && d.Type == dcerpc.Response:
		t.response(c, d.Call, d.Body, true)
	case dir == FromServer && d.Type == dcerpc.Fault:
		t.fault(c, d.Call, d.Status, len(d.Body) >= 4)
	}
}

// find returns the index of the call of a number, or -1.
func (t *dceTalk) find(id uint32) int {
	return slices.IndexFunc(t.calls, func(x *dceCall) bool { return x.id == id })
}

// context finds what was bound under a number: the last that can be called,
// else the last, or nil.
func (t *dceTalk) context(id uint16) (last *dceContext) {
	for _, x := range slices.Backward(t.contexts) {
		switch {
		case x.ID != id:
		case x.bound():
			return x
		case last == nil:
			last = x
		}
	}
	return last
}

// request takes a fragment of a call; i is the index of the call if it is in
// work.
func (t *dceTalk) request(c *Context, i int, call dceCall, body []byte, last bool) {
	if i < 0 {
		if len(t.calls) >= maxDCECalls {
			t.tell(c, 0, nil)
		}
		i = len(t.calls)
		t.calls = append(t.calls, &call)
	}
	x := t.calls[i]
	x.packets.Add(c.Number)
	x.stub = t.rules.gather(c, x.stub, body)
	if last {
		t.rules.offer(c, FromClient, x, x.stub)
		x.stub = nil
	}
}

func (t *dceTalk) response(c *Context, id uint32, body []byte, last bool) {
	i := t.find(id)
	if i < 0 {
		t.rules.offer(c, FromServer, nil, body)
		return
	}
	x := t.calls[i]
	x.packets.Add(c.Number)
	x.answer = t.rules.gather(c, x.answer, body)
	if last {
		t.rules.offer(c, FromServer, x, x.answer)
		t.tell(c, i, nil)
	}
}

func (t *dceTalk) fault(c *Context, id, status uint32, known bool) {
	i := t.find(id)
	if i < 0 {
		return
	}
	t.calls[i].packets.Add(c.Number)
	if known {
		t.tell(c, i, &status)
	} else {
		t.tell(c, i, nil)
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
	t.asked = nil
	for i, x := range list {
		if len(t.contexts) < maxDCEContexts {
			t.asked = append(t.asked, &dceContext{Context: x, partial: h.Flags&dceFirst == 0})
			t.contexts = append(t.contexts, t.asked[i])
		}
		if i > 0 && list[i-1].UUID == x.UUID { // the same again for another transfer syntax
			continue
		}
		describeInterface(e, x.UUID)
	}
	c.Emit(e)
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

// tell tells of the call at an index, which is over.
func (t *dceTalk) tell(c *Context, i int, fault *uint32) {
	call := t.calls[i]
	e := t.begin(c, "call", call.packets.List())
	e.Int(event.SaksiDcerpcOpnum, int64(call.op))
	if x := call.context; x != nil {
		describeInterface(e, x.UUID)
		e.Str(event.SaksiDcerpcOperation, dcerpc.Operation(x.UUID, call.op))
	}
	if fault != nil {
		e.Str(event.SaksiDcerpcStatus, fmt.Sprintf("0x%08x", *fault))
		e.Str(event.EventOutcome, "failure")
	}
	c.Emit(e)
	t.calls = slices.Delete(t.calls, i, i+1)
}

// close tells of what was cut short and of calls that had no answer.
func (t *dceTalk) close(c *Context) {
	for d := range t.held {
		t.message(c, Dir(d), t.held[d])
		t.held[d] = nil
	}
	for len(t.calls) > 0 {
		t.tell(c, 0, nil)
	}
	t.eve.close(c)
}
