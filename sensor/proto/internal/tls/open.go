package tls

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rc4"
	"crypto/sha1"
	"encoding/binary"
	"hash"

	"golang.org/x/crypto/chacha20poly1305"
)

// Content types of records.
const (
	ChangeCipherSpec = 20
	Alert            = 21
	Handshake        = 22
	Data             = 23
)

// recordHead is the length of a record's header.
const recordHead = 5

// Opener removes the protection of the records of one direction, in their
// order, while one set of keys is in use.
type Opener struct {
	suite   suite
	version uint16
	etm     bool
	aead    aead
	iv      []byte
	cbc     cipher.BlockMode
	stream  *rc4.Cipher
	mac     hash.Hash
	sum     []byte
	seq     uint64
	secret  []byte // of TLS 1.3
}

// aead is the half of cipher.AEAD that opens.
type aead interface {
	Overhead() int
	Open(dst, nonce, sealed, more []byte) ([]byte, error)
}

// Session is what the keys of TLS 1.2 and below are made from.
type Session struct {
	Version        uint16 // 0x0301 to 0x0303
	Cipher         uint16
	Master         []byte
	Client, Server []byte // randoms
	EncryptThenMAC bool   // RFC 7366
}

// Openers derives the keys of both directions (RFC 5246 section 6.3); nil if
// there is no such version or cipher suite here.
func (s *Session) Openers() (client, server *Opener) {
	u, ok := suites()[s.Cipher]
	if !ok || s.Version < 0x0301 || s.Version > 0x0303 || u.mac == nil && s.Version < 0x0303 || s.Cipher>>8 == 0x13 {
		return nil, nil
	}
	macSize, ivSize := 0, 0
	if u.mac != nil {
		macSize = u.mac().Size()
	}
	switch u.mode {
	case modeGCM, modeCCM, modeCCM8:
		ivSize = 4
	case modeChaCha:
		ivSize = 12
	case modeCBC:
		ivSize = aes.BlockSize
	case mode3DES:
		ivSize = des.BlockSize
	}
	b := s.keyBlock(&u, 2*(macSize+u.key+ivSize))
	take := func(n int) (v []byte) {
		v, b = b[:n:n], b[n:]
		return v
	}
	var o [2]*Opener
	for i := range o {
		o[i] = &Opener{suite: u, version: s.Version, etm: s.EncryptThenMAC && (u.mode == modeCBC || u.mode == mode3DES)}
		if key := take(macSize); u.mac != nil {
			o[i].mac = hmac.New(u.mac, key)
		}
	}
	keys := [2][]byte{take(u.key), take(u.key)}
	for i := range o {
		if !o[i].use(keys[i], take(ivSize)) {
			return nil, nil
		}
	}
	return o[0], o[1]
}

// use sets key and IV.
func (o *Opener) use(key, iv []byte) bool {
	var err error
	var block cipher.Block
	o.iv = iv
	switch o.suite.mode {
	case modeGCM:
		if block, err = aes.NewCipher(key); err == nil {
			o.aead, err = cipher.NewGCM(block)
		}
	case modeCCM, modeCCM8:
		if block, err = aes.NewCipher(key); err == nil {
			o.aead = &ccm{block, 16}
			if o.suite.mode == modeCCM8 {
				o.aead = &ccm{block, 8}
			}
		}
	case modeChaCha:
		o.aead, err = chacha20poly1305.New(key)
	case modeCBC:
		if block, err = aes.NewCipher(key); err == nil {
			o.cbc = cipher.NewCBCDecrypter(block, iv)
		}
	case mode3DES:
		if block, err = des.NewTripleDESCipher(key); err == nil {
			o.cbc = cipher.NewCBCDecrypter(block, iv)
		}
	case modeRC4:
		o.stream, err = rc4.NewCipher(key)
	}
	return err == nil
}

