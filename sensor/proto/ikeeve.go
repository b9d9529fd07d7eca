package proto

import (
	"encoding/binary"
	"encoding/hex"

	"saksi/event"
)

// ikeEVE is a message of IKE with what both sides said before, as EVE JSON has it.
type ikeEVE struct {
	eveTx
	head      [28]byte
	encrypted bool
	vendors   []string // hexadecimal digits
	sides     [2]ikeSide
}

// ikeSide is what a side of version 1 sent to agree on a key.
type ikeSide struct{ exchange, nonce []byte }

// ikeTold follows the messages of a flow.
type ikeTold struct {
	last  uint64
	sides [2]ikeSide
}

// message takes a message, which is whole from its header on.
func (s *ikeTold) message(dir Dir, b []byte) *ikeEVE {
	s.last++
	t := &ikeEVE{eveTx: eveTx(s.last), head: [28]byte(b), encrypted: b[17] == 0x10 && b[19]&1 != 0}
	if n := uint64(binary.BigEndian.Uint32(b[24:])); !t.encrypted && n >= 28 {
		rest := b[28:min(n, uint64(len(b)))]
		for next := b[16]; next != 0 && len(rest) >= 4; {
			n := int(binary.BigEndian.Uint16(rest[2:]))
			if n < 4 || n > len(rest) {
				break
			}
			switch body := rest[4:n]; next {
			case 4:
				s.sides[dir].exchange = append([]byte(nil), body...)
			case 10:
				s.sides[dir].nonce = append([]byte(nil), body...)
			case 13:
				if len(t.vendors) < maxIKEValues {
					t.vendors = append(t.vendors, hex.EncodeToString(body))
				}
			}
			next, rest = rest[0], rest[n:]
		}
	}
	t.sides = s.sides
	return t
}

// AppendEVE implements EVE.
func (t *ikeEVE) AppendEVE(m *event.Members) {
	h := &t.head
	v1 := h[17]>>4 == 1
	m.Open("ike")
	m.Int("_v", 2)
	m.Int("version_major", int64(h[17]>>4))
	m.Int("version_minor", int64(h[17]&15))
	m.Hex("init_spi", h[:8])
	m.Hex("resp_spi", h[8:16])
	m.Int("message_id", int64(binary.BigEndian.Uint32(h[20:])))
	m.Int("exchange_type", int64(h[18]))
	if !v1 {
		if h[19]&8 != 0 {
			m.Str("role", "initiator")
		} else {
			m.Str("role", "responder")
		}
		m.Close()
		return
	}
	m.Open("ikev1")
	m.Bool("encrypted_payloads", t.encrypted)
	if !t.encrypted {
		for i, name := range [2]string{"client", "server"} {
			m.Open(name)
			for _, x := range [...]struct {
				key string
				b   []byte
			}{{"key_exchange_payload", t.sides[i].exchange}, {"nonce_payload", t.sides[i].nonce}} {
				if len(x.b) > 0 {
					m.Hex(x.key, x.b)
					m.Int(x.key+"_length", int64(len(x.b)))
				}
			}
			m.Close()
		}
		if len(t.vendors) > 0 {
			m.Array("vendor_ids")
			for _, v := range t.vendors {
				if m.Full() {
					break
				}
				m.Str("", v)
			}
			m.End()
		}
	}
	m.Close()
	m.Close()
}
