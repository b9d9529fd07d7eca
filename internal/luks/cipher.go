package luks

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"

	"golang.org/x/crypto/xts"
)

// sectorCipher decrypts sectors as dm-crypt does.
type sectorCipher struct {
	sector int64
	xts    *xts.Cipher
	cbc    cipher.Block
	essiv  cipher.Block // nil: the number itself
	wide   bool         // numbers of 64 bits; else of 32
}

// newCipher makes the cipher of a name such as aes-xts-plain64.
func newCipher(name string, key []byte, sector int64) (*sectorCipher, error) {
	c := &sectorCipher{sector: sector}
	alg, mode, _ := strings.Cut(name, "-")
	chain, iv, _ := strings.Cut(mode, "-")
	if alg != "aes" {
		return nil, fmt.Errorf("the cipher %s: %w", name, ErrUnsupported)
	}
	var err error
	switch chain {
	case "xts":
		c.xts, err = xts.NewCipher(aes.NewCipher, key)
	case "cbc":
		c.cbc, err = aes.NewCipher(key)
	default:
		return nil, fmt.Errorf("the cipher %s: %w", name, ErrUnsupported)
	}
	if err != nil {
		return nil, fmt.Errorf("the cipher %s with a key of %d bytes: %w", name, len(key), err)
	}
	switch iv {
	case "plain64":
		c.wide = true
	case "plain":
	case "essiv:sha256":
		if c.cbc == nil {
			return nil, fmt.Errorf("the cipher %s: %w", name, ErrUnsupported)
		}
		sum := sha256.Sum256(key)
		if c.essiv, err = aes.NewCipher(sum[:]); err != nil {
			return nil, err
		}
		c.wide = true
	default:
		return nil, fmt.Errorf("the cipher %s: %w", name, ErrUnsupported)
	}
	return c, nil
}

// decrypt decrypts whole sectors in place; first is the number of the first, in
// units of 512 bytes.
func (c *sectorCipher) decrypt(b []byte, first uint64) {
	for at := int64(0); at+c.sector <= int64(len(b)); at += c.sector {
		n := first + uint64(at/512)
		if !c.wide {
			n &= 0xffffffff
		}
		s := b[at : at+c.sector]
		if c.xts != nil {
			c.xts.Decrypt(s, s, n)
			continue
		}
		var iv [16]byte
		binary.LittleEndian.PutUint64(iv[:], n)
		if c.essiv != nil {
			c.essiv.Encrypt(iv[:], iv[:])
		}
		cipher.NewCBCDecrypter(c.cbc, iv[:]).CryptBlocks(s, s)
	}
}
