package proto

import (
	"bytes"

	"saksi/event"
	"saksi/rules/suricata"
)

// SNMP, RFC 1157, RFC 3416 and RFC 3412, in BER: a sequence of version, then
// community (v1, v2c) or header (v3). One event a flow; rules see each message.

func init() {
	register(&Entry{
		Name: "snmp", Doc: "Simple Network Management Protocol", Reference: "RFC 3416, RFC 3412",
		Transport: UDP, Ports: []uint16{161, 162}, App: suricata.AppSNMP,
		First: []string{"\x30"},
		Detect: func(p *Probe) Verdict {
			b, ok := berBody(p.Data, 0x30)
			if !ok || len(b) < 5 || b[0] != 2 || b[1] != 1 || b[2] > 3 {
				return No
			}
			if b[2] == 3 && b[3] == 0x30 || b[2] < 3 && b[3] == 4 && int(b[4])+7 <= len(b) && b[5+b[4]] >= 0xa0 && b[5+b[4]] <= 0xa8 {
				return Yes
			}
			return No
		},
		New:     func(Transport) Parser { return &snmp{} },
		Samples: []string{"snmp.txt"}, Hostile: []string{"short.txt"},
	})
}

type snmp struct {
	packets Packets
	user    []byte
	id      uint64
}

// Data implements Parser.
func (p *snmp) Data(c *Context, dir Dir, b []byte) Result {
	n := Result(len(b))
	b, ok := berBody(b, 0x30)
	version, b, ok2 := berValue(b, 0x02)
	if !ok || !ok2 || len(version) != 1 {
		return n // a broken datagram ends nothing
	}
	p.id++
	p.packets.Add(c.Number)
	t := &bufTx{app: suricata.AppSNMP, id: p.id, packets: []uint64{c.Number}}
	t.number(suricata.BufSNMPVersion, uint64(version[0])+1-uint64(version[0]/3))
	if version[0] < 3 {
		community, rest, ok := berValue(b, 0x04)
		if ok {
			t.add(suricata.BufSNMPCommunity, bytes.Clone(community))
		}
		b = rest
	} else {
		_, rest, _ := berValue(b, 0x30) // global data
		security, rest, _ := berValue(rest, 0x04)
		p.usm(t, security)
		scoped, _, _ := berValue(rest, 0x30)
		_, scoped, _ = berValue(scoped, 0x04)
		_, b, _ = berValue(scoped, 0x04)
	}
	if len(b) > 0 && b[0] >= 0xa0 && b[0] <= 0xa8 {
		t.number(suricata.BufSNMPPDUType, uint64(b[0]-0xa0))
	}
	if c.Matching() {
		c.Offer(t, dir)
	}
	return n
}

// usm reads the user's name from the parameters of the security model (RFC
// 3414 section 2.4).
func (p *snmp) usm(t *bufTx, b []byte) {
	b, _, _ = berValue(b, 0x30)
	for _, tag := range []byte{0x04, 0x02, 0x02} { // engine, boots, time
		_, b, _ = berValue(b, tag)
	}
	if user, _, ok := berValue(b, 0x04); ok {
		t.add(suricata.BufSNMPUser, bytes.Clone(user))
		p.user = append(p.user[:0], user...)
	}
}

// Gap implements Parser.
func (p *snmp) Gap(*Context, Dir, uint32) bool { return true }

// Close implements Parser.
func (p *snmp) Close(c *Context) {
	if p.id == 0 {
		return
	}
	p.id = 0
	e := c.Begin("saksi.snmp", p.packets.List())
	e.Bytes(event.UserName, p.user)
	c.Emit(e)
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

// berValue takes a whole BER value of a tag off b.
func berValue(b []byte, tag byte) (v, rest []byte, ok bool) {
	body, ok := berBody(b, tag)
	if !ok {
		return nil, b, false
	}
	n := int(b[1])
	if n >= 0x80 {
		n = 0
		for _, c := range b[2 : len(b)-len(body)] {
			n = n<<8 | int(c)
		}
	}
	if n < 0 || n > len(body) {
		return nil, b, false
	}
	return body[:n], body[n:], true
}
