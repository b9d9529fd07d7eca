package pieces

import (
	"bytes"
	"testing"
)

// TestBuffer proves that pieces in any order, and overlapping, give the bytes,
// and that pieces beyond the bounds are left out.
func TestBuffer(t *testing.T) {
	want := []byte("the quick brown fox jumps over the lazy dog")
	for _, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}} {
		var c Buffer
		for _, i := range order {
			from := max(i*11-2, 0)
			c.Add(uint64(from), want[from:min((i+1)*11, len(want))])
		}
		if !bytes.Equal(c.Bytes(), want) || c.held != 0 {
			t.Errorf("order %v: %q, %d held", order, c.Bytes(), c.held)
		}
	}
	var c Buffer
	c.Add(1<<62-1, want)
	for i := range 10_000 {
		c.Add(uint64(2+2*i), want)
	}
	if len(c.Bytes()) != 0 || c.held > Max || len(c.pieces) > maxPieces {
		t.Errorf("%d bytes, %d held in %d pieces", len(c.Bytes()), c.held, len(c.pieces))
	}
}
