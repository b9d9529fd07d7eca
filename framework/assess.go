package framework

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"saksi/evidence"
	"saksi/findings"
)

// Index is what an assessment asks of an index.
type Index interface {
	findings.Searcher
	findings.Aggregator
}

// Inputs of an assessment. The same inputs give the same Assessment.
type Inputs struct {
	Framework      string
	Catalog        *Catalog // nil: the built-in one of the name Framework
	AsOf           time.Time
	Agency         string
	Classification string
	Assessor       string
	Tool           string
	Where          string // flags that name the index, as the commands in the report take them
	Cases          []CaseInput
	Sources        []Source
	Facts          map[string]Fact
	Register       *Register     // nil for none
	Words          *Words        // what people attest and waive; nil for none
	Journal        *Journal      // of incidents; nil for none
	Obligations    *Obligations  // nil: those built in
	Previous       []*Assessment // of the same framework and agency, for the trend and for when risks were opened
	Sample         int           // findings to draw of each control that has some; 0 for none
	Seed           string        // of the draw
	Scope          string        // id of an agency of the register: only what is below it counts; "" for all
}

// ErrScope is returned when a scope is no agency of a register.
var ErrScope = errors.New("no agency of the register")

// maxEvidence bounds the findings one observation lists, maxProblems the
// problems.
const (
	maxEvidence = 50
	maxProblems = 50
)

type assessor struct {
	ctx     context.Context
	ix      Index
	in      Inputs
	cat     *Catalog
	a       *Assessment
	line    int
	systems []SystemEntry // of the register, in scope
	hosts   *hosts
	facts   map[string]Fact
	before  []*Assessment // earlier ones, the oldest first
	targets Targets
	limit   string                   // query that limits every other to the scope
	frozen  *Assessment              // what is made again without an index; nil otherwise
	listed  map[string][]EvidenceRef // findings by query
	answers map[string]int           // queries that were asked, by their place in a.Inputs.Queries
}

// Assess decides every control of a framework from the index and the facts, as
// of a time: documents after it do not count. It is a pure function of its
// inputs.
func Assess(ctx context.Context, ix Index, in Inputs) (*Assessment, error) {
	c := in.Catalog
	if c == nil {
		var err error
		if c, err = Load(in.Framework); err != nil {
			return nil, err
		}
	}
	in.AsOf = in.AsOf.UTC()
	s := &assessor{ctx: ctx, ix: ix, in: in, cat: c, answers: map[string]int{}, listed: map[string][]EvidenceRef{}, a: &Assessment{
		Format: FormatVersion, Framework: c.ID, Version: c.Version, Title: c.Title, AsOf: in.AsOf, Agency: in.Agency,
		Classification: in.Classification, Assessor: in.Assessor, Tool: in.Tool, Where: in.Where, Sources: in.Sources,
	}}
	s.a.Inputs.Catalog = FileInput{Name: c.ID + ".yaml", Version: c.Version, SHA256: c.SHA256}
	s.a.Inputs.Cases = in.Cases
	var ids []string
	for _, k := range in.Cases {
		ids = append(ids, k.ID)
		if s.a.CaseDir == "" {
			s.a.CaseDir = k.Dir
		}
	}
	s.a.Case = strings.Join(ids, ", ")
	s.facts = maps.Clone(in.Facts)
	if s.facts == nil {
		s.facts = map[string]Fact{}
	}
	if err := s.scope(); err != nil {
		return nil, err
	}
	if err := s.decide(); err != nil {
		return nil, err
	}
	return s.a, s.identify()
}

// decide asks all questions.
func (s *assessor) decide() error {
	var err error
	if s.a.Documents, _, err = s.count(""); err != nil {
		return err
	}
	if s.a.Findings, _, err = s.count("event.kind:alert"); err != nil {
		return err
	}
	if err := s.tags(); err != nil {
		return err
	}
	if err := s.coverage(); err != nil {
		return fmt.Errorf("assessing coverage: %w", err)
	}
	s.words()
	if err := s.previous(); err != nil {
		return err
	}
	if err := s.clocks(); err != nil {
		return err
	}
	if err := s.register(); err != nil {
		return fmt.Errorf("assessing the register's systems: %w", err)
	}
	if err := s.flowsTwice(); err != nil {
		return err
	}
	if err := s.outcomes(); err != nil {
		return err
	}
	s.inherit()
	s.figures()
	return nil
}

