package proto

import (
	"encoding/binary"
	"fmt"

	"saksi/event"
	"saksi/sensor/proto/internal/dcerpc"
)

// dceExchange is a bind or a call with its answer, as EVE JSON has it.
type dceExchange struct {
	eveTx
	talk           *dceEVE
	call           uint32
	request        byte // kind of message, dceNone for none
	response       byte
	op, context    uint16
	minor          byte
	frags, stub    [2]int // of a call and its answer
	activity       string // of a datagram, with its sequence number
	sequence       uint32
	answered, told bool
	owner          EVE // that tells of one in a pipe; nil for none
}

const dceNone = 0xff

// dceInterface is one that was asked for.
type dceInterface struct {
	context        uint16
	call           uint32
	uuid           string
	major, minor   uint16
	acked          bool
	result, reason uint16
}

// dceEVE gathers what goes on in an association.
type dceEVE struct {
	last       uint64
	open       map[uint32]*dceExchange
	interfaces []*dceInterface
	now        *dceExchange // of the message in work
	// begin gives one in a pipe its number and what tells of it; nil for those
	// that are told of by themselves.
	begin func(t *dceExchange) EVE
}

// dceTypes are the kinds of messages as Suricata names them (C706 chapter 12).
var dceTypes = [...]string{
	"REQUEST", "PING", "RESPONSE", "FAULT", "WORKING", "NOCALL", "REJECT", "ACK", "CL_CANCEL", "FACK", "CANCEL_ACK", "BIND", "BINDACK", "BINDNAK",
	"ALTER_CONTEXT", "ALTER_CONTEXT_RESP", "AUTH3", "SHUTDOWN", "CO_CANCEL", "ORPHANED",
}

func dceType(n byte) string {
	if int(n) < len(dceTypes) {
		return dceTypes[n]
	}
	return fmt.Sprint(n)
}

// find gives the exchange of a call, made if there is none; asked says that it
// begins one.
func (s *dceEVE) find(c *Context, call uint32, asked bool) *dceExchange {
	t := s.open[call]
	if t != nil && !(asked && t.answered) {
		return t
	}
	if t != nil || len(s.open) >= maxEVEOpen {
		s.close(c)
	}
	t = &dceExchange{talk: s, call: call, request: dceNone, response: dceNone}
	if s.begin != nil {
		t.owner = s.begin(t)
	} else {
		s.last++
		t.eveTx = eveTx(s.last)
	}
	if s.open == nil {
		s.open = map[uint32]*dceExchange{}
	}
	s.open[call] = t
	return t
}

// end tells of an exchange that is over.
func (s *dceEVE) end(c *Context, t *dceExchange) {
	if s.open[t.call] == t {
		delete(s.open, t.call)
	}
	if t.told {
		return
	}
	t.told = true
	if t.owner != nil {
		c.Record("smb", t.owner)
	} else {
		c.Record("dcerpc", t)
	}
}

// close tells of what goes on.
func (s *dceEVE) close(c *Context) {
	for _, t := range byNumber(s.open) {
		s.end(c, t)
	}
}

// message takes a message of version 5.
func (s *dceEVE) message(c *Context, dir Dir, h dcerpc.Header, b []byte) {
	s.now = nil
	first, last := h.Flags&dceFirst != 0, h.Flags&dceLast != 0
	switch {
	case dir == FromClient && (h.Type == dcerpc.Bind || h.Type == dcerpc.Alter):
		t := s.find(c, h.Call, true)
		t.request, t.minor = h.Type, b[1]
		s.asked(h, b)
		s.now = t
	case dir == FromServer && (h.Type == dcerpc.BindAck || h.Type == dcerpc.AlterAck || h.Type == dcerpc.BindNak):
		t := s.find(c, h.Call, false)
		t.response, t.answered = h.Type, true
		if h.Type == dcerpc.BindAck {
			s.acked(h, b)
		}
		s.now = t
		s.end(c, t)
	case dir == FromClient && h.Type == dcerpc.Request:
		context, op, ok := h.Operation(b)
		if !ok {
			return
		}
		t := s.find(c, h.Call, first)
		t.request, t.minor, t.context, t.op = h.Type, b[1], context, op
		t.frags[0]++
		t.stub[0] += max(len(b)-24, 0)
		s.now = t
	case dir == FromServer && (h.Type == dcerpc.Response || h.Type == dcerpc.Fault):
		t := s.find(c, h.Call, false)
		t.response = h.Type
		if h.Type == dcerpc.Response {
			t.frags[1]++
			t.stub[1] += max(len(b)-dcerpc.HeaderSize, 0)
		}
		s.now = t
		if last {
			t.answered = true
			s.end(c, t)
		}
	}
}

