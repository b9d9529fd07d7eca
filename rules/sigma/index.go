package sigma

import (
	"cmp"
	"slices"

	"saksi/internal/required"
)

// group holds the rules of one log source. A rule is tried only when an atom
// that it needs is true; such atoms are found by looking up each value once
// among all exact values, and once among all literals, of its field.
type group struct {
	fields []lookup
	always []*Rule // nothing is known that they need
}

// lookup finds the atoms of one field that may be true.
type lookup struct {
	field int32
	exact map[string][]entry
	lits  grams
}

// entry is an atom and the rules to try when it is true.
type entry struct {
	atom  int32
	rules []*Rule
}

// clause is a list of atoms of which one at least is true whenever a
// condition is.
type clause struct {
	atoms []int32
	p     float64 // how likely one of them is true, by estimate
}

// maxClause bounds the atoms of a clause.
const maxClause = 4096

// needs returns the best clause of a condition; ok is false when there is
// none.
func (c *compiler) needs(n node) (best clause, ok bool) {
	switch x := n.(type) {
	case atomRef:
		a := &c.atoms[x]
		if a.kind != byPattern && a.kind != byRegexp || a.lits == nil && !a.isExact() {
			return clause{}, false
		}
		p := 0.01
		if !a.isExact() {
			p = required.Likely(a.lits)
		}
		return clause{[]int32{int32(x)}, p}, true
	case allOf:
		for _, sub := range x {
			if cl, is := c.needs(sub); is && (!ok || cl.p < best.p) {
				best, ok = cl, true
			}
		}
	case anyOf:
		for _, sub := range x {
			cl, is := c.needs(sub)
			if !is || len(best.atoms)+len(cl.atoms) > maxClause {
				return clause{}, false
			}
			best.atoms, best.p = append(best.atoms, cl.atoms...), best.p+cl.p
		}
		ok = len(x) > 0
	}
	return best, ok
}

// isExact reports whether the atom asks for one value from end to end.
func (a *atom) isExact() bool {
	if a.kind != byPattern || a.cased || a.field == anyField {
		return false
	}
	_, ok := a.pat.exact()
	return ok
}

// groups sorts the rules by log source and builds their lookups.
func (c *compiler) groups(list []*Rule) map[Source]*group {
	type key struct {
		src  Source
		atom int32
	}
	groups := map[Source]*group{}
	users := map[key][]*Rule{}
	var order []key
	for _, r := range list {
		if r.correlation != nil {
			continue
		}
		g := groups[r.Source]
		if g == nil {
			g = &group{}
			groups[r.Source] = g
		}
		cl, ok := c.needs(r.cond)
		if !ok {
			g.always = append(g.always, r)
			continue
		}
		for _, a := range cl.atoms {
			k := key{r.Source, a}
			if users[k] == nil {
				order = append(order, k)
			}
			if l := users[k]; len(l) == 0 || l[len(l)-1] != r {
				users[k] = append(l, r)
			}
		}
	}
	for _, k := range order {
		a := &c.atoms[k.atom]
		f := groups[k.src].lookup(a.field)
		e := entry{k.atom, users[k]}
		if a.isExact() {
			text, _ := a.pat.exact()
			f.exact[text] = append(f.exact[text], e)
			continue
		}
		for _, l := range a.lits {
			f.lits.add(l, e)
		}
	}
	for _, g := range groups {
		for i := range g.fields {
			g.fields[i].lits.build()
		}
	}
	return groups
}

func (g *group) lookup(field int32) *lookup {
	for i := range g.fields {
		if g.fields[i].field == field {
			return &g.fields[i]
		}
	}
	g.fields = append(g.fields, lookup{field: field, exact: map[string][]entry{}})
	return &g.fields[len(g.fields)-1]
}

// match tries the rules of the group that s may meet.
func (g *group) match(s *scratch) {
	for i := range g.fields {
		f := &g.fields[i]
		if f.field == anyField {
			for j := range s.vals {
				f.match(s, s.low(&s.vals[j]))
			}
			continue
		}
		for j := s.first[f.field]; j >= 0; j = s.vals[j].next {
			f.match(s, s.low(&s.vals[j]))
		}
	}
	for _, r := range g.always {
		s.try(r)
	}
}

func (f *lookup) match(s *scratch, text string) {
	if len(f.exact) > 0 {
		s.entries(f.exact[text])
	}
	f.lits.scan(s, text)
}

func (s *scratch) entries(list []entry) {
	for i := range list {
		if s.truth(list[i].atom) {
			for _, r := range list[i].rules {
				s.try(r)
			}
		}
	}
}

// grams finds literals in a text by one piece of up to four bytes of each,
// the rarest among all of them.
type grams struct {
	pending []pending
	bits    []uint64
	mask    uint32
	table   [5]map[uint32][]entry // by the length of the piece
}

type pending struct {
	lit string
	e   entry
}

func (g *grams) add(lit string, e entry) { g.pending = append(g.pending, pending{lit, e}) }

// pack reads n bytes at i as a number.
func pack(s string, i, n int) uint32 {
	v := uint32(0)
	for _, c := range []byte(s[i : i+n]) {
		v = v<<8 | uint32(c)
	}
	return v
}

func spread(v uint32) uint32 { return v * 2654435761 >> 7 }

// common are pieces that stand in most values of Windows; a literal is looked
// up by another of its pieces if it has one.
const common = `.exe \windows\system32\ c:\program files\ microsoft\users\appdata\local\ http://www. .com`

func (g *grams) build() {
	if len(g.pending) == 0 {
		return
	}
	count := map[uint32]int{}
	for i := 0; i+4 <= len(common); i++ {
		count[pack(common, i, 4)] += 1 << 20
	}
	for _, p := range g.pending {
		for i := 0; i+4 <= len(p.lit); i++ {
			count[pack(p.lit, i, 4)]++
		}
	}
	size := 1024
	for size < 32*len(g.pending) && size < 1<<18 {
		size *= 2
	}
	g.bits, g.mask = make([]uint64, size/64), uint32(size-1)
	for _, p := range g.pending {
		n := min(len(p.lit), 4)
		best := pack(p.lit, 0, n)
		for i := 1; i+n <= len(p.lit); i++ {
			if k := pack(p.lit, i, n); count[k] < count[best] {
				best = k
			}
		}
		if g.table[n] == nil {
			g.table[n] = map[uint32][]entry{}
		}
		g.table[n][best] = append(g.table[n][best], p.e)
		if n == 4 {
			h := spread(best) & g.mask
			g.bits[h/64] |= 1 << (h % 64)
		}
	}
	for _, t := range g.table {
		for k, list := range t { // one atom may stand there by several literals
			slices.SortFunc(list, func(a, b entry) int { return cmp.Compare(a.atom, b.atom) })
			t[k] = slices.CompactFunc(list, func(a, b entry) bool { return a.atom == b.atom })
		}
	}
	g.pending = nil
}

// scan tries the atoms of which a piece stands in text.
func (g *grams) scan(s *scratch, text string) {
	if t := g.table[4]; t != nil && len(text) >= 4 {
		v := pack(text, 0, 3)
		for i := 3; i < len(text); i++ {
			v = v<<8 | uint32(text[i])
			if h := spread(v) & g.mask; g.bits[h/64]>>(h%64)&1 != 0 {
				s.entries(t[v])
			}
		}
	}
	for n := 1; n <= 3; n++ {
		if t := g.table[n]; t != nil {
			for i := 0; i+n <= len(text); i++ {
				if list := t[pack(text, i, n)]; list != nil {
					s.entries(list)
				}
			}
		}
	}
}
