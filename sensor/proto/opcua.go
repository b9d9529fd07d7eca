package proto

// OPC UA over TCP, OPC 10000-6 sections 6.7 and 7.1. Little endian.
//
//	0 HEL, ACK, ERR, RHE, OPN, MSG or CLO  3 F, C or A  4 size of all
//	OPN: 8 channel  12 policy, certificate, thumbprint (strings)  sequence  request  body
//	MSG: 8 channel  12 token  16 sequence  20 request  24 body
//	body: type (node id), then a request or reply head, then the service's own
//
// A string is its length (4, -1: null) and its bytes. Under a policy that
// encrypts bodies can't be read; then only set-up is told.

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"
	"strings"

	"saksi/event"
)

func init() {
	register(&Entry{
		Name: "opc-ua", Doc: "OPC Unified Architecture, binary over TCP", Reference: "OPC 10000-6 (UA Part 6: Mappings), OPC 10000-4 (Services)",
		Transport: TCP, Ports: []uint16{4840},
		First: []string{"HELF", "ACKF", "OPNF", "MSGF", "MSGC", "RHEF", "ERRF"},
		Detect: func(p *Probe) Verdict {
			if len(p.Data) < 12 {
				return More
			}
			n := binary.LittleEndian.Uint32(p.Data[4:])
			if p.Data[0] == 'H' || p.Data[0] == 'A' { // a version follows
				return yes(n >= 28 && n < 8<<10 && p.Data[9] == 0 && p.Data[10] == 0 && p.Data[11] == 0)
			}
			return yes(n >= 16 && n <= 16<<20)
		},
		New:     func(Transport) Parser { return &opcua{calls: icsCalls{dataset: "saksi.opc-ua"}} },
		Samples: []string{"opcua.txt"}, Hostile: []string{"opcua_hostile.txt"},
	})
}

// maxOPCUA is how much of a message is read; what follows is skipped.
const maxOPCUA = 16 << 10

// opcuaServices are the numbers of the requests' binary encodings; a reply has
// its request's number and three.
var opcuaServices = map[int]string{
	422: "find-servers", 428: "get-endpoints", 446: "open-secure-channel", 452: "close-secure-channel", 461: "create-session",
	467: "activate-session", 473: "close-session", 479: "cancel", 488: "add-nodes", 494: "add-references", 500: "delete-nodes",
	506: "delete-references", 527: "browse", 533: "browse-next", 554: "translate-browse-paths", 560: "register-nodes",
	566: "unregister-nodes", 615: "query-first", 621: "query-next", 631: "read", 664: "history-read", 673: "write",
	700: "history-update", 712: "call", 751: "create-monitored-items", 763: "modify-monitored-items", 769: "set-monitoring-mode",
	775: "set-triggering", 781: "delete-monitored-items", 787: "create-subscription", 793: "modify-subscription",
	799: "set-publishing-mode", 826: "publish", 832: "republish", 841: "transfer-subscriptions", 847: "delete-subscriptions",
}

type opcua struct {
	calls  icsCalls
	skip   [2]int
	policy string
}

// Data implements Parser.
func (p *opcua) Data(c *Context, dir Dir, b []byte) Result {
	used := 0
	for used < len(b) {
		m := b[used:]
		if n := min(p.skip[dir], len(m)); n > 0 {
			p.skip[dir] -= n
			used += n
			continue
		}
		if len(m) < 8 {
			break
		}
		n := int(binary.LittleEndian.Uint32(m[4:]))
		if n < 8 || n > 64<<20 || m[3] != 'F' && m[3] != 'C' && m[3] != 'A' {
			p.calls.flush(c)
			return Broken
		}
		read := min(n, maxOPCUA)
		if len(m) < read {
			break
		}
		p.message(c, m[:read])
		used += read
		p.skip[dir] = n - read
	}
	return Result(used)
}

