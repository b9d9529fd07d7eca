package intel

import (
	"slices"
	"sync"
	"sync/atomic"

	"saksi/rules"
)

// anchored marks a kind of which values lead to patterns of several terms.
const anchored = 0x80

// Set is a set of indicators. It is safe for concurrent use.
type Set struct {
	table      *table
	arena      []byte // records
	sources    []source
	mixed      []mixed
	scanned    [numKinds][]int32     // patterns without a value to look up, by the kind of a term
	scans      int                   // all of these
	related    map[[16]byte][]string // techniques, by id
	dead       map[uint32]bool       // records that a later version took the place of
	simple     kindSet               // that are looked up
	joined     kindSet               // that lead to patterns
	prefixes   prefixes
	indicators int
	pool       sync.Pool

	outside atomic.Uint64
	beyond  atomic.Uint64
}

// Len is the number of indicators.
func (s *Set) Len() int { return s.indicators }

// Wants reports whether an indicator has a value of the kind, so that callers
// need not make what nobody asks for.
func (s *Set) Wants(k Kind) bool {
	if s.simple.has(k) || s.joined.has(k) {
		return true
	}
	for i := range s.mixed {
		for _, t := range s.mixed[i].terms {
			if t.Kind == k {
				return true
			}
		}
	}
	return false
}

// Outside is the number of matches so far that are no findings because the
// event lies outside the validity of the indicator.
func (s *Set) Outside() uint64 { return s.outside.Load() }

// Beyond is the number of matches so far that are no findings because one event
// held more than are told.
func (s *Set) Beyond() uint64 { return s.beyond.Load() }

type kindSet uint64

func (s *kindSet) add(k Kind)     { *s |= 1 << k }
func (s kindSet) has(k Kind) bool { return s>>k&1 == 1 }

// prefixes are the lengths of the networks there are, by family.
type prefixes struct{ v4, v6 []uint8 }

func (p *prefixes) add(key string) {
	list := &p.v4
	if len(key) == 17 {
		list = &p.v6
	}
	if n := key[0]; !slices.Contains(*list, n) {
		*list = append(*list, n)
	}
}

func (p *prefixes) sort() {
	slices.Sort(p.v4)
	slices.Sort(p.v6)
}

// about is what is known of an indicator and its source.
type about struct {
	Indicator
	src *source
}

func (s *Set) about(record uint32) about {
	src, x := readRecord(s.arena[record:])
	a := about{x, &s.sources[src]}
	a.TLP = max(a.TLP, a.src.tlp)
	if a.Severity == 0 {
		a.Severity = a.src.severity
	}
	if a.Severity == 0 {
		a.Severity = rules.Medium
	}
	for _, t := range a.src.techniques {
		a.Techniques = rules.AddTechnique(a.Techniques, t)
	}
	if id, ok := uuid(a.ID); ok {
		for _, name := range s.related[id] {
			a.Techniques = rules.AddTechnique(a.Techniques, name)
		}
	}
	return a
}
