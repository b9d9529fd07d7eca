// Package bdetest makes BitLocker volumes for tests, by the description of the
// format (libbde documentation): no free tool makes one. dislocker opens them.
package bdetest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"math/bits"
	"unicode/utf16"

	"golang.org/x/crypto/xts"
)

var le = binary.LittleEndian

// What the volumes are protected with.
const (
	Password = "kata laluan 7"
	Recovery = "000011-000022-000033-000044-000055-000066-000077-000088"
)

// Key gives bytes that are the same each time.
func key(n int, seed byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)*7 + seed
	}
	return b
}

func entry(kind, value uint16, data []byte) []byte {
	b := le.AppendUint16(nil, uint16(8+len(data)))
	b = le.AppendUint16(b, kind)
	b = le.AppendUint16(b, value)
	b = le.AppendUint16(b, 1)
	return append(b, data...)
}

// pack encrypts a key by AES-CCM.
func pack(with, data []byte, counter, method uint32) []byte {
	box := le.AppendUint32(nil, uint32(12+len(data)))
	box = le.AppendUint32(box, 1)
	box = le.AppendUint32(box, method)
	box = append(box, data...)
	c, err := aes.NewCipher(with)
	if err != nil {
		panic(err)
	}
	nonce := le.AppendUint32(le.AppendUint64(nil, 0x01d9000000000000), counter)
	at := func(flags byte, n int) []byte {
		x := append([]byte{flags}, nonce...)
		return append(x, byte(n>>16), byte(n>>8), byte(n))
	}
	mac := at(0x3a, len(box))
	c.Encrypt(mac, mac)
	for i := 0; i < len(box); i += 16 {
		for k := i; k < min(i+16, len(box)); k++ {
			mac[k-i] ^= box[k]
		}
		c.Encrypt(mac, mac)
	}
	pad := make([]byte, 16)
	out := append([]byte(nil), box...)
	for i := 0; i < len(box); i += 16 {
		c.Encrypt(pad, at(2, i/16+1))
		for k := i; k < min(i+16, len(box)); k++ {
			out[k] ^= pad[k-i]
		}
	}
	c.Encrypt(pad, at(2, 0))
	for k := range mac {
		mac[k] ^= pad[k]
	}
	return append(append(nonce, mac...), out...)
}

func stretch(first [32]byte, salt []byte) []byte {
	b := make([]byte, 88)
	copy(b[32:], first[:])
	copy(b[64:], salt)
	for n := uint64(0); n < 0x100000; n++ {
		le.PutUint64(b[80:], n)
		sum := sha256.Sum256(b)
		copy(b, sum[:])
	}
	return b[:32]
}

// vmk is a master key behind a protector.
func vmk(protector uint16, seed byte, properties ...[]byte) []byte {
	b := key(16, seed)
	b = le.AppendUint64(b, 0x01d9000000000000)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint16(b, protector)
	for _, p := range properties {
		b = append(b, p...)
	}
	return entry(2, 8, b)
}

