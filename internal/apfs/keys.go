package apfs

import (
	"crypto/aes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"

	"golang.org/x/crypto/xts"
)

// ErrKey is returned for a pass phrase or key that opens nothing.
var ErrKey = errors.New("no pass phrase or key that was given opens it")

// ErrHardware is returned for a volume whose keys the chip of its computer holds.
var ErrHardware = errors.New("its keys are held by the security chip of its computer: a pass phrase opens it there only")

// Limits of what a keybag may ask for.
const (
	maxKeybag     = 64 // blocks
	maxKeys       = 1024
	maxIterations = 10_000_000 // of one derivation
	maxWork       = 20_000_000 // of one try of a pass phrase
)

// Tags of the entries of keybags.
const (
	tagVolumeKey = 2 // of the container's: the key of a volume, wrapped
	tagUnlock    = 3 // of the container's: where the keybag of a volume lies; of that: a wrapped key
	tagHint      = 4
)

// sectors decrypts sectors of 512 bytes by AES-XTS with a key of 128 bits.
type sectors struct{ c *xts.Cipher }

func newSectors(key []byte) (*sectors, error) {
	c, err := xts.NewCipher(aes.NewCipher, key)
	if err != nil {
		return nil, err
	}
	return &sectors{c}, nil
}

// decrypt decrypts in place, the first sector with a number.
func (s *sectors) decrypt(b []byte, number uint64) {
	for i := 0; i+512 <= len(b); i += 512 {
		s.c.Decrypt(b[i:i+512], b[i:i+512], number)
		number++
	}
}

// bagEntry is one of a keybag.
type bagEntry struct {
	uuid [16]byte
	tag  uint16
	data []byte
}

// keybag reads a keybag, which is encrypted by the UUID of what it belongs to.
func (c *Container) keybag(block, n uint64, uuid [16]byte, kind string) ([]bagEntry, error) {
	if n == 0 || n > maxKeybag {
		return nil, fmt.Errorf("a keybag of %d blocks", n)
	}
	b, err := c.read(block, n)
	if err != nil {
		return nil, fmt.Errorf("reading the keybag: %w", err)
	}
	s, err := newSectors(append(uuid[:], uuid[:]...))
	if err != nil {
		return nil, err
	}
	if s.decrypt(b, block*uint64(c.block/512)); !whole(b) && !whole(b[:c.block]) {
		return nil, fmt.Errorf("the keybag in block %d (offset %d): its checksum is another", block, c.offset+int64(block)*c.block)
	}
	if got := string([]byte{b[27], b[26], b[25], b[24]}); got != kind {
		return nil, fmt.Errorf("the keybag in block %d is of the kind %q, not %q", block, got, kind)
	}
	b = b[32:]
	count, size := int(le.Uint16(b[2:])), int(min(int64(le.Uint32(b[4:])), int64(len(b))))
	if v := le.Uint16(b); v != 2 || count > maxKeys {
		return nil, fmt.Errorf("the keybag in block %d is of version %d with %d entries", block, v, count)
	}
	var list []bagEntry
	for at := 16; count > 0 && at+24 <= size; count-- {
		n := int(le.Uint16(b[at+18:]))
		if n > len(b)-at-24 {
			return nil, fmt.Errorf("the keybag in block %d: an entry of %d bytes at %d", block, n, at)
		}
		list = append(list, bagEntry{uuid: [16]byte(b[at:]), tag: le.Uint16(b[at+16:]), data: b[at+24 : at+24+n]})
		at += (24 + n + 15) &^ 15
	}
	return list, nil
}

// blob are the fields of a wrapped key.
type blob struct {
	uuid, flags, wrapped, salt []byte
	iterations                 int
}

// der gives the tag and the content of the first element of b, and the rest.
func der(b []byte) (tag byte, content, rest []byte, ok bool) {
	if len(b) < 2 {
		return 0, nil, nil, false
	}
	tag = b[0]
	n, at := int(b[1]), 2
	if n >= 0x80 {
		more := n & 0x7f
		if more > 3 || len(b) < 2+more {
			return 0, nil, nil, false
		}
		n = 0
		for _, x := range b[2 : 2+more] {
			n = n<<8 | int(x)
		}
		at += more
	}
	if n > len(b)-at {
		return 0, nil, nil, false
	}
	return tag, b[at : at+n], b[at+n:], true
}

