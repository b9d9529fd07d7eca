// Package luks opens LUKS1 and LUKS2 volumes with a pass phrase, a key file or
// the volume key, and reads what they hold. Start with Open, then Unlock or
// WithKey. AES, Serpent and Twofish are known in CBC and XTS; other ciphers are named.
//
// What a header asks for in memory and work is bounded before it is done.
//
// Specification: cryptsetup, LUKS On-Disk Format Specification 1.2.3 and LUKS2
// On-Disk Format Specification 1.1.3; numbers are big-endian.
package luks

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"sort"
	"strconv"

	"github.com/jzelinskie/whirlpool"
	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/pbkdf2"
	"golang.org/x/crypto/ripemd160" //lint:ignore SA1019 volumes made by it are still seized
)

// Errors that callers branch on.
var (
	// ErrKey is returned when no key slot takes the pass phrase.
	ErrKey = errors.New("no key slot takes it")
	// ErrUnsupported is returned for what is known and not done.
	ErrUnsupported = errors.New("not supported")
)

// errWork is returned for what is not tried because the header asks for too much.
var errWork = fmt.Errorf("its key slots and digests together ask for more than %d iterations, the rest is not tried: %w", maxWork, ErrUnsupported)

var be = binary.BigEndian

// Limits of what a header may ask for: twice and more what cryptsetup writes.
const (
	maxMemory     = 1 << 20  // KiB of argon2
	maxPasses     = 24 << 20 // KiB times passes
	maxIterations = 100_000_000
	maxSlots      = 32
	maxDigests    = 32
	maxWork       = 2 * maxIterations // iterations of all slots and digests of one try
	maxMaterial   = 4 << 20           // bytes of one key slot's area
	maxHeader     = 4 << 20
)

// kdf derives a key from a pass phrase.
type kdf struct {
	kind         string // pbkdf2, argon2i, argon2id
	hash         string
	iterations   int
	time, memory uint32
	threads      uint8
	salt         []byte
}

// slot keeps the volume key, encrypted by what a pass phrase gives.
type slot struct {
	name    string
	kdf     kdf
	cipher  string // of the area, such as aes-xts-plain64
	areaKey int    // bytes
	key     int    // bytes of the volume key
	stripes int
	hash    string // of the splitting
	offset  int64
}

// digest tells whether a volume key is right.
type digest struct {
	hash       string
	iterations int
	salt, sum  []byte
}

// Volume is a LUKS volume.
type Volume struct {
	r              io.ReaderAt
	offset, length int64
	Version        int
	Cipher         string
	Sector         int64
	Payload        int64 // where the content begins, in bytes from the volume's start
	Size           int64 // of the content
	tweak          uint64
	slots          []slot
	digests        []digest
	work           int // iterations that this try may still cost; -1 when it asked for more
}

// Open reads the header of the volume at offset.
func Open(r io.ReaderAt, offset, length int64) (*Volume, error) {
	h := make([]byte, 4096)
	if _, err := r.ReadAt(h, offset); err != nil {
		return nil, fmt.Errorf("reading the LUKS header at offset %d: %w", offset, err)
	}
	v := &Volume{r: r, offset: offset, length: length, Sector: 512}
	var err error
	switch v.Version = int(be.Uint16(h[6:])); v.Version {
	case 1:
		err = v.header1(h)
	case 2:
		err = v.header2(h)
	default:
		err = fmt.Errorf("version %d: %w", v.Version, ErrUnsupported)
	}
	if err != nil {
		return nil, fmt.Errorf("the LUKS header at offset %d: %w", offset, err)
	}
	if v.Payload <= 0 || v.Payload >= length {
		return nil, fmt.Errorf("the LUKS header at offset %d: the content begins at %d of %d bytes", offset, v.Payload, length)
	}
	if v.Size <= 0 || v.Size > length-v.Payload {
		v.Size = length - v.Payload
	}
	v.Size -= v.Size % v.Sector
	return v, nil
}

func text(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return string(b)
}

