package bitlocker

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"fmt"
	"io"
	"math/bits"

	"golang.org/x/crypto/xts"
)

// Content is what a volume holds.
type Content struct {
	v     *Volume
	cbc   cipher.Block
	tweak cipher.Block // of the Elephant diffuser; nil without it
	xts   *xts.Cipher
}

// WithKey gives the content for a volume key that Unlock gave.
func (v *Volume) WithKey(key []byte) (*Content, error) {
	c := &Content{v: v}
	var err error
	part := func(from, n int) []byte {
		if len(key) < from+n {
			err = fmt.Errorf("a key of %d bytes for method 0x%04x", len(key), v.Method)
			return make([]byte, n)
		}
		return key[from : from+n]
	}
	block := func(k []byte) cipher.Block {
		b, berr := aes.NewCipher(k)
		if berr != nil && err == nil {
			err = berr
		}
		return b
	}
	switch v.Method {
	case 0x8000:
		c.cbc, c.tweak = block(part(0, 16)), block(part(32, 16))
	case 0x8001:
		c.cbc, c.tweak = block(part(0, 32)), block(part(32, 32))
	case 0x8002:
		c.cbc = block(part(0, 16))
	case 0x8003:
		c.cbc = block(part(0, 32))
	case 0x8004, 0x8005:
		n := 32
		if v.Method == 0x8005 {
			n = 64
		}
		var xerr error
		if c.xts, xerr = xts.NewCipher(aes.NewCipher, part(0, n)); xerr != nil {
			return nil, xerr
		}
	default:
		return nil, fmt.Errorf("the encryption method 0x%04x is not known", v.Method)
	}
	return c, err
}

// Size is the size of the volume in bytes.
func (c *Content) Size() int64 { return c.v.length / c.v.Sector * c.v.Sector }

// ReadAt reads content.
func (c *Content) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("negative offset %d", off)
	}
	total := 0
	b := make([]byte, c.v.Sector)
	for len(p) > 0 {
		if off >= c.Size() {
			return total, io.EOF
		}
		start := off / c.v.Sector * c.v.Sector
		if n := min(int64(len(p))/c.v.Sector*c.v.Sector, stretchSize); n > c.v.Sector && off == start && c.plainly(off, n) {
			if err := c.v.raw(p[:n], off); err != nil {
				return total, err
			}
			for i := int64(0); i < n; i += c.v.Sector {
				c.decrypt(p[i:i+c.v.Sector], off+i)
			}
			p, off, total = p[n:], off+n, total+int(n)
			continue
		}
		if err := c.sector(b, start); err != nil {
			return total, err
		}
		n := copy(p, b[off-start:])
		p, off, total = p[n:], off+int64(n), total+n
	}
	return total, nil
}

// stretchSize is how much is read at once, in bytes.
const stretchSize = 256 << 10

// plainly reports whether a stretch is encrypted where it lies, and nothing in
// it is shown in another way.
func (c *Content) plainly(at, n int64) bool {
	v := c.v
	if at < max(v.headerSize, 16*v.Sector) || at+n > min(v.encrypted, c.Size()) {
		return false
	}
	for _, m := range v.blocks {
		if m > 0 && at < m+blockSize && at+n > m {
			return false
		}
	}
	return v.version != 2 || at+n <= v.header || at >= v.header+v.headerSize
}

// sector reads a sector as the file system saw it.
func (c *Content) sector(b []byte, at int64) error {
	v := c.v
	for _, m := range v.blocks {
		if m > 0 && at >= m && at < m+blockSize {
			clear(b)
			return nil
		}
	}
	from := at
	switch {
	case v.version == 1 && at < 16*v.Sector:
		if err := v.raw(b, at); err != nil {
			return err
		}
		if at == 0 {
			copy(b[3:], "NTFS    ")
			le.PutUint64(b[56:], v.mirror)
		}
		return nil
	case v.version == 2 && at < v.headerSize:
		from = v.header + at
	case v.version == 2 && at >= v.header && at < v.header+v.headerSize:
		clear(b)
		return nil
	case at >= v.encrypted:
		return v.raw(b, at)
	}
	if err := v.raw(b, from); err != nil {
		return err
	}
	c.decrypt(b, from)
	return nil
}

func (v *Volume) raw(b []byte, at int64) error {
	if n, err := v.r.ReadAt(b, v.offset+at); n < len(b) {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("reading the encrypted volume at offset %d: %w", v.offset+at, err)
	}
	return nil
}

// decrypt decrypts the sector that is stored at a place of the volume.
func (c *Content) decrypt(b []byte, at int64) {
	if c.xts != nil {
		c.xts.Decrypt(b, b, uint64(at/c.v.Sector))
		return
	}
	var iv [16]byte
	le.PutUint64(iv[:], uint64(at))
	place := iv
	c.cbc.Encrypt(iv[:], iv[:])
	cipher.NewCBCDecrypter(c.cbc, iv[:]).CryptBlocks(b, b)
	if c.tweak == nil {
		return
	}
	diffuse(b)
	var key [32]byte
	c.tweak.Encrypt(key[:16], place[:])
	place[15] = 0x80
	c.tweak.Encrypt(key[16:], place[:])
	for i := 0; i < len(b); i += 32 {
		subtle.XORBytes(b[i:], b[i:], key[:])
	}
}

// diffuse undoes the diffusers B and A.
func diffuse(b []byte) {
	n := len(b) / 4
	w := make([]uint32, n)
	for i := range w {
		w[i] = le.Uint32(b[4*i:])
	}
	for i := range 3 * n {
		k := i % n
		w[k] += w[(k+2)%n] ^ bits.RotateLeft32(w[(k+5)%n], [4]int{0, 10, 0, 25}[k%4])
	}
	for i := range 5 * n {
		k := i % n
		w[k] += w[(k+n-2)%n] ^ bits.RotateLeft32(w[(k+n-5)%n], [4]int{9, 0, 13, 0}[k%4])
	}
	for i := range w {
		le.PutUint32(b[4*i:], w[i])
	}
}
