package xpress

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"
)

// TestExpand proves that what testdata/make/windows.py compressed comes back, and
// that what is cut or of another form is refused with what was expanded.
func TestExpand(t *testing.T) {
	plain, err := os.ReadFile("../../testdata/artifact/sample.pf")
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("../../testdata/artifact/sample-compressed.pf")
	if err != nil {
		t.Fatal(err)
	}
	size := int(binary.LittleEndian.Uint32(b[4:]))
	got, err := Expand(b[8:], size)
	if err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("%d bytes of %d, %v", len(got), len(plain), err)
	}
	for name, src := range map[string][]byte{
		"nothing": nil, "half a table": b[8:100], "a table without codes": make([]byte, 400), "too many codes": bytes.Repeat([]byte{0x11}, 400),
		"no data": b[8 : 8+256],
	} {
		if _, err := Expand(src, size); !errors.Is(err, ErrForm) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzExpand proves that no input panics or gives much more than was asked for.
func FuzzExpand(f *testing.F) {
	b, err := os.ReadFile("../../testdata/artifact/sample-compressed.pf")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[8:], 1000)
	f.Fuzz(func(t *testing.T, src []byte, size int) {
		size = max(size, 0) % (1 << 20)
		if got, _ := Expand(src, size); len(got) > size+2*blockSize {
			t.Fatalf("%d bytes of %d", len(got), size)
		}
	})
}

// TestExpandPlain proves what [MS-XCA] section 3.1 gives as its examples, and that
// what is cut is refused.
func TestExpandPlain(t *testing.T) {
	for _, c := range []struct{ packed, want string }{
		{"\x3f\x00\x00\x00abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxyz"},
		{"\xff\xff\xff\x1fabc\x17\x00\x0f\xff\x26\x01", strings.Repeat("abc", 100)},
	} {
		got, err := ExpandPlain([]byte(c.packed), len(c.want))
		if err != nil || string(got) != c.want {
			t.Errorf("%q, %v; expected %q", got, err, c.want)
		}
		for n := range len(c.packed) {
			if _, err := ExpandPlain([]byte(c.packed[:n]), len(c.want)); !errors.Is(err, ErrForm) {
				t.Errorf("cut at %d: %v", n, err)
			}
		}
	}
	if _, err := ExpandPlain([]byte("\xff\xff\xff\xff\x17\x00"), 100); !errors.Is(err, ErrForm) {
		t.Errorf("a match before the beginning: %v", err)
	}
}

func FuzzExpandPlain(f *testing.F) {
	f.Add([]byte("\xff\xff\xff\x1fabc\x17\x00\x0f\xff\x26\x01"), 300)
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		size = min(max(size, 0), 1<<16)
		if got, _ := ExpandPlain(b, size); len(got) > size {
			t.Errorf("%d bytes of %d", len(got), size)
		}
	})
}