// Make encrypts a volume by a method of BitLocker's (0x8000 to 0x8005), for the
// password and the recovery password above, or in the clear as protection that
// was suspended. Its last 256 KiB MUST be in no use: metadata goes there.
func Make(plain []byte, method uint16, clear bool) []byte {
	size := map[uint16]int{0x8000: 64, 0x8001: 64, 0x8002: 16, 0x8003: 32, 0x8004: 32, 0x8005: 64}[method]
	fvek, master := key(size, 3), key(32, 90)
	header := int64(len(plain)) - 256<<10
	places := [3]int64{header + 64<<10, header + 128<<10, header + 192<<10}
	out := append([]byte(nil), plain...)
	for at := int64(0); at < int64(len(out)); at += 512 {
		if at >= 8192 {
			encrypt(out[at:at+512], at, method, fvek)
		}
	}
	first := append([]byte(nil), plain[:8192]...)
	for at := int64(0); at < 8192; at += 512 {
		encrypt(first[at:at+512], header+at, method, fvek)
	}
	copy(out[header:], first)
	clear8 := make([]byte, 8192)
	copy(out, clear8)
	copy(out, "\xeb\x58\x90-FVE-FS-")
	le.PutUint16(out[11:], 512)
	out[13] = 8
	copy(out[160:], "\x3b\xd6\x67\x49\x29\x2e\xd8\x4a\x83\x99\xf6\xa3\x39\xe3\xd0\x01")
	for i, p := range places {
		le.PutUint64(out[176+8*i:], uint64(p))
	}
	copy(out[510:], "\x55\xaa")
	var list []byte
	if clear {
		k := key(32, 40)
		list = append(list, vmk(0, 1, entry(0, 1, append(le.AppendUint32(nil, 0x2000), k...)), entry(0, 5, pack(k, master, 1, 0x2003)))...)
	} else {
		var wide []byte
		for _, u := range utf16.Encode([]rune(Password)) {
			wide = le.AppendUint16(wide, u)
		}
		sum := sha256.Sum256(wide)
		salt := key(16, 77)
		inner := func(k []byte, n uint32) []byte { return entry(0, 5, pack(k, master, n, 0x2003)) }
		slow := func(k []byte) []byte {
			return entry(0, 3, append(append(le.AppendUint32(nil, 0x1000), salt...), inner(k, 9)...))
		}
		k := stretch(sha256.Sum256(sum[:]), salt)
		list = append(list, vmk(0x2000, 1, slow(k), inner(k, 1))...)
		var digits []byte
		for n := range uint16(8) {
			digits = le.AppendUint16(digits, n+1)
		}
		k = stretch(sha256.Sum256(digits), salt)
		list = append(list, vmk(0x0800, 2, slow(k), inner(k, 2))...)
	}
	list = append(list, entry(3, 5, pack(master, fvek, 3, uint32(method)))...)
	list = append(list, entry(0xf, 0xf, le.AppendUint64(le.AppendUint64(nil, uint64(header)), 8192))...)
	b := []byte("-FVE-FS-")
	b = le.AppendUint16(b, uint16((64+48+len(list)+15)/16))
	b = le.AppendUint16(b, 2)
	b = le.AppendUint16(b, 4)
	b = le.AppendUint16(b, 4)
	b = le.AppendUint64(b, uint64(len(plain)))
	b = le.AppendUint32(b, 0)
	b = le.AppendUint32(b, 16)
	for _, p := range places {
		b = le.AppendUint64(b, uint64(p))
	}
	b = le.AppendUint64(b, uint64(header))
	b = le.AppendUint32(b, uint32(48+len(list)))
	b = le.AppendUint32(b, 1)
	b = le.AppendUint32(b, 48)
	b = le.AppendUint32(b, uint32(48+len(list)))
	b = append(b, key(16, 5)...)
	b = le.AppendUint32(b, 10)
	b = le.AppendUint32(b, uint32(method))
	b = le.AppendUint64(b, 0x01d9000000000000)
	b = append(b, list...)
	b = append(b, make([]byte, (16-len(b)%16)%16)...)
	sum := crc32.ChecksumIEEE(b) // what other readers choose a block by
	b = le.AppendUint16(b, 8)
	b = le.AppendUint16(b, 2)
	b = le.AppendUint32(b, sum)
	for _, p := range places {
		copy(out[p:p+64<<10], make([]byte, 64<<10))
		copy(out[p:], b)
	}
	return out
}

// encrypt encrypts a sector for its place.
func encrypt(b []byte, at int64, method uint16, fvek []byte) {
	if method >= 0x8004 {
		x, err := xts.NewCipher(aes.NewCipher, fvek)
		if err != nil {
			panic(err)
		}
		x.Encrypt(b, b, uint64(at/512))
		return
	}
	n := 16
	if method&1 == 1 {
		n = 32
	}
	c, err := aes.NewCipher(fvek[:n])
	if err != nil {
		panic(err)
	}
	iv := make([]byte, 16)
	le.PutUint64(iv, uint64(at))
	place := append([]byte(nil), iv...)
	if method <= 0x8001 {
		t, err := aes.NewCipher(fvek[32 : 32+n])
		if err != nil {
			panic(err)
		}
		k := make([]byte, 32)
		t.Encrypt(k[:16], place)
		place[15] = 0x80
		t.Encrypt(k[16:], place)
		for i := range b {
			b[i] ^= k[i%32]
		}
		scatter(b)
	}
	c.Encrypt(iv, iv)
	cipher.NewCBCEncrypter(c, iv).CryptBlocks(b, b)
}

// scatter does the diffusers A and B, backwards from how they are undone.
func scatter(b []byte) {
	n := len(b) / 4
	w := make([]uint32, n)
	for i := range w {
		w[i] = le.Uint32(b[4*i:])
	}
	for i := 5*n - 1; i >= 0; i-- {
		k := i % n
		w[k] -= w[(k+n-2)%n] ^ bits.RotateLeft32(w[(k+n-5)%n], [4]int{9, 0, 13, 0}[k%4])
	}
	for i := 3*n - 1; i >= 0; i-- {
		k := i % n
		w[k] -= w[(k+2)%n] ^ bits.RotateLeft32(w[(k+5)%n], [4]int{0, 10, 0, 25}[k%4])
	}
	for i := range w {
		le.PutUint32(b[4*i:], w[i])
	}
}
