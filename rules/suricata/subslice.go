package suricata

import (
	"strconv"
	"strings"
)

// subsliceOptions takes subslice: OFFSET[, BYTES][, truncate]. An offset below zero
// counts from the end; bytes below zero give where the part ends before the end
// (Suricata user guide, "subslice").
func subsliceOptions(t *transform, o *option) *fault {
	const expected = "an offset, then bytes, truncate or both, such as subslice:2,8,truncate"
	parts := o.val.list()
	if n := len(parts); n > 1 && strings.EqualFold(parts[n-1].s, "truncate") {
		t.mode, parts = subsliceTruncate, parts[:n-1]
	}
	if len(parts) < 1 || len(parts) > 2 {
		return wrong(o.val.off, "not what subslice takes", expected)
	}
	for i, p := range parts {
		n, err := strconv.ParseInt(strings.TrimPrefix(p.s, "+"), 10, 64)
		if err != nil || i == 1 && n == 0 {
			return wrong(p.off, "no number of bytes: "+strconv.Quote(p.s), expected)
		}
		n = min(max(n, -maxSubslice), maxSubslice)
		if i == 0 {
			t.off = int(n)
		} else {
			t.n = int(n)
		}
	}
	return nil
}

const (
	subsliceTruncate = 1 // mode: what lies outside is cut off, else there is nothing
	maxSubslice      = 1 << 40
)

// subslice gives the part of a buffer; nothing if it does not lie within it.
func (t *transform) subslice(in []byte) []byte {
	size, cut := len(in), t.mode == subsliceTruncate
	if max(t.off, -t.off) > size && !cut {
		return nil
	}
	start := min(t.off, size)
	if t.off < 0 {
		start = size + max(t.off, -size)
	}
	end := size
	switch {
	case t.n < 0:
		if end = size + t.n; end < 0 {
			if !cut {
				return nil
			}
			end = 0
		}
	case t.n > 0:
		if start+t.n > size && !cut {
			return nil
		}
		end = min(start+t.n, size)
	}
	return in[min(start, end):max(start, end)]
}
