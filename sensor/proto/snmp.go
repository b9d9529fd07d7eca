package proto

// SNMP in BER. Versions 1 and 2c (RFC 1157 section 4, RFC 3416 section 3) are a
// sequence of version, community and PDU; version 3 (RFC 3412 section 6, RFC
// 3414 section 2.4) of version, header, security parameters and scoped PDU:
//
//	PDU: request id, error, index, variables; each a sequence of an identifier and a value
//	trap of version 1: enterprise, agent, generic, specific, time, variables

import (
	"encoding/hex"
	"net/netip"
	"strconv"

	"saksi/event"
	"saksi/rules/suricata"
)

func init() {
	register(&Entry{
		Name: "snmp", Doc: "Simple Network Management Protocol", Reference: "RFC 1157, RFC 3416, RFC 3412, RFC 3414",
		Transport: UDP, Ports: []uint16{161, 162}, App: suricata.AppSNMP,
		First: []string{"\x30"},
		Detect: func(p *Probe) Verdict {
			b, ok := berBody(p.Data, 0x30)
			if !ok || len(b) < 5 || b[0] != 2 || b[1] != 1 || b[2] > 3 {
				return No
			}
			if b[2] == 3 && b[3] == 0x30 || b[2] < 3 && b[3] == 4 && int(b[4])+5 < len(b) && b[5+b[4]] >= 0xa0 && b[5+b[4]] <= 0xa8 {
				return Yes
			}
			return No
		},
		New:     func(Transport) Parser { return &snmp{} },
		Samples: []string{"snmp.txt", "snmp_v3.txt"}, Hostile: []string{"snmp_hostile.txt"},
	})
}

const (
	// maxSNMPOpen bounds the requests of a flow that wait for their responses.
	maxSNMPOpen = 16
	// maxSNMPVars bounds the variables of one event, maxSNMPValue their values.
	maxSNMPVars, maxSNMPValue = 16, 256
)

var snmpPDUs = map[int]string{
	0xa0: "get-request", 0xa1: "get-next-request", 0xa2: "response", 0xa3: "set-request", 0xa4: "trap", 0xa5: "get-bulk-request",
	0xa6: "inform-request", 0xa7: "trap", 0xa8: "report",
}

var snmpErrors = [...]string{
	"noError", "tooBig", "noSuchName", "badValue", "readOnly", "genErr", "noAccess", "wrongType", "wrongLength", "wrongEncoding",
	"wrongValue", "noCreation", "inconsistentValue", "resourceUnavailable", "commitFailed", "undoFailed", "authorizationError",
	"notWritable", "inconsistentName",
}

// berBody returns what is inside a BER value of a tag, as far as it is there.
func berBody(b []byte, tag byte) ([]byte, bool) {
	if len(b) < 2 || b[0] != tag {
		return nil, false
	}
	if b[1] < 0x80 {
		return b[2:], true
	}
	n := int(b[1] & 0x7f)
	if n == 0 || n > 4 || len(b) < 2+n {
		return nil, false
	}
	return b[2+n:], true
}

// ber reads the next value of definite length: its tag of one byte and its content.
func (w *wire) ber() (tag int, v []byte) {
	tag = w.u8()
	n := w.u8()
	if n >= 0x80 {
		k := n & 0x7f
		if k == 0 || k > 4 {
			w.take(-1)
			return tag, nil
		}
		n = 0
		for range k {
			n = n<<8 | w.u8()
		}
	}
	return tag, w.take(n)
}

// berInt is the value of an INTEGER of at most eight bytes.
func berInt(v []byte) int64 {
	n := int64(0)
	if len(v) > 0 && v[0]&0x80 != 0 {
		n = -1
	}
	for _, x := range v[:min(len(v), 8)] {
		n = n<<8 | int64(x)
	}
	return n
}

// berOID gives an object identifier in dotted form (X.690 section 8.19).
func berOID(v []byte) string {
	var out []byte
	n := uint64(0)
	for i, x := range v[:min(len(v), 128)] {
		n = n<<7 | uint64(x&0x7f)
		if x&0x80 != 0 {
			continue
		}
		if len(out) == 0 && i < 10 {
			first := min(n/40, 2)
			out = strconv.AppendUint(out, first, 10)
			n -= first * 40
		}
		out = append(out, '.')
		out = strconv.AppendUint(out, n, 10)
		n = 0
	}
	return string(out)
}

