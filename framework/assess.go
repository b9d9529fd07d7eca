package framework

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"saksi/event"
	"saksi/findings"
)

// State of a control.
type State string

// States. No state but Pass and PartlyPass speaks for a control.
const (
	Pass       State = "pass"
	PartlyPass State = "partly"  // what was checked passes; the requirement asks for more, or was inferred
	Fail       State = "fail"    // something speaks against it
	NoData     State = "no-data" // too little was seen to decide
	Unattested State = "attest"  // only a person can attest it, and nobody has
)

// Index is what an assessment asks of an index.
type Index interface {
	findings.Searcher
	findings.Aggregator
}

// Fact is what the caller verified about a case, by the names catalogs use:
// "evidence" (exhibits and statements) and "custody" (the log).
type Fact struct {
	N        int64    `json:"n"`        // things that were verified
	Problems []string `json:"problems"` // what did not verify
}

// Source is a capture or an image the findings rest on.
type Source struct {
	Exhibit      string `json:"exhibit"`
	Name         string `json:"name"`
	SHA256       string `json:"sha256"`
	SourceKey    string `json:"source_key"`
	CustodyEntry int64  `json:"custody_entry"`
}

// Inputs of an assessment. The same inputs give the same Assessment.
type Inputs struct {
	Framework      string
	AsOf           time.Time
	Case, Agency   string
	Classification string
	Assessor       string
	Tool           string
	Sources        []Source
	Facts          map[string]Fact
	CaseDir        string // as the commands in the report name it
}

// EvidenceRef leads from an observation to one finding.
type EvidenceRef struct {
	ID         string   `json:"id"` // the finding's document id
	Line       string   `json:"line"`
	Time       string   `json:"time"`
	Rule       string   `json:"rule"`
	Severity   int64    `json:"severity"`
	Techniques []string `json:"techniques,omitempty"`
	Where      string   `json:"where"` // packets of a capture, or a path on an image
	Source     string   `json:"source"`
	SourceKey  string   `json:"source_key"`
}

// Observation is the answer to one check.
type Observation struct {
	UUID     string        `json:"uuid"`
	Check    Check         `json:"check"`
	Value    int64         `json:"value"` // documents that speak against the control
	N        int64         `json:"n"`     // population
	State    State         `json:"state"`
	Problems []string      `json:"problems,omitempty"` // of a fact
	Evidence []EvidenceRef `json:"evidence,omitempty"`
	More     int64         `json:"more_evidence,omitempty"` // findings beyond those listed
	Newest   string        `json:"newest,omitempty"`        // time of the newest document of the population
}

// Outcome is the assessment of one control.
type Outcome struct {
	Control      Control       `json:"control"`
	Line         string        `json:"line"`
	State        State         `json:"state"`
	Qualified    string        `json:"qualified,omitempty"` // why a pass is not unqualified
	Observations []Observation `json:"observations,omitempty"`
	Findings     int64         `json:"findings"` // findings tagged with the control
}

// Component is the roll-up of one component.
type Component struct {
	ID     string        `json:"id"`
	Number string        `json:"number"`
	Title  Text          `json:"title"`
	State  State         `json:"state"`
	Counts map[State]int `json:"counts"`
	Line   string        `json:"line"`
}

// Assessment is what assessment.json holds.
type Assessment struct {
	Format         int         `json:"format"`
	UUID           string      `json:"uuid"`
	Framework      string      `json:"framework"`
	Version        string      `json:"version"`
	Title          Text        `json:"title"`
	AsOf           time.Time   `json:"as_of"`
	Case           string      `json:"case"`
	Agency         string      `json:"agency"`
	Classification string      `json:"classification"`
	Assessor       string      `json:"assessor"`
	Tool           string      `json:"tool"`
	CaseDir        string      `json:"case_dir"`
	Sources        []Source    `json:"sources"`
	Components     []Component `json:"components"`
	Outcomes       []Outcome   `json:"outcomes"`
	Documents      int64       `json:"documents"` // in the index, up to as_of
	Findings       int64       `json:"findings"`
}

// maxEvidence bounds the findings one observation lists.
const maxEvidence = 50

// space is the namespace of our UUIDs (RFC 9562, version 5).
var space = uuid.NewSHA1(uuid.NameSpaceURL, []byte("https://saksi.example/oscal"))

func newUUID(parts ...string) string {
	b, err := json.Marshal(parts)
	if err != nil {
		return ""
	}
	return uuid.NewSHA1(space, b).String()
}

type assessor struct {
	ctx  context.Context
	ix   Index
	in   Inputs
	a    *Assessment
	line int
}

