package proto

// MQTT 3.1.1 and 5 section 2.1: 0 type (4 bits), flags (4)  1 length in groups of
// seven bits, then:
//
//	CONNECT (1)    name behind its length (2), level, flags, time (2), [5: properties], client, [will:
//	               properties, topic, message], [user], [password]: texts behind their length (2)
//	CONNACK (2)    flags, code           PUBLISH (3)  topic, ...
//	SUBSCRIBE (8)  id (2), [5: properties], topic, options, ...
//
// One event a connection, and each topic once. Passwords and messages are never
// taken.

import (
	"saksi/event"
	"saksi/rules/suricata"
	"saksi/sensor/proto/internal/octet"
)

func init() {
	register(&Entry{
		Name: "mqtt", Doc: "MQTT messaging", Reference: "OASIS MQTT 3.1.1, OASIS MQTT 5.0",
		Transport: TCP, Ports: []uint16{1883}, App: suricata.AppMQTT, First: []string{"\x10", "\x20"},
		Detect: func(p *Probe) Verdict {
			n, head := mqttSize(p.Data)
			switch {
			case n < 0:
				return No
			case p.Data[0] == 0x20: // the answer to a connection that was not seen
				return onPort(p, p.Dir == FromServer && head > 0 && n >= 2 && n < 512, 1883)
			case head == 0 || len(p.Data) < head+9:
				return More
			}
			switch v := p.Data[head:]; {
			case n >= 12 && string(v[:6]) == "\x00\x04MQTT" && (v[6] == 4 || v[6] == 5):
				return Yes
			case n >= 14 && string(v[:9]) == "\x00\x06MQIsdp\x03":
				return Yes
			}
			return No
		},
		New: func(Transport) Parser {
			return seenByRules(&mqtt{said: map[string]bool{}}, &mqttRules{pending: map[uint16]byte{}})
		},
		Samples: []string{"mqtt.txt", "mqtt_311.txt", "mqtt5.txt"}, Hostile: []string{"mqtt_hostile.txt", "mqtt_lengths.txt"},
	})
}

// mqttSize reads the length of a packet without its head, and how long the
// head is: 0 if more bytes are needed. A length that can't be is negative.
func mqttSize(b []byte) (n int64, head int) {
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

// maxMQTTTopics bounds the topics told of in one connection.
const maxMQTTTopics = 256

type mqtt struct {
	segmenter
	noRest
	packets Packets
	version string
	client  []byte
	user    []byte
	open    bool // CONNECT has no answer yet
	said    map[string]bool
}

// Data implements Parser.
func (p *mqtt) Data(c *Context, dir Dir, b []byte) Result { return p.data(c, dir, b, p) }

func (p *mqtt) size(_ Dir, b []byte) (n, hold int64) {
	n, head := mqttSize(b)
	if n < 0 || b[0]>>4 == 0 {
		return -1, 0
	}
	if head == 0 {
		return 0, 0
	}
	return int64(head) + n, 8 << 10
}

func (p *mqtt) take(c *Context, dir Dir, b []byte, _ int64) Result {
	_, head := mqttSize(b)
	r := octet.Of(b[head:])
	switch kind := b[0] >> 4; {
	case kind == 1 && dir == FromClient:
		p.connect(c, &r)
	case kind == 2 && dir == FromServer && p.open:
		r.Skip(1)
		p.packets.Add(c.Number)
		p.emit(c, int64(r.U8()))
	case kind == 3:
		p.topic(c, "publish", r.Next(int(r.BE16())))
	case kind == 8 && dir == FromClient:
		r.Skip(2)
		p.properties(&r)
		for range 64 {
			t := r.Next(int(r.BE16()))
			if r.U8(); r.Bad() {
				break
			}
			p.topic(c, "subscribe", t)
		}
	case kind == 14 && dir == FromClient:
		p.Close(c)
	}
	return 0
}

// properties passes over those of version 5 and returns them.
func (p *mqtt) properties(r *octet.Reader) {
	if p.version != "5" {
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

func (p *mqtt) connect(c *Context, r *octet.Reader) {
	p.packets.Add(c.Number)
	r.Skip(int(r.BE16()))
	switch r.U8() {
	case 3:
		p.version = "3.1"
	case 4:
		p.version = "3.1.1"
	case 5:
		p.version = "5"
	}
	flags := r.U8()
	r.Skip(2)
	p.properties(r)
	p.client = dbText(r.Next(int(r.BE16())))
	if flags&4 != 0 { // will
		p.properties(r)
		r.Skip(int(r.BE16()))
		r.Skip(int(r.BE16()))
	}
	if flags&0x80 != 0 {
		p.user = dbText(r.Next(int(r.BE16())))
	}
	p.open = true
}

func (p *mqtt) begin(c *Context, action string) *event.Event {
	e := c.Begin("saksi.mqtt", p.packets.List())
	e.Str(event.EventAction, action)
	e.Str(event.SaksiMqttVersion, p.version)
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
	if p.open {
		p.emit(c, -1)
	}
}