// parseBlob reads a wrapped key; its checksum is an HMAC that is no secret.
func parseBlob(b []byte) (*blob, error) {
	bad := errors.New("a wrapped key is damaged")
	tag, outer, _, ok := der(b)
	if !ok || tag != 0x30 {
		return nil, bad
	}
	var sum, salt, inner, signed []byte
	for rest := outer; len(rest) > 0; {
		var content []byte
		all := rest
		if tag, content, rest, ok = der(rest); !ok {
			return nil, bad
		}
		switch tag {
		case 0x81:
			sum = content
		case 0x82:
			salt = content
		case 0xa3:
			inner, signed = content, all
		}
	}
	key := sha256.Sum256(append([]byte{1, 0x16, 0x20, 0x17, 0x15, 5}, salt...))
	h := hmac.New(sha256.New, key[:])
	h.Write(signed)
	if inner == nil || subtle.ConstantTimeCompare(h.Sum(nil), sum) != 1 {
		return nil, bad
	}
	k := &blob{}
	for rest := inner; len(rest) > 0; {
		var content []byte
		if tag, content, rest, ok = der(rest); !ok {
			return nil, bad
		}
		switch tag {
		case 0x81:
			k.uuid = content
		case 0x82:
			k.flags = content
		case 0x83:
			k.wrapped = content
		case 0x84:
			for _, x := range content[:min(len(content), 5)] {
				k.iterations = k.iterations<<8 | int(x)
			}
		case 0x85:
			k.salt = content
		}
	}
	if len(k.uuid) != 16 || len(k.wrapped) < 24 || len(k.wrapped) > 72 || len(k.wrapped)%8 != 0 {
		return nil, bad
	}
	return k, nil
}

// unwrap undoes the wrapping of a key (RFC 3394, section 2.2.2); nil where kek is
// another.
func unwrap(kek, wrapped []byte) []byte {
	c, err := aes.NewCipher(kek)
	if err != nil || len(wrapped) < 24 {
		return nil
	}
	n := len(wrapped)/8 - 1
	a, r := append([]byte(nil), wrapped[:8]...), append([]byte(nil), wrapped[8:8*(n+1)]...)
	b := make([]byte, 16)
	for j := 5; j >= 0; j-- {
		for i := n; i >= 1; i-- {
			copy(b, a)
			t := uint64(n*j + i)
			for k := range 8 {
				b[k] ^= byte(t >> (56 - 8*k))
			}
			copy(b[8:], r[8*(i-1):8*i])
			c.Decrypt(b, b)
			copy(a, b[:8])
			copy(r[8*(i-1):], b[8:])
		}
	}
	for _, x := range a {
		if x != 0xa6 {
			return nil
		}
	}
	return r
}

// secrets are the wrapped keys of a volume.
func (v *Volume) secrets() (vek *blob, keks []*blob, err error) {
	bag, err := v.c.keybag(v.c.keys, v.c.keyCount, v.c.uuid, "keys")
	if err != nil {
		return nil, nil, err
	}
	var list []bagEntry
	for _, e := range bag {
		switch {
		case e.uuid != v.uuid:
		case e.tag == tagVolumeKey:
			if vek, err = parseBlob(e.data); err != nil {
				return nil, nil, fmt.Errorf("the key of the volume: %w", err)
			}
		case e.tag == tagUnlock && len(e.data) >= 16:
			if list, err = v.c.keybag(le.Uint64(e.data), le.Uint64(e.data[8:]), v.uuid, "recs"); err != nil {
				return nil, nil, err
			}
		}
	}
	for _, e := range list {
		switch e.tag {
		case tagUnlock:
			if k, err := parseBlob(e.data); err == nil {
				keks = append(keks, k)
			}
		case tagHint:
			v.Hint = string(e.data)
		}
	}
	if vek == nil || len(keks) == 0 {
		return nil, nil, ErrHardware
	}
	return vek, keks, nil
}

// Unlock gives the key of the volume for a password of one of its users or a
// recovery key. The error matches ErrKey where it is another's.
func (v *Volume) Unlock(secret []byte) ([]byte, error) {
	if v.flags&flagOneKey == 0 {
		return nil, ErrHardware
	}
	vek, keks, err := v.secrets()
	if err != nil {
		return nil, err
	}
	work := maxWork
	for _, k := range keks {
		if k.iterations <= 0 || k.iterations > maxIterations || len(k.salt) == 0 {
			continue
		}
		if work -= k.iterations; work < 0 {
			return nil, fmt.Errorf("its keys ask for more than %d iterations a pass phrase, which is more than any Mac asks", maxWork)
		}
		derived, err := pbkdf2.Key(sha256.New, string(secret), k.salt, k.iterations, 32)
		if err != nil {
			return nil, err
		}
		kek := unwrap(derived, k.wrapped[:min(40, len(k.wrapped))])
		if kek == nil && len(k.wrapped) >= 24 { // of CoreStorage: a key of 128 bits
			kek = unwrap(derived[:16], k.wrapped[:24])
		}
		if kek == nil {
			continue
		}
		if key := v.volumeKey(vek, kek); key != nil {
			return key, nil
		}
	}
	return nil, ErrKey
}

// volumeKey unwraps the key of the volume. Of a volume that came from CoreStorage it
// is of 128 bits, and its second half is derived from its UUID.
func (v *Volume) volumeKey(vek *blob, kek []byte) []byte {
	if key := unwrap(kek, vek.wrapped[:min(40, len(vek.wrapped))]); len(key) == 32 {
		return key
	}
	key := unwrap(kek[:16], vek.wrapped[:24])
	if key == nil {
		return nil
	}
	sum := sha256.Sum256(append(append([]byte(nil), key...), vek.uuid...))
	return append(key, sum[:16]...)
}
