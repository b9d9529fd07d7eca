package wire

import (
	"errors"
	"math"
	"testing"
)

// TestRoundTrip proves that values come back as they were written.
func TestRoundTrip(t *testing.T) {
	var w Writer
	w.Uint(math.MaxUint64)
	w.Int(math.MinInt64)
	w.Bool(true)
	w.String("nama fail")
	w.Bytes(nil)
	r := Reader{B: w.B}
	if r.Uint() != math.MaxUint64 || r.Int() != math.MinInt64 || !r.Bool() || r.String() != "nama fail" || len(r.Bytes()) != 0 || r.Err() != nil || r.Len() != 0 {
		t.Errorf("did not come back: %v", r.Err())
	}
}

// FuzzReader proves that no record panics or yields more bytes than it has.
func FuzzReader(f *testing.F) {
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Add([]byte{200, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := Reader{B: b}
		total := 0
		for r.Err() == nil && r.Len() > 0 {
			total += len(r.Bytes())
		}
		if total > len(b) {
			t.Fatalf("%d bytes out of %d", total, len(b))
		}
		if r.Err() != nil && !errors.Is(r.Err(), ErrShort) {
			t.Fatal(r.Err())
		}
	})
}
