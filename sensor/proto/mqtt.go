package proto

// MQTT 3.1.1 and 5 section 2.1: 0 type (4 bits), flags (4)  1 length in groups of
// seven bits, then:
//
//	CONNECT (1)    name behind its length (2), level, flags, time (2), [5: properties], client, [will:
//	               properties, topic, message], [user], [password]: texts behind their length (2)
//	CONNACK (2)    flags, code           PUBLISH (3)  topic, [id (2)], [5: properties], message
//	SUBSCRIBE (8)  id (2), [5: properties], topic, options, ...
//
// One event a connection, and each topic once; rules see each message. Passwords
// and messages are shown to rules and written nowhere.

import (
	"bytes"

	"saksi/event"
	"saksi/rules/suricata"
	"saksi/sensor/proto/internal/octet"
)

func init() {
	register(&Entry{
		Name: "mqtt", Doc: "MQTT messaging", Reference: "OASIS MQTT 3.1.1, OASIS MQTT 5.0",
		Transport: TCP, Ports: []uint16{1883}, App: suricata.AppMQTT, First: []string{"\x10", "\x20"}, Detect: detectMQTT,
		New:     func(Transport) Parser { return &mqtt{said: map[string]bool{}, pending: map[uint16]byte{}} },
		Samples: []string{"mqtt.txt", "mqtt_311.txt", "mqtt5.txt"}, Hostile: []string{"mqtt_hostile.txt", "mqtt_lengths.txt"},
	})
}

// Types of messages.
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
	_
	_
	mqttDisconnect
	mqttAuth
)

func detectMQTT(p *Probe) Verdict {
	n, head := mqttLength(p.Data)
	switch {
	case n < 0:
		return No
	case head == 0:
		return More
	case p.Data[0] == mqttConnack<<4: // an answer to what was not seen
		return onPort(p, p.Dir == FromServer && n >= 2 && n < 512, 1883)
	case len(p.Data) < head+9:
		return More
	}
	switch v := p.Data[head:]; {
	case n >= 12 && string(v[:6]) == "\x00\x04MQTT" && (v[6] == 4 || v[6] == 5):
		return Yes
	case n >= 14 && string(v[:9]) == "\x00\x06MQIsdp\x03":
		return Yes
	}
	return No
}

// mqttLength reads the length of a packet without its head, and how long the
// head is: 0 if more bytes are needed. A length that can't be is negative.
func mqttLength(b []byte) (n int64, head int) {
	for i := 1; i < 5; i++ {
		if i >= len(b) {
			return 0, 0
		}
		n |= int64(b[i]&0x7f) << (7 * (i - 1))
		if b[i] < 0x80 {
			return n, i + 1
		}
	}
	return -1, 0
}

const (
	// maxMQTTTopics bounds the topics told of in one connection.
	maxMQTTTopics = 256
	// maxMQTTPending bounds the identifiers that wait for an answer.
	maxMQTTPending = 1024
	// maxMQTTList bounds the topics of a message.
	maxMQTTList = 64
)

type mqtt struct {
	segmenter
	noRest
	packets  Packets
	level    byte // of the protocol: 3, 4 or 5
	client   []byte
	user     []byte
	open     bool // CONNECT has no answer yet
	asked    bool // CONNECT was seen
	answered bool // CONNACK was seen
	said     map[string]bool
	pending  map[uint16]byte // type of the message an identifier belongs to
	id       uint64
	eve      mqttEVE
	hello    *bufTx // CONNECT as rules saw it, while it has no answer
}

// Data implements Parser.
func (p *mqtt) Data(c *Context, dir Dir, b []byte) Result { return p.data(c, dir, b, p) }

func (p *mqtt) size(_ Dir, b []byte) (n, hold int64) {
	n, head := mqttLength(b)
	if n < 0 {
		return -1, 0
	}
	if head == 0 {
		return 0, 0
	}
	return int64(head) + n, maxHeld
}

