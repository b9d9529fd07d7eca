package proto

import (
	"slices"
	"testing"

	"saksi/internal/soak"
)

// TestMutants gives every sample of every protocol, with each byte flipped, cut
// and repeated, to detection and to whom it finds, to the protocol's own
// parser, and to that of another protocol, over every transport they have.
func TestMutants(t *testing.T) {
	type sample struct {
		entry *Entry
		turns []turn
	}
	var list []sample
	var sizes []int
	for _, e := range Default().Entries() {
		for _, s := range append(slices.Clone(e.Samples), e.Hostile...) {
			turns := readSample(t, s)
			n := 0
			for _, x := range turns {
				n += len(x.data)
			}
			list, sizes = append(list, sample{e, turns}), append(sizes, n)
		}
	}
	entries := Default().Entries()
	soak.Mutants(t, 600, sizes, func(m soak.Mutant) error {
		s := list[m.Input]
		turns := slices.Clone(s.turns)
		at := m.At
		for i := range turns {
			if at < len(turns[i].data) {
				turns[i].data = m.Apply(turns[i].data, at)
				break
			}
			at -= len(turns[i].data)
		}
		for _, tr := range []Transport{TCP, UDP} {
			play(tr, turns, s.entry.port(), true)
			if s.entry.Transport&tr != 0 {
				force(s.entry, tr, turns)
			}
			if other := entries[m.Number%len(entries)]; other.Transport&tr != 0 {
				force(other, tr, turns)
			}
		}
		return nil
	})
}