// outcomes decides every control, and the components by theirs.
func (s *assessor) outcomes() error {
	for _, k := range s.cat.Components() {
		s.a.Components = append(s.a.Components, Component{ID: k.ID, Number: k.Number, Title: k.Title, Counts: map[State]int{}, Line: s.next()})
	}
	for _, k := range s.cat.Controls {
		if !s.cat.leaf(k) {
			continue
		}
		o, err := s.control(k)
		if err != nil {
			return fmt.Errorf("assessing control %s: %w", k.ID, err)
		}
		s.a.Outcomes = append(s.a.Outcomes, *o)
	}
	s.risks()
	s.treat()
	if err := s.samples(); err != nil {
		return fmt.Errorf("drawing samples: %w", err)
	}
	for _, o := range s.a.Outcomes {
		for i := range s.a.Components {
			if p := &s.a.Components[i]; p.ID == s.cat.root(o.Control.ID) {
				p.Counts[o.State]++
			}
		}
	}
	for i := range s.a.Components {
		s.a.Components[i].State = rollUp(s.a.Components[i].Counts)
	}
	return nil
}

// tags counts the findings of all controls in one question, because one for each
// reads all findings each time.
func (s *assessor) tags() error {
	list, err := s.terms("event.kind:alert", "Saksi.control", maxTerms)
	if err != nil {
		return err
	}
	counts := map[string]int64{}
	for _, b := range list {
		counts[b.Key] = b.Count
	}
	for _, k := range s.cat.Controls {
		if !s.cat.leaf(k) {
			continue
		}
		q := s.upTo(taggedWith(k.ID))
		s.answers[q] = len(s.a.Inputs.Queries)
		if err := s.answered(q, counts[k.ID], "", nil); err != nil {
			return err
		}
	}
	return nil
}

// scope limits what is asked to what an agency's sensors and cases tell.
func (s *assessor) scope() error {
	in := &s.in
	if in.Scope == "" {
		return nil
	}
	if in.Register == nil || in.Register.Path(in.Scope) == nil {
		return fmt.Errorf("limiting the assessment to %q: %w", in.Scope, ErrScope)
	}
	s.a.Scope, s.a.Agency = in.Scope, in.Register.NameOf(in.Scope)
	var parts []string
	for _, x := range in.Register.Sensors {
		if s.inScope(x.Agency) {
			parts = append(parts, "observer.name:"+phrase(x.Name))
		}
	}
	for _, x := range in.Register.Agencies {
		if s.inScope(x.ID) {
			parts = append(parts, "organization.id:"+phrase(x.ID), "organization.name:"+phrase(x.Name))
		}
	}
	s.limit = "(" + strings.Join(parts, " OR ") + ")"
	return nil
}

// inherit gives systems the controls of the shared services that they use.
func (s *assessor) inherit() {
	states := map[string]State{}
	for _, o := range s.a.Outcomes {
		states[o.Control.ID] = o.State
	}
	for i := range s.systems {
		for _, u := range s.systems[i].Uses {
			p := s.in.Register.System(u)
			for _, c := range p.Provides {
				st, ok := states[c]
				if !ok {
					st = NoData
				}
				s.a.Systems[i].Inherited = append(s.a.Systems[i].Inherited, Inherited{Control: c, Provider: u, State: st})
			}
		}
	}
}