func (p *opcua) message(c *Context, m []byte) {
	w := wire{b: m, at: 8}
	switch string(m[:3]) {
	case "HEL":
		w.take(20)
		p.tell(c, "hello", event.URLFull, opcuaString(&w))
	case "ERR":
		k := newICSCall(c, 0, "error", -1)
		k.done(c, opcuaStatus(w.le32()))
		k.emit(c, p.calls.dataset)
	case "OPN":
		w.take(4)
		policy := string(opcuaString(&w))
		opcuaString(&w)
		opcuaString(&w)
		if _, after, ok := strings.Cut(policy, "#"); ok && !w.short && after != p.policy {
			p.policy = after
			p.tell(c, "open-secure-channel", event.SaksiOpcuaSecurityPolicy, []byte(after))
		}
	case "MSG", "CLO":
		w.take(12)
		request := w.le32()
		if !w.short && m[3] != 'A' {
			p.body(c, uint64(request), &w)
		}
	}
}

// tell emits an event of set-up with one value.
func (p *opcua) tell(c *Context, action string, f event.Field, v []byte) {
	var packets Packets
	packets.Add(c.Number)
	e := c.Begin(p.calls.dataset, packets.List())
	e.Str(event.EventAction, action)
	e.Bytes(f, v)
	c.Emit(e)
}

// body reads a request or a reply. Continuations of a message of several
// chunks, and bodies that are encrypted, have no type that is known.
func (p *opcua) body(c *Context, id uint64, w *wire) {
	kind, ok := opcuaType(w)
	if !ok {
		return
	}
	if name := opcuaServices[kind]; name != "" {
		opcuaNode(w) // session
		w.take(16)
		opcuaString(w)
		w.take(4)
		opcuaNode(w)
		if w.u8() != 0 || w.short { // a body of the head is never used
			return
		}
		k := newICSCall(c, id, name, kind)
		switch kind {
		case 826: // asked for again and again, and answered late
			return
		case 461: // the client's description begins with its application's URI
			p.tell(c, "client-application", event.SaksiOpcuaApplication, opcuaString(w))
		default:
			opcuaRequest(&k, kind, w)
		}
		if kind == 452 {
			k.emit(c, p.calls.dataset)
			return
		}
		p.calls.ask(c, k)
		return
	}
	if kind != 397 && opcuaServices[kind-3] == "" {
		return
	}
	k := p.calls.find(id)
	if k == nil {
		return
	}
	w.take(12)
	status := opcuaStatus(w.le32())
	k.done(c, status)
	p.calls.end(c, k)
}

// opcuaType reads the type of a body: a number in namespace 0.
func opcuaType(w *wire) (int, bool) {
	switch w.u8() {
	case 1:
		ns, n := w.u8(), w.le16()
		return n, ns == 0 && !w.short
	case 2:
		ns, n := w.le16(), w.le32()
		return int(n), ns == 0 && n < 1<<20 && !w.short
	}
	return 0, false
}

// opcuaRequest reads what the service is asked for.
func opcuaRequest(k *icsCall, kind int, w *wire) {
	switch kind {
	case 467:
		opcuaUser(k, w)
	case 631:
		w.take(12)
		for n := w.le32(); n > 0 && n < 1<<16 && len(k.objects) < maxICSItems && !w.short; n-- {
			opcuaAttribute(k, w)
			w.take(2)
			opcuaString(w)
		}
	case 673:
		k.change = true
		for n := w.le32(); n > 0 && n < 1<<16 && len(k.objects) < maxICSItems && !w.short; n-- {
			opcuaAttribute(k, w)
			if !opcuaValue(k, w) {
				break
			}
		}
	case 712:
		k.change = true
		if w.le32() > 0 {
			object, method := opcuaNode(w), opcuaNode(w)
			if !w.short {
				k.object(object)
				k.object(method)
			}
		}
	case 488, 494, 500, 506, 700:
		k.change = true
	}
}

func opcuaAttribute(k *icsCall, w *wire) {
	node, attribute := opcuaNode(w), w.le32()
	opcuaString(w)
	if w.short {
		return
	}
	if attribute != 13 { // 13: the value
		node += "#" + strconv.Itoa(int(attribute))
	}
	k.object(node)
}

