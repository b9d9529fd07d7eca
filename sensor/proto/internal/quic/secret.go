package quic

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"

	"golang.org/x/crypto/chacha20"
	"golang.org/x/crypto/chacha20poly1305"
)

// Opener opens the packets that one side protects with a secret of TLS (RFC 9001
// section 5).
type Opener struct {
	aead    cipher.AEAD
	header  cipher.Block // of AES
	chacha  []byte       // the key that protects headers with ChaCha20
	iv      []byte
	largest uint64 // packet number opened
	any     bool   // one was

	version uint32
	suite   uint16
	secret  []byte
	phase   byte    // of the keys, in the short header
	next    *Opener // after a key update
}

// NewOpener makes the Opener of a cipher suite of TLS 1.3 and a secret; nil if the
// suite is not known here or the secret not one of it.
func NewOpener(version uint32, suite uint16, secret []byte) *Opener {
	digest, size := sha256.New, 16
	switch suite {
	case 0x1301:
	case 0x1302:
		digest, size = sha512.New384, 32
	case 0x1303:
		size = chacha20poly1305.KeySize
	default:
		return nil
	}
	if len(secret) != digest().Size() {
		return nil
	}
	prefix := "quic "
	if IsV2(version) { // RFC 9369 section 3.3.2
		prefix = "quicv2 "
	}
	label := func(what string, n int) []byte {
		info := binary.BigEndian.AppendUint16(nil, uint16(n))
		info = append(info, byte(len("tls13 ")+len(prefix)+len(what)))
		info = append(append(append(append(info, "tls13 "...), prefix...), what...), 0)
		b, err := hkdf.Expand(digest, secret, string(info), n)
		if err != nil {
			return nil
		}
		return b
	}
	o := &Opener{iv: label("iv", 12), version: version, suite: suite, secret: label("ku", len(secret))}
	key, hp := label("key", size), label("hp", size)
	if o.iv == nil || key == nil || hp == nil {
		return nil
	}
	var err error
	if suite == 0x1303 {
		o.chacha = hp
		o.aead, err = chacha20poly1305.New(key)
	} else {
		var block cipher.Block
		if block, err = aes.NewCipher(key); err == nil {
			o.aead, err = cipher.NewGCM(block)
		}
		if err == nil {
			o.header, err = aes.NewCipher(hp)
		}
	}
	if err != nil {
		return nil
	}
	return o
}

// mask is what protects a header (RFC 9001 section 5.4).
func (o *Opener) mask(sample []byte) (m [16]byte, ok bool) {
	if o.chacha == nil {
		o.header.Encrypt(m[:], sample)
		return m, true
	}
	s, err := chacha20.NewUnauthenticatedCipher(o.chacha, sample[4:16])
	if err != nil {
		return m, false
	}
	s.SetCounter(binary.LittleEndian.Uint32(sample))
	s.XORKeyStream(m[:5], m[:5])
	return m, true
}

// Open removes the protection of a packet with a long header. It returns the
// frames, in memory of their own, and false if the secret is not that of the
// packet.
func (o *Opener) Open(p *Packet) ([]byte, bool) {
	header, cut, n, ok := o.unmask(p.Raw, p.numberAt, 0x0f)
	if !ok {
		return nil, false
	}
	return o.open(header, cut, n, p.Raw[p.numberAt+n:])
}

// keyPhase is the bit of a short header that a key update turns over (RFC 9001
// section 6).
const keyPhase = 4

// OpenShort removes the protection of a packet with a short header, whose
// destination id has a known length.
func (o *Opener) OpenShort(b []byte, id int) ([]byte, bool) {
	header, cut, n, ok := o.unmask(b, 1+id, 0x1f)
	if !ok {
		return nil, false
	}
	sealed := b[1+id+n:]
	if header[0]&keyPhase == o.phase {
		return o.open(header, cut, n, sealed)
	}
	if o.next == nil {
		if o.next = NewOpener(o.version, o.suite, o.secret); o.next == nil {
			return nil, false
		}
		o.next.header, o.next.chacha = o.header, o.chacha // headers keep their key
	}
	o.next.largest, o.next.any = o.largest, o.any
	out, ok := o.next.open(header, cut, n, sealed)
	if ok {
		phase := o.phase ^ keyPhase
		*o = *o.next
		o.phase = phase
	}
	return out, ok
}

// unmask removes the protection of a header whose packet number stands at an
// offset: it returns the header, and the number as it was cut to n bytes.
func (o *Opener) unmask(b []byte, at int, bits byte) (header []byte, cut uint64, n int, ok bool) {
	if at+4+16 > len(b) {
		return nil, 0, 0, false
	}
	mask, ok := o.mask(b[at+4 : at+20])
	if !ok {
		return nil, 0, 0, false
	}
	n = int((b[0]^mask[0]&bits)&3) + 1
	header = append([]byte(nil), b[:at+n]...)
	header[0] ^= mask[0] & bits
	for i := range n {
		header[at+i] ^= mask[1+i]
		cut = cut<<8 | uint64(header[at+i])
	}
	return header, cut, n, true
}

// open opens what stands behind a header.
func (o *Opener) open(header []byte, cut uint64, n int, sealed []byte) ([]byte, bool) {
	number := o.number(cut, 8*n)
	nonce := [12]byte(o.iv)
	for i := range 8 {
		nonce[4+i] ^= byte(number >> (56 - 8*i))
	}
	out, err := o.aead.Open(nil, nonce[:], sealed, header)
	if err != nil {
		return nil, false
	}
	if !o.any || number > o.largest {
		o.any, o.largest = true, number
	}
	return out, true
}

// number completes a packet number that was cut to some bits (RFC 9000 appendix
// A.3).
func (o *Opener) number(cut uint64, bits int) uint64 {
	if !o.any {
		return cut
	}
	expected, window := o.largest+1, uint64(1)<<bits
	n := expected&^(window-1) | cut
	switch {
	case n+window/2 <= expected && n < 1<<62-window:
		return n + window
	case n > expected+window/2 && n >= window:
		return n - window
	}
	return n
}
