package lzo

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestDecode proves every kind of instruction on streams written by hand; the
// samples of Btrfs prove it on what the kernel wrote.
func TestDecode(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 20)
	for _, c := range []struct {
		name, in, out string
	}{
		{"literals", "\x16hello\x11\x00\x00", "hello"},
		{"a run of 20 literals", "\x00\x02" + long[:20] + "\x11\x00\x00", long[:20]},
		{"short match with a literal behind", "\x16abcde\x51\x00X\x20\x05\x00\x00\x11\x00\x00", "abcdeabcX" + strings.Repeat("X", 38)},
	} {
		got, err := Decode([]byte(c.in), 1<<16)
		if err != nil || string(got) != c.out {
			t.Errorf("%s: %q %v", c.name, got, err)
		}
	}
	if _, err := Decode([]byte("\x16he"), 100); !errors.Is(err, ErrShort) {
		t.Errorf("cut short: %v", err)
	}
	if _, err := Decode([]byte("\x16hello\x20\x05\xff\xff\x11\x00\x00"), 100); !errors.Is(err, ErrBack) {
		t.Errorf("before its beginning: %v", err)
	}
	if _, err := Decode([]byte("\x16hello\x20\x05\x00\x00\x11\x00\x00"), 10); !errors.Is(err, ErrTooMuch) {
		t.Errorf("too much: %v", err)
	}
}

// TestHostile decodes noise: nothing panics, and nothing exceeds its limit.
func TestHostile(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	some := 0
	for range 20000 {
		b := make([]byte, 1+r.IntN(200))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		out, _ := Decode(b, 4096)
		if len(out) > 4096 {
			t.Fatalf("%d bytes", len(out))
		}
		if len(out) > 0 {
			some++
		}
	}
	if some < 1000 {
		t.Errorf("only %d gave anything", some)
	}
}