func (v *Volume) header1(h []byte) error {
	v.Cipher = text(h[8:40]) + "-" + text(h[40:72])
	hash := text(h[72:104])
	v.Payload = int64(be.Uint32(h[104:])) * 512
	size := int(be.Uint32(h[108:]))
	v.digests = []digest{{hash, int(be.Uint32(h[164:])), h[132:164], h[112:132]}}
	for i := range 8 {
		s := h[208+48*i:]
		if be.Uint32(s) != 0x00ac71f3 {
			continue
		}
		v.slots = append(v.slots, slot{
			name: strconv.Itoa(i), kdf: kdf{kind: "pbkdf2", hash: hash, iterations: int(be.Uint32(s[4:])), salt: s[8:40]},
			cipher: v.Cipher, areaKey: size, key: size, stripes: int(be.Uint32(s[44:])), hash: hash, offset: int64(be.Uint32(s[40:])) * 512,
		})
	}
	return nil
}

// meta2 is what is used of LUKS2's metadata.
type meta2 struct {
	Keyslots map[string]struct {
		Type    string `json:"type"`
		KeySize int    `json:"key_size"`
		AF      struct {
			Stripes int    `json:"stripes"`
			Hash    string `json:"hash"`
		} `json:"af"`
		Area struct {
			Type       string `json:"type"`
			Offset     string `json:"offset"`
			Encryption string `json:"encryption"`
			KeySize    int    `json:"key_size"`
		} `json:"area"`
		KDF struct {
			Type       string `json:"type"`
			Salt       string `json:"salt"`
			Hash       string `json:"hash"`
			Iterations int    `json:"iterations"`
			Time       uint32 `json:"time"`
			Memory     uint32 `json:"memory"`
			CPUs       uint8  `json:"cpus"`
		} `json:"kdf"`
	} `json:"keyslots"`
	Segments map[string]struct {
		Type       string `json:"type"`
		Offset     string `json:"offset"`
		Size       string `json:"size"`
		Tweak      string `json:"iv_tweak"`
		Encryption string `json:"encryption"`
		SectorSize int64  `json:"sector_size"`
	} `json:"segments"`
	Digests map[string]struct {
		Type       string `json:"type"`
		Hash       string `json:"hash"`
		Iterations int    `json:"iterations"`
		Salt       string `json:"salt"`
		Digest     string `json:"digest"`
	} `json:"digests"`
}

func (v *Volume) header2(h []byte) error {
	size := be.Uint64(h[8:])
	if size <= 4096 || size > maxHeader || int64(size) > v.length {
		return fmt.Errorf("it states %d bytes of header", size)
	}
	b := make([]byte, size-4096)
	if _, err := v.r.ReadAt(b, v.offset+4096); err != nil {
		return fmt.Errorf("reading its metadata: %w", err)
	}
	area, _, _ := bytes.Cut(b, []byte{0})
	var m meta2
	if err := json.Unmarshal(area, &m); err != nil {
		return fmt.Errorf("its metadata: %w", err)
	}
	s, ok := m.Segments["0"]
	if !ok || len(m.Segments) != 1 || s.Type != "crypt" {
		return fmt.Errorf("%d segments, the first of type %q (it is being encrypted anew?): %w", len(m.Segments), s.Type, ErrUnsupported)
	}
	v.Cipher, v.Sector = s.Encryption, s.SectorSize
	if v.Sector != 512 && v.Sector != 1024 && v.Sector != 2048 && v.Sector != 4096 {
		return fmt.Errorf("sectors of %d bytes", v.Sector)
	}
	v.Payload, _ = strconv.ParseInt(s.Offset, 10, 64)
	v.Size, _ = strconv.ParseInt(s.Size, 10, 64) // "dynamic" is to the end
	v.tweak, _ = strconv.ParseUint(s.Tweak, 10, 64)
	names := make([]string, 0, len(m.Keyslots))
	for n := range m.Keyslots {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		k := m.Keyslots[n]
		if k.Type != "luks2" {
			continue
		}
		if len(v.slots) == maxSlots { // as cryptsetup's LUKS2_KEYSLOTS_MAX
			return fmt.Errorf("%d key slots, at most %d are read: the header is damaged", len(m.Keyslots), maxSlots)
		}
		salt, err := base64.StdEncoding.DecodeString(k.KDF.Salt)
		if err != nil {
			return fmt.Errorf("the salt of key slot %s: %w", n, err)
		}
		at, err := strconv.ParseInt(k.Area.Offset, 10, 64)
		if err != nil {
			return fmt.Errorf("the area of key slot %s: %w", n, err)
		}
		v.slots = append(v.slots, slot{
			name: n, cipher: k.Area.Encryption, areaKey: k.Area.KeySize, key: k.KeySize, stripes: k.AF.Stripes, hash: k.AF.Hash, offset: at,
			kdf: kdf{kind: k.KDF.Type, hash: k.KDF.Hash, iterations: k.KDF.Iterations, time: k.KDF.Time, memory: k.KDF.Memory, threads: k.KDF.CPUs, salt: salt},
		})
	}
	if len(m.Digests) > maxDigests {
		return fmt.Errorf("%d digests, at most %d are read: the header is damaged", len(m.Digests), maxDigests)
	}
	for _, d := range m.Digests {
		salt, err1 := base64.StdEncoding.DecodeString(d.Salt)
		sum, err2 := base64.StdEncoding.DecodeString(d.Digest)
		if d.Type != "pbkdf2" || err1 != nil || err2 != nil {
			continue
		}
		v.digests = append(v.digests, digest{d.Hash, d.Iterations, salt, sum})
	}
	return nil
}

