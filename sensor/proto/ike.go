package proto

// IKE, RFC 2408 (version 1) and RFC 7296 (version 2): the header and the
// payloads of the exchanges that are not encrypted.
//
//	0 initiator SPI  8 responder SPI  16 next payload  17 version  18 exchange  19 flags  20 message id  24 length
//	payload  0 next payload  1 reserved  2 length  4 content
//
// On port 4500 four zero bytes stand before it; without them it is ESP.

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"

	"saksi/event"
	"saksi/rules/suricata"
)

func init() {
	register(&Entry{
		Name: "ike", Doc: "Internet Key Exchange of IPsec", Reference: "RFC 7296, RFC 2408, RFC 3947",
		Transport: UDP, Ports: []uint16{500, 4500}, App: suricata.AppIKE,
		Detect: detectIKE, New: func(Transport) Parser { return &ike{} },
		Samples: []string{"ike_v1.txt", "ike_v2.txt"}, Hostile: []string{"ike_hostile.txt", "short.txt"},
	})
	register(&Entry{
		Name: "ipsec-nat-t", Doc: "ESP of IPsec in UDP, to pass address translation", Reference: "RFC 3948",
		Transport: UDP, Bound: true, Ports: []uint16{4500},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			keepalive := p.Length == 1 && b[0] == 0xff
			return onPort(p, keepalive || p.Length >= 24 && p.Length%2 == 0 && len(b) >= 8 && binary.BigEndian.Uint32(b) > 255 && binary.BigEndian.Uint32(b[4:]) < 1<<24, 4500)
		},
		Samples: []string{"ipsec_nat_t.txt"}, Hostile: []string{"short.txt"},
	})
}

// ikeMessage takes the marker of port 4500 off.
func ikeMessage(b []byte) []byte {
	if len(b) >= 32 && binary.BigEndian.Uint32(b) == 0 {
		return b[4:]
	}
	return b
}

func detectIKE(p *Probe) Verdict {
	b := ikeMessage(p.Data)
	if len(b) < 28 || b[17] != 0x10 && b[17] != 0x20 || binary.BigEndian.Uint64(b) == 0 {
		return No
	}
	if n := int(binary.BigEndian.Uint32(b[24:])); n < 28 || n > p.Length {
		return No
	}
	switch x := b[18]; {
	case b[17] == 0x10 && (x >= 1 && x <= 6 || x == 32 || x == 33):
		return Yes
	case b[17] == 0x20 && x >= 34 && x <= 44:
		return Yes
	}
	return No
}

// ikeExchanges names the exchanges of both versions (IANA "IKEv2 Exchange
// Types", RFC 2408 section 3.1).
var ikeExchanges = map[byte]string{
	1: "base", 2: "identity_protection", 3: "authentication_only", 4: "aggressive", 5: "informational", 6: "transaction", 32: "quick_mode",
	33: "new_group", 34: "ike_sa_init", 35: "ike_auth", 36: "create_child_sa", 37: "informational", 38: "ike_session_resume",
	43: "ike_intermediate", 44: "ike_followup_ke",
}

// ikeVendors names vendor ids in use, by their hex or the head of it.
var ikeVendors = []struct{ head, name string }{
	{"4048b7d56ebce88525e7de7f00d6c2d3", "Fragmentation"},
	{"4a131c81070358455c5728f20e95452f", "RFC 3947 NAT-T"},
	{"90cb80913ebb696e086381b5ec427b1f", "NAT-T draft 02"},
	{"cd60464335df21f87cfdb2fc68b6a448", "NAT-T draft 02"},
	{"7d9419a65310ca6f2c179d9215529d56", "NAT-T draft 03"},
	{"afcad71368a1f1c96b8696fc7757", "Dead Peer Detection"},
	{"12f5f28c457168a9702d9fe274cc", "Cisco Unity"},
	{"09002689dfd6b712", "XAUTH"},
	{"1e2b516905991c7d7c96fcbfb587e461", "Microsoft Windows"},
	{"fb1de3cdf341b7ea16b7e5be0855f120", "Microsoft Initial-Contact"},
	{"e3a5966a76379fe707228231e5ce8652", "Microsoft Negotiation Discovery"},
	{"882fe56d6fd20dbc2251613b2ebe5beb", "strongSwan"},
	{"4f45", "Openswan or Libreswan"},
	{"f4ed19e0c114eb516faaac0ee37daf28", "Check Point"},
	{"166f932d55eb64d8e4df4fd37e2313f0", "Juniper"},
	{"699369228741c6d4ca094c93e242c9de", "SonicWall"},
	{"8299031757a36082c6a621de", "Fortinet"},
	{"434953434f", "Cisco"},
	{"464c455856504e", "Cisco FlexVPN"},
	{"01528bbbc00696121849ab9a1c5b2a51", "Microsoft IKE fragmentation"},
}

// ikeTransforms names the kinds of transforms of version 2 (RFC 7296 section 3.3.2).
var ikeTransforms = [...]string{1: "encr", 2: "prf", 3: "integ", 4: "dh", 5: "esn"}

