package filesystem

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// bitLockerVolume makes the heads of a volume, whose metadata stand at 128 KiB,
// with a method and protectors.
func bitLockerVolume(toGo bool, method uint16, protectors ...uint16) []byte {
	b := make([]byte, 256<<10)
	at := 176
	copy(b[3:], fveSignature)
	if toGo {
		copy(b[3:], "MSWIN4.1")
		copy(b[424:], fveToGo)
		at = 440
	}
	binary.LittleEndian.PutUint64(b[at:], 1<<40) // the first block is out of reach
	binary.LittleEndian.PutUint64(b[at+8:], 128<<10)
	m := b[128<<10:]
	copy(m, fveSignature)
	meta := m[64:]
	binary.LittleEndian.PutUint32(meta[8:], 48)
	binary.LittleEndian.PutUint16(meta[36:], method)
	n := 48
	for _, p := range protectors {
		binary.LittleEndian.PutUint16(meta[n:], 40)
		binary.LittleEndian.PutUint16(meta[n+2:], 2)
		binary.LittleEndian.PutUint16(meta[n+8+26:], p)
		n += 40
	}
	binary.LittleEndian.PutUint32(meta, uint32(n))
	return b
}

func openBytes(b []byte) error {
	_, err := Open(Media{ReaderAt: bytes.NewReader(b), Length: int64(len(b)), Sector: 512})
	return err
}

// TestLocked names encrypted volumes and how they are encrypted.
func TestLocked(t *testing.T) {
	unpack := func(name string) []byte {
		f, err := os.Open(filepath.Join("../../testdata/image/layer", name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	coreStorage := make([]byte, 4096)
	copy(coreStorage[8:], "\x01\x00\x10\x00")
	copy(coreStorage[88:], "CS")
	for _, c := range []struct {
		name, want string
		b          []byte
	}{
		{"BitLocker", "it is BitLocker (AES-XTS 128-bit, protected by TPM, recovery password), which", bitLockerVolume(false, 0x8004, 0x0100, 0x0800)},
		{"BitLocker To Go", "it is BitLocker (AES-CBC 128-bit with Elephant Diffuser, protected by password), which", bitLockerVolume(true, 0x8000, 0x2000)},
		{"BitLocker, suspended", "protected by clear key), which", bitLockerVolume(false, 0x8003, 0)},
		{"BitLocker, unknown", "it is BitLocker (method 0x9999, protected by 0x1234), which", bitLockerVolume(false, 0x9999, 0x1234)},
		{"BitLocker without metadata", "it is BitLocker, which", bitLockerVolume(false, 0x8004)[:64<<10]},
		{"LUKS 1", "it is LUKS (version 1, aes-xts-plain64, key of 512 bits, hash sha256, UUID 3e0c0f3a-5e0e-4c52-9d3b-0a5e5b8f0001), which", unpack("luks1.raw.gz")},
		{"LUKS 2", "it is LUKS (version 2, aes-xts-plain64, key of 512 bits, pbkdf2, 1 key slots, UUID 3e0c0f3a-5e0e-4c52-9d3b-0a5e5b8f0002), which", unpack("luks2.raw.gz")},
		{"LUKS, cut", "it is LUKS, which", unpack("luks2.raw.gz")[:300]},
		{"CoreStorage", "it is Apple CoreStorage (FileVault 2", coreStorage},
	} {
		err := openBytes(c.b)
		if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// FuzzLocked feeds the heads of encrypted volumes with mutations.
func FuzzLocked(f *testing.F) {
	f.Add(bitLockerVolume(false, 0x8004, 0x0100)[120<<10:])
	f.Add(bitLockerVolume(true, 0x8004, 0x0100)[:1024])
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 4096 {
			copy(b[3:], fveSignature)
			binary.LittleEndian.PutUint64(b[176:], uint64(len(b)/2))
			copy(b[len(b)/2:], fveSignature)
		}
		_ = method(Media{ReaderAt: bytes.NewReader(b), Length: int64(len(b))}, b, nameBitLocker)
		_ = method(Media{ReaderAt: bytes.NewReader(b), Length: int64(len(b))}, b, nameLUKS)
	})
}
