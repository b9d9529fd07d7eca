package wof

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What testdata/make/wof.sh packed by wimlib.
const (
	plainSize   = 86985
	plainDigest = "43c7d23f36bd9003240fb84f2d4b9ef1203b77740186b3d1ae8d4efcbce4e7ae"
)

var samples = map[string]Algorithm{"xpress4k": Xpress4K, "xpress8k": Xpress8K, "xpress16k": Xpress16K, "lzx": LZX}

func sample(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../testdata/image/wof", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func open(t testing.TB, b []byte, a Algorithm) *File {
	t.Helper()
	f, err := Open(bytes.NewReader(b), int64(len(b)), plainSize, a)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestRead: what wimlib packed comes back, read as a whole and anywhere.
func TestRead(t *testing.T) {
	for name, a := range samples {
		f := open(t, sample(t, name), a)
		all, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if sum := sha256.Sum256(all); hex.EncodeToString(sum[:]) != plainDigest {
			t.Errorf("%s: other content", name)
		}
		r := rand.New(rand.NewSource(1))
		for range 50 {
			off, b := r.Int63n(plainSize), make([]byte, r.Intn(50000))
			n, err := f.ReadAt(b, off)
			if err != nil && err != io.EOF || !bytes.Equal(b[:n], all[off:off+int64(n)]) || n < len(b) && off+int64(n) != plainSize {
				t.Fatalf("%s: %d bytes at %d: %d, %v", name, len(b), off, n, err)
			}
		}
		if n, err := f.ReadAt(make([]byte, 1), plainSize); n != 0 || err != io.EOF {
			t.Errorf("beyond the end: %d, %v", n, err)
		}
	}
}

// TestDamaged: a damaged chunk is told with its place, and the others are read.
func TestDamaged(t *testing.T) {
	for name, a := range samples {
		b := sample(t, name)
		binary.LittleEndian.PutUint32(b, 1<<31) // where the second chunk begins
		f := open(t, b, a)
		p := make([]byte, 100)
		if _, err := f.ReadAt(p, a.chunk()); !errors.Is(err, ErrForm) || !strings.Contains(err.Error(), "chunk 1 at offset ") {
			t.Errorf("%s: %v", name, err)
		}
		if n, err := f.ReadAt(p, 2*a.chunk()+100); n != len(p) || err != nil {
			t.Errorf("%s: the third chunk: %d, %v", name, n, err)
		}
		if _, err := open(t, b[:len(b)-50], a).ReadAt(p, plainSize-100); err == nil {
			t.Errorf("%s: read what was cut", name)
		}
	}
	if _, err := Open(bytes.NewReader(nil), 3, 1<<30, LZX); !errors.Is(err, ErrForm) {
		t.Errorf("a table beyond the end: %v", err)
	}
}

// TestParse tells reparse points of the filter from others, and what of it is not
// read.
func TestParse(t *testing.T) {
	point := func(tag, provider, algorithm uint32) []byte {
		b := make([]byte, 24)
		binary.LittleEndian.PutUint32(b, tag)
		binary.LittleEndian.PutUint32(b[12:], provider)
		binary.LittleEndian.PutUint32(b[20:], algorithm)
		return b
	}
	if a, ok, err := Parse(point(0x80000017, 2, 1)); a != LZX || !ok || err != nil {
		t.Error(a, ok, err)
	}
	if _, ok, _ := Parse(point(0xa000000c, 2, 1)); ok {
		t.Error("a link is taken")
	}
	for _, c := range []struct {
		b    []byte
		text string
	}{{point(0x80000017, 1, 0), "WIM"}, {point(0x80000017, 5, 0), "provider 5"}, {point(0x80000017, 2, 4), "algorithm 4"}, {point(0x80000017, 2, 0)[:10], "10 bytes"}} {
		if _, ok, err := Parse(c.b); !ok || err == nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, %v", c.text, ok, err)
		}
	}
}

// TestMutations: no damage panics, or gives more than the content has.
func TestMutations(t *testing.T) {
	r := rand.New(rand.NewSource(7))
	p := make([]byte, plainSize+1)
	for name, a := range samples {
		whole := sample(t, name)
		for range 300 {
			b := bytes.Clone(whole[:len(whole)-r.Intn(2)*r.Intn(len(whole))])
			for range r.Intn(20) {
				b[r.Intn(len(b))] = byte(r.Intn(256))
			}
			f, err := Open(bytes.NewReader(b), int64(len(b)), plainSize, a)
			if err != nil {
				continue
			}
			if n, err := f.ReadAt(p, 0); n > plainSize || err == nil {
				t.Fatalf("%s: %d, %v", name, n, err)
			}
		}
	}
}

// FuzzRead reads anything as packed content.
func FuzzRead(f *testing.F) {
	for name, a := range samples {
		f.Add(sample(f, name), uint32(plainSize), uint8(a))
	}
	f.Fuzz(func(_ *testing.T, b []byte, size uint32, a uint8) {
		x, err := Open(bytes.NewReader(b), int64(len(b)), int64(size%(1<<20)), Algorithm(a%4))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, io.NewSectionReader(x, 0, x.Size()))
	})
}
