package proto

import (
	"bytes"
	"fmt"

	"saksi/event"
	"saksi/sensor/proto/internal/octet"
)

// rfbTx is the beginning of a connection, as EVE JSON has it.
type rfbTx struct {
	versions [2][]byte // of the server and the client
	chosen   int       // -1 for none
	result   int64     // -1 for none
	reason   []byte
	shared   int // -1 if it was not said
	init     []byte
	name     []byte
}

// Number implements EVE: a connection is one transaction.
func (t *rfbTx) Number() uint64 { return 1 }

// AppendEVE implements EVE. What answers a challenge stays out: a password may
// be found by it.
func (t *rfbTx) AppendEVE(m *event.Members) {
	m.Open("rfb")
	for i, k := range [2]string{"server_protocol_version", "client_protocol_version"} {
		if v := t.versions[i]; len(v) == 7 {
			major, minor, _ := bytes.Cut(v, []byte("."))
			m.Open(k)
			m.Bytes("major", major)
			m.Bytes("minor", minor)
			m.Close()
		}
	}
	m.Open("authentication")
	if t.chosen >= 0 {
		m.Int("security_type", int64(t.chosen))
	}
	if t.result >= 0 {
		names := [...]string{"OK", "FAIL", "TOOMANY"}
		if t.result < int64(len(names)) {
			m.Str("security_result", names[t.result])
		} else {
			m.Str("security_result", fmt.Sprintf("UNKNOWN (%d)", t.result))
		}
	}
	m.Close()
	if len(t.reason) > 0 {
		m.Bytes("server_security_failure_reason", t.reason)
	}
	if t.shared >= 0 {
		m.Bool("screen_shared", t.shared != 0)
	}
	if len(t.init) >= 20 { // RFC 6143 section 7.3.2: 4 the form of pixels
		r := octet.Of(t.init)
		m.Open("framebuffer")
		m.Int("width", int64(r.BE16()))
		m.Int("height", int64(r.BE16()))
		m.Blob("name", t.name)
		m.Open("pixel_format")
		m.Int("bits_per_pixel", int64(r.U8()))
		m.Int("depth", int64(r.U8()))
		m.Bool("big_endian", r.U8() != 0)
		m.Bool("true_color", r.U8() != 0)
		for _, k := range [3]string{"red_max", "green_max", "blue_max"} {
			m.Int(k, int64(r.BE16()))
		}
		for _, k := range [3]string{"red_shift", "green_shift", "blue_shift"} {
			m.Int(k, int64(r.U8()))
		}
		m.Close()
		m.Close()
	}
	m.Close()
}