// identify digests the inputs and derives the UUIDs from them.
func (s *assessor) identify() error {
	b, err := json.Marshal(s.a.Inputs)
	if err != nil {
		return err
	}
	s.a.Inputs.SHA256 = evidence.SHA256(b)
	s.a.UUID = newUUID("assessment", s.a.Inputs.SHA256, s.a.Agency, s.in.AsOf.Format(time.RFC3339Nano))
	for i := range s.a.Outcomes {
		o := &s.a.Outcomes[i]
		for j := range o.Observations {
			o.Observations[j].UUID = newUUID("observation", s.a.UUID, o.Control.ID, o.Observations[j].Check.ID)
			for k := range s.a.Risks {
				if r := &s.a.Risks[k]; r.Control == o.Control.ID && r.Check == o.Observations[j].Check.ID {
					r.Observation = o.Observations[j].UUID
				}
			}
		}
	}
	for i := range s.a.Samples {
		x := &s.a.Samples[i]
		x.UUID = newUUID("sample", s.a.UUID, x.Control)
	}
	return nil
}

// rollUp: one failure fails the component; without one, what passes makes it
// partly at best while anything is undecided.
func rollUp(counts map[State]int) State {
	passed := counts[Pass] + counts[PartlyPass] + counts[AttestedPass]
	open := counts[NoData] + counts[Unattested] + counts[Stale]
	switch {
	case counts[Fail] > 0:
		return Fail
	case passed > 0 && (open > 0 || counts[PartlyPass] > 0):
		return PartlyPass
	case counts[Pass] > 0:
		return Pass
	case passed > 0:
		return AttestedPass
	case counts[Stale] > 0:
		return Stale
	case counts[NoData] > 0:
		return NoData
	}
	return Unattested
}

// next is the id of the next line of the report.
func (s *assessor) next() string {
	s.line++
	return fmt.Sprintf("L%03d", s.line)
}

// What is later than the assessment does not count, but for what was read off a
// disk: its times are what the disk says, and whoever had it could set them.
const (
	until   = `(@timestamp:<="`
	offDisk = `" OR file.inode:* OR Saksi.artifact.inode:*)`
)

func (s *assessor) upTo(q string) string {
	limit := until + s.in.AsOf.Format(time.RFC3339Nano) + offDisk
	if s.limit != "" {
		limit += " AND " + s.limit
	}
	if q == "" {
		return limit
	}
	return "(" + q + ") AND " + limit
}

// count answers how many documents match and when the newest of them was, and
// keeps question and answer. A question is asked once.
func (s *assessor) count(q string) (n int64, newest string, err error) {
	full := s.upTo(q)
	if i, ok := s.answers[full]; ok {
		a := s.a.Inputs.Queries[i]
		return a.Total, a.Newest, nil
	}
	p, err := s.ix.Search(s.ctx, findings.Request{Query: full, Size: 1})
	if err != nil {
		return 0, "", err
	}
	// A time that a disk says and that has not come makes nothing fresh.
	if len(p.Docs) > 0 && p.Docs[0].Time.After(s.in.AsOf) {
		r := findings.Request{Query: fmt.Sprintf(`%s AND @timestamp:<="%s"`, full, s.in.AsOf.Format(time.RFC3339Nano)), Size: 1}
		past, err := s.ix.Search(s.ctx, r)
		if err != nil {
			return 0, "", err
		}
		p.Docs = past.Docs
	}
	if len(p.Docs) > 0 {
		newest = p.Docs[0].Time.UTC().Format(time.RFC3339Nano)
	}
	s.answers[full] = len(s.a.Inputs.Queries)
	return p.Total, newest, s.answered(full, p.Total, newest, nil)
}

// answered keeps a question with a digest of its answer: of the JSON of
// [question, number, newest], with what else it was answered by.
func (s *assessor) answered(q string, n int64, newest string, more any) error {
	answer := []any{q, n, newest}
	if more != nil {
		answer = append(answer, more)
	}
	b, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	s.a.Inputs.Queries = append(s.a.Inputs.Queries, QueryInput{Query: q, Total: n, Newest: newest, SHA256: evidence.SHA256(b)})
	return nil
}

// phrase quotes a value for a query.
func phrase(v string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v) + `"`
}