// keyBlock is the key block of a session.
func (s *Session) keyBlock(u *suite, n int) []byte {
	seed := append(append([]byte("key expansion"), s.Server...), s.Client...)
	out := make([]byte, n)
	if s.Version >= 0x0303 {
		expand(out, u.hash(), s.Master, seed)
		return out
	}
	half := (len(s.Master) + 1) / 2 // RFC 2246 section 5
	expand(out, md5.New, s.Master[:half], seed)
	other := make([]byte, n)
	expand(other, sha1.New, s.Master[len(s.Master)-half:], seed)
	for i := range out {
		out[i] ^= other[i]
	}
	return out
}

// expand is P_hash (RFC 5246 section 5).
func expand(out []byte, h func() hash.Hash, secret, seed []byte) {
	m := hmac.New(h, secret)
	m.Write(seed)
	a := m.Sum(nil)
	for len(out) > 0 {
		m.Reset()
		m.Write(a)
		m.Write(seed)
		out = out[copy(out, m.Sum(nil)):]
		m.Reset()
		m.Write(a)
		a = m.Sum(nil)
	}
}

// NewOpener makes the Opener of a traffic secret of TLS 1.3 (RFC 8446 section
// 7.3); nil if the cipher suite is not known here or the secret not one of it.
func NewOpener(cipher uint16, secret []byte) *Opener {
	u, ok := suites()[cipher]
	if !ok || cipher>>8 != 0x13 || len(secret) != u.hash()().Size() {
		return nil
	}
	o := &Opener{suite: u, version: 0x0304, secret: secret}
	key, iv := o.label("key", u.key), o.label("iv", 12)
	if key == nil || iv == nil || !o.use(key, iv) {
		return nil
	}
	return o
}

// label is HKDF-Expand-Label without a context (RFC 8446 section 7.1).
func (o *Opener) label(label string, n int) []byte {
	info := binary.BigEndian.AppendUint16(nil, uint16(n))
	info = append(info, byte(len("tls13 ")+len(label)))
	info = append(append(append(info, "tls13 "...), label...), 0)
	b, err := hkdf.Expand(o.suite.hash(), o.secret, string(info), n)
	if err != nil {
		return nil
	}
	return b
}

// Updated is the Opener after a KeyUpdate (RFC 8446 section 7.2).
func (o *Opener) Updated() *Opener {
	next := o.label("traffic upd", len(o.secret))
	n := &Opener{suite: o.suite, version: o.version, secret: next}
	key, iv := n.label("key", n.suite.key), n.label("iv", 12)
	if key == nil || iv == nil || !n.use(key, iv) {
		return nil
	}
	return n
}

// Lost passes over a record that was not captured whole. It returns false if
// those behind it can't be opened without it.
func (o *Opener) Lost() bool {
	o.seq++
	return o.aead != nil || o.cbc != nil && o.version >= 0x0302 || o.suite.mode == modeNull
}

// Overhead is how many bytes of a fragment are not content, at least.
func (o *Opener) Overhead() int {
	switch {
	case o.version == 0x0304:
		return o.aead.Overhead() + 1
	case o.aead != nil && o.suite.mode != modeChaCha:
		return o.aead.Overhead() + 8
	case o.aead != nil:
		return o.aead.Overhead()
	case o.suite.mac != nil && o.cbc != nil:
		return o.mac.Size() + 1
	case o.mac != nil:
		return o.mac.Size()
	}
	return 0
}

// Open opens a record, given with its header. The content is appended to dst;
// typ is its type. With ok false the record is not what these keys protect, or
// was changed, and dst and the Opener are as before, except that what follows
// such a record of CBC or RC4 can't be opened.
func (o *Opener) Open(dst, record []byte) (content []byte, typ byte, ok bool) {
	head, fragment := record[:recordHead], record[recordHead:]
	switch {
	case o.version == 0x0304:
		return o.open13(dst, head, fragment)
	case o.aead != nil:
		content, ok = o.openAEAD(dst, head, fragment)
	case o.cbc != nil:
		content, ok = o.openCBC(dst, head, fragment)
	default:
		content, ok = o.openStream(dst, head, fragment)
	}
	if ok {
		o.seq++
	}
	return content, head[0], ok
}

// nonce is the IV with the sequence number in it (RFC 8446 section 5.3).
func (o *Opener) nonce() (n [12]byte) {
	copy(n[:], o.iv)
	for i := range 8 {
		n[4+i] ^= byte(o.seq >> (56 - 8*i))
	}
	return n
}

