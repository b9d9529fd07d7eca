package luks

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/aead/serpent"
	"golang.org/x/crypto/twofish" //lint:ignore SA1019 disks that were encrypted by it are still seized
	"golang.org/x/crypto/xts"
)

// blocks are the ciphers, by the kernel's names.
var blocks = map[string]func(key []byte) (cipher.Block, error){
	"aes":     aes.NewCipher,
	"serpent": serpent.NewCipher,
	"twofish": func(key []byte) (cipher.Block, error) { return twofish.NewCipher(key) },
}

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
	block := blocks[alg]
	if block == nil {
		return nil, fmt.Errorf("the cipher %s: %w", name, ErrUnsupported)
	}
	var err error
	switch chain {
	case "xts":
		c.xts, err = xts.NewCipher(block, key)
	case "cbc":
		c.cbc, err = block(key)
	default:
		return nil, fmt.Errorf("the cipher %s: %w", name, ErrUnsupported)
	}
	if err != nil {
		return nil, fmt.Errorf("the cipher %s with a key of %d bytes: %w", name, len(key), err)
	}
	iv, digest, _ := strings.Cut(iv, ":")
	switch iv {
	case "plain64":
		c.wide = true
	case "plain":
	case "essiv":
		h, err := hashOf(digest)
		if c.cbc == nil || err != nil {
			return nil, fmt.Errorf("the cipher %s: %w", name, ErrUnsupported)
		}
		d := h()
		d.Write(key)
		if c.essiv, err = block(d.Sum(nil)); err != nil {
			return nil, fmt.Errorf("the cipher %s: %w", name, err)
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
