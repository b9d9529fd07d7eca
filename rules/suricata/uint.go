package suricata

import (
	"strconv"
	"strings"
)

// uintCmp compares an unsigned number (Suricata user guide, "Integer
// keywords"): N, =N, !N, <N, <=N, >N, >=N, A<>B and A-B, both exclusive.
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
	opAnd // bits in common
	opXor // differ
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
	}
	return false
}

func parseUint(f field, bits int) (uintCmp, *fault) {
	s := strings.ReplaceAll(f.s, " ", "")
	bad := wrong(f.off, "not a number or a comparison", "N, !N, <N, <=N, >N, >=N or A<>B, at most "+strconv.FormatUint(1<<bits-1, 10))
	num := func(s string) (uint64, bool) {
		n, err := strconv.ParseUint(s, 0, bits)
		if strings.HasPrefix(s, "0") && !strings.HasPrefix(s, "0x") {
			n, err = strconv.ParseUint(s, 10, bits)
		}
		return n, err == nil
	}
	neg := false
	for _, sep := range []string{"<>", "-"} {
		if a, b, ok := strings.Cut(s, sep); ok && a != "" {
			a, neg = strings.CutPrefix(a, "!")
			lo, ok1 := num(a)
			hi, ok2 := num(b)
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
			n, ok := num(rest)
			if !ok {
				return uintCmp{}, bad
			}
			return uintCmp{op: p.op, a: n}, nil
		}
	}
	return uintCmp{}, bad
}