func (p *mqtt) take(c *Context, dir Dir, b []byte, _ int64) Result {
	_, head := mqttLength(b)
	offerFrames(c, dir, suricata.AppMQTT, framed{frameMQTTPDU, b}, framed{frameMQTTHeader, b[:head]}, framed{frameMQTTData, b[head:]})
	r := octet.Of(b[head:])
	kind, quality := b[0]>>4, b[0]>>1&3
	t := p.view(c, b[0])
	if c.Detail {
		if x := p.eve.message(c, b[0], p.level, b[head:]); t != nil {
			t.eve = x
		}
	}
	if kind > mqttConnack && !p.answered {
		t.event("mqtt.unintroduced_message")
	}
	switch kind {
	case 0:
		t.event("mqtt.unassigned_msg_type")
	case mqttConnect:
		p.connect(c, dir, t, &r)
	case mqttConnack:
		p.connack(c, dir, t, &r)
	case mqttPublish:
		topic := r.Next(int(r.BE16()))
		p.topic(c, "publish", topic)
		t.add(suricata.BufMQTTPublishTopic, topic)
		if quality == 3 {
			t.event("mqtt.invalid_qos_level")
		}
		if quality > 0 {
			if r.Len() < 2 {
				t.event("mqtt.missing_msg_id")
			}
			p.wait(r.BE16(), kind)
		}
		p.properties(&r)
		t.add(suricata.BufMQTTPublishMessage, r.Rest())
	case mqttSubscribe, mqttUnsubscribe:
		p.topics(c, dir, t, kind, &r)
	case mqttPuback, mqttPubrec, mqttPubrel, mqttPubcomp, mqttSuback, mqttUnsuback:
		p.answer(t, kind, &r)
	case mqttDisconnect, mqttAuth:
		t.number(suricata.BufMQTTReasonCode, uint64(r.U8()))
	}
	if p.level > 0 {
		t.number(suricata.BufMQTTProtocolVersion, uint64(p.level))
	}
	if t != nil {
		dir = p.joined(t, kind, dir)
		c.Offer(t, dir)
	}
	if kind == mqttDisconnect && dir == FromClient {
		p.Close(c)
	}
	return 0
}

var (
	frameMQTTPDU    = frame("mqtt.pdu")
	frameMQTTHeader = frame("mqtt.header")
	frameMQTTData   = frame("mqtt.data")
)

// view begins what rules see of a message; nil when there are none.
func (p *mqtt) view(c *Context, first byte) *bufTx {
	if !c.Matching() {
		return nil
	}
	p.id++
	t := &bufTx{app: suricata.AppMQTT, id: p.id, packets: []uint64{c.Number}}
	t.number(suricata.BufMQTTType, uint64(first>>4))
	t.number(suricata.BufMQTTQOS, uint64(first>>1&3))
	t.number(suricata.BufMQTTRetain, uint64(first&1))
	t.number(suricata.BufMQTTDup, uint64(first>>3&1))
	t.number(suricata.BufMQTTFlags, uint64(first&15))
	return t
}

// joined makes an accepted or refused CONNECT one transaction with what it answers,
// which rules see from the client's side (rust/src/mqtt/mqtt.rs).
func (p *mqtt) joined(t *bufTx, kind byte, dir Dir) Dir {
	switch {
	case kind == mqttConnect && dir == FromClient:
		t.again = true
		p.hello = &bufTx{id: t.id, packets: t.packets}
		for _, b := range t.bufs {
			p.hello.add(b.name, bytes.Clone(b.data))
		}
	case kind == mqttConnack && dir == FromServer && p.hello != nil:
		t.id, t.again = p.hello.id, true
		t.bufs = append(t.bufs, p.hello.bufs...)
		t.packets = append(p.hello.packets, t.packets...)
		p.hello = nil
		return FromClient
	}
	return dir
}

// properties passes over those of version 5.
func (p *mqtt) properties(r *octet.Reader) {
	if p.level < 5 || r.Len() == 0 {
		return
	}
	n := 0
	for i := range 4 {
		x := r.U8()
		n |= int(x&0x7f) << (7 * i)
		if x < 0x80 {
			break
		}
	}
	r.Skip(n)
}

func (p *mqtt) connect(c *Context, dir Dir, t *bufTx, r *octet.Reader) {
	if p.asked {
		t.event("mqtt.double_connect")
	}
	p.asked = true
	t.add(suricata.BufMQTTProtocolString, r.Next(int(r.BE16())))
	p.level = r.U8()
	flags := r.U8()
	t.number(suricata.BufMQTTConnectFlags, uint64(flags))
	r.Skip(2)
	p.properties(r)
	client := r.Next(int(r.BE16()))
	t.add(suricata.BufMQTTClientID, client)
	if flags&4 != 0 { // will
		p.properties(r)
		t.add(suricata.BufMQTTWillTopic, r.Next(int(r.BE16())))
		t.add(suricata.BufMQTTWillMessage, r.Next(int(r.BE16())))
	}
	var user []byte
	if flags&0x80 != 0 {
		user = r.Next(int(r.BE16()))
		t.add(suricata.BufMQTTUsername, user)
	}
	if flags&0x40 != 0 {
		t.add(suricata.BufMQTTPassword, r.Next(int(r.BE16())))
	}
	if dir == FromClient {
		p.packets.Add(c.Number)
		p.client, p.user, p.open = dbText(client), dbText(user), true
	}
}

