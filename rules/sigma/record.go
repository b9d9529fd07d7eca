package sigma

import (
	"slices"
	"strings"
	"unicode/utf8"
	"unsafe"

	"saksi/event"
)

// Source is a log source of Sigma's taxonomy: of a rule, which records it
// looks at (an empty part asks nothing); of a record, what it is.
type Source struct{ Category, Product, Service string }

// String names the source as a rule writes it.
func (s Source) String() string {
	var parts []string
	for _, p := range []struct{ name, value string }{{"category", s.Category}, {"product", s.Product}, {"service", s.Service}} {
		if p.value != "" {
			parts = append(parts, p.name+" "+p.value)
		}
	}
	return strings.Join(parts, ", ")
}

// Record is one record of a log, as rules look at it.
type Record interface {
	// Sources are the log sources the record belongs to, each as full as it
	// is known: a rule that names a part of one of them looks at the record.
	Sources() []Source
	// Values calls yield for every value with the name its field has in
	// Sigma's taxonomy, in the order of the record; a field may have several
	// values, and one value several names. The strings MUST stay unchanged
	// until Match returns.
	Values(yield func(field, value string) bool)
}

// value is one value of the record under work.
type value struct {
	field int32
	next  int32 // the next value of the field, or -1
	raw   string
	lower string // made when asked for; see low
	known bool   // lower is made
}

// scratch is what one matching needs; it is used again.
type scratch struct {
	set   *Set
	epoch uint32
	vals  []value
	first []int32 // by field, the first of vals or -1
	last  []int32
	memo  []uint32 // by atom: epoch<<1 | truth
	seen  []uint32 // by rule: the epoch in which it was tried
	hits  []*Rule
	arena []byte // of lower-case copies and texts of numbers
	keys  []Source
	done  []*group // of this record

	sighted []bool  // rules a correlation saw, see sighting
	tell    *teller // nil: nobody asks
}

func newScratch(set *Set) *scratch {
	s := &scratch{set: set, first: make([]int32, len(set.names)+1), last: make([]int32, len(set.names)+1), memo: make([]uint32, len(set.atoms)), seen: make([]uint32, len(set.Rules))}
	for i := range s.first {
		s.first[i], s.last[i] = -1, -1
	}
	return s
}

// begin makes s ready for the next record.
func (s *scratch) begin() {
	for i := range s.vals {
		s.first[s.vals[i].field], s.last[s.vals[i].field] = -1, -1
	}
	clear(s.vals)
	s.vals, s.hits, s.arena = s.vals[:0], s.hits[:0], s.arena[:0]
	if cap(s.arena) > 1<<20 {
		s.arena = nil
	}
	if s.epoch++; s.epoch == 1<<31 { // once in two thousand million records
		clear(s.memo)
		clear(s.seen)
		s.epoch = 1
	}
}

// add takes a value of a field; field anyField is a value no rule names, which
// keywords see.
func (s *scratch) add(field int32, raw string) {
	at := int32(len(s.vals))
	s.vals = append(s.vals, value{field: field, next: -1, raw: raw})
	if s.first[field] < 0 {
		s.first[field] = at
	} else {
		s.vals[s.last[field]].next = at
	}
	s.last[field] = at
}

// replace takes a value of a field that has but one, the last.
func (s *scratch) replace(field int32, raw string) {
	if at := s.first[field]; field != anyField && at >= 0 {
		s.vals[at] = value{field: field, next: -1, raw: raw}
		return
	}
	s.add(field, raw)
}

// low is the value in lower case.
func (s *scratch) low(v *value) string {
	if v.known {
		return v.lower
	}
	v.known, v.lower = true, v.raw
	upper := false
	for i := 0; i < len(v.raw); i++ {
		if c := v.raw[i]; c >= utf8.RuneSelf {
			v.lower = strings.ToLower(v.raw)
			return v.lower
		} else if c >= 'A' && c <= 'Z' {
			upper = true
		}
	}
	if upper {
		s.arena = slices.Grow(s.arena, len(v.raw)) // earlier views keep their memory
		from := len(s.arena)
		for i := 0; i < len(v.raw); i++ {
			c := v.raw[i]
			if c >= 'A' && c <= 'Z' {
				c += 'a' - 'A'
			}
			s.arena = append(s.arena, c)
		}
		v.lower = unsafe.String(&s.arena[from], len(v.raw))
	}
	return v.lower
}

// truth is the answer to an atom, asked at most once a record.
func (s *scratch) truth(a int32) bool {
	if m := s.memo[a]; m>>1 == s.epoch {
		return m&1 == 1
	}
	t := s.set.atoms[a].ask(s)
	m := s.epoch << 1
	if t {
		m |= 1
	}
	s.memo[a] = m
	return t
}

// Match returns the rules that match r, in the order of their ids. It is safe
// for concurrent use.
func (s *Set) Match(r Record) []*Rule {
	sc := s.pool.Get().(*scratch)
	sc.begin()
	for name, v := range r.Values {
		sc.add(s.names[name], v) // a name no rule uses is anyField
	}
	sc.keys = append(sc.keys[:0], r.Sources()...)
	hits := sc.match(nil)
	s.pool.Put(sc)
	return hits
}

// match tries the rules of every group the sources belong to.
// e is the event of ours, or nil.
func (s *scratch) match(e *event.Event) []*Rule {
	s.done = s.done[:0]
	for _, src := range s.keys {
		for part := range 8 {
			key := src
			if part&1 != 0 {
				key.Category = ""
			}
			if part&2 != 0 {
				key.Product = ""
			}
			if part&4 != 0 {
				key.Service = ""
			}
			g := s.set.groups[key]
			if g != nil && !slices.Contains(s.done, g) {
				s.done = append(s.done, g)
				g.match(s)
			}
		}
	}
	if s.set.trace != nil {
		s.traced(e)
	}
	if len(s.hits) == 0 {
		return nil
	}
	slices.SortFunc(s.hits, func(a, b *Rule) int { return int(a.rank) - int(b.rank) })
	return slices.Clone(s.hits)
}

// try runs a rule once a record.
func (s *scratch) try(r *Rule) {
	if s.seen[r.index] == s.epoch {
		return
	}
	s.seen[r.index] = s.epoch
	ok := false
	if s.set.costs != nil {
		ok = s.costly(r)
	} else {
		ok = r.cond.eval(s)
	}
	if ok {
		s.hits = append(s.hits, r)
	}
}
