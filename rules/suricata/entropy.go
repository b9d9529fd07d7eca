package suricata

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// entropy compares the Shannon entropy of a part of a buffer, in bits a byte
// (Suricata user guide, "entropy").
type entropy struct {
	offset, bytes int
	op            cmpOp
	a, b          float64
}

// part is what of a buffer is looked at; nil for none.
func (x *entropy) part(data []byte) []byte {
	if x.offset >= len(data) || x.bytes > len(data)-x.offset {
		return nil
	}
	data = data[x.offset:]
	if x.bytes > 0 {
		data = data[:x.bytes]
	}
	return data
}

func (x *entropy) of(data []byte) float64 {
	data = x.part(data)
	var n [256]int
	for _, c := range data {
		n[c]++
	}
	e := 0.0
	for _, k := range n {
		if k > 0 {
			p := float64(k) / float64(len(data))
			e -= p * math.Log2(p)
		}
	}
	return e
}

func (x *entropy) matches(data []byte) bool {
	if len(x.part(data)) == 0 {
		return false
	}
	e := x.of(data)
	switch x.op {
	case opNe:
		return e != x.a
	case opLt:
		return e < x.a
	case opLe:
		return e <= x.a
	case opGt:
		return e > x.a
	case opGe:
		return e >= x.a
	case opRange:
		return e > x.a && e < x.b
	case opNotRange:
		return e <= x.a || e >= x.b
	}
	return e == x.a
}

// kwEntropy takes entropy:[bytes N,] [offset N,] value COMPARISON.
func kwEntropy(b *builder, o *option) *fault {
	x := &entropy{}
	seen := false
	for _, p := range o.val.list() {
		name, rest, ok := strings.Cut(p.s, " ")
		rest = strings.TrimSpace(rest)
		switch {
		case ok && (name == "bytes" || name == "offset"):
			n, err := strconv.ParseUint(rest, 10, 20)
			if err != nil {
				return wrong(p.off, "not a number of bytes", "a number")
			}
			if name == "bytes" {
				x.bytes = int(n)
			} else {
				x.offset = int(n)
			}
		default:
			if name != "value" {
				rest = p.s
			}
			if seen || !x.parse(strings.ReplaceAll(rest, " ", "")) {
				return wrong(p.off, fmt.Sprintf("%q is no comparison of an entropy", p.s), "value >= 4.5, with numbers from 0 to 8")
			}
			seen = true
		}
	}
	if !seen {
		return wrong(o.val.off, "entropy without a value", "value >= 4.5")
	}
	b.add(item{kind: itEntropy, entropy: x, at: o.val.off})
	return nil
}

func (x *entropy) parse(s string) bool {
	num := func(s string) (float64, bool) {
		f, err := strconv.ParseFloat(s, 64)
		return f, err == nil && f >= 0 && f <= 8
	}
	if lo, hi, ok := strings.Cut(s, "-"); ok {
		lo, neg := strings.CutPrefix(lo, "!")
		var ok1, ok2 bool
		x.a, ok1 = num(lo)
		x.b, ok2 = num(hi)
		if x.op = opRange; neg {
			x.op = opNotRange
		}
		return ok1 && ok2 && x.a < x.b
	}
	for _, p := range []struct {
		s  string
		op cmpOp
	}{{"<=", opLe}, {">=", opGe}, {"!=", opNe}, {"<", opLt}, {">", opGt}, {"=", opEq}, {"!", opNe}, {"", opEq}} {
		if rest, ok := strings.CutPrefix(s, p.s); ok {
			x.op = p.op
			x.a, ok = num(rest)
			return ok
		}
	}
	return false
}
