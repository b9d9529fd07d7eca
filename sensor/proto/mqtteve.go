package proto

import (
	"bytes"

	"saksi/event"
	"saksi/sensor/proto/internal/octet"
)

// mqttTx is a message of MQTT with those that answer it, as EVE JSON has them.
type mqttTx struct {
	eveTx
	messages event.Members
}

// AppendEVE implements EVE.
func (t *mqttTx) AppendEVE(m *event.Members) {
	m.Open("mqtt")
	m.Add(&t.messages)
	m.Close()
}

// mqttEVE gathers messages for EVE JSON.
type mqttEVE struct {
	last uint64
	open map[uint32]*mqttTx // by the identifier that an answer must have
}

// mqttConnecting is the identifier of a CONNECT; those of messages have 16 bits.
const mqttConnecting = 1 << 16

// mqttNames are the members of messages by type.
var mqttNames = [16]string{
	"", "connect", "connack", "publish", "puback", "pubrec", "pubrel", "pubcomp", "subscribe", "suback", "unsubscribe", "unsuback", "pingreq", "pingresp", "disconnect", "auth",
}

// message takes a message whose head is first, and its body; level is the
// protocol's.
func (p *mqttEVE) message(c *Context, first, level byte, body []byte) *mqttTx {
	kind, quality := first>>4, first>>1&3
	r := octet.Of(body)
	var t *mqttTx
	id, waits, ends := uint32(0), false, true
	switch kind {
	case mqttConnect:
		id, waits = mqttConnecting, true
	case mqttConnack:
		id = mqttConnecting
	case mqttPublish:
		r.Next(int(r.BE16()))
		id, waits = uint32(r.BE16()), quality == 1 || quality == 2
	case mqttSubscribe, mqttUnsubscribe:
		id, waits = uint32(r.BE16()), quality == 1 || quality == 2
	case mqttPuback, mqttPubcomp, mqttSuback, mqttUnsuback:
		id = uint32(r.BE16())
	case mqttPubrec, mqttPubrel:
		id, ends = uint32(r.BE16()), false
	}
	answers := kind == mqttConnack || kind >= mqttPuback && kind <= mqttPubcomp || kind == mqttSuback || kind == mqttUnsuback
	if answers {
		t = p.open[id]
	}
	known := t != nil
	if !known {
		p.last++
		t = &mqttTx{eveTx: eveTx(p.last)}
	}
	t.append(c, first, level, body)
	switch {
	case known && ends:
		delete(p.open, id)
		c.Record("mqtt", t)
	case known:
	case waits && !answers && len(p.open) < maxEVEOpen && p.open[id] == nil:
		if p.open == nil {
			p.open = map[uint32]*mqttTx{}
		}
		p.open[id] = t
	default:
		c.Record("mqtt", t)
	}
	return t
}

// close records what has no answer.
func (p *mqttEVE) close(c *Context) {
	for _, t := range byNumber(p.open) {
		c.Record("mqtt", t)
	}
	clear(p.open)
}

func (t *mqttTx) append(c *Context, first, level byte, body []byte) {
	m := &t.messages
	name := mqttNames[first>>4]
	if name == "" || m.Full() {
		return
	}
	r := octet.Of(body)
	m.Open(name)
	m.Int("qos", int64(first>>1&3))
	m.Bool("retain", first&1 != 0)
	m.Bool("dup", first&8 != 0)
	switch kind := first >> 4; kind {
	case mqttConnect:
		t.connect(&r)
	case mqttConnack:
		m.Bool("session_present", r.U8()&1 != 0)
		m.Int("return_code", int64(r.U8()))
		t.properties(level >= 5, &r)
	case mqttPublish:
		m.Bytes("topic", r.Next(int(r.BE16())))
		if first>>1&3 > 0 {
			m.Int("message_id", int64(r.BE16()))
		}
		props := mqttProperties(level >= 5, &r)
		if c.Payload {
			m.Blob("message", r.Rest()[:min(r.Len(), maxMQTTText)])
		}
		t.list(props)
	case mqttPuback, mqttPubrec, mqttPubrel, mqttPubcomp:
		m.Int("message_id", int64(r.BE16()))
		if level >= 5 {
			m.Int("reason_code", int64(r.U8()))
			t.properties(true, &r)
		}
	case mqttSubscribe, mqttUnsubscribe:
		m.Int("message_id", int64(r.BE16()))
		props := mqttProperties(level >= 5, &r)
		m.Array("topics")
		for range maxMQTTList {
			topic := r.Next(int(r.BE16()))
			if r.Bad() {
				break
			}
			if kind == mqttUnsubscribe {
				m.Bytes("", topic)
				continue
			}
			m.Open("")
			m.Bytes("topic", topic)
			m.Int("qos", int64(r.U8()))
			m.Close()
		}
		m.End()
		if kind == mqttSubscribe {
			t.list(props)
		}
	case mqttSuback, mqttUnsuback:
		m.Int("message_id", int64(r.BE16()))
		mqttProperties(level >= 5, &r)
		if kind == mqttSuback {
			m.Array("qos_granted")
		} else if r.Len() > 0 {
			m.Array("reason_codes")
		} else {
			break
		}
		for range min(r.Len(), maxMQTTList) {
			m.Int("", int64(r.U8()))
		}
		m.End()
	case mqttDisconnect:
		if level >= 5 {
			n := r.Len()
			code := r.U8()
			if n == 1 { // as Suricata has it
				code = 0
			}
			m.Int("reason_code", int64(code))
			t.properties(n > 1, &r)
		}
	case mqttAuth:
		m.Int("reason_code", int64(r.U8()))
		t.properties(true, &r)
	}
	m.Close()
}

