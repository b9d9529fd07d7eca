package framework

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"saksi/findings"
)

// Differing is something in an assessment that is not what its inputs give.
type Differing struct{ Item, Kind, Expected, Found string }

// errNotFrozen is what an index without documents answers with.
var errNotFrozen = errors.New("the assessment does not hold the answer to this question")

// frozenIndex is an index of nothing: every answer must be frozen.
type frozenIndex struct{}

func (frozenIndex) Search(_ context.Context, r findings.Request) (p findings.Page, err error) {
	return p, fmt.Errorf("asking %q: %w", r.Query, errNotFrozen)
}

func (frozenIndex) Terms(_ context.Context, q, field string, _ int) ([]findings.Bucket, error) {
	return nil, fmt.Errorf("asking for %s of %q: %w", field, q, errNotFrozen)
}

func (frozenIndex) Histogram(_ context.Context, q string, _ time.Duration) ([]findings.Bucket, error) {
	return nil, fmt.Errorf("asking for the course of %q: %w", q, errNotFrozen)
}

// Replay makes an assessment again from what is frozen in it: the answers of the
// index, the cases, what was verified of them. It is nil, with the reason, when
// something is not there.
func Replay(a *Assessment, c *Catalog) (*Assessment, []Differing) {
	var bad []Differing
	s := &assessor{ctx: context.Background(), ix: frozenIndex{}, cat: c, answers: map[string]int{}, frozen: a}
	for i, q := range a.Inputs.Queries {
		b, err := json.Marshal([]any{q.Query, q.Total, q.Newest})
		if err != nil {
			continue
		}
		if !strings.HasPrefix(q.Query, "(") {
			continue // counted by a list that only the index has
		}
		if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != q.SHA256 {
			bad = append(bad, Differing{fmt.Sprintf("/inputs/queries/%d", i), "count", hex.EncodeToString(sum[:]), q.SHA256})
		}
		s.answers[q.Query] = i
	}
	b, err := json.Marshal(a)
	if err != nil {
		return nil, bad
	}
	var n Assessment // a copy that shares nothing
	if err := json.Unmarshal(b, &n); err != nil {
		return nil, append(bad, Differing{"", "schema", "an assessment", err.Error()})
	}
	s.in = Inputs{Framework: a.Framework, AsOf: a.AsOf.UTC(), Agency: a.Agency, Sources: a.Sources, Scope: a.Scope}
	s.facts = a.facts()
	s.limit = a.limitOf()
	s.a = &n
	s.a.Framework, s.a.Version, s.a.Title = c.ID, c.Version, c.Title
	s.a.Components, s.a.Outcomes = nil, nil
	s.a.Inputs.SHA256 = ""
	if _, ok := s.answers[s.upTo("")]; !ok {
		return nil, append(bad, Differing{"/as_of", "as-of", "the time of the questions that were asked", s.in.AsOf.Format(time.RFC3339Nano)})
	}
	if err := s.again(); err != nil {
		return nil, append(bad, Differing{"", "count", "an answer for every question", err.Error()})
	}
	if err := s.identify(); err != nil {
		return nil, append(bad, Differing{"", "value", "UUIDs", err.Error()})
	}
	return s.a, bad
}

// FrozenFacts are what was verified and counted beside the index.
func (a *Assessment) FrozenFacts() map[string]Fact { return a.facts() }

// maxMore bounds the problems of a fact that an assessment counts and does not
// list.
const maxMore = 1 << 20

// facts are those that the observations of an assessment were made from.
func (a *Assessment) facts() map[string]Fact {
	m := map[string]Fact{}
	for i := range a.Outcomes {
		for j := range a.Outcomes[i].Observations {
			ob := &a.Outcomes[i].Observations[j]
			if ob.Check.Fact == "" || ob.Check.Fact == "treatment" { // treat makes that anew
				continue
			}
			problems := make([]string, len(ob.Problems)+int(min(max(ob.MoreProbs, 0), maxMore)))
			copy(problems, ob.Problems)
			m[ob.Check.Fact] = Fact{N: ob.N, Newest: ob.Newest, Problems: problems}
		}
	}
	return m
}

