package sigma

import (
	"cmp"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// anyField is the field of keywords: every value of the record.
const anyField int32 = 0

// kind is what an atom asks.
type kind uint8

const (
	byPattern kind = iota
	byRegexp
	byNetwork
	byNumber
	byTime
	byPresence // the field has a value, be it empty
	byNull     // the field has no value but empty ones
	byField    // another field's value
)

// atom is one question about one field. Equal questions of all rules are one
// atom, which is answered at most once a record.
type atom struct {
	field int32
	other int32 // of byField
	kind  kind
	cased bool
	pos   position // of byField
	pat   matcher
	re    *regexp.Regexp
	net   netip.Prefix
	op    string
	num   float64
	part  string // of byTime
	// lits are lower-case literals of which each value that passes holds one;
	// none when nothing is known.
	lits []string
}

// node is a compiled condition or a part of one.
type node interface{ eval(s *scratch) bool }

type (
	atomRef int32
	allOf   []node
	anyOf   []node
	not     struct{ n node }
)

func (a atomRef) eval(s *scratch) bool { return s.truth(int32(a)) }

func (a allOf) eval(s *scratch) bool {
	for i, n := range a {
		if !n.eval(s) {
			s.rest(a[i+1:])
			return false
		}
	}
	return true
}

func (a anyOf) eval(s *scratch) bool {
	for i, n := range a {
		if n.eval(s) {
			s.rest(a[i+1:])
			return true
		}
	}
	return false
}

func (n not) eval(s *scratch) bool { return !n.n.eval(s) }

// ask answers an atom on the record in s.
func (a *atom) ask(s *scratch) bool {
	switch a.kind {
	case byPresence:
		return s.first[a.field] >= 0
	case byNull:
		for i := s.first[a.field]; i >= 0; i = s.vals[i].next {
			if s.vals[i].raw != "" {
				return false
			}
		}
		return true
	}
	if a.field == anyField {
		for i := range s.vals {
			if a.passes(s, &s.vals[i]) {
				return true
			}
		}
		return false
	}
	for i := s.first[a.field]; i >= 0; i = s.vals[i].next {
		if a.passes(s, &s.vals[i]) {
			return true
		}
	}
	return false
}

func (a *atom) passes(s *scratch, v *value) bool {
	switch a.kind {
	case byPattern:
		if a.cased {
			return a.pat.match(v.raw)
		}
		return a.pat.match(s.low(v))
	case byRegexp:
		return a.re.MatchString(v.raw)
	case byNetwork:
		ip, err := netip.ParseAddr(v.raw)
		return err == nil && a.net.Contains(ip.Unmap())
	case byNumber:
		n, ok := number(v.raw)
		return ok && compare(a.op, cmp.Compare(n, a.num))
	case byTime:
		n, ok := timePart(v.raw, a.part)
		return ok && compare(a.op, cmp.Compare(n, a.num))
	case byField:
		for i := s.first[a.other]; i >= 0; i = s.vals[i].next {
			have, want := v.raw, s.vals[i].raw
			if !a.cased {
				have, want = s.low(v), s.low(&s.vals[i])
			}
			if a.pos.holds(have, want) {
				return true
			}
		}
	}
	return false
}

// position is how a string stands in a value.
type position uint8

const (
	whole position = iota
	contains
	starts
	ends
)

func (p position) holds(have, want string) bool {
	switch p {
	case contains:
		return strings.Contains(have, want)
	case starts:
		return strings.HasPrefix(have, want)
	case ends:
		return strings.HasSuffix(have, want)
	}
	return have == want
}

// number reads a decimal number, or one in hexadecimal after 0x, as Windows
// writes many.
func number(s string) (float64, bool) {
	if rest, ok := strings.CutPrefix(strings.ToLower(s), "0x"); ok {
		n, err := strconv.ParseUint(rest, 16, 64)
		return float64(n), err == nil
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil
}

func compare(op string, c int) bool {
	switch op {
	case "gt":
		return c > 0
	case "gte":
		return c >= 0
	case "lt":
		return c < 0
	case "lte":
		return c <= 0
	}
	return c == 0
}

// timeForms are how the records we read write a time; all are taken as they
// stand, without a conversion of zones.
var timeForms = []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", "2006-01-02"}

func timePart(s, part string) (float64, bool) {
	for _, form := range timeForms {
		t, err := time.Parse(form, s)
		if err != nil {
			continue
		}
		switch part {
		case "minute":
			return float64(t.Minute()), true
		case "hour":
			return float64(t.Hour()), true
		case "day":
			return float64(t.Day()), true
		case "week":
			_, w := t.ISOWeek()
			return float64(w), true
		case "month":
			return float64(t.Month()), true
		}
		return float64(t.Year()), true
	}
	return 0, false
}
