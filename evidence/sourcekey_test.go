package evidence

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

// TestSourceKey proves that the key depends on the size and on the first and
// last byte of small and large sources, and fails on a short one.
func TestSourceKey(t *testing.T) {
	for _, size := range []int{0, 1, 4096, 64 * 4096, 64*4096 + 1, 3 << 20} {
		b := bytes.Repeat([]byte{7}, size)
		a, err := SourceKey(bytes.NewReader(b), int64(size))
		if err != nil || len(a) != 64 {
			t.Fatalf("%d bytes: %q, %v", size, a, err)
		}
		for _, i := range []int{0, size - 1} {
			if size == 0 {
				continue
			}
			b[i] ^= 1
			if c, _ := SourceKey(bytes.NewReader(b), int64(size)); c == a {
				t.Errorf("%d bytes: byte %d does not count", size, i)
			}
			b[i] ^= 1
		}
	}
	for _, size := range []int64{10, 1 << 20} {
		if key, err := SourceKey(strings.NewReader("short"), size); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("a source of 5 bytes said to have %d: %q, %v", size, key, err)
		}
	}
}
