package luks

import (
	"bytes"
	"crypto/aes"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"os"
	"strings"
	"testing"

	"golang.org/x/crypto/pbkdf2"
	"golang.org/x/crypto/xts"

	"saksi/forensics/image/imagetest"
)

const folder = "../../testdata/image/recover/"

func media(t testing.TB, name string) []byte {
	t.Helper()
	return imagetest.Media(t, folder+name)
}

// TestUnlock proves that pass phrase and key file open what cryptsetup made,
// and nothing else does.
func TestUnlock(t *testing.T) {
	file, err := os.ReadFile(folder + "luks2.key")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		secret []byte
		opens  bool
	}{
		{"luks1.qcow2", []byte("rahsia"), true},
		{"luks2.qcow2", []byte("rahsia"), true},
		{"luks2.qcow2", file, true},
		{"luks1.qcow2", file, false},
		{"luks1.qcow2", []byte("salah"), false},
		{"luks2.qcow2", nil, false},
		// Written by the kernel's ciphers: twofish-xts and whirlpool, serpent-cbc-essiv
		// and ripemd160, aes-cbc-plain and sha384.
		{"luks-twofish.qcow2", []byte("rahsia"), true},
		{"luks-serpent.qcow2", []byte("rahsia"), true},
		{"luks-plain.qcow2", []byte("rahsia"), true},
		{"luks-serpent.qcow2", []byte("salah"), false},
	} {
		raw := media(t, c.name)
		v, err := Open(bytes.NewReader(raw), 0, int64(len(raw)))
		if err != nil {
			t.Fatal(err)
		}
		key, err := v.Unlock(c.secret)
		if !c.opens {
			if !errors.Is(err, ErrKey) {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		content, err := v.WithKey(key)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 1000) // crosses sectors, and begins within one
		if _, err := content.ReadAt(b, 1001); err != nil || b[1080-1001] != 0x53 || b[1081-1001] != 0xef {
			t.Errorf("%s: no superblock of ext: % x %v", c.name, b[79:81], err)
		}
		if n, err := content.ReadAt(b, v.Size-10); n != 10 || err != io.EOF {
			t.Errorf("%s: at the end: %d %v", c.name, n, err)
		}
		key[0] ^= 1
		if _, err := v.WithKey(key); !errors.Is(err, ErrKey) {
			t.Errorf("%s: another key: %v", c.name, err)
		}
	}
}

// TestLargeSectors proves sectors of 4096 bytes, whose numbers still count 512.
func TestLargeSectors(t *testing.T) {
	key := make([]byte, 64)
	if _, err := rand.Read(key); err != nil {
		t.Fatal(err)
	}
	c, err := newCipher("aes-xts-plain64", key, 4096)
	if err != nil {
		t.Fatal(err)
	}
	x, err := xts.NewCipher(aes.NewCipher, key)
	if err != nil {
		t.Fatal(err)
	}
	plain := bytes.Repeat([]byte("0123456789abcdef"), 512)
	b := make([]byte, len(plain))
	x.Encrypt(b[:4096], plain[:4096], 80)
	x.Encrypt(b[4096:], plain[4096:], 88)
	if c.decrypt(b, 80); !bytes.Equal(b, plain) {
		t.Error("other content")
	}
}

// TestMerge proves the splitting against its definition, with a hash shorter
// than the key.
func TestMerge(t *testing.T) {
	key := bytes.Repeat([]byte{7}, 33)
	first := bytes.Repeat([]byte{9}, 33)
	var mixed []byte
	for i, part := range [][]byte{first[:20], first[20:]} {
		sum := sha1.Sum(append([]byte{0, 0, 0, byte(i)}, part...))
		mixed = append(mixed, sum[:]...)
	}
	last := make([]byte, 33)
	for i := range last {
		last[i] = mixed[i] ^ key[i]
	}
	got, err := merge(append(first, last...), 33, "sha1")
	if err != nil || !bytes.Equal(got, key) {
		t.Errorf("%x %v", got, err)
	}
}

