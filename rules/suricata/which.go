package suricata

import (
	"fmt"
	"strconv"
	"strings"
)

// which says which of the instances of a number a rule means (Suricata user
// guide, "Multi-integers"). The zero which is any of them.
type which struct {
	kind   whichKind
	at     int     // place, from the end when negative
	cmp    uintCmp // of how many match, or of how many there are
	lo, hi int     // the instances looked at, with sliced
	sliced bool
}

type whichKind uint8

const (
	whichAny whichKind = iota
	whichAll
	whichAllOrAbsent
	whichOrAbsent
	whichAt
	whichAtOrBeyond
	whichCount  // how many match
	whichLength // how many there are
)

var whichNames = map[string]whichKind{"any": whichAny, "all": whichAll, "all_or_absent": whichAllOrAbsent, "or_absent": whichOrAbsent}

// parseWhich reads INDEX[,FROM:TO].
func parseWhich(parts []field) (which, *fault) {
	var w which
	f := parts[0]
	s := strings.ToLower(f.s)
	kind, named := whichNames[s]
	switch {
	case named:
		w.kind = kind
	case strings.HasPrefix(s, "nb"):
		c, err := parseUint(field{f.s[2:], f.off + 2}, 32)
		if err != nil {
			return w, err
		}
		w.kind, w.cmp = whichCount, c
	default:
		t, beyond := strings.CutPrefix(s, "oob_or")
		n, err := strconv.ParseInt(strings.TrimSpace(t), 10, 32)
		if err != nil {
			return w, wrong(f.off, fmt.Sprintf("%q is no index", f.s), "a number, any, all, all_or_absent, or_absent, oob_or N or nb with a comparison")
		}
		w.kind, w.at = whichAt, int(n)
		if beyond {
			w.kind = whichAtOrBeyond
		}
	}
	if len(parts) == 1 {
		return w, nil
	}
	lo, hi, ok := strings.Cut(parts[1].s, ":")
	a, e1 := strconv.ParseInt(strings.TrimSpace(lo), 10, 32)
	b, e2 := strconv.ParseInt(strings.TrimSpace(hi), 10, 32)
	if !ok || e1 != nil || e2 != nil || len(parts) > 2 {
		return w, wrong(parts[1].off, "not a part of the numbers", "FROM:TO, from the end when negative")
	}
	w.lo, w.hi, w.sliced = int(a), int(b), true
	return w, nil
}

// decide matches the instances of a number by what the rule means.
func (w *which) decide(n int, match func(i int) bool) bool {
	if w.kind == whichLength {
		return w.cmp.match(uint64(n))
	}
	first, end := 0, n
	if w.sliced {
		first, end = w.lo, w.hi
		if first < 0 {
			first += n
		}
		if end < 0 {
			end += n
		}
		if first < 0 || end > n || first >= end {
			first, end = 0, 0
		}
	}
	n = end - first
	switch w.kind {
	case whichAt, whichAtOrBeyond:
		at := w.at
		if at < 0 {
			at += n
		}
		if at < 0 || at >= n {
			return w.kind == whichAtOrBeyond
		}
		return match(first + at)
	case whichOrAbsent, whichAllOrAbsent:
		if n == 0 {
			return true
		}
	}
	hits := 0
	for i := first; i < end; i++ {
		if match(i) {
			hits++
			if w.kind == whichAny || w.kind == whichOrAbsent {
				return true
			}
		}
	}
	switch w.kind {
	case whichAll, whichAllOrAbsent:
		return n > 0 && hits == n
	case whichCount:
		return w.cmp.match(uint64(hits))
	}
	return false
}
