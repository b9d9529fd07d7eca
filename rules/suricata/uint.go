package suricata

import (
	"strconv"
	"strings"
)

// uintCmp compares an unsigned number (Suricata user guide, "Integer
// keywords"): N, =N, !N, <N, <=N, >N, >=N, A<>B and A-B, both exclusive, &MASK=N.
type uintCmp struct {
	op cmpOp
	a  uint64
	b  uint64
}

type cmpOp uint8

const (
	opEq cmpOp = iota
	opNe
	opLt
	opLe
	opGt
	opGe
	opRange
	opNotRange
	opAnd     // bits in common
	opXor     // differ
	opMask    // the bits of a are b
	opNotMask // and are not
)

func (c uintCmp) match(x uint64) bool {
	switch c.op {
	case opEq:
		return x == c.a
	case opNe:
		return x != c.a
	case opLt:
		return x < c.a
	case opLe:
		return x <= c.a
	case opGt:
		return x > c.a
	case opGe:
		return x >= c.a
	case opRange:
		return x > c.a && x < c.b
	case opNotRange:
		return x <= c.a || x >= c.b
	case opAnd:
		return x&c.a != 0
	case opXor:
		return x^c.a != 0
	case opMask:
		return x&c.a == c.b
	case opNotMask:
		return x&c.a != c.b
	}
	return false
}

// units are the suffixes of numbers (Suricata user guide, "Integer Keywords").
var units = []struct {
	name string
	by   uint64
}{{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"kb", 1 << 10}, {"mb", 1 << 20}, {"gb", 1 << 30}}

// parseUnits reads a decimal or hexadecimal number, with a unit or without.
func parseUnits(s string, bits int) (uint64, bool) {
	by := uint64(1)
	low := strings.ToLower(s)
	for _, u := range units {
		if rest, ok := strings.CutSuffix(low, u.name); ok && !strings.HasPrefix(low, "0x") {
			low, by = rest, u.by
			break
		}
	}
	base := 10
	if rest, ok := strings.CutPrefix(low, "0x"); ok {
		low, base = rest, 16
	}
	n, err := strconv.ParseUint(low, base, bits)
	if err != nil || by > 1 && n > (1<<bits-1)/by {
		return 0, false
	}
	return n * by, true
}

func parseUint(f field, bits int) (uintCmp, *fault) {
	s := strings.ReplaceAll(f.s, " ", "")
	bad := wrong(f.off, "not a number or a comparison", "N, !N, <N, <=N, >N, >=N, A-B or &MASK=N, at most "+strconv.FormatUint(1<<bits-1, 10))
	if mask, ok := strings.CutPrefix(s, "&"); ok {
		op := opMask
		m, v, ok := strings.Cut(mask, "!=")
		if ok {
			op = opNotMask
		} else if m, v, ok = strings.Cut(mask, "="); !ok {
			return uintCmp{}, bad
		}
		a, ok1 := parseUnits(m, bits)
		b, ok2 := parseUnits(v, bits)
		if !ok1 || !ok2 || b&^a != 0 {
			return uintCmp{}, bad
		}
		return uintCmp{op, a, b}, nil
	}
	for _, sep := range []string{"<>", "-"} {
		if a, b, ok := strings.Cut(s, sep); ok && a != "" {
			a, neg := strings.CutPrefix(a, "!")
			lo, ok1 := parseUnits(a, bits)
			hi, ok2 := parseUnits(b, bits)
			if !ok1 || !ok2 || lo >= hi {
				return uintCmp{}, bad
			}
			if neg {
				return uintCmp{opNotRange, lo, hi}, nil
			}
			return uintCmp{opRange, lo, hi}, nil
		}
	}
	for _, p := range []struct {
		s  string
		op cmpOp
	}{{"<=", opLe}, {">=", opGe}, {"!=", opNe}, {"<", opLt}, {">", opGt}, {"=", opEq}, {"!", opNe}, {"", opEq}} {
		if rest, ok := strings.CutPrefix(s, p.s); ok {
			n, ok := parseUnits(rest, bits)
			if !ok {
				return uintCmp{}, bad
			}
			return uintCmp{op: p.op, a: n}, nil
		}
	}
	return uintCmp{}, bad
}