func hashOf(name string) (func() hash.Hash, error) {
	switch name {
	case "sha1":
		return sha1.New, nil
	case "sha256":
		return sha256.New, nil
	case "sha512":
		return sha512.New, nil
	case "sha224":
		return sha256.New224, nil
	case "sha384":
		return sha512.New384, nil
	case "ripemd160":
		return ripemd160.New, nil
	case "whirlpool":
		return whirlpool.New, nil
	}
	return nil, fmt.Errorf("the hash %q: %w", name, ErrUnsupported)
}

// derive gives size bytes of a pass phrase.
func (k *kdf) derive(phrase []byte, size int) ([]byte, error) {
	switch k.kind {
	case "pbkdf2":
		h, err := hashOf(k.hash)
		if err != nil {
			return nil, err
		}
		if k.iterations <= 0 || k.iterations > maxIterations {
			return nil, fmt.Errorf("%d iterations", k.iterations)
		}
		return pbkdf2.Key(phrase, k.salt, k.iterations, size, h), nil
	case "argon2i", "argon2id":
		if k.time == 0 || k.threads == 0 || k.memory == 0 || k.memory > maxMemory || uint64(k.time)*uint64(k.memory) > maxPasses {
			return nil, fmt.Errorf("%s of %d KiB in %d passes, at most %d KiB are given: %w", k.kind, k.memory, k.time, maxMemory, ErrUnsupported)
		}
		if k.kind == "argon2i" {
			return argon2.Key(phrase, k.salt, k.time, k.memory, k.threads, uint32(size)), nil
		}
		return argon2.IDKey(phrase, k.salt, k.time, k.memory, k.threads, uint32(size)), nil
	}
	return nil, fmt.Errorf("the derivation %q: %w", k.kind, ErrUnsupported)
}

// cost is the work of a derivation, in iterations. A KiB of argon2 counts as one.
func (k *kdf) cost() int {
	if k.kind == "pbkdf2" {
		return max(k.iterations, 0)
	}
	return int(min(uint64(k.time)*uint64(k.memory), maxPasses))
}

// spend takes work from what one try may cost, and reports whether it was there;
// where it was not, none is left.
func (v *Volume) spend(n int) bool {
	if n > v.work {
		v.work = -1
		return false
	}
	v.work -= n
	return true
}

// Unlock gives the volume key for a pass phrase or the bytes of a key file. The
// error matches ErrKey when no slot takes it.
func (v *Volume) Unlock(phrase []byte) ([]byte, error) {
	why := ErrKey
	v.work = maxWork
	for i := range v.slots {
		s := &v.slots[i]
		key, err := v.try(s, phrase)
		if err != nil {
			why = fmt.Errorf("key slot %s: %w", s.name, err)
			continue
		}
		if v.right(key) {
			return key, nil
		}
		if v.work < 0 {
			why = fmt.Errorf("key slot %s: %w", s.name, errWork)
		}
	}
	return nil, why
}

