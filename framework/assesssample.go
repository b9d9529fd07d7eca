package framework

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"sort"

	"saksi/findings"
)

// samples draws findings of each control that has some, so that an auditor looks
// at those that chance chose. The population is the ids of all that match, in
// their order; drawn are those whose SHA-256 over seed, a line break and the id
// is least.
func (s *assessor) samples() error {
	if s.frozen != nil {
		return nil // what was drawn stands in it
	}
	s.a.Samples = []Sample{}
	if s.in.Sample <= 0 {
		return nil
	}
	for _, o := range s.a.Outcomes {
		if o.Findings == 0 || len(o.Observations) == 0 {
			continue
		}
		x := Sample{Control: o.Control.ID, Check: o.Observations[0].Check.ID, Seed: s.in.Seed, Query: s.upTo("event.kind:alert AND Saksi.control:" + phrase(o.Control.ID))}
		var ids []string
		list := []Index{s.ix}
		if j, ok := s.ix.(joined); ok {
			list = j
		}
		for _, ix := range list {
			if err := pages(s.ctx, ix, x.Query, func(d findings.Doc) error {
				ids = append(ids, d.ID)
				return nil
			}); err != nil {
				return err
			}
		}
		sort.Strings(ids)
		x.Population = int64(len(ids))
		x.SHA256, x.Drawn = Draw(s.in.Seed, ids, s.in.Sample)
		s.a.Samples = append(s.a.Samples, x)
	}
	return nil
}

// Draw draws n of a population of ids, which are in their order, and returns the
// population's digest with what was drawn.
func Draw(seed string, ids []string, n int) (digest string, drawn []string) {
	type ticket struct {
		sum [32]byte
		id  string
	}
	h := sha256.New()
	list := make([]ticket, len(ids))
	for i, id := range ids {
		h.Write([]byte(id + "\n"))
		list[i] = ticket{sha256.Sum256([]byte(seed + "\n" + id)), id}
	}
	slices.SortFunc(list, func(a, b ticket) int { return slices.Compare(a.sum[:], b.sum[:]) })
	drawn = []string{}
	for _, t := range list[:min(n, len(list))] {
		drawn = append(drawn, t.id)
	}
	return hex.EncodeToString(h.Sum(nil)), drawn
}