// maxMQTTText bounds a message's content that is written.
const maxMQTTText = 4 << 10

func (t *mqttTx) connect(r *octet.Reader) {
	m := &t.messages
	m.Bytes("protocol_string", r.Next(int(r.BE16())))
	version := r.U8()
	m.Int("protocol_version", int64(version))
	flags := r.U8()
	r.Skip(2)
	props := mqttProperties(version == 5, r)
	m.Bytes("client_id", r.Next(int(r.BE16())))
	m.Open("flags")
	m.Bool("username", flags&0x80 != 0)
	m.Bool("password", flags&0x40 != 0)
	m.Bool("will_retain", flags&0x20 != 0)
	m.Bool("will", flags&4 != 0)
	m.Bool("clean_session", flags&2 != 0)
	m.Close()
	var topic []byte
	var will []mqttProperty
	if flags&4 != 0 {
		will = mqttProperties(version == 5, r)
		topic = r.Next(int(r.BE16()))
		r.Next(int(r.BE16())) // the message
	}
	if flags&0x80 != 0 {
		m.Bytes("username", r.Next(int(r.BE16())))
	}
	if flags&4 != 0 {
		m.Open("will")
		m.Bytes("topic", topic)
		t.list(will)
		m.Close()
	}
	t.list(props)
}

// mqttProperty is one of version 5 (section 2.2.2.2).
type mqttProperty struct {
	name string
	text []byte // nil for a number
	n    int64
}

// mqttKinds are the properties: name, and how long a number is; 0 stands for a
// text, -1 for a number of variable length, -2 for a pair of texts.
var mqttKinds = map[byte]struct {
	name string
	size int
}{
	1: {"payload_format_indicator", 1}, 2: {"message_expiry_interval", 4}, 3: {"content_type", 0}, 8: {"response_topic", 0},
	9: {"correlation_data", 0}, 11: {"subscription_identifier", -1}, 17: {"session_expiry_interval", 4}, 18: {"assigned_client_identifier", 0},
	19: {"server_keep_alive", 2}, 21: {"authentication_method", 0}, 22: {"authentication_data", 0}, 23: {"request_problem_information", 1},
	24: {"will_delay_interval", 4}, 25: {"request_response_information", 1}, 26: {"response_information", 0}, 28: {"server_reference", 0},
	31: {"reason_string", 0}, 33: {"receive_maximum", 2}, 34: {"topic_alias_maximum", 2}, 35: {"topic_alias", 2}, 36: {"maximum_qos", 1},
	37: {"retain_available", 1}, 38: {"", -2}, 39: {"maximum_packet_size", 4}, 40: {"wildcard_subscription_available", 1},
	41: {"subscription_identifier_available", 1}, 42: {"shared_subscription_available", 1},
}

// mqttProperties reads those that are there.
func mqttProperties(there bool, r *octet.Reader) (list []mqttProperty) {
	if !there || r.Len() == 0 {
		return nil
	}
	in := octet.Of(r.Next(int(mqttVariable(r))))
	for in.Len() > 0 && len(list) < maxMQTTList {
		k, known := mqttKinds[in.U8()]
		if !known {
			break
		}
		x := mqttProperty{name: k.name}
		switch k.size {
		case 0, -2:
			x.text = in.Next(int(in.BE16()))
			if k.size == -2 {
				x.name = string(x.text)
				x.text = in.Next(int(in.BE16()))
			}
			if x.text == nil {
				x.text = []byte{}
			}
		case -1:
			x.n = mqttVariable(&in)
		case 1:
			x.n = int64(in.U8())
		case 2:
			x.n = int64(in.BE16())
		case 4:
			x.n = int64(in.BE32())
		}
		if in.Bad() {
			break
		}
		list = append(list, x)
	}
	return list
}

// mqttVariable reads a number of up to four bytes.
func mqttVariable(r *octet.Reader) (n int64) {
	for i := range 4 {
		x := r.U8()
		n |= int64(x&0x7f) << (7 * i)
		if x < 0x80 {
			break
		}
	}
	return n
}

func (t *mqttTx) properties(there bool, r *octet.Reader) { t.list(mqttProperties(there, r)) }

// list writes properties. What proves who somebody is stays out.
func (t *mqttTx) list(list []mqttProperty) {
	if len(list) == 0 {
		return
	}
	m := &t.messages
	m.Open("properties")
	for _, x := range list {
		switch {
		case x.text == nil:
			m.Int(x.name, x.n)
		case x.name == "authentication_data":
		case bytes.IndexByte(x.text, 0) >= 0 || x.name == "correlation_data":
			m.Blob(x.name, x.text)
		default:
			m.Bytes(x.name, x.text)
		}
	}
	m.Close()
}
