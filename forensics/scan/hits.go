package scan

import (
	"encoding/hex"
	"fmt"

	"saksi/event"
	"saksi/forensics/disk"
	"saksi/internal/search"
	"saksi/rules"
)

const (
	maxPieces = 16        // places told of one feature in one content
	maxTold   = 1_000_000 // findings of deleted files that are kept to know them again
	maxPiece  = 64        // bytes told of a place
)

// told is a finding by what found it and where in the media.
type told struct {
	what string
	at   int64
}

// again reports whether unallocated space tells what a deleted file told before:
// its blocks are free, so they are looked at twice.
func (m *emitter) again(st *step, count *int64, what string, at []int64) bool {
	if !m.s.cfg.Areas.Has(disk.Unallocated) || len(at) == 0 || at[0] < 0 {
		return false
	}
	switch {
	case st.place == disk.Content && st.entry.Deleted && len(m.told) < maxTold:
		if m.told == nil {
			m.told = map[told]struct{}{}
		}
		for _, off := range at {
			m.told[told{what, off}] = struct{}{}
		}
	case st.place == disk.Unallocated:
		for _, off := range at {
			if _, ok := m.told[told{what, off}]; !ok {
				return false
			}
		}
		*count--
		m.s.sum.Again++
		return true
	}
	return false
}

// groups are the numbers of hits of one thing, in the order of their first.
func groups(hits []search.Hit) (out [][]int) {
	type key struct{ kind, name, text string }
	seen := map[key]int{}
	for i := range hits {
		h := &hits[i]
		k := key{h.Kind, h.Name, h.Text}
		if h.Kind == search.Keyword || h.Kind == search.Regex {
			k.text = "" // one finding, as of a rule
		}
		n, ok := seen[k]
		if !ok {
			n = len(out)
			seen[k] = n
			out = append(out, nil)
		}
		out[n] = append(out[n], i)
	}
	return out
}

// hits gives put the findings of keywords and expressions, and the features.
func (m *emitter) hits(u *unit, st *step, res *disk.Result, at []int64, put func(*event.Event) error) error {
	if len(at) < len(res.Hits) {
		return nil
	}
	_, lost := u.found(st)
	for _, g := range groups(res.Hits) {
		first := &res.Hits[g[0]]
		rule := first.Kind == search.Keyword || first.Kind == search.Regex
		var places []int64
		for _, i := range g {
			places = append(places, at[i])
		}
		what, count := first.Kind+" "+first.Name, &m.s.sum.Matches
		if !rule {
			what, count = first.Kind+" "+first.Text, &m.s.sum.Features
		}
		if m.again(st, count, what, places) {
			continue
		}
		m.e.Reset()
		if rule {
			m.common(u, st, res, lost, "alert", "saksi.alert")
			m.rule(first)
		} else {
			m.common(u, st, res, lost, "event", "saksi.feature")
			m.e.Str(event.SaksiFeatureKind, first.Kind)
			m.e.Str(event.SaksiFeatureValue, first.Text)
			m.e.Str(event.SaksiFeatureDetail, first.Name)
			m.e.Str(event.SaksiFeatureEncoding, first.Encoding)
			m.e.Int(event.SaksiFeatureCount, int64(len(g)))
		}
		for k, i := range g {
			h := &res.Hits[i]
			if k == maxPieces {
				m.e.Str(event.SaksiTruncated, event.SaksiEvidenceMatch.Name())
				break
			}
			m.e.Str(event.SaksiEvidenceMatch, fmt.Sprintf("%s@%d+%d:%s", h.Kind, h.Offset, h.Length, hex.EncodeToString([]byte(h.Text[:min(len(h.Text), maxPiece)]))))
		}
		if res.MoreHits > 0 {
			m.e.Int(event.SaksiFileSkipped, res.MoreHits)
		}
		m.places(u, st, places[:min(len(places), maxPieces)], first.Length)
		if err := put(&m.e); err != nil {
			return err
		}
	}
	return nil
}

// rule puts in the keyword or expression that was found.
func (m *emitter) rule(h *search.Hit) {
	e := &m.e
	e.Str(event.RuleID, h.Kind+":"+h.Name)
	e.Str(event.RuleName, h.Name)
	e.Str(event.RuleRuleset, map[string]string{search.Keyword: "keywords", search.Regex: "regular expressions"}[h.Kind])
	e.Str(event.SaksiRuleLanguage, h.Kind)
	e.Int(event.EventSeverity, int64(rules.Medium))
}