func (v *Volume) try(s *slot, phrase []byte) ([]byte, error) {
	if s.key <= 0 || s.key > 128 || s.areaKey <= 0 || s.areaKey > 128 || s.stripes <= 0 || s.stripes > maxMaterial || s.key*s.stripes > maxMaterial || s.offset < 0 || s.offset > v.length-int64(s.key*s.stripes) {
		return nil, fmt.Errorf("a key of %d bytes in %d stripes at %d: the header is damaged", s.key, s.stripes, s.offset)
	}
	if !v.spend(s.kdf.cost()) {
		return nil, errWork
	}
	key, err := s.kdf.derive(phrase, s.areaKey)
	if err != nil {
		return nil, err
	}
	c, err := newCipher(s.cipher, key, 512)
	if err != nil {
		return nil, err
	}
	material := make([]byte, (s.key*s.stripes+511)/512*512)
	if n, err := v.r.ReadAt(material, v.offset+s.offset); n < s.key*s.stripes {
		return nil, fmt.Errorf("reading its area: %w", err)
	}
	c.decrypt(material, 0)
	return merge(material[:s.key*s.stripes], s.key, s.hash)
}

// merge undoes the splitting of a key into stripes.
func merge(b []byte, size int, name string) ([]byte, error) {
	h, err := hashOf(name)
	if err != nil {
		return nil, err
	}
	out := make([]byte, size)
	for i := 0; i < len(b); i += size {
		subtle.XORBytes(out, out, b[i:i+size])
		if i+size == len(b) {
			break
		}
		n := h().Size()
		for k := 0; k*n < size; k++ {
			part := out[k*n : min(size, (k+1)*n)]
			d := h()
			d.Write(be.AppendUint32(nil, uint32(k)))
			d.Write(part)
			copy(part, d.Sum(nil))
		}
	}
	return out, nil
}

// right reports whether a volume key is that of the volume.
func (v *Volume) right(key []byte) bool {
	for _, d := range v.digests {
		h, err := hashOf(d.hash)
		if err != nil || d.iterations <= 0 || d.iterations > maxIterations || len(d.sum) == 0 || len(d.sum) > 64 {
			continue
		}
		if !v.spend(d.iterations) {
			return false
		}
		if subtle.ConstantTimeCompare(pbkdf2.Key(key, d.salt, d.iterations, len(d.sum), h), d.sum) == 1 {
			return true
		}
	}
	return false
}

// WithKey gives the content for a volume key. The error matches ErrKey when it
// is another's.
func (v *Volume) WithKey(key []byte) (*Content, error) {
	v.work = maxWork
	if !v.right(key) {
		if v.work < 0 {
			return nil, errWork
		}
		return nil, ErrKey
	}
	c, err := newCipher(v.Cipher, key, v.Sector)
	if err != nil {
		return nil, err
	}
	return &Content{v: v, c: c}, nil
}

// Content is what a volume holds.
type Content struct {
	v *Volume
	c *sectorCipher
}

// ReadAt reads content.
func (c *Content) ReadAt(p []byte, off int64) (int, error) {
	v := c.v
	if off < 0 {
		return 0, fmt.Errorf("negative offset %d", off)
	}
	total := 0
	for len(p) > 0 {
		if off >= v.Size {
			return total, io.EOF
		}
		start := off / v.Sector * v.Sector
		n := min((off-start+int64(len(p))+v.Sector-1)/v.Sector*v.Sector, 256<<10, v.Size-start)
		b := make([]byte, n)
		if got, err := v.r.ReadAt(b, v.offset+v.Payload+start); int64(got) < n {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return total, fmt.Errorf("reading the encrypted volume at offset %d: %w", v.offset+v.Payload+start, err)
		}
		c.c.decrypt(b, v.tweak+uint64(start/512))
		m := copy(p, b[off-start:])
		p, off, total = p[m:], off+int64(m), total+m
	}
	return total, nil
}
