package proto

// What rules see of MQTT: the fields of each control packet, and events where
// one answers none.

import (
	"bytes"
	"encoding/binary"

	"saksi/rules/suricata"
)

// Control packet types.
const (
	mqttConnect = 1 + iota
	mqttConnack
	mqttPublish
	mqttPuback
	mqttPubrec
	mqttPubrel
	mqttPubcomp
	mqttSubscribe
	mqttSuback
	mqttUnsubscribe
	mqttUnsuback
	mqttPingreq
	mqttPingresp
	mqttDisconnect
	mqttAuth
)

// mqttLength reads the remaining length and says where it ends: 0 when more
// bytes are needed, -1 when it is none.
func mqttLength(b []byte) (n, at int) {
	for i := 1; i < 5; i++ {
		if i >= len(b) {
			return 0, 0
		}
		n |= int(b[i]&0x7f) << (7 * (i - 1))
		if b[i]&0x80 == 0 {
			return n, i + 1
		}
	}
	return 0, -1
}

const (
	// maxMQTTPending bounds the identifiers that wait for an answer.
	maxMQTTPending = 1024
	// maxMQTTMessage is the longest control packet read; the rest of a longer
	// one is passed over.
	maxMQTTMessage = 48 << 10
)

// mqttRules is a Parser that emits nothing.
type mqttRules struct {
	packets   Packets
	version   byte
	connect   bool
	connected bool
	pending   map[uint16]byte // type of the packet an identifier belongs to
	skip      [2]int
	id        uint64
}

// Data implements Parser.
func (p *mqttRules) Data(c *Context, dir Dir, b []byte) Result {
	used := 0
	for {
		if p.skip[dir] > 0 {
			n := min(p.skip[dir], len(b)-used)
			p.skip[dir] -= n
			used += n
		}
		n, at := mqttLength(b[used:])
		if at < 0 {
			return Broken
		}
		if at == 0 || len(b)-used-at < min(n, maxMQTTMessage) {
			return Result(used)
		}
		m := b[used:]
		p.packets.Add(c.Number)
		p.message(c, dir, m[0], m[at:at+min(n, maxMQTTMessage)])
		used += at + min(n, maxMQTTMessage)
		p.skip[dir] = n - min(n, maxMQTTMessage)
	}
}

// mqttReader takes fields off a control packet.
type mqttReader struct {
	b   []byte
	bad bool
}

