package tls

import (
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"errors"
)

// ccm opens what AES-CCM protects (RFC 3610, with the nonces of 12 bytes of RFC
// 5116): the standard library has the cipher, not this mode of it.
type ccm struct {
	block cipher.Block
	tag   int // bytes
}

// errOpen says that what was to be opened is not what was protected.
var errOpen = errors.New("message authentication failed")

// ccmNonce is the length of a nonce; the three bytes left count.
const ccmNonce = 12

// Overhead is the length of the tag.
func (c *ccm) Overhead() int { return c.tag }

// Open appends the content to dst. Nonce and ciphertext are of at most 2^24 bytes,
// as records are.
func (c *ccm) Open(dst, nonce, sealed, more []byte) ([]byte, error) {
	if len(nonce) != ccmNonce || len(sealed) < c.tag || len(sealed) >= 1<<24 || len(more) >= 0xff00 {
		return dst, errOpen
	}
	var counter [16]byte
	counter[0] = 15 - ccmNonce - 1
	copy(counter[1:], nonce)
	var pad [16]byte
	c.block.Encrypt(pad[:], counter[:])
	counter[15] = 1
	n := len(sealed) - c.tag
	from := len(dst)
	out := append(dst, sealed[:n]...)
	content := out[from:]
	cipher.NewCTR(c.block, counter[:]).XORKeyStream(content, content)
	mac := c.mac(nonce, content, more)
	subtle.XORBytes(mac[:], mac[:], pad[:])
	if subtle.ConstantTimeCompare(mac[:c.tag], sealed[n:]) != 1 {
		clear(content)
		return dst, errOpen
	}
	return out, nil
}

// mac is the CBC-MAC of RFC 3610 section 2.2.
func (c *ccm) mac(nonce, content, more []byte) (m [16]byte) {
	m[0] = byte(8*((c.tag-2)/2) + 15 - ccmNonce - 1)
	if len(more) > 0 {
		m[0] |= 0x40
	}
	copy(m[1:], nonce)
	m[13], m[14], m[15] = byte(len(content)>>16), byte(len(content)>>8), byte(len(content))
	c.block.Encrypt(m[:], m[:])
	add := func(b []byte) {
		for len(b) > 0 {
			k := subtle.XORBytes(m[:], m[:], b[:min(len(b), 16)])
			c.block.Encrypt(m[:], m[:])
			b = b[k:]
		}
	}
	if len(more) > 0 {
		head := append(binary.BigEndian.AppendUint16(nil, uint16(len(more))), more...)
		add(head)
	}
	add(content)
	return m
}
