package scan

import (
	"fmt"

	"saksi/event"
	"saksi/forensics/disk"
	"saksi/internal/fuzzy"
	"saksi/rules"
)

// maxAlike bounds the hashes that are told of one content; more are counted.
const maxAlike = 16

// alike are the hashes of the lists that a content is alike to.
func (s *scanner) alike(st *step, res *disk.Result) []fuzzy.Match {
	if s.cfg.Fuzzy == nil || res == nil || res.Fuzzy == "" || st.good || st.place != disk.Content {
		return nil
	}
	h, err := fuzzy.Parse(res.Fuzzy)
	if err != nil { // a worker that was taken over may say anything
		return nil
	}
	return s.cfg.Fuzzy.Find(h, s.cfg.FuzzyScore)
}

// fuzzy gives put a finding for a content that is alike to what lists hold: one, with the
// most alike first.
func (m *emitter) fuzzy(u *unit, st *step, res *disk.Result, lost loss, put func(*event.Event) error) error {
	list := m.s.alike(st, res)
	if st.alike = len(list) > 0; !st.alike {
		return nil
	}
	m.e.Reset()
	m.common(u, st, res, lost, "alert", "saksi.alert")
	e := &m.e
	best := &list[0]
	e.Str(event.RuleID, "fuzzy:"+best.Name)
	e.Str(event.RuleName, "alike to "+best.Name)
	e.Str(event.RuleRuleset, best.List)
	e.Str(event.SaksiRuleLanguage, "fuzzy")
	e.Int(event.EventSeverity, int64(rules.Medium))
	for i, x := range list {
		if i == maxAlike {
			e.Str(event.SaksiRuleBasis, fmt.Sprintf("%d more", len(list)-i))
			break
		}
		e.Str(event.SaksiRuleBasis, fmt.Sprintf("score %d of 100 (told from %d): %s of %s, %s", x.Score, m.s.cfg.FuzzyScore, x.Name, x.List, x.Hash))
	}
	e.Str(event.SaksiRuleFalsePositives, "files that share a library, a template or padding; a score is no percentage of bytes")
	m.places(u, st, nil, 0)
	return put(e)
}
