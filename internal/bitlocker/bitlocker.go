// Package bitlocker opens BitLocker volumes of Windows Vista to 11 with a
// password, a recovery password, a startup key file (BEK), or without any where
// protection was suspended (clear key), and reads what they hold. Start with
// Open, then Unlock and WithKey. What only a TPM opens stays closed.
//
// Specification: libbde documentation, BitLocker Drive Encryption (BDE) format;
// Ferguson, AES-CBC + Elephant diffuser. Numbers are little-endian.
package bitlocker

import (
	"crypto/aes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
)

// ErrKey is returned when no protector takes what was given.
var ErrKey = errors.New("no protector takes it")

var le = binary.LittleEndian

const (
	signature = "-FVE-FS-"
	blockSize = 64 << 10 // bytes that a metadata block takes
	maxVMKs   = 32
	rounds    = 0x100000 // of the stretching of a password
	maxTries  = 64       // passwords, over all protectors of a volume

	valueKey     = 1
	valueStretch = 3
	valueCCM     = 5
	valueVMK     = 8
	valueExt     = 9

	typeVMK  = 2
	typeFVEK = 3

	byClear    = 0x0000
	byStartup  = 0x0200
	byRecovery = 0x0800
	byPassword = 0x2000
)

// vmk is a volume master key, encrypted by what a protector gives.
type vmk struct {
	protector uint16
	salt      []byte // of the stretching
	clear     []byte // key of a clear protector
	packed    []byte // nonce and the encrypted key
}

// Volume is a BitLocker volume.
type Volume struct {
	r              io.ReaderAt
	offset, length int64
	Method         uint16
	Sector         int64
	version        uint16
	encrypted      int64 // bytes from the start that are encrypted
	blocks         [3]int64
	header         int64 // where the first sectors are kept, encrypted
	headerSize     int64
	mirror         uint64 // Vista: cluster of the mirror of the MFT
	vmks           []vmk
	fvek           []byte
	tries          int // of passwords, which are made costly
}

// Detect reports whether the first sector of a volume is one of BitLocker.
func Detect(head []byte) bool {
	const used, toGo = "\x3b\x4d\xa8\x92\x80\xdd\x0e\x4d\x9e\x4e\xb1\xe3\x28\x4e\xae\xd8", "\x3b\xd6\x67\x49\x29\x2e\xd8\x4a\x83\x99\xf6\xa3\x39\xe3\xd0\x01"
	return len(head) >= 512 && (string(head[3:11]) == signature || string(head[424:440]) == used || string(head[424:440]) == toGo)
}

// Open reads the first metadata block that is whole.
func Open(r io.ReaderAt, offset, length int64) (*Volume, error) {
	head := make([]byte, 512)
	if n, err := r.ReadAt(head, offset); n < 512 {
		return nil, fmt.Errorf("reading the volume header at offset %d: %w", offset, err)
	}
	v := &Volume{r: r, offset: offset, length: length, Sector: int64(le.Uint16(head[11:]))}
	if v.Sector < 512 || v.Sector > 4096 || v.Sector&(v.Sector-1) != 0 {
		return nil, fmt.Errorf("the volume header at offset %d states sectors of %d bytes", offset, v.Sector)
	}
	at := 176
	if string(head[3:11]) == "MSWIN4.1" {
		at = 440
	}
	var places []int64
	for i := range 3 {
		places = append(places, int64(le.Uint64(head[at+8*i:])))
	}
	if head[1] == 0x52 { // Vista: a cluster
		places = []int64{int64(le.Uint64(head[56:])&0xffffffffff) * v.Sector * int64(head[13])}
	}
	why := errors.New("it names none")
	for i := 0; i < len(places) && i < 6; i++ {
		err := v.metadata(places[i])
		if err == nil {
			return v, nil
		}
		why = err
	}
	return nil, fmt.Errorf("no metadata block of the volume at offset %d is whole: %w", offset, why)
}

