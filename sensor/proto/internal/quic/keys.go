package quic

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
)

// scheme is what the Initial keys of a version are derived with.
type scheme struct{ salt, prefix string }

// Salts of the versions: RFC 9001 section 5.2, RFC 9369 section 3.3.1, the
// drafts before, and Google's.
var (
	schemeV1      = scheme{"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a", "quic"}
	schemeV2      = scheme{"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9", "quicv2"}
	schemeV2Draft = scheme{"\xa7\x07\xc2\x03\xa5\x9b\x47\x18\x4a\x1d\x62\xca\x57\x04\x06\xea\x7a\xe3\xe5\xd3", "quicv2"}
	schemeDraft29 = scheme{"\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99", "quic"}
	schemeDraft23 = scheme{"\xc3\xee\xf7\x12\xc7\x2e\xbb\x5a\x11\xa7\xd2\x43\x2b\xb4\x63\x65\xbe\xf9\xf5\x02", "quic"}
	schemeDraft22 = scheme{"\x7f\xbc\xdb\x0e\x7c\x66\xbb\xe9\x19\x3a\x96\xcd\x21\x51\x9e\xbd\x7a\x02\x64\x4a", "quic"}
	schemeQ050    = scheme{"\x50\x45\x74\xef\xd0\x66\xfe\x2f\x9d\x94\x5c\xfc\xdb\xd3\xa7\xf0\xd3\xb5\x6b\x45", "quic"}
	schemeT050    = scheme{"\x7f\xf5\x79\xe5\xac\xd0\x72\x91\x55\x80\x30\x4c\x43\xa2\x36\x7c\x60\x48\x83\x10", "quic"}
	schemeT051    = scheme{"\x7a\x4e\xde\xf4\xe7\xcc\xee\x5f\xa4\x50\x6c\x19\x12\x4f\xc8\xcc\xda\x6e\x03\x3d", "quic"}
)

// schemes lists what may open a version, the likeliest first. Which of them
// holds, the tag of the packet decides.
func schemes(v uint32) []scheme {
	switch {
	case v == 1:
		return []scheme{schemeV1}
	case v == 0x6b3343cf:
		return []scheme{schemeV2, schemeV2Draft}
	case v == 0x709a50c4:
		return []scheme{schemeV2Draft, schemeV2}
	case v>>8 == 0xff0000:
		switch d := v & 0xff; {
		case d >= 33:
			return []scheme{schemeV1}
		case d >= 29:
			return []scheme{schemeDraft29}
		case d >= 23:
			return []scheme{schemeDraft23}
		}
		return []scheme{schemeDraft22}
	case v>>8 == 0xfaceb0:
		return []scheme{schemeDraft23, schemeDraft22, schemeDraft29, schemeV1}
	case v>>24 == 'T':
		return []scheme{schemeT051, schemeT050}
	case Google(v):
		return []scheme{schemeQ050}
	}
	return []scheme{schemeV1, schemeDraft29, schemeDraft23, schemeDraft22} // reserved: as the sender's true version
}

// side is one direction's protection.
type side struct {
	aead   cipher.AEAD
	header cipher.Block
	iv     [12]byte
}

// Keys opens the Initial packets of one connection. The keys of a side are
// derived when its first packet comes.
type Keys struct {
	secret [sha256.Size]byte
	prefix string
	sides  [2]side // of the client, of the server
}

// NewKeys gives the keys that belong to a destination connection id and a
// version, one for each way the version may derive them.
func NewKeys(version uint32, dcid []byte) []*Keys {
	var out []*Keys
	for _, s := range schemes(version) {
		secret := mac([]byte(s.salt), dcid) // HKDF-Extract (RFC 5869 section 2.2)
		out = append(out, &Keys{secret: secret, prefix: s.prefix})
	}
	return out
}

// side gives a direction's protection; nil if it can't be derived.
func (k *Keys) side(server bool) *side {
	s, label := &k.sides[0], "client in"
	if server {
		s, label = &k.sides[1], "server in"
	}
	if s.aead != nil {
		return s
	}
	secret := expand(k.secret[:], "", label, 32)
	key, iv, hp := expand(secret[:], k.prefix, " key", 16), expand(secret[:], k.prefix, " iv", 12), expand(secret[:], k.prefix, " hp", 16)
	block, err := aes.NewCipher(key[:16])
	if err != nil {
		return nil
	}
	if s.header, err = aes.NewCipher(hp[:16]); err != nil {
		return nil
	}
	s.iv = [12]byte(iv[:])
	if s.aead, err = cipher.NewGCM(block); err != nil {
		return nil
	}
	return s
}

// expand is HKDF-Expand-Label of TLS 1.3 (RFC 8446 section 7.1) without a
// context. What it gives stands first in the block.
func expand(secret []byte, prefix, label string, n byte) [sha256.Size]byte {
	var info [40]byte
	b := append(info[:0], 0, n, byte(len("tls13 ")+len(prefix)+len(label)))
	b = append(append(append(b, "tls13 "...), prefix...), label...)
	return mac(secret, append(b, 0, 1)) // no context, first block
}

// mac is HMAC-SHA256 (RFC 2104) of a key and a message of at most 64 bytes. Each
// connection needs five, for which crypto/hmac takes twice as long.
func mac(key, message []byte) [sha256.Size]byte {
	var in, out [2 * sha256.BlockSize]byte
	copy(in[:], key)
	copy(out[:], key)
	for i := range sha256.BlockSize {
		in[i] ^= 0x36
		out[i] ^= 0x5c
	}
	inner := sha256.Sum256(in[:sha256.BlockSize+copy(in[sha256.BlockSize:], message)])
	return sha256.Sum256(out[:sha256.BlockSize+copy(out[sha256.BlockSize:], inner[:])])
}

// Open removes the protection of an Initial packet sent by the server or not.
// It returns the frames, in memory of their own, and false if the keys are not
// those of the packet.
func (k *Keys) Open(p *Packet, server bool) ([]byte, bool) {
	at := p.numberAt
	if at+4+16 > len(p.Raw) {
		return nil, false
	}
	s := k.side(server)
	if s == nil {
		return nil, false
	}
	var mask [16]byte
	s.header.Encrypt(mask[:], p.Raw[at+4:at+20])
	n := int((p.Raw[0]^mask[0]&0x0f)&3) + 1
	header := append([]byte(nil), p.Raw[:at+n]...)
	header[0] ^= mask[0] & 0x0f
	var number uint32
	for i := range n {
		header[at+i] ^= mask[1+i]
		number = number<<8 | uint32(header[at+i])
	}
	nonce := s.iv
	for i := range 4 { // Initial packets are few: numbers are not cut
		nonce[11-i] ^= byte(number >> (8 * i))
	}
	out, err := s.aead.Open(nil, nonce[:], p.Raw[at+n:], header)
	return out, err == nil
}
