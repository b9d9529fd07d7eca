package proto

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"

	"saksi/rules/suricata"
)

// ikeRules shows messages to the rules.
type ikeRules struct{ id uint64 }

// ikeV1Names are the attributes of a transform of version 1 as rules name them
// (RFC 2409 appendix A).
var ikeV1Names = map[uint16]string{
	1: "alg_enc", 2: "alg_hash", 3: "alg_auth", 4: "alg_dh", 5: "sa_group_type", 11: "sa_life_type", 12: "sa_life_duration", 13: "alg_prf",
	14: "sa_key_length", 15: "sa_field_size",
}

// ikeV2Names are the transforms of version 2 (RFC 7296 section 3.3.2).
var ikeV2Names = map[byte]string{1: "alg_enc", 2: "alg_prf", 3: "alg_auth", 4: "alg_dh"}

// message offers one message; b is whole from its header on.
func (r *ikeRules) message(c *Context, dir Dir, b []byte, told *ikeEVE) {
	if !c.Matching() {
		return
	}
	r.id++
	t := &bufTx{app: suricata.AppIKE, id: r.id, packets: []uint64{c.Number}}
	if told != nil {
		t.eve = told
	}
	t.add(suricata.BufIKEInitiatorSPI, []byte(hex.EncodeToString(b[:8])))
	t.add(suricata.BufIKEResponderSPI, []byte(hex.EncodeToString(b[8:16])))
	t.number(suricata.BufIKEExchange, uint64(b[18]))
	v2 := b[17] == 0x20
	n := uint64(binary.BigEndian.Uint32(b[24:]))
	if n < 28 || n > uint64(len(b)) {
		t.event("ike.malformed_data")
		n = uint64(len(b))
	}
	if v2 || b[19]&1 == 0 {
		r.payloads(t, dir, v2, b[16], b[28:n])
	}
	c.Offer(t, dir)
}

func (r *ikeRules) payloads(t *bufTx, dir Dir, v2 bool, next byte, b []byte) {
	for next != 0 && len(b) >= 4 {
		n := int(binary.BigEndian.Uint16(b[2:]))
		if n < 4 || n > len(b) {
			t.event("ike.malformed_data")
			return
		}
		body := b[4:n]
		switch next {
		case 13, 43:
			t.add(suricata.BufIKEVendor, []byte(hex.EncodeToString(body)))
		case 4:
			r.exchanged(t, suricata.BufIKEKeyExchange, suricata.BufIKEKeyExchangeLength, body)
		case 34:
			if len(body) >= 4 { // behind group and reserved bytes
				r.exchanged(t, suricata.BufIKEKeyExchange, suricata.BufIKEKeyExchangeLength, body[4:])
			}
		case 10, 40:
			r.exchanged(t, suricata.BufIKENonce, suricata.BufIKENonceLength, body)
		case 1:
			if len(body) >= 8 && dir == FromServer {
				r.chosen(t, body[8:], false)
			}
		case 33:
			if dir == FromServer {
				r.chosen(t, body, true)
			} else {
				r.offered(t, body)
			}
		case 46, 53: // encrypted
			return
		}
		next, b = b[0], b[n:]
	}
	if next == 0 && len(b) > 0 {
		t.event("ike.payload_extra_data")
	}
}

// offered looks at the proposals of an initiator of version 2 (RFC 7296 section
// 3.3): for a transform of a kind that is not known.
func (r *ikeRules) offered(t *bufTx, b []byte) {
	for len(b) >= 8 {
		n, at := int(binary.BigEndian.Uint16(b[2:])), 8+int(b[6])
		if n < at || n > len(b) {
			t.event("ike.invalid_proposal")
			return
		}
		for x := b[at:n]; len(x) >= 8; {
			k := int(binary.BigEndian.Uint16(x[2:]))
			if k < 8 || k > len(x) {
				t.event("ike.invalid_proposal")
				return
			}
			if x[4] < 1 || x[4] > 5 {
				t.event("ike.unknown_proposal")
				return
			}
			x = x[k:]
		}
		b = b[n:]
	}
}

func (r *ikeRules) exchanged(t *bufTx, data, length suricata.Buffer, b []byte) {
	t.add(data, b)
	t.number(length, uint64(len(b)))
}

// chosen adds the attributes of the proposal that a responder chose.
func (r *ikeRules) chosen(t *bufTx, b []byte, v2 bool) {
	if len(b) < 8 {
		return
	}
	if b[0] != 0 {
		t.event("ike.multiple_server_proposal")
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	at := 8 + int(b[6])
	if n < at || n > len(b) {
		t.event("ike.invalid_proposal")
		return
	}
	add := func(name string, v uint64) {
		t.add(suricata.BufIKEAttribute, []byte(name+"="+strconv.FormatUint(v, 10)))
	}
	for x := b[at:n]; len(x) >= 8; {
		k := int(binary.BigEndian.Uint16(x[2:]))
		if k < 8 || k > len(x) {
			t.event("ike.invalid_proposal")
			return
		}
		if v2 {
			id := binary.BigEndian.Uint16(x[6:])
			if name := ikeV2Names[x[4]]; name != "" {
				add(name, uint64(id))
			}
			r.weak(t, x[4], id)
		} else {
			r.attributes(x[8:k], add)
		}
		x = x[k:]
	}
}

// attributes walks those of a transform of version 1.
func (r *ikeRules) attributes(a []byte, add func(name string, v uint64)) {
	for len(a) >= 4 {
		typ, v := binary.BigEndian.Uint16(a), uint64(binary.BigEndian.Uint16(a[2:]))
		size := 4
		if typ&0x8000 == 0 {
			if size += int(v); size > len(a) {
				return
			}
			long := a[4:size]
			v = 0
			for _, c := range long[:min(len(long), 8)] {
				v = v<<8 | uint64(c)
			}
		}
		if name := ikeV1Names[typ&0x7fff]; name != "" {
			add(name, v)
		}
		a = a[size:]
	}
}

// weak tells of transforms of version 2 that RFC 8247 advises against.
func (r *ikeRules) weak(t *bufTx, kind byte, id uint16) {
	switch {
	case kind < 1 || kind > 5:
		t.event("ike.unknown_proposal")
	case kind == 1 && id == 11:
		t.event("ike.no_encryption")
	case kind == 1 && (id <= 9 && id != 3):
		t.event("ike.weak_crypto_enc")
	case kind == 2 && (id == 1 || id == 3):
		t.event("ike.weak_crypto_prf")
	case kind == 3 && id == 0:
		t.event("ike.weak_crypto_noauth")
	case kind == 3 && (id == 1 || id == 3 || id == 4):
		t.event("ike.weak_crypto_auth")
	case kind == 4 && id == 0:
		t.event("ike.weak_crypto_nodh")
	case kind == 4 && (id == 1 || id == 2 || id == 5 || id == 22):
		t.event("ike.weak_crypto_dh")
	}
}