// metadata reads the block at a place of the volume.
func (v *Volume) metadata(at int64) error {
	if at <= 0 || at > v.length-112 {
		return fmt.Errorf("it should lie at %d of %d bytes", at, v.length)
	}
	b := make([]byte, min(blockSize, v.length-at))
	if n, err := v.r.ReadAt(b, v.offset+at); n < len(b) {
		return fmt.Errorf("reading it at offset %d: %w", v.offset+at, err)
	}
	if string(b[:8]) != signature {
		return fmt.Errorf("it has no signature at offset %d", v.offset+at)
	}
	v.version = le.Uint16(b[10:])
	for i := range 3 {
		v.blocks[i] = int64(le.Uint64(b[32+8*i:]))
	}
	v.encrypted = v.length
	switch v.version {
	case 1:
		v.mirror = le.Uint64(b[56:])
	case 2:
		if n := int64(le.Uint64(b[16:])); n > 0 && n < v.length {
			v.encrypted = n
		}
		v.header, v.headerSize = int64(le.Uint64(b[56:])), int64(le.Uint32(b[28:]))*v.Sector
		if v.headerSize == 0 {
			v.headerSize = 16 * v.Sector
		}
		if v.header <= 0 || v.headerSize > v.length || v.header > v.length-v.headerSize {
			return fmt.Errorf("the first %d bytes of the volume should be kept at %d", v.headerSize, v.header)
		}
	default:
		return fmt.Errorf("version %d of it is not known", v.version)
	}
	meta := b[64:]
	size := int(min(le.Uint32(meta), uint32(len(meta))))
	v.Method = le.Uint16(meta[36:])
	v.vmks, v.fvek = nil, nil
	return entries(meta[min(int(le.Uint32(meta[8:])), size):size], func(kind, value uint16, data []byte) {
		switch {
		case kind == typeVMK && value == valueVMK && len(data) >= 28 && len(v.vmks) < maxVMKs:
			v.vmks = append(v.vmks, readVMK(data))
		case kind == typeFVEK && value == valueCCM:
			v.fvek = data
		}
	})
}

// entries goes through metadata entries: size, type, type of value, version.
func entries(b []byte, give func(kind, value uint16, data []byte)) error {
	for len(b) >= 8 {
		n := int(le.Uint16(b))
		if n == 0 {
			return nil
		}
		if n < 8 || n > len(b) {
			return fmt.Errorf("an entry of %d bytes in %d", n, len(b))
		}
		give(le.Uint16(b[2:]), le.Uint16(b[4:]), b[8:n])
		b = b[n:]
	}
	return nil
}

func readVMK(b []byte) vmk {
	k := vmk{protector: le.Uint16(b[26:])}
	// What is damaged is left out: its protector opens nothing then.
	_ = entries(b[28:], func(_, value uint16, data []byte) {
		switch {
		case value == valueStretch && len(data) >= 20:
			k.salt = data[4:20]
		case value == valueKey && len(data) >= 36:
			k.clear = data[4:36]
		case value == valueCCM:
			k.packed = data
		}
	})
	return k
}

// Protected tells whether anything is needed to open the volume.
func (v *Volume) Protected() bool {
	for _, k := range v.vmks {
		if k.protector == byClear && k.clear != nil {
			return false
		}
	}
	return true
}

// Unlock gives the volume key, for WithKey, for a password, a recovery password
// of 48 digits, or the bytes of a startup key file; nil is enough where
// protection was suspended. The error matches ErrKey when no protector takes it.
func (v *Volume) Unlock(secret []byte) ([]byte, error) {
	for i := range v.vmks {
		k := &v.vmks[i]
		var key []byte
		if k.protector == byPassword || k.protector == byRecovery {
			if v.tries++; v.tries > maxTries {
				return nil, fmt.Errorf("%d passwords were tried on its protectors; more are not", maxTries)
			}
		}
		switch {
		case k.protector == byClear:
			key = k.clear
		case k.protector == byPassword && len(secret) > 0 && k.salt != nil:
			first := sha256.Sum256(utf16le(string(secret)))
			first = sha256.Sum256(first[:])
			key = stretch(first, k.salt)
		case k.protector == byRecovery && k.salt != nil:
			digits, ok := recovery(string(secret))
			if !ok {
				continue
			}
			key = stretch(sha256.Sum256(digits), k.salt)
		case k.protector == byStartup:
			key = startup(secret)
		}
		if key == nil {
			continue
		}
		master, err := unpack(key, k.packed)
		if err != nil || len(master) < 32 {
			continue
		}
		fvek, err := unpack(master[:32], v.fvek)
		if err != nil {
			return nil, fmt.Errorf("the volume key does not fit its master key: %w", err)
		}
		return fvek, nil
	}
	return nil, ErrKey
}