// Assess decides every control of a framework from the index and the facts, as
// of a time: documents after it do not count. It is a pure function of its
// inputs.
func Assess(ctx context.Context, ix Index, in Inputs) (*Assessment, error) {
	c, err := Load(in.Framework)
	if err != nil {
		return nil, err
	}
	in.AsOf = in.AsOf.UTC()
	s := &assessor{ctx: ctx, ix: ix, in: in, a: &Assessment{
		Format: 1, Framework: c.ID, Version: c.Version, Title: c.Title, AsOf: in.AsOf, Case: in.Case, Agency: in.Agency,
		Classification: in.Classification, Assessor: in.Assessor, Tool: in.Tool, Sources: in.Sources, CaseDir: in.CaseDir,
		UUID: newUUID("assessment", c.ID, c.Version, in.Case, in.AsOf.Format(time.RFC3339Nano)),
	}}
	if s.a.Documents, _, err = s.count(""); err != nil {
		return nil, err
	}
	if s.a.Findings, _, err = s.count("event.kind:alert"); err != nil {
		return nil, err
	}
	for _, k := range c.Components() {
		s.a.Components = append(s.a.Components, Component{ID: k.ID, Number: k.Number, Title: k.Title, Counts: map[State]int{}, Line: s.next()})
	}
	for _, k := range c.Controls {
		if !c.leaf(k) {
			continue
		}
		o, err := s.control(k)
		if err != nil {
			return nil, fmt.Errorf("assessing control %s: %w", k.ID, err)
		}
		s.a.Outcomes = append(s.a.Outcomes, *o)
		for i := range s.a.Components {
			if p := &s.a.Components[i]; p.ID == k.Component || p.ID == k.ID {
				p.Counts[o.State]++
			}
		}
	}
	for i := range s.a.Components {
		s.a.Components[i].State = rollUp(s.a.Components[i].Counts)
	}
	return s.a, nil
}

// rollUp: one failure fails the component; without one, what passes makes it
// partly at best while anything is undecided.
func rollUp(counts map[State]int) State {
	passed := counts[Pass] + counts[PartlyPass]
	open := counts[NoData] + counts[Unattested]
	switch {
	case counts[Fail] > 0:
		return Fail
	case passed > 0 && (open > 0 || counts[PartlyPass] > 0):
		return PartlyPass
	case passed > 0:
		return Pass
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

func (s *assessor) upTo(q string) string {
	limit := fmt.Sprintf(`@timestamp:<="%s"`, s.in.AsOf.Format(time.RFC3339Nano))
	if q == "" {
		return limit
	}
	return "(" + q + ") AND " + limit
}

func (s *assessor) count(q string) (n int64, newest string, err error) {
	p, err := s.ix.Search(s.ctx, findings.Request{Query: s.upTo(q), Size: 1})
	if err != nil {
		return 0, "", err
	}
	if len(p.Docs) > 0 {
		newest = p.Docs[0].Time.UTC().Format(time.RFC3339Nano)
	}
	return p.Total, newest, nil
}

func (s *assessor) control(k Control) (*Outcome, error) {
	o := &Outcome{Control: k, Line: s.next()}
	var err error
	tagged := fmt.Sprintf("event.kind:alert AND Saksi.control:%q", k.ID)
	if o.Findings, _, err = s.count(tagged); err != nil {
		return nil, err
	}
	if len(k.Checks) == 0 {
		o.State = Unattested
		if k.Mode != Attested {
			o.State = NoData
		}
		return o, nil
	}
	for _, c := range k.Checks {
		ob, err := s.check(k, c)
		if err != nil {
			return nil, err
		}
		o.Observations = append(o.Observations, *ob)
	}
	// The findings on this control stand with its first check.
	if first := &o.Observations[0]; o.Findings > 0 {
		if first.Evidence, err = s.evidence(tagged); err != nil {
			return nil, err
		}
		first.More = o.Findings - int64(len(first.Evidence))
	}
	o.State = Pass
	for _, ob := range o.Observations {
		switch {
		case ob.State == Fail:
			o.State = Fail
		case ob.State == NoData && o.State != Fail:
			o.State = NoData
		}
	}
	if o.State == Pass {
		switch {
		case !k.Confidence.Sure():
			o.State, o.Qualified = PartlyPass, "inferred"
		case k.Mode != Automated:
			o.State, o.Qualified = PartlyPass, "person"
		case o.Findings > 0:
			o.State, o.Qualified = PartlyPass, "findings-open"
		}
	}
	return o, nil
}

func (s *assessor) check(k Control, c Check) (*Observation, error) {
	ob := &Observation{UUID: newUUID("observation", s.a.UUID, k.ID, c.ID), Check: c}
	if c.Fact != "" {
		f := s.in.Facts[c.Fact]
		ob.N, ob.Value, ob.Problems = f.N, int64(len(f.Problems)), f.Problems
	} else {
		var err error
		if ob.N, ob.Newest, err = s.count(c.Of); err != nil {
			return nil, err
		}
		if ob.Value, _, err = s.count(c.Bad); err != nil {
			return nil, err
		}
	}
	switch {
	case ob.Value > 0 && (ob.N == 0 || float64(ob.Value) > c.Allowed*float64(ob.N)):
		ob.State = Fail
	case ob.N < c.Min:
		ob.State = NoData
	default:
		ob.State = Pass
	}
	return ob, nil
}

// evidence lists the findings on a control, the most severe first.
func (s *assessor) evidence(q string) ([]EvidenceRef, error) {
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
		for v := range e.Values(event.ThreatTechniqueID) {
			r.Techniques = append(r.Techniques, v.Str())
		}
		r.Where = Where(e)
		list = append(list, r)
	}
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

// LineOf names the lines of the report on which a finding stands, with their
// controls.
func (a *Assessment) LineOf(findingID string) map[string]string {
	lines := map[string]string{}
	for _, o := range a.Outcomes {
		for _, ob := range o.Observations {
			for _, r := range ob.Evidence {
				if r.ID == findingID {
					lines[r.Line] = o.Control.ID
				}
			}
		}
	}
	return lines
}
