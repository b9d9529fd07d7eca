package proto

import (
	"cmp"
	"fmt"
	"slices"
	"sync"

	"saksi/internal/registry"
)

var registered []*Entry

// maxEntries is how many entries the number that a flow keeps of the protocol it
// began as tells apart.
const maxEntries = 1<<9 - 1

// register adds an entry, and panics at start-up if it lacks what every entry
// must have: that is a defect of the program, not of its input.
func register(e *Entry) {
	if err := e.check(); err != nil {
		panic(err)
	}
	registered = append(registered, e)
}

func (e *Entry) check() error {
	if len(registered) == maxEntries {
		return fmt.Errorf("registering protocol %q: a flow numbers its protocol in 9 bits, and %d are registered", e.Name, maxEntries)
	}
	taken := func(name string) bool {
		return slices.ContainsFunc(registered, func(o *Entry) bool { return o.Name == name })
	}
	return registry.Check("protocol", e.Name, taken,
		registry.Need{What: "documentation", Has: e.Doc != ""},
		registry.Need{What: "reference to its specification", Has: e.Reference != ""},
		registry.Need{What: "transport", Has: e.Transport != 0},
		registry.Need{What: "way to detect it", Has: e.Detect != nil},
		registry.Need{What: "port, which one that is bound to its ports needs", Has: !e.Bound || len(e.Ports) > 0},
		registry.Need{What: "sample", Has: len(e.Samples) > 0},
		registry.Need{What: "hostile sample", Has: len(e.Hostile) > 0},
	)
}

// Table finds entries by a flow's first bytes.
type Table struct {
	entries []*Entry
	byFirst [2][256][]*Entry // by transport and first byte
	byPort  [2]map[uint16][]*Entry
}

// Default returns the table of all registered entries.
var Default = sync.OnceValue(newTable)

func newTable() *Table {
	t := &Table{entries: slices.Clone(registered)}
	slices.SortFunc(t.entries, func(a, b *Entry) int { return cmp.Compare(a.Name, b.Name) })
	for k := range t.byPort {
		t.byPort[k] = map[uint16][]*Entry{}
	}
	for i, e := range t.entries {
		e.index = uint16(i + 1)
		for k, tr := range []Transport{TCP, UDP} {
			if e.Transport&tr == 0 {
				continue
			}
			for b := range 256 {
				if !e.Bound && e.first(byte(b)) {
					t.byFirst[k][b] = append(t.byFirst[k][b], e)
				}
			}
			for _, p := range e.Ports {
				t.byPort[k][p] = append(t.byPort[k][p], e)
			}
		}
	}
	return t
}

func (e *Entry) first(b byte) bool {
	for _, s := range e.First {
		if s[0] == b {
			return true
		}
	}
	return len(e.First) == 0
}

// ByName finds an entry, or nil.
func (t *Table) ByName(name string) *Entry {
	for _, e := range t.entries {
		if e.Name == name {
			return e
		}
	}
	return nil
}

// Entries returns all entries in the order of their names.
func (t *Table) Entries() []*Entry { return t.entries }

// Entry returns the entry of an index, or nil.
func (t *Table) Entry(index uint16) *Entry {
	if index == 0 || int(index) > len(t.entries) {
		return nil
	}
	return t.entries[index-1]
}

// OnPort returns the first entry that has a usual port over TCP or UDP, or nil.
func (t *Table) OnPort(tr Transport, port uint16) *Entry {
	k := 0
	if tr == UDP {
		k = 1
	}
	if list := t.byPort[k][port]; len(list) > 0 {
		return list[0]
	}
	return nil
}

// EachPort calls f with each usual port of each entry.
func (t *Table) EachPort(f func(tcp bool, port uint16)) {
	for _, e := range t.entries {
		for _, p := range e.Ports {
			if e.Transport&TCP != 0 {
				f(true, p)
			}
			if e.Transport&UDP != 0 {
				f(false, p)
			}
		}
	}
}

// Detect asks the entries that may begin as p does. It returns the one that
// says Yes; otherwise nil, and whether any wants more bytes.
func (t *Table) Detect(p *Probe) (e *Entry, more bool) {
	if len(p.Data) == 0 {
		return nil, true
	}
	k := 0
	switch p.Transport {
	case UDP:
		k = 1
	case TCP:
	default:
		return nil, false
	}
	b := p.Data[0]
	for _, port := range [2]uint16{p.DstPort, p.SrcPort} {
		for _, e := range t.byPort[k][port] {
			if !e.first(b) {
				continue
			}
			switch e.ask(p) {
			case Yes:
				return e, false
			case More:
				more = true
			}
		}
	}
	for _, e := range t.byFirst[k][b] {
		switch e.ask(p) {
		case Yes:
			return e, false
		case More:
			more = true
		}
	}
	return nil, more
}

// ask compares the prefixes before it calls Detect.
func (e *Entry) ask(p *Probe) Verdict {
	if len(e.First) == 0 {
		return e.Detect(p)
	}
	v := No
	for _, s := range e.First {
		n := min(len(s), len(p.Data))
		if string(p.Data[:n]) != s[:n] {
			continue
		}
		if n == len(s) {
			return e.Detect(p)
		}
		v = More
	}
	return v
}