func utf16le(s string) (b []byte) {
	for _, u := range utf16.Encode([]rune(s)) {
		b = le.AppendUint16(b, u)
	}
	return b
}

// stretch makes a key of a password costly.
func stretch(first [32]byte, salt []byte) []byte {
	var b [88]byte
	copy(b[32:], first[:])
	copy(b[64:], salt)
	for n := uint64(0); n < rounds; n++ {
		le.PutUint64(b[80:], n)
		sum := sha256.Sum256(b[:])
		copy(b[:], sum[:])
	}
	return append([]byte(nil), b[:32]...)
}

// recovery reads a recovery password: eight groups of six digits, each a
// multiple of 11 by 16 bits.
func recovery(s string) ([]byte, bool) {
	groups := strings.Split(strings.TrimSpace(s), "-")
	if len(groups) != 8 {
		return nil, false
	}
	var b []byte
	for _, g := range groups {
		n, err := strconv.ParseUint(g, 10, 32)
		if err != nil || len(g) != 6 || n%11 != 0 || n/11 > 0xffff {
			return nil, false
		}
		b = le.AppendUint16(b, uint16(n/11))
	}
	return b, true
}

// startup reads the key in a startup key file.
func startup(b []byte) (key []byte) {
	if len(b) < 56 || le.Uint32(b[8:]) != 48 {
		return nil
	}
	_ = entries(b[48:], func(_, value uint16, data []byte) {
		if value != valueExt || len(data) < 24 {
			return
		}
		_ = entries(data[24:], func(_, value uint16, data []byte) {
			if value == valueKey && len(data) >= 36 {
				key = data[4:36]
			}
		})
	})
	return key
}

// unpack decrypts a key by AES-CCM (RFC 3610 with 12 bytes of nonce and a tag of
// 16 before the data) and gives what its container holds.
func unpack(key, b []byte) ([]byte, error) {
	if len(b) < 12+16+12 || len(b) > 4096 {
		return nil, errors.New("an encrypted key is cut short")
	}
	c, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	nonce, tag, data := b[:12], b[12:28], append([]byte(nil), b[28:]...)
	block := func(flags byte, n int) [16]byte {
		var x [16]byte
		x[0] = flags
		copy(x[1:], nonce)
		x[13], x[14], x[15] = byte(n>>16), byte(n>>8), byte(n)
		return x
	}
	var pad [16]byte
	for i := 0; i < len(data); i += 16 {
		x := block(2, i/16+1)
		c.Encrypt(pad[:], x[:])
		subtle.XORBytes(data[i:], data[i:], pad[:min(16, len(data)-i)])
	}
	mac := block(0x3a, len(data))
	c.Encrypt(mac[:], mac[:])
	for i := 0; i < len(data); i += 16 {
		subtle.XORBytes(mac[:], mac[:], padded(data[i:]))
		c.Encrypt(mac[:], mac[:])
	}
	x := block(2, 0)
	c.Encrypt(pad[:], x[:])
	subtle.XORBytes(mac[:], mac[:], pad[:])
	if subtle.ConstantTimeCompare(mac[:], tag) != 1 {
		return nil, ErrKey
	}
	return data[12:], nil
}

// padded is the first block of b, filled with zeros.
func padded(b []byte) []byte {
	var p [16]byte
	copy(p[:], b)
	return p[:]
}