// open13 opens a TLSCiphertext (RFC 8446 section 5.2).
func (o *Opener) open13(dst, head, fragment []byte) (content []byte, typ byte, ok bool) {
	n := o.nonce()
	content, err := o.aead.Open(dst, n[:], fragment, head)
	if err != nil {
		return dst, 0, false
	}
	o.seq++
	end := len(content)
	for end > len(dst) && content[end-1] == 0 { // padding
		end--
	}
	if end == len(dst) {
		return dst, 0, true // no type: nothing that means anything
	}
	return content[:end-1], content[end-1], true
}

// authenticated is what a MAC covers besides n bytes of content.
func (o *Opener) authenticated(head []byte, n int) (b [13]byte) {
	binary.BigEndian.PutUint64(b[:], o.seq)
	copy(b[8:], head[:3])
	binary.BigEndian.PutUint16(b[11:], uint16(n))
	return b
}

// openAEAD opens a GenericAEADCipher (RFC 5246 section 6.2.3.3).
func (o *Opener) openAEAD(dst, head, fragment []byte) ([]byte, bool) {
	n := o.nonce()
	if o.suite.mode != modeChaCha { // the second part of the nonce is in the record
		if len(fragment) < 8 {
			return dst, false
		}
		copy(n[4:], fragment[:8])
		fragment = fragment[8:]
	}
	if len(fragment) < o.aead.Overhead() {
		return dst, false
	}
	more := o.authenticated(head, len(fragment)-o.aead.Overhead())
	content, err := o.aead.Open(dst, n[:], fragment, more[:])
	if err != nil {
		return dst, false
	}
	return content, true
}

// right reports whether the last bytes of a record are the MAC of content.
func (o *Opener) right(head, content, mac []byte) bool {
	more := o.authenticated(head, len(content))
	o.mac.Reset()
	o.mac.Write(more[:])
	o.mac.Write(content)
	o.sum = o.mac.Sum(o.sum[:0])
	return hmac.Equal(o.sum, mac)
}

// openCBC opens a GenericBlockCipher (RFC 5246 section 6.2.3.2, RFC 7366). From
// TLS 1.1 on the first block is the IV: decrypted like the others it makes the
// next one right, and is dropped.
func (o *Opener) openCBC(dst, head, fragment []byte) ([]byte, bool) {
	size := o.mac.Size()
	if o.etm {
		if len(fragment) < size || !o.right(head, fragment[:len(fragment)-size], fragment[len(fragment)-size:]) {
			return dst, false
		}
		fragment = fragment[:len(fragment)-size]
	}
	block := o.cbc.BlockSize()
	if len(fragment) == 0 || len(fragment)%block != 0 {
		return dst, false
	}
	from := len(dst)
	out := append(dst, fragment...)
	o.cbc.CryptBlocks(out[from:], out[from:])
	content := out[from:]
	if o.version >= 0x0302 {
		content = content[block:]
	}
	if len(content) == 0 {
		return dst, false
	}
	pad := int(content[len(content)-1]) + 1
	if pad > len(content) {
		return dst, false
	}
	for _, b := range content[len(content)-pad:] {
		if int(b) != pad-1 {
			return dst, false
		}
	}
	content = content[:len(content)-pad]
	if !o.etm {
		if len(content) < size || !o.right(head, content[:len(content)-size], content[len(content)-size:]) {
			return dst, false
		}
		content = content[:len(content)-size]
	}
	return out[:from+copy(out[from:], content)], true
}

// openStream opens a GenericStreamCipher (RFC 5246 section 6.2.3.1).
func (o *Opener) openStream(dst, head, fragment []byte) ([]byte, bool) {
	from := len(dst)
	out := append(dst, fragment...)
	if o.stream != nil {
		o.stream.XORKeyStream(out[from:], out[from:])
	}
	end := len(out) - o.mac.Size()
	if end < from || !o.right(head, out[from:end], out[end:]) {
		return dst, false
	}
	return out[:end], true
}