// snmpCall is a message, or a request with its response.
type snmpCall struct {
	packets                Packets
	version, action, trap  string
	community              string
	user, engine, security string
	id                     int64
	model                  int64 // of security
	oids, values           []string
	outcome, fault         string
}

type snmp struct {
	open    []snmpCall
	tx      uint64
	version string // of the last message
}

// Data implements Parser.
func (p *snmp) Data(c *Context, dir Dir, b []byte) Result {
	offerFrames(c, dir, suricata.AppSNMP, framed{frameSNMPPDU, b})
	w := wire{b: b}
	_, v := w.ber()
	w = wire{b: v}
	_, v = w.ber()
	if w.short {
		return Result(len(b))
	}
	m := snmpCall{id: -1}
	m.packets.Add(c.Number)
	switch berInt(v) {
	case 0, 1:
		m.version = [...]string{"1", "2c"}[berInt(v)]
		_, v = w.ber()
		m.community = string(v[:min(len(v), 255)])
	case 3:
		m.version = "3"
		if !snmpV3(&m, &w) {
			p.offer(c, dir, &m, -1, nil)
			m.emit(c)
			return Result(len(b))
		}
	default:
		return Result(len(b))
	}
	tag, pdu := w.ber()
	p.offer(c, dir, &m, tag, pdu)
	if w.short || snmpPDUs[tag] == "" {
		return Result(len(b))
	}
	m.action = snmpPDUs[tag]
	failed := m.pdu(tag, pdu)
	p.take(c, m, tag, failed)
	return Result(len(b))
}

var frameSNMPPDU = frame("snmp.pdu")

// offer shows a message to the rules, and tells of it in EVE JSON; tag is its
// PDU's, or -1 if that is encrypted.
func (p *snmp) offer(c *Context, dir Dir, m *snmpCall, tag int, pdu []byte) {
	if !c.Matching() && !c.Detail {
		return
	}
	p.tx++
	t := &bufTx{app: suricata.AppSNMP, id: p.tx, packets: []uint64{c.Number}}
	if c.Detail {
		x := p.eveOf(m, tag, pdu)
		t.eve = x
		defer c.Record("snmp", x)
	}
	if !c.Matching() {
		return
	}
	t.number(suricata.BufSNMPVersion, uint64(m.version[0]-'0'))
	if m.version == "3" {
		t.add(suricata.BufSNMPUser, []byte(m.user))
	} else {
		t.add(suricata.BufSNMPCommunity, []byte(m.community))
	}
	if p.version != "" && p.version != m.version {
		t.event("snmp.version_mismatch")
	}
	if p.version = m.version; m.model != 0 && m.model != 3 { // the user-based one, RFC 3414
		t.event("snmp.unknown_security_model")
	}
	if snmpPDUs[tag] != "" {
		t.number(suricata.BufSNMPPDUType, uint64(tag-0xa0))
	}
	c.Offer(t, dir)
}

// snmpV3 reads header and security parameters and leaves w before the PDU; it
// returns false if that is encrypted.
func snmpV3(m *snmpCall, w *wire) bool {
	_, v := w.ber()
	head := wire{b: v}
	head.ber()
	head.ber()
	_, flags := head.ber()
	_, model := head.ber()
	m.model = int64(berInt(model))
	_, v = w.ber()
	in := wire{b: v}
	_, v = in.ber()
	in = wire{b: v}
	_, engine := in.ber()
	in.ber()
	in.ber()
	_, user := in.ber()
	m.engine, m.user = hex.EncodeToString(engine[:min(len(engine), 32)]), string(user[:min(len(user), 64)])
	m.security = "noAuthNoPriv"
	if len(flags) == 1 && flags[0]&1 != 0 {
		m.security = "authNoPriv"
	}
	if len(flags) == 1 && flags[0]&2 != 0 {
		m.security, m.action = "authPriv", "encrypted"
		return false
	}
	_, v = w.ber()
	*w = wire{b: v}
	w.ber()
	w.ber()
	return !w.short
}