// TestHostile changes headers: nothing panics, and no header asks for more work
// than is allowed.
func TestHostile(t *testing.T) {
	for _, name := range []string{"luks1.qcow2", "luks2.qcow2"} {
		raw := media(t, name)
		rnd := mrand.New(mrand.NewPCG(1, 2))
		opened := 0
		for range 300 {
			b := bytes.Clone(raw[:64<<10])
			for range 1 + rnd.IntN(6) {
				b[rnd.IntN(6000)] = byte(rnd.Uint32())
			}
			v, err := Open(io.NewSectionReader(bytes.NewReader(b), 0, int64(len(b))), 0, int64(len(raw)))
			if err != nil {
				continue
			}
			opened++
			for i := range v.slots {
				v.slots[i].kdf.time, v.slots[i].kdf.memory = min(v.slots[i].kdf.time, 1), min(v.slots[i].kdf.memory, 64)
				v.slots[i].kdf.iterations = min(v.slots[i].kdf.iterations, 10)
			}
			for i := range v.digests {
				v.digests[i].iterations = min(v.digests[i].iterations, 10)
			}
			if key, err := v.Unlock([]byte("salah")); err == nil {
				t.Errorf("a wrong pass phrase gave %x", sha256.Sum256([]byte(hex.EncodeToString(key))))
			}
		}
		if opened < 50 {
			t.Errorf("%s: only %d damaged headers opened", name, opened)
		}
	}
	big := kdf{kind: "argon2id", time: 1, memory: maxMemory + 1, threads: 1, salt: make([]byte, 16)}
	if _, err := big.derive([]byte("x"), 32); !errors.Is(err, ErrUnsupported) {
		t.Errorf("too much memory: %v", err)
	}
	long := kdf{kind: "argon2id", time: 1 << 20, memory: 1 << 10, threads: 1, salt: make([]byte, 16)}
	if _, err := long.derive([]byte("x"), 32); !errors.Is(err, ErrUnsupported) {
		t.Errorf("too much work: %v", err)
	}
}

// TestTooMuch proves that a header whose numbers run over, or whose slots and
// digests together ask for hours, is refused.
func TestTooMuch(t *testing.T) {
	v := &Volume{r: bytes.NewReader(make([]byte, 8192)), length: 8192, work: maxWork}
	s := slot{name: "0", cipher: "aes-xts-plain64", areaKey: 64, key: 3, stripes: 1 << 62, hash: "sha256", kdf: kdf{kind: "pbkdf2", hash: "sha256", iterations: 1, salt: make([]byte, 8)}}
	if _, err := v.try(&s, []byte("x")); err == nil {
		t.Error("2^62 stripes were read")
	}
	s.key, s.stripes = 32, 1
	v.work = 1
	if _, err := v.try(&s, []byte("x")); err != nil {
		t.Errorf("the work that is left is enough: %v", err)
	}
	if _, err := v.try(&s, []byte("x")); !errors.Is(err, ErrUnsupported) {
		t.Errorf("more work than is left: %v", err)
	}
	key := []byte("key")
	d := digest{"sha256", 10, []byte("salt"), pbkdf2.Key(key, []byte("salt"), 10, 32, sha256.New)}
	v.digests = []digest{{"sha256", 5, []byte("salt"), make([]byte, 32)}, d}
	if v.work = 15; !v.right(key) {
		t.Error("the work that is left is enough for both digests")
	}
	if v.work = 14; v.right(key) {
		t.Error("a digest was computed beyond the work that is left")
	}
	for range 40 {
		v.slots = append(v.slots, s)
	}
	for i := range v.slots {
		v.slots[i].kdf.kind, v.slots[i].kdf.time, v.slots[i].kdf.memory = "argon2id", 24, 1<<20
		v.slots[i].kdf.threads = 0 // asks for the work, and is refused before it
	}
	if _, err := v.Unlock([]byte("x")); !errors.Is(err, errWork) || errors.Is(err, ErrKey) {
		t.Errorf("40 of the dearest slots: %v", err)
	}
}

// TestSlots: more key slots than the format has are said, not left out.
func TestSlots(t *testing.T) {
	for n, ok := range map[int]bool{maxSlots: true, maxSlots + 1: false} {
		var slots []string
		for i := range n {
			slots = append(slots, fmt.Sprintf(`"%d":{"type":"luks2","key_size":64,"af":{"stripes":4000,"hash":"sha256"},"area":{"offset":"32768","encryption":"aes-xts-plain64","key_size":64},"kdf":{"type":"pbkdf2","hash":"sha256","iterations":1000,"salt":"c2FsdA=="}}`, i))
		}
		text := fmt.Sprintf(`{"keyslots":{%s},"segments":{"0":{"type":"crypt","offset":"16777216","size":"dynamic","iv_tweak":"0","encryption":"aes-xts-plain64","sector_size":512}},"digests":{}}`, strings.Join(slots, ","))
		b := make([]byte, 32<<10)
		copy(b[4096:], text)
		h := make([]byte, 16)
		be.PutUint64(h[8:], uint64(len(b)))
		v := &Volume{r: bytes.NewReader(b), length: 64 << 20}
		if err := v.header2(h); (err == nil) != ok || ok && len(v.slots) != n || err != nil && !strings.Contains(err.Error(), "33 key slots") {
			t.Errorf("%d slots: %d, %v", n, len(v.slots), err)
		}
	}
}
