// Package quic reads what an observer can read of QUIC: the long headers (RFC
// 8999), and the Initial packets, whose protection rests on values that are
// sent in the clear (RFC 9001 section 5.2). Start with Next, which splits a
// datagram, and Keys.Open.
package quic

import (
	"encoding/binary"
	"fmt"
)

// Type is the type of a long header packet, whatever its bits are in a version.
type Type uint8

// Types.
const (
	Initial Type = iota
	ZeroRTT
	Handshake
	Retry
	Negotiation
)

// Packet is one packet of a datagram. Slices are views.
type Packet struct {
	Type     Type
	Version  uint32
	DCID     []byte
	SCID     []byte
	Token    []byte // of an Initial or a Retry
	Versions []byte // of a Version Negotiation: four bytes each
	Raw      []byte // header and payload as they are on the wire
	numberAt int    // offset of the packet number in Raw
}

// Header is what stands before the packet number: all of a packet that has none.
func (p *Packet) Header() []byte {
	if p.numberAt == 0 {
		return p.Raw
	}
	return p.Raw[:p.numberAt]
}

// MaxID is the length of the longest connection id of known versions.
const MaxID = 20

// Next takes the first packet with a long header off a datagram. ok is false
// if there is none: a short header (or padding) ends a datagram.
func Next(b []byte) (p Packet, rest []byte, ok bool) {
	if len(b) < 7 || b[0]&0x80 == 0 {
		return p, nil, false
	}
	p.Version = binary.BigEndian.Uint32(b[1:])
	at := 6 + int(b[5])
	if int(b[5]) > MaxID || at >= len(b) {
		return p, nil, false
	}
	p.DCID = b[6:at]
	n := int(b[at])
	at++
	if n > MaxID || at+n > len(b) {
		return p, nil, false
	}
	p.SCID = b[at : at+n]
	at += n
	if p.Version == 0 {
		p.Type, p.Versions, p.Raw = Negotiation, b[at:], b
		return p, nil, true
	}
	p.Type = Type(b[0] >> 4 & 3)
	if IsV2(p.Version) { // RFC 9369 section 3.2
		p.Type = (p.Type + 3) & 3
	}
	if p.Type == Retry {
		if len(b)-at < 16 {
			return p, nil, false
		}
		p.Token, p.Raw = b[at:len(b)-16], b
		return p, nil, true
	}
	if p.Type == Initial {
		size, k := Varint(b[at:])
		if k == 0 || size > uint64(len(b)-at-k) {
			return p, nil, false
		}
		p.Token = b[at+k : at+k+int(size)]
		at += k + int(size)
	}
	size, k := Varint(b[at:])
	if k == 0 {
		return p, nil, false
	}
	at += k
	end := len(b)
	if size <= uint64(len(b)-at) { // else cut by the capture
		end = at + int(size)
	}
	p.Raw, p.numberAt = b[:end], at
	return p, b[end:], true
}

// Varint reads a variable-length integer (RFC 9000 section 16) and its length,
// 0 if there are too few bytes.
func Varint(b []byte) (uint64, int) {
	if len(b) == 0 {
		return 0, 0
	}
	n := 1 << (b[0] >> 6)
	if len(b) < n {
		return 0, 0
	}
	v := uint64(b[0] & 0x3f)
	for _, c := range b[1:n] {
		v = v<<8 | uint64(c)
	}
	return v, n
}

// IsV2 reports version 2 or its draft.
func IsV2(v uint32) bool { return v == 0x6b3343cf || v == 0x709a50c4 }

// Google reports a version of Google's own QUIC: "Q0nn", or "T05n" with TLS.
func Google(v uint32) bool {
	d := func(c byte) bool { return c >= '0' && c <= '9' }
	c := byte(v >> 24)
	return (c == 'Q' || c == 'T') && d(byte(v>>16)) && d(byte(v>>8)) && d(byte(v))
}

// Reserved reports a version that forces negotiation (RFC 9000 section 15).
func Reserved(v uint32) bool { return v&0x0f0f0f0f == 0x0a0a0a0a }

// Known reports versions that are deployed or were.
func Known(v uint32) bool {
	return v == 1 || IsV2(v) || v>>8 == 0xff0000 || v>>8 == 0xfaceb0 || Google(v) || Reserved(v)
}

// VersionName names a version: "1", "draft-29", "Q046", "mvfst-2".
func VersionName(v uint32) string {
	switch {
	case v == 1:
		return "1"
	case v == 0x6b3343cf:
		return "2"
	case v == 0x709a50c4:
		return "2-draft"
	case v>>8 == 0xff0000:
		return fmt.Sprintf("draft-%d", v&0xff)
	case v>>8 == 0xfaceb0:
		return fmt.Sprintf("mvfst-%x", v&0xff)
	case Google(v):
		return string([]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
	}
	return fmt.Sprintf("0x%08x", v)
}
