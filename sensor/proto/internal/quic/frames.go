package quic

import (
	"bytes"
	"encoding/binary"
)

// Frame types an Initial packet may carry (RFC 9000 section 12.4).
const (
	framePing   = 0x01
	frameAck    = 0x02
	frameAckECN = 0x03
	frameCrypto = 0x06
	// frameGoogleCrypto is CRYPTO in Google's versions before they took the
	// frames of the standard.
	frameGoogleCrypto = 0x08
)

// Frames walks the frames of an opened Initial packet and gives the CRYPTO
// frames to f. It stops at the first frame whose length it does not know. google
// says that the version may have Google's frames.
func Frames(b []byte, google bool, f func(offset uint64, data []byte)) {
	num := func() (uint64, bool) {
		v, n := Varint(b)
		b = b[n:]
		return v, n > 0
	}
	for {
		b = bytes.TrimLeft(b, "\x00") // padding, of which there is much
		if len(b) == 0 {
			return
		}
		typ := b[0]
		b = b[1:]
		switch {
		case typ == framePing:
		case typ == frameCrypto, typ == frameGoogleCrypto && google:
			offset, ok1 := num()
			size, ok2 := num()
			if !ok1 || !ok2 || size > uint64(len(b)) {
				return
			}
			f(offset, b[:size])
			b = b[size:]
		case typ == frameAck, typ == frameAckECN:
			_, ok1 := num()
			_, ok2 := num()
			count, ok3 := num()
			_, ok4 := num()
			if !ok1 || !ok2 || !ok3 || !ok4 || count > uint64(len(b)) {
				return
			}
			extra := 2 * count
			if typ == frameAckECN {
				extra += 3
			}
			for range extra {
				if _, ok := num(); !ok {
					return
				}
			}
		default:
			return
		}
	}
}

// maxTags bounds the tags of a CHLO; Google's clients send about 30.
const maxTags = 128

// CHLO is the client hello of Google's own handshake.
type CHLO struct {
	SNI, UserAgent, Version []byte
	// Tags are all that the client names, in its order, joined by hyphens.
	Tags []byte
}

// CYU gives the text that a CHLO of a version is fingerprinted by, nil for
// versions that the fingerprint is not defined for (Salesforce, "GQUIC Protocol
// Analysis and Fingerprinting in Zeek"). As in Suricata, Q045 counts as Q044.
func (c *CHLO) CYU(version uint32) []byte {
	name := map[uint32]string{0x51303433: "43", 0x51303434: "44", 0x51303435: "44", 0x51303436: "46"}[version]
	if name == "" || len(c.Tags) == 0 {
		return nil
	}
	return append([]byte(name+","), c.Tags...)
}

// ParseCHLO reads the message "CHLO": a count, then pairs of a tag and the end
// of its value, all little endian, then the values.
func ParseCHLO(b []byte) (c CHLO, ok bool) {
	if len(b) < 8 || string(b[:4]) != "CHLO" {
		return c, false
	}
	n := int(binary.LittleEndian.Uint16(b[4:]))
	if n == 0 || n > maxTags || len(b) < 8+8*n {
		return c, false
	}
	for i := range n {
		if i > 0 {
			c.Tags = append(c.Tags, '-')
		}
		c.Tags = append(c.Tags, bytes.TrimRight(b[8+8*i:][:4], "\x00")...)
	}
	values := b[8+8*n:]
	from := 0
	for i := range n {
		tag := b[8+8*i:]
		end := int(binary.LittleEndian.Uint32(tag[4:]))
		if end < from || end > len(values) { // cut: what was read stands
			break
		}
		v := values[from:end]
		switch string(tag[:4]) {
		case "SNI\x00":
			c.SNI = v
		case "UAID":
			c.UserAgent = v
		case "VER\x00":
			c.Version = v
		}
		from = end
	}
	return c, true
}
