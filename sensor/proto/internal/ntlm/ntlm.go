// Package ntlm reads the messages of NTLM authentication ([MS-NLMP] section
// 2.2.1). Hashes and challenges are never taken.
//
//	0 "NTLMSSP\0"  8 type (1 negotiate, 2 challenge, 3 authenticate)
//	2: 12 target name  20 flags  24 challenge (8)  40 target information
//	3: 12 LM response  20 NT response  28 domain  36 user  44 host  52 key  60 flags
//
// A name is a length (2), a maximum (2) and an offset (4) in the message.
package ntlm

import (
	"bytes"
	"fmt"

	"saksi/sensor/proto/internal/octet"
)

// Types of messages.
const (
	Negotiate = 1 + iota
	Challenge
	Authenticate
)

// Message is what a message says in clear.
type Message struct {
	Type                 byte
	User, Domain, Host   []byte // Authenticate
	Server, ServerDomain []byte // Challenge
	Version              int    // Authenticate: 1 or 2, by the size of the response
	Anonymous            bool
	System               string // Challenge, Authenticate: version of Windows, such as "10.0.19041"; empty if it is not said
}

var signature = []byte("NTLMSSP\x00")

// unicode is the flag NTLMSSP_NEGOTIATE_UNICODE (section 2.2.2.5).
const unicode = 1

// Find reads the message within b, which may be wrapped in SPNEGO (RFC 4178).
func Find(b []byte) (m Message, ok bool) {
	i := bytes.Index(b, signature)
	if i < 0 {
		return m, false
	}
	b = b[i:]
	r := octet.Of(b)
	r.Skip(8)
	typ := r.LE32()
	if typ < Negotiate || typ > Authenticate {
		return m, false
	}
	m.Type = byte(typ)
	switch m.Type {
	case Challenge:
		name := field(b, 12)
		r.Skip(8)
		m.ServerDomain = text(name, r.LE32())
		m.pairs(field(b, 40))
		m.system(b, 20, 48)
	case Authenticate:
		r.Skip(48)
		flags := r.LE32()
		if r.Bad() {
			flags = unicode
		}
		m.system(b, 60, 64)
		nt := field(b, 20)
		m.Domain, m.User, m.Host = text(field(b, 28), flags), text(field(b, 36), flags), text(field(b, 44), flags)
		switch {
		case len(nt) > 24:
			m.Version = 2
		case len(nt) == 24:
			m.Version = 1
		default:
			m.Anonymous = len(m.User) == 0
		}
	}
	return m, true
}

// system reads the version of Windows (section 2.2.2.10), if the flags say that
// there is one.
func (m *Message) system(b []byte, flags, at int) {
	if len(b) < at+8 || b[flags+3]&2 == 0 { // NTLMSSP_NEGOTIATE_VERSION
		return
	}
	r := octet.Of(b[at:])
	major, minor := r.U8(), r.U8()
	m.System = fmt.Sprintf("%d.%d.%d", major, minor, r.LE16())
}

// maxPairs bounds the attributes of a challenge that are read.
const maxPairs = 16

// pairs reads AV_PAIRs (section 2.2.2.1): id, length, value.
func (m *Message) pairs(b []byte) {
	r := octet.Of(b)
	for range maxPairs {
		id, n := r.LE16(), r.LE16()
		v := r.Next(int(n))
		if r.Bad() || id == 0 {
			return
		}
		switch id {
		case 1:
			m.Server = text(v, unicode)
		case 2:
			m.ServerDomain = text(v, unicode)
		}
	}
}

// field returns what the name descriptor at an offset points to.
func field(b []byte, at int) []byte {
	if len(b) < at+8 {
		return nil
	}
	r := octet.Of(b[at:])
	n := r.LE16()
	r.Skip(2)
	off := r.LE32()
	if off > uint32(len(b)) {
		return nil
	}
	return octet.Slice(b, int(off), int(n))
}

// maxName bounds a name; Windows allows 256 characters.
const maxName = 1024

func text(b []byte, flags uint32) []byte {
	b = b[:min(len(b), maxName)]
	if flags&unicode == 0 {
		return bytes.Clone(b)
	}
	return octet.AppendUTF16(nil, b)
}