func (r *mqttReader) take(n int) []byte {
	if n > len(r.b) {
		r.bad = true
		n = len(r.b)
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *mqttReader) u8() byte {
	if v := r.take(1); len(v) == 1 {
		return v[0]
	}
	return 0
}

func (r *mqttReader) u16() uint16 {
	if v := r.take(2); len(v) == 2 {
		return binary.BigEndian.Uint16(v)
	}
	return 0
}

func (r *mqttReader) text() []byte { return r.take(int(r.u16())) }

// properties passes over those of version 5.
func (r *mqttReader) properties(version byte) {
	if version < 5 || len(r.b) == 0 {
		return
	}
	n, at := mqttLength(append([]byte{0}, r.b[:min(len(r.b), 4)]...))
	if at <= 0 {
		r.bad = true
		return
	}
	r.take(at - 1)
	r.take(n)
}

func (p *mqttRules) message(c *Context, dir Dir, head byte, b []byte) {
	p.id++
	t := &bufTx{app: suricata.AppMQTT, id: p.id, packets: []uint64{c.Number}}
	typ := head >> 4
	t.number(suricata.BufMQTTType, uint64(typ))
	t.number(suricata.BufMQTTQOS, uint64(head>>1&3))
	t.number(suricata.BufMQTTRetain, uint64(head&1))
	t.number(suricata.BufMQTTDup, uint64(head>>3&1))
	if head>>1&3 == 3 && typ == mqttPublish {
		t.event("mqtt.invalid_qos_level")
	}
	r := &mqttReader{b: bytes.Clone(b)}
	switch typ {
	case 0:
		t.event("mqtt.unassigned_msg_type")
	case mqttConnect:
		p.connecting(t, r)
	case mqttConnack:
		t.number(suricata.BufMQTTSessionPresent, uint64(r.u8()&1))
		t.number(suricata.BufMQTTReasonCode, uint64(r.u8()))
		if !p.connect {
			t.event("mqtt.missing_connect")
		}
		p.connected = true
	default:
		if !p.connected {
			t.event("mqtt.unintroduced_message")
		}
		p.body(t, r, typ, head)
	}
	if p.version > 0 {
		t.number(suricata.BufMQTTProtocolVersion, uint64(p.version))
	}
	if c.Matching() {
		c.Offer(t, dir)
	}
}

// connecting reads CONNECT (MQTT 5.0 section 3.1).
func (p *mqttRules) connecting(t *bufTx, r *mqttReader) {
	if p.connect {
		t.event("mqtt.double_connect")
	}
	p.connect = true
	t.add(suricata.BufMQTTProtocolString, r.text())
	p.version = r.u8()
	flags := r.u8()
	r.u16()
	r.properties(p.version)
	t.add(suricata.BufMQTTClientID, r.text())
	if flags&4 != 0 {
		r.properties(p.version)
		t.add(suricata.BufMQTTWillTopic, r.text())
		t.add(suricata.BufMQTTWillMessage, r.text())
	}
	if flags&0x80 != 0 {
		t.add(suricata.BufMQTTUsername, r.text())
	}
	if flags&0x40 != 0 {
		t.add(suricata.BufMQTTPassword, r.text())
	}
}

// answers says which packet an answer belongs to, and the event when that one
// was not seen.
var mqttAnswers = map[byte]struct {
	to    byte
	event string
}{
	mqttPuback: {mqttPublish, "mqtt.missing_publish"}, mqttPubrec: {mqttPublish, "mqtt.missing_publish"},
	mqttPubrel: {mqttPublish, "mqtt.missing_publish"}, mqttPubcomp: {mqttPublish, "mqtt.missing_publish"},
	mqttSuback: {mqttSubscribe, "mqtt.missing_subscribe"}, mqttUnsuback: {mqttUnsubscribe, "mqtt.missing_unsubscribe"},
}

func (p *mqttRules) body(t *bufTx, r *mqttReader, typ, head byte) {
	if a, ok := mqttAnswers[typ]; ok {
		id := r.u16()
		if p.pending[id] != a.to {
			t.event(a.event)
		}
		if typ != mqttPubrec && typ != mqttPubrel {
			delete(p.pending, id)
		}
		if typ == mqttSuback || typ == mqttUnsuback {
			r.properties(p.version)
			for len(r.b) > 0 {
				t.number(suricata.BufMQTTReasonCode, uint64(r.u8()))
			}
		} else if len(r.b) > 0 {
			t.number(suricata.BufMQTTReasonCode, uint64(r.u8()))
		} else if p.version >= 5 {
			t.number(suricata.BufMQTTReasonCode, 0)
		}
		return
	}
	switch typ {
	case mqttPublish:
		t.add(suricata.BufMQTTPublishTopic, r.text())
		if head>>1&3 > 0 {
			if len(r.b) < 2 {
				t.event("mqtt.missing_msg_id")
			}
			p.wait(r.u16(), typ)
		}
		r.properties(p.version)
		t.add(suricata.BufMQTTPublishMessage, r.b)
	case mqttSubscribe, mqttUnsubscribe:
		p.wait(r.u16(), typ)
		r.properties(p.version)
		for len(r.b) > 0 && !r.bad {
			topic := r.text()
			if typ == mqttSubscribe {
				t.add(suricata.BufMQTTSubscribeTopic, topic)
				r.u8()
			} else {
				t.add(suricata.BufMQTTUnsubscribeTopic, topic)
			}
		}
	case mqttDisconnect, mqttAuth:
		code := uint64(0)
		if len(r.b) > 0 {
			code = uint64(r.u8())
		}
		t.number(suricata.BufMQTTReasonCode, code)
	}
}

func (p *mqttRules) wait(id uint16, typ byte) {
	if len(p.pending) < maxMQTTPending {
		p.pending[id] = typ
	}
}

// Gap implements Parser: only within a packet that is passed over.
func (p *mqttRules) Gap(_ *Context, dir Dir, n uint32) bool {
	if int64(n) > int64(p.skip[dir]) {
		return false
	}
	p.skip[dir] -= int(n)
	return true
}

// Close implements Parser.
func (p *mqttRules) Close(*Context) {}