// frozenEvidence are the findings that the assessment lists for a control.
func (s *assessor) frozenEvidence(q string) []EvidenceRef {
	for i := range s.frozen.Outcomes {
		o := &s.frozen.Outcomes[i]
		tagged := q == taggedWith(o.Control.ID)
		for _, ob := range o.Observations {
			if len(ob.Evidence) > 0 && (tagged || ob.Check.Bad == q && o.Findings == 0) {
				list := append([]EvidenceRef(nil), ob.Evidence...)
				for k := range list {
					list[k].Line = s.next()
				}
				return list
			}
		}
	}
	return nil
}

// again decides as decide does, from what is frozen: what the register and the
// sensors told stands in facts, systems and items of coverage.
func (s *assessor) again() error {
	var err error
	if s.a.Documents, _, err = s.count(""); err != nil {
		return err
	}
	if s.a.Findings, _, err = s.count("event.kind:alert"); err != nil {
		return err
	}
	s.a.Coverage = Coverage{Items: s.a.Coverage.Items, Needed: s.cat.Coverage.Share, DropsAllowed: s.cat.Coverage.Drops}
	s.a.Coverage.sum()
	s.standAgain()
	if err := s.outcomes(); err != nil {
		return err
	}
	s.clocksAgain()
	states := map[string]State{}
	for _, o := range s.a.Outcomes {
		states[o.Control.ID] = o.State
	}
	for i := range s.a.Systems {
		for j := range s.a.Systems[i].Inherited {
			h := &s.a.Systems[i].Inherited[j]
			if h.State = states[h.Control]; h.State == "" {
				h.State = NoData
			}
		}
	}
	return nil
}

// clocksAgain decides how clocks stand, and the key figures that rest on them and
// on the rest of the assessment; the others rest on the journal alone.
func (s *assessor) clocksAgain() {
	var n, good int64
	for i := range s.a.Clocks {
		c := &s.a.Clocks[i]
		start, err1 := time.Parse(time.RFC3339, c.Started)
		due, err2 := time.Parse(time.RFC3339, c.Due)
		if err1 != nil || err2 != nil {
			continue // no time is known
		}
		met, err := time.Parse(time.RFC3339, c.Met)
		if err != nil {
			met = time.Time{}
		}
		x := Obligation{ID: c.Obligation, Within: "x", span: due.Sub(start)}
		y := x.clock(start, met, s.in.AsOf)
		c.LeftS, c.State = y.LeftS, y.State
		n++
		if c.State == ClockMet || c.State == ClockRunning {
			good++
		}
	}
	if s.a.Inputs.Journal == nil {
		return
	}
	for i := range s.a.KPIs {
		k := &s.a.KPIs[i]
		if k.Scope != "all" || k.Target == nil {
			continue
		}
		target := *k.Target
		switch k.ID {
		case "on-time":
			*k = share(group{"all", ""}, k.ID, good, n, target)
		case "coverage":
			*k = share(group{"all", ""}, k.ID, int64(s.a.Coverage.Seen), int64(s.a.Coverage.InScope), target)
		case "poam-overdue":
			overdue := 0.0
			for _, p := range s.a.POAM {
				if p.Overdue {
					overdue++
				}
			}
			k.Value, k.N, k.State = &overdue, int64(len(s.a.POAM)), Pass
			if overdue > target {
				k.State = Fail
			}
		}
	}
}

// limitOf is the query that limited every question to a scope.
func (a *Assessment) limitOf() string {
	for _, q := range a.Inputs.Queries {
		if rest, ok := strings.CutPrefix(q.Query, until); ok {
			_, limit, _ := strings.Cut(rest, offDisk+" AND ")
			return limit
		}
	}
	return ""
}