// pdu reads a PDU and reports whether it tells of an error.
func (m *snmpCall) pdu(tag int, b []byte) (failed bool) {
	w := wire{b: b}
	if tag == 0xa4 {
		_, enterprise := w.ber()
		w.ber()
		_, generic := w.ber()
		_, specific := w.ber()
		w.ber()
		m.trap = berOID(enterprise) + " " + strconv.FormatInt(berInt(generic), 10) + " " + strconv.FormatInt(berInt(specific), 10)
	} else {
		_, id := w.ber()
		_, status := w.ber()
		w.ber()
		m.id = berInt(id)
		if n := berInt(status); n != 0 && tag == 0xa2 {
			m.fault, failed = "error-"+strconv.FormatInt(n, 10), true
			if n > 0 && n < int64(len(snmpErrors)) {
				m.fault = snmpErrors[n]
			}
		}
	}
	_, list := w.ber()
	for w = (wire{b: list}); w.left() > 0 && len(m.oids) < maxSNMPVars; {
		_, v := w.ber()
		in := wire{b: v}
		_, oid := in.ber()
		kind, value := in.ber()
		if w.short || in.short {
			break
		}
		name, text := berOID(oid), snmpValue(kind, value)
		if name == "1.3.6.1.6.3.1.1.4.1.0" { // snmpTrapOID.0
			m.trap = text
		}
		m.oids = append(m.oids, name)
		m.values = append(m.values, text)
	}
	return failed
}

// snmpValue gives a value (RFC 2578 section 7.1) as text.
func snmpValue(tag int, v []byte) string {
	switch tag {
	case 0x02:
		return strconv.FormatInt(berInt(v), 10)
	case 0x41, 0x42, 0x43, 0x46: // counters, gauge, time ticks
		n := uint64(0)
		for _, x := range v[:min(len(v), 9)] {
			n = n<<8 | uint64(x)
		}
		return strconv.FormatUint(n, 10)
	case 0x06:
		return berOID(v)
	case 0x40:
		if a, ok := netip.AddrFromSlice(v); ok {
			return a.String()
		}
	case 0x05:
		return "null"
	case 0x80:
		return "noSuchObject"
	case 0x81:
		return "noSuchInstance"
	case 0x82:
		return "endOfMibView"
	}
	v = v[:min(len(v), maxSNMPValue)]
	for _, x := range v {
		if x < ' ' && x != '\t' && x != '\r' && x != '\n' || x > '~' {
			return "0x" + hex.EncodeToString(v)
		}
	}
	return string(v)
}

// take joins a response to its request.
func (p *snmp) take(c *Context, m snmpCall, tag int, failed bool) {
	switch tag {
	case 0xa2, 0xa8:
		m.outcome = "success"
		if failed || tag == 0xa8 {
			m.outcome = "failure"
		}
		for i := range p.open {
			k := &p.open[i]
			if k.id != m.id {
				continue
			}
			k.packets.Add(c.Number)
			k.outcome, k.fault = m.outcome, m.fault
			if k.action != "set-request" && !failed {
				k.oids, k.values = m.oids, m.values
			}
			k.emit(c)
			p.open = append(p.open[:i], p.open[i+1:]...)
			return
		}
		m.emit(c)
	case 0xa4, 0xa7:
		m.emit(c)
	default:
		if len(p.open) == maxSNMPOpen {
			p.open[0].emit(c)
			p.open = append(p.open[:0], p.open[1:]...)
		}
		if tag != 0xa3 { // what is asked for has no value yet
			m.values = nil
		}
		p.open = append(p.open, m)
	}
}

func (m *snmpCall) emit(c *Context) {
	e := c.Begin("saksi.snmp", m.packets.List())
	e.Str(event.EventAction, m.action)
	if m.action == "set-request" {
		e.Str(event.EventCategory, "host") // ECS knows no change of category network
		e.Str(event.EventType, "change")
	}
	e.Str(event.EventOutcome, m.outcome)
	e.Str(event.ErrorCode, m.fault)
	e.Str(event.SaksiSnmpVersion, m.version)
	e.Str(event.SaksiSnmpCommunity, m.community)
	if m.version != "3" {
		e.Bool(event.SaksiSnmpDefaultCommunity, m.community == "public" || m.community == "private")
	}
	if m.id >= 0 {
		e.Int(event.SaksiSnmpRequestID, m.id)
	}
	for _, s := range m.oids {
		e.Str(event.SaksiSnmpOid, s)
	}
	for _, s := range m.values {
		e.Str(event.SaksiSnmpValue, s)
	}
	e.Str(event.SaksiSnmpTrap, m.trap)
	e.Str(event.SaksiSnmpEngineID, m.engine)
	e.Str(event.SaksiSnmpSecurity, m.security)
	e.Str(event.UserName, m.user)
	c.Emit(e)
}

// Gap implements Parser; datagrams have none.
func (p *snmp) Gap(*Context, Dir, uint32) bool { return true }

// Close implements Parser.
func (p *snmp) Close(c *Context) {
	for i := range p.open {
		p.open[i].emit(c)
	}
	p.open = nil
}