// opcuaUser reads who activates a session: signature, software certificates,
// locales, then the token. Passwords and signatures are skipped.
func opcuaUser(k *icsCall, w *wire) {
	opcuaString(w)
	opcuaString(w)
	for n := w.le32(); n > 0 && n < 1<<16 && !w.short; n-- {
		opcuaString(w)
		opcuaString(w)
	}
	for n := w.le32(); n > 0 && n < 1<<16 && !w.short; n-- {
		opcuaString(w)
	}
	kind, ok := opcuaType(w)
	if !ok || w.u8() != 1 {
		return
	}
	w.take(4)
	opcuaString(w)
	switch kind {
	case 321:
		k.user = "anonymous"
	case 324:
		k.user = shortened(string(opcuaString(w)))
	}
}

// opcuaString reads a string; a null string is empty.
func opcuaString(w *wire) []byte {
	n := int32(w.le32())
	if n <= 0 {
		return nil
	}
	return w.take(int(n))
}

// opcuaNode reads a node id (section 5.2.2.9) and writes it as text.
func opcuaNode(w *wire) string {
	head, ns, id := w.u8(), 0, ""
	switch head & 0x3f {
	case 0:
		id = "i=" + strconv.Itoa(w.u8())
	case 1:
		ns = w.u8()
		id = "i=" + strconv.Itoa(w.le16())
	case 2:
		ns = w.le16()
		id = "i=" + strconv.FormatUint(uint64(w.le32()), 10)
	case 3:
		ns = w.le16()
		id = "s=" + string(opcuaString(w))
	case 4:
		ns = w.le16()
		id = "g=" + hex.EncodeToString(w.take(16))
	case 5:
		ns = w.le16()
		id = "b=" + hex.EncodeToString(opcuaString(w))
	default:
		w.take(len(w.b) + 1)
	}
	if ns > 0 {
		return "ns=" + strconv.Itoa(ns) + ";" + id
	}
	return id
}

// opcuaValue reads the data value of a write, if it is a single number or
// string, and reports whether what follows can be found.
func opcuaValue(k *icsCall, w *wire) bool {
	mask := w.u8()
	if mask&1 == 0 {
		k.value("")
		return mask == 0
	}
	s := ""
	switch w.u8() { // type; arrays have bit 7
	case 1:
		s = strconv.FormatBool(w.u8() != 0)
	case 2:
		s = strconv.Itoa(int(int8(w.u8())))
	case 3:
		s = strconv.Itoa(w.u8())
	case 4:
		s = strconv.Itoa(int(int16(w.le16())))
	case 5:
		s = strconv.Itoa(w.le16())
	case 6:
		s = strconv.Itoa(int(int32(w.le32())))
	case 7:
		s = strconv.FormatUint(uint64(w.le32()), 10)
	case 10:
		s = strconv.FormatFloat(float64(math.Float32frombits(w.le32())), 'g', 7, 32)
	case 11:
		low, high := uint64(w.le32()), uint64(w.le32())
		s = strconv.FormatFloat(math.Float64frombits(high<<32|low), 'g', 15, 64)
	case 12:
		v := opcuaString(w)
		s = string(v[:min(len(v), 128)])
	default:
		return false
	}
	if w.short {
		return false
	}
	k.value(s)
	w.take(4*(mask>>1&1) + 8*(mask>>2&1) + 8*(mask>>3&1) + 2*(mask>>4&1) + 2*(mask>>5&1))
	return true
}

func opcuaStatus(code uint32) string {
	if code&0x80000000 == 0 {
		return ""
	}
	return "0x" + strconv.FormatUint(uint64(code), 16)
}

// Gap implements Parser: the next size can't be found.
func (p *opcua) Gap(*Context, Dir, uint32) bool { return false }

// Close implements Parser.
func (p *opcua) Close(c *Context) { p.calls.flush(c) }
