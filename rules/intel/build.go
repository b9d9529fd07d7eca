package intel

import (
	"bytes"
	"cmp"
	"fmt"
	"hash/maphash"
	"math"
	"slices"

	"saksi/rules"
)

// mixed is a pattern of several terms, or one of LIKE or MATCHES. One of them is
// looked up, or held against every event where none can be; the others are asked
// when it is found.
type mixed struct {
	entry
	terms  []Term
	anchor int
	flow   bool // it asks only for what the event of a flow tells
}

// Bounds of what a Set keeps.
const (
	maxArena   = math.MaxUint32 // bytes of records
	maxMixed   = 1 << 20
	maxSources = 1 << 20
	recent     = 1 << 15 // records among which equal ones are found
)

// version is what tells which of several indicators of one id counts.
type version struct {
	id       [16]byte
	modified int64
	entry
	source uint32
}

// builder puts a Set together.
type builder struct {
	set      *Set
	table    tableBuilder
	known    map[uint64]uint32 // places of records, by their digests
	seed     maphash.Seed
	buf      []byte
	versions []version
	related  map[[16]byte][]string // STIX: what an indicator indicates
	names    map[string]string     // STIX: techniques of ATT&CK, by the ids of their objects
	makers   map[string]string     // STIX: names of identities, by their ids
	marks    map[string]TLP        // STIX: marking definitions of the file
}

func newBuilder() *builder {
	return &builder{
		set: &Set{dead: map[uint32]bool{}}, known: map[uint64]uint32{}, seed: maphash.MakeSeed(),
		related: map[[16]byte][]string{}, names: map[string]string{}, makers: map[string]string{}, marks: map[string]TLP{},
	}
}

// add takes an indicator.
func (b *builder) add(x *Indicator) error {
	at, err := b.record(x)
	if err != nil {
		return err
	}
	e := entry{at, uint32(min(x.Line, math.MaxUint32))}
	for _, terms := range x.Patterns {
		if len(terms) == 1 && terms[0].textual == nil {
			t := &terms[0]
			b.set.simple.add(t.Kind)
			if t.Kind == Network {
				b.set.prefixes.add(t.key)
			}
			b.table.add(t.Kind, t.key, e)
			continue
		}
		if len(b.set.mixed) >= maxMixed {
			return fmt.Errorf("there are more than %d patterns of several terms", maxMixed)
		}
		m := mixed{entry: e, terms: terms, flow: true}
		best := -1
		for i := range terms {
			if rank := anchorRank(&terms[i]); rank > best {
				best, m.anchor = rank, i
			}
			m.flow = m.flow && flowKind(terms[i].Kind)
		}
		if at, ok := scanned(terms); ok {
			m.anchor = at
			k := terms[at].Kind
			b.set.scanned[k] = append(b.set.scanned[k], int32(len(b.set.mixed)))
			b.set.scans++
			b.set.mixed = append(b.set.mixed, m)
			continue
		}
		t := &terms[m.anchor]
		b.set.joined.add(t.Kind)
		if t.Kind == Network {
			b.set.prefixes.add(t.key)
		}
		b.table.add(t.Kind|anchored, t.key, entry{record: uint32(len(b.set.mixed))})
		b.set.mixed = append(b.set.mixed, m)
	}
	b.set.indicators++
	if id, ok := uuid(x.ID); ok {
		b.versions = append(b.versions, version{id, x.Modified, e, x.source})
	}
	return nil
}

// anchorRank says how good a term is to be looked up: -1 not at all, more for
// what fewer events hold.
func anchorRank(t *Term) int {
	switch {
	case t.Op != Equal || !t.Kind.searched():
		return -1
	case t.Kind == Network:
		return 0
	case t.Kind == Address || t.Kind == Source || t.Kind == Destination:
		return 1
	case t.Kind == FileName || t.Kind == UserAgent || t.Kind == Subject:
		return 2
	}
	return 3
}

func flowKind(k Kind) bool {
	switch k {
	case Address, Source, Destination, Network, DestinationPort, SourcePort, Protocol:
		return true
	}
	return false
}

// record keeps what is said of x; equal records that come close together lie
// once.
func (b *builder) record(x *Indicator) (uint32, error) {
	b.buf = appendRecord(b.buf[:0], x.source, x)
	h := maphash.Bytes(b.seed, b.buf)
	if at, ok := b.known[h]; ok && bytes.HasPrefix(b.set.arena[at:], b.buf) {
		return at, nil
	}
	at := len(b.set.arena)
	if at+len(b.buf) > maxArena {
		return 0, fmt.Errorf("what is said of all indicators has more than %d bytes", maxArena)
	}
	if len(b.known) >= recent {
		clear(b.known)
	}
	b.known[h] = uint32(at)
	b.set.arena = append(b.set.arena, b.buf...)
	return uint32(at), nil
}

// newSource adds a source and returns its number.
func (b *builder) newSource(s source) (uint32, error) {
	if len(b.set.sources) >= maxSources {
		return 0, fmt.Errorf("there are more than %d sources of indicators", maxSources)
	}
	b.set.sources = append(b.set.sources, s)
	return uint32(len(b.set.sources) - 1), nil
}

// finish gives the Set. Of several indicators of one id the one changed last
// counts.
func (b *builder) finish(report *reporter) *Set {
	s := b.set
	for i := range s.sources {
		src := &s.sources[i]
		for _, id := range src.marks {
			t, ok := markings[id]
			if !ok {
				t = b.marks[id]
			}
			src.tlp = max(src.tlp, t)
		}
		if src.provider == "" {
			src.provider = b.makers[src.maker]
		}
		src.marks = nil
	}
	slices.SortStableFunc(b.versions, func(x, y version) int {
		return cmp.Or(bytes.Compare(x.id[:], y.id[:]), cmp.Compare(y.modified, x.modified))
	})
	for i := 1; i < len(b.versions); i++ {
		v, kept := &b.versions[i], &b.versions[i-1]
		if v.id != kept.id {
			continue
		}
		if v.record != kept.record {
			s.dead[v.record] = true
		}
		first := s.sources[kept.source].file
		report.add(s.sources[v.source].file, rules.Problem{
			Line: int(v.line), Column: 1, Level: rules.Advice, Rule: uuidText(v.id[:]), Reason: "intel: id used twice",
			Message: fmt.Sprintf("an indicator of this id stands at %s:%d too; the one changed last counts", first, kept.line),
		})
		*v = *kept
	}
	s.related = map[[16]byte][]string{}
	for id, targets := range b.related {
		for _, t := range targets {
			if name := b.names[t]; name != "" {
				s.related[id] = append(s.related[id], name)
			}
		}
	}
	s.prefixes.sort()
	s.arena = slices.Concat(s.arena) // what it had to grow is given back
	s.table = b.table.build()
	s.pool.New = func() any { return &scratch{set: s} }
	return s
}
