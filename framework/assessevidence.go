package framework

import (
	"fmt"
	"slices"
	"time"

	"saksi/event"
	"saksi/findings"
)

// evidence lists the findings on a control, the most severe first.
func (s *assessor) evidence(q string) ([]EvidenceRef, error) {
	if s.frozen != nil {
		return s.frozenEvidence(q), nil
	}
	if list, ok := s.listed[q]; ok {
		list = slices.Clone(list)
		for i := range list {
			list[i].Line = s.next()
		}
		return list, nil
	}
	p, err := s.ix.Search(s.ctx, findings.Request{Query: s.upTo(q), Size: maxEvidence, Sort: []findings.Sort{{Field: event.EventSeverity.Name(), Desc: true}, {Field: event.Timestamp.Name()}}})
	if err != nil {
		return nil, err
	}
	var list []EvidenceRef
	for _, d := range p.Docs {
		e, err := event.Parse(d.Body)
		if err != nil {
			return nil, err
		}
		r := EvidenceRef{ID: d.ID, Line: s.next(), Time: d.Time.UTC().Format(time.RFC3339)}
		r.Rule = ruleOf(e)
		r.Severity, _ = e.GetInt(event.EventSeverity)
		r.Source, _ = e.GetStr(event.SaksiEvidenceName)
		r.SourceKey, _ = e.GetStr(event.SaksiEvidenceKey)
		r.Case, _ = e.GetStr(event.SaksiCase)
		r.Exhibit, _ = e.GetStr(event.SaksiExhibit)
		for _, x := range s.in.Sources {
			if x.SourceKey == r.SourceKey {
				r.SHA256 = x.SHA256
			}
		}
		for v := range e.Values(event.ThreatTechniqueID) {
			r.Techniques = append(r.Techniques, v.Str())
		}
		r.Where = Where(e)
		list = append(list, r)
	}
	s.listed[q] = list
	return list, nil
}

// ruleOf names the rule of a finding. A report goes to many: what it says of an
// indicator that is for fewer is its marking alone.
func ruleOf(e *event.Event) string {
	switch mark, _ := e.GetStr(event.ThreatIndicatorMarkingTlp); mark {
	case "", "CLEAR", "GREEN":
		name, _ := e.GetStr(event.RuleName)
		return name
	case "AMBER", "AMBER+STRICT", "RED":
		return "indicator withheld, TLP:" + mark
	}
	return "indicator withheld, unknown marking"
}

// Where says in words where a finding's evidence lies: a path on an image, or
// packets of a capture.
func Where(e *event.Event) string {
	if path, ok := e.GetStr(event.FilePath); ok && e.Has(event.FileInode) {
		if deleted, _ := e.GetBool(event.SaksiFileDeleted); deleted {
			path += " (deleted)"
		}
		if stream, ok := e.GetStr(event.SaksiFileStream); ok {
			path += ":" + stream
		}
		return path
	}
	var first, last int64
	n := 0
	for v := range e.Values(event.SaksiEvidencePacket) {
		if n == 0 {
			first = v.Int()
		}
		last = v.Int()
		n++
	}
	switch n {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("packet %d", first)
	}
	return fmt.Sprintf("%d packets, %d to %d", n, first, last)
}

// taggedWith is the query for the findings on a control.
func taggedWith(control string) string {
	return "event.kind:alert AND Saksi.control:" + phrase(control)
}