// ikeAttributes names the attributes of a transform of version 1 (RFC 2409 appendix A).
var ikeAttributes = map[uint16]string{1: "encr", 2: "hash", 3: "auth", 4: "dh", 14: "key_length"}

const (
	// maxIKEMessages is how many messages are looked at.
	maxIKEMessages = 16
	// maxIKEValues bounds vendor ids and transforms.
	maxIKEValues = 64
)

type ike struct {
	packets    Packets
	version    byte
	exchange   byte
	vendors    []string
	transforms []string
	messages   int
	rules      ikeRules
	told       ikeTold // for EVE JSON alone
}

// Data implements Parser.
func (p *ike) Data(c *Context, dir Dir, b []byte) Result {
	if p.messages++; p.messages > maxIKEMessages {
		return Done
	}
	b = ikeMessage(b)
	if len(b) < 28 || b[17] != 0x10 && b[17] != 0x20 {
		return 0
	}
	p.packets.Add(c.Number)
	var told *ikeEVE
	if c.Detail {
		told = p.told.message(dir, b)
		c.Record("ike", told)
	}
	p.rules.message(c, dir, b, told)
	if p.version == 0 {
		p.version, p.exchange = b[17]>>4, b[18]
	}
	encrypted := b[17] == 0x10 && b[19]&1 != 0
	if n := binary.BigEndian.Uint32(b[24:]); !encrypted && n >= 28 {
		p.payloads(b[16], b[28:min(uint64(n), uint64(len(b)))])
	}
	return 0
}

// payloads walks a chain of payloads.
func (p *ike) payloads(next byte, b []byte) {
	for next != 0 && len(b) >= 4 {
		n := int(binary.BigEndian.Uint16(b[2:]))
		if n < 4 || n > len(b) {
			return
		}
		body := b[4:n]
		switch next {
		case 13, 43:
			p.vendor(body)
		case 1:
			if len(body) >= 8 {
				p.proposals(body[8:], false)
			}
		case 33:
			p.proposals(body, true)
		case 46, 53: // encrypted
			return
		}
		next, b = b[0], b[n:]
	}
}

func (p *ike) vendor(b []byte) {
	id := hex.EncodeToString(b[:min(len(b), 64)])
	for _, v := range ikeVendors {
		if len(id) >= len(v.head) && id[:len(v.head)] == v.head {
			id = v.name
			break
		}
	}
	p.vendors = addOnce(p.vendors, id)
}

// addOnce appends s if it is not there and there is room.
func addOnce(list []string, s string) []string {
	for _, x := range list {
		if x == s {
			return list
		}
	}
	if len(list) == maxIKEValues || s == "" {
		return list
	}
	return append(list, s)
}

// proposals walks the proposals of a security association and the transforms
// of each; both have the same head: 0 last or more  2 length.
func (p *ike) proposals(b []byte, v2 bool) {
	for len(b) >= 8 {
		n := int(binary.BigEndian.Uint16(b[2:]))
		at := 8 + int(b[6]) // behind the SPI
		if n < at || n > len(b) {
			return
		}
		for t := b[at:n]; len(t) >= 8; {
			k := int(binary.BigEndian.Uint16(t[2:]))
			if k < 8 || k > len(t) {
				break
			}
			p.transform(t[:k], v2)
			t = t[k:]
		}
		b = b[n:]
	}
}

func (p *ike) transform(t []byte, v2 bool) {
	name := ""
	if v2 {
		if int(t[4]) < len(ikeTransforms) && t[4] > 0 {
			name = ikeTransforms[t[4]] + " " + strconv.Itoa(int(binary.BigEndian.Uint16(t[6:])))
		}
	}
	for a := t[8:]; len(a) >= 4; {
		typ, value := binary.BigEndian.Uint16(a), binary.BigEndian.Uint16(a[2:])
		if typ&0x8000 == 0 { // a long value
			if int(value)+4 > len(a) {
				break
			}
			a = a[4+int(value):]
			continue
		}
		a = a[4:]
		switch kind := ikeAttributes[typ&0x7fff]; {
		case kind == "":
		case v2 && typ&0x7fff == 14:
			name += " " + strconv.Itoa(int(value))
		case !v2:
			if name != "" {
				name += " "
			}
			name += kind + " " + strconv.Itoa(int(value))
		}
	}
	p.transforms = addOnce(p.transforms, name)
}

// Gap implements Parser: datagrams have none.
func (p *ike) Gap(*Context, Dir, uint32) bool { return true }

// Close implements Parser.
func (p *ike) Close(c *Context) {
	if p.version == 0 {
		return
	}
	e := c.Begin("saksi.ike", p.packets.List())
	e.Str(event.SaksiVpnVersion, strconv.Itoa(int(p.version)))
	e.Str(event.SaksiVpnExchange, ikeExchanges[p.exchange])
	for _, v := range p.vendors {
		e.Str(event.SaksiVpnVendor, v)
	}
	for _, t := range p.transforms {
		e.Str(event.SaksiVpnTransform, t)
	}
	if c.Detail { // records are made of messages
		e.NoRecord()
	}
	c.Emit(e)
}