// asked notes the interfaces of a bind: 24 count, 28 of each: id (2), count of
// syntaxes, 0, UUID, version, minor version, syntaxes (20 each).
func (s *dceEVE) asked(h dcerpc.Header, b []byte) {
	w := wire{b: b, at: min(28, len(b))}
	o := binary.ByteOrder(binary.BigEndian)
	if h.Little {
		o = binary.LittleEndian
	}
	for _, x := range h.Contexts(b) {
		head := w.take(24)
		if head == nil || len(s.interfaces) >= maxDCEContexts {
			return
		}
		s.interfaces = append(s.interfaces, &dceInterface{context: o.Uint16(head), call: h.Call, uuid: x.UUID, major: o.Uint16(head[20:]), minor: o.Uint16(head[22:])})
		w.take(20 * int(head[2]))
	}
}

// acked notes the results of a bind: 24 length of an address, the address, padding to four;
// count (4), results: result (2), reason (2), syntax (20).
func (s *dceEVE) acked(h dcerpc.Header, b []byte) {
	if len(b) < 26 {
		return
	}
	o := binary.ByteOrder(binary.BigEndian)
	if h.Little {
		o = binary.LittleEndian
	}
	at := 26 + int(o.Uint16(b[24:]))
	at = (at + 3) &^ 3
	w := wire{b: b, at: min(at+4, len(b))}
	for _, x := range s.interfaces {
		if x.call != h.Call || x.acked {
			continue
		}
		v := w.take(24)
		if v == nil {
			return
		}
		x.acked, x.result, x.reason = true, o.Uint16(v), o.Uint16(v[2:])
	}
}

// datagram takes a message of version 4: 40 activity (16), 64 sequence number.
func (s *dceEVE) datagram(c *Context, dir Dir, d *dcerpc.Datagram, b []byte) {
	if s.now = nil; len(b) < 80 {
		return
	}
	o := binary.ByteOrder(binary.BigEndian)
	u := [16]byte(b[40:56])
	if d.Little {
		o = binary.LittleEndian
		u = [16]byte{u[3], u[2], u[1], u[0], u[5], u[4], u[7], u[6], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]}
	}
	t := s.find(c, d.Call, dir == FromClient)
	t.activity, t.sequence = dcerpc.UUID(u), o.Uint32(b[64:])
	s.now = t
	switch {
	case dir == FromClient:
		t.request, t.op = d.Type, d.Op
		t.frags[0]++
		t.stub[0] += len(d.Body)
	default:
		t.response, t.answered = d.Type, true
		t.frags[1]++
		t.stub[1] += len(d.Body)
		s.end(c, t)
	}
}

// AppendEVE implements EVE.
func (t *dceExchange) AppendEVE(m *event.Members) {
	if t.owner != nil {
		t.owner.AppendEVE(m)
	} else {
		t.members(m)
	}
}

// members writes what is known.
func (t *dceExchange) members(m *event.Members) {
	pipe := t.owner != nil
	m.Open("dcerpc")
	if t.request != dceNone {
		m.Str("request", dceType(t.request))
		switch t.request {
		case dcerpc.Request:
			if pipe {
				m.Int("opnum", int64(t.op))
			}
			m.Open("req")
			if !pipe {
				m.Int("opnum", int64(t.op))
			}
			m.Int("frag_cnt", int64(t.frags[0]))
			m.Int("stub_data_size", int64(t.stub[0]))
			m.Close()
			if t.activity == "" {
				t.list(m, func(x *dceInterface) bool { return x.context == t.context }, !pipe, false)
			}
		case dcerpc.Bind:
			t.list(m, func(x *dceInterface) bool { return pipe || x.call == t.call }, true, pipe)
		}
	} else {
		m.Str("request", "REQUEST_LOST")
	}
	if t.response != dceNone {
		m.Str("response", dceType(t.response))
		if t.response == dcerpc.Response {
			m.Open("res")
			m.Int("frag_cnt", int64(t.frags[1]))
			m.Int("stub_data_size", int64(t.stub[1]))
			m.Close()
		}
	} else {
		m.Str("response", "UNREPLIED")
	}
	switch {
	case t.activity != "":
		m.Str("activityuuid", t.activity)
		m.Int("seqnum", int64(t.sequence))
		m.Str("rpc_version", "4.0")
	case pipe:
		m.Int("call_id", int64(t.call))
	default:
		m.Int("call_id", int64(t.call))
		m.Str("rpc_version", fmt.Sprintf("5.%d", t.minor))
	}
	m.Close()
}

// list writes the interfaces that are wanted, with their results.
func (t *dceExchange) list(m *event.Members, want func(x *dceInterface) bool, results, reasons bool) {
	opened := false
	for _, x := range t.talk.interfaces {
		if !want(x) {
			continue
		}
		if !opened {
			opened = true
			m.Array("interfaces")
		}
		m.Open("")
		m.Str("uuid", x.uuid)
		m.Str("version", fmt.Sprintf("%d.%d", x.major, x.minor))
		if x.acked && results {
			m.Int("ack_result", int64(x.result))
			if reasons {
				m.Int("ack_reason", int64(x.reason))
			}
		}
		m.Close()
	}
	if opened {
		m.End()
	}
}