func (p *mqtt) connack(c *Context, dir Dir, t *bufTx, r *octet.Reader) {
	flags, code := r.U8(), r.U8()
	t.number(suricata.BufMQTTSessionPresent, uint64(flags&1))
	t.number(suricata.BufMQTTReasonCode, uint64(code))
	if !p.asked {
		t.event("mqtt.missing_connect")
	}
	p.answered = true
	if dir == FromServer && p.open {
		p.packets.Add(c.Number)
		p.emit(c, int64(code))
	}
}

// topics takes SUBSCRIBE or UNSUBSCRIBE.
func (p *mqtt) topics(c *Context, dir Dir, t *bufTx, kind byte, r *octet.Reader) {
	p.wait(r.BE16(), kind)
	p.properties(r)
	for range maxMQTTList {
		topic := r.Next(int(r.BE16()))
		if kind == mqttUnsubscribe {
			t.add(suricata.BufMQTTUnsubscribeTopic, topic)
		} else {
			t.add(suricata.BufMQTTSubscribeTopic, topic)
			r.U8()
		}
		if r.Bad() {
			break
		}
		if kind == mqttSubscribe && dir == FromClient {
			p.topic(c, "subscribe", topic)
		}
	}
}

// mqttAnswers says which message an answer belongs to, and the event when that
// one was not seen.
var mqttAnswers = map[byte]struct {
	to    byte
	event string
}{
	mqttPuback: {mqttPublish, "mqtt.missing_publish"}, mqttPubrec: {mqttPublish, "mqtt.missing_publish"},
	mqttPubrel: {mqttPublish, "mqtt.missing_publish"}, mqttPubcomp: {mqttPublish, "mqtt.missing_publish"},
	mqttSuback: {mqttSubscribe, "mqtt.missing_subscribe"}, mqttUnsuback: {mqttUnsubscribe, "mqtt.missing_unsubscribe"},
}

// answer takes an answer to a message that had an identifier.
func (p *mqtt) answer(t *bufTx, kind byte, r *octet.Reader) {
	a, id := mqttAnswers[kind], r.BE16()
	if p.pending[id] != a.to {
		t.event(a.event)
	}
	if kind != mqttPubrec && kind != mqttPubrel {
		delete(p.pending, id)
	}
	switch {
	case kind == mqttSuback || kind == mqttUnsuback:
		p.properties(r)
		for range min(r.Len(), maxMQTTList) {
			t.number(suricata.BufMQTTReasonCode, uint64(r.U8()))
		}
	case r.Len() > 0 || p.level >= 5:
		t.number(suricata.BufMQTTReasonCode, uint64(r.U8()))
	}
}

func (p *mqtt) wait(id uint16, kind byte) {
	if len(p.pending) < maxMQTTPending {
		p.pending[id] = kind
	}
}

// mqttVersions are the versions by the level of the protocol.
var mqttVersions = map[byte]string{3: "3.1", 4: "3.1.1", 5: "5"}

func (p *mqtt) begin(c *Context, action string) *event.Event {
	e := c.Begin("saksi.mqtt", p.packets.List())
	e.Str(event.EventAction, action)
	e.Str(event.SaksiMqttVersion, mqttVersions[p.level])
	e.Bytes(event.SaksiMqttClientID, p.client)
	e.Bytes(event.UserName, p.user)
	e.Bytes(event.RelatedUser, p.user)
	return e
}

// emit tells of the connection; code is negative if it had no answer.
func (p *mqtt) emit(c *Context, code int64) {
	p.open = false
	e := p.begin(c, "connect")
	if len(p.user) > 0 {
		e.Str(event.EventCategory, "authentication")
	}
	if code >= 0 {
		e.Int(event.SaksiMqttReasonCode, code)
		outcome(e, code == 0)
	}
	c.Emit(e)
}

func (p *mqtt) topic(c *Context, action string, t []byte) {
	if len(t) == 0 || len(t) > 1024 {
		return
	}
	k := action + " " + string(t)
	if p.said[k] || len(p.said) >= maxMQTTTopics {
		return
	}
	p.said[k] = true
	p.packets.Reset()
	p.packets.Add(c.Number)
	e := p.begin(c, action)
	e.Bytes(event.SaksiMqttTopic, t)
	c.Emit(e)
}

// Gap implements Parser.
func (p *mqtt) Gap(_ *Context, dir Dir, n uint32) bool { return p.gap(dir, n) }

// Close implements Parser.
func (p *mqtt) Close(c *Context) {
	p.eve.close(c)
	if p.open {
		p.emit(c, -1)
	}
}
