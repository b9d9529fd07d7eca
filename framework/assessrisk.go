package framework

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"saksi/evidence"
)

// deadlines are the days a risk may stay open, by its severity.
var deadlines = map[int64]int{1: 180, 2: 90, 3: 30, 4: 7}

// byWord is the check of a risk that no check but a person tells.
const byWord = "attestation"

// ErrPrevious is returned for an assessment before that is none of the same
// framework, agency and scope, or not before.
var ErrPrevious = errors.New("no assessment before this one")

// previous takes in the assessments before, the oldest first.
func (s *assessor) previous() error {
	s.a.Trend = []TrendPoint{}
	list := slices.Clone(s.in.Previous)
	slices.SortFunc(list, func(a, b *Assessment) int { return a.AsOf.Compare(b.AsOf) })
	for _, p := range list {
		if p.Framework != s.a.Framework || p.Scope != s.a.Scope || p.Agency != s.a.Agency || !p.AsOf.Before(s.in.AsOf) {
			return fmt.Errorf("%w: %s of %q as of %s", ErrPrevious, p.Framework, p.Agency, p.AsOf.Format(time.RFC3339))
		}
		b, err := p.JSON()
		if err != nil {
			return err
		}
		t := TrendPoint{UUID: p.UUID, AsOf: p.AsOf, SHA256: evidence.SHA256(b), Counts: map[State]int{}, Share: p.Coverage.Share, Risks: len(p.Risks), Findings: p.Findings}
		for _, o := range p.Outcomes {
			t.Counts[o.State]++
		}
		for _, x := range p.POAM {
			if x.Overdue {
				t.Overdue++
			}
		}
		s.a.Trend = append(s.a.Trend, t)
		s.a.Inputs.Previous = append(s.a.Inputs.Previous, FileInput{Name: p.UUID, SHA256: t.SHA256})
	}
	s.before = list
	return nil
}

// openedAt is when a risk was first there, if the assessment before this one
// had it.
func (s *assessor) openedAt(uuid string) string {
	last := s.frozen
	if n := len(s.before); n > 0 {
		last = s.before[n-1]
	}
	if last != nil {
		for _, r := range last.Risks {
			if r.UUID == uuid {
				return r.Opened
			}
		}
	}
	return s.in.AsOf.Format(time.RFC3339)
}

// risks makes a risk and a POA&M item of each check that fails, and of each
// control that a person attests is not met. Their UUIDs are of agency, framework,
// control and check, so that those of one assessment and of the next are the
// same.
func (s *assessor) risks() {
	a := s.a
	a.Risks, a.POAM = []Risk{}, []POAMItem{}
	for i := range a.Outcomes {
		o := &a.Outcomes[i]
		o.Risks, o.Waiver = nil, ""
		failed := false
		for j := range o.Observations {
			ob := &o.Observations[j]
			if ob.State != Fail {
				continue
			}
			failed = true
			severity := max(ob.Check.Severity, 2)
			for _, e := range ob.Evidence {
				severity = min(max(severity, e.Severity), 4)
			}
			s.risk(o, ob.Check.ID, severity, Text{
				EN: fmt.Sprintf("%s: %d of %d, allowed share %g", ob.Check.What.EN, ob.Value, ob.N, ob.Check.Allowed),
				MS: fmt.Sprintf("%s: %d daripada %d, bahagian dibenarkan %g", ob.Check.What.MS, ob.Value, ob.N, ob.Check.Allowed),
			})
		}
		if o.State == Fail && !failed {
			s.risk(o, byWord, 2, Text{EN: "a person attests that it is not met", MS: "disahkan oleh seseorang sebagai tidak dipenuhi"})
		}
	}
}

func (s *assessor) risk(o *Outcome, check string, severity int64, statement Text) {
	id := newUUID("risk", s.a.Agency, s.a.Framework, o.Control.ID, check)
	r := Risk{UUID: id, Control: o.Control.ID, Check: check, Title: o.Control.Title, Statement: statement, Severity: severity, Opened: s.openedAt(id), Treatment: TreatOpen}
	due := ""
	for i := range s.a.Waivers {
		w := &s.a.Waivers[i]
		if w.State == InDate && w.Control == r.Control && (w.Check == "" || w.Check == check) {
			r.Treatment, r.Waiver, due, w.Used, o.Waiver = TreatAccepted, w.UUID, w.Expires, true, w.UUID
		}
	}
	o.Risks = append(o.Risks, id)
	s.a.Risks = append(s.a.Risks, r)
	if due == "" {
		opened, err := time.Parse(time.RFC3339, r.Opened)
		if err != nil {
			opened = s.in.AsOf
		}
		due = opened.AddDate(0, 0, deadlines[severity]).Format(time.RFC3339)
	}
	end, err := time.Parse(time.RFC3339, due)
	s.a.POAM = append(s.a.POAM, POAMItem{
		UUID: newUUID("poam", id), Risk: id, Control: r.Control, Title: r.Title, Opened: r.Opened, Due: due, Overdue: err == nil && s.in.AsOf.After(end), Owner: "ICTSO",
	})
}

// treat decides the checks on how risks are treated, which needs all others to
// be decided: items past their date, and waivers that ended while what they
// waived still fails. Risks are then made anew.
func (s *assessor) treat() {
	overdue := []string{}
	for _, x := range s.a.POAM {
		if x.Overdue {
			overdue = append(overdue, fmt.Sprintf("%s: open since %s, due %s", x.Control, x.Opened, x.Due))
		}
	}
	fails := func(control, check string) bool {
		return slices.ContainsFunc(s.a.Risks, func(r Risk) bool { return r.Control == control && (check == "" || r.Check == check) })
	}
	n := int64(len(s.a.POAM))
	for _, w := range s.a.Waivers {
		n++
		if w.State == Expired && fails(w.Control, w.Check) {
			overdue = append(overdue, fmt.Sprintf("%s: its waiver %s ended at %s", w.Control, w.File, w.Expires))
		}
	}
	given := s.in.Facts["treatment"]
	s.facts["treatment"] = Fact{N: given.N + n, Problems: append(slices.Clone(given.Problems), overdue...)}
	for i := range s.a.Outcomes {
		o := &s.a.Outcomes[i]
		again := false
		for j := range o.Observations {
			if ob := &o.Observations[j]; ob.Check.Fact == "treatment" {
				s.observeFact(ob)
				s.judge(ob)
				again = true
			}
		}
		if again {
			s.state(o)
		}
	}
	for i := range s.a.Waivers {
		s.a.Waivers[i].Used = false
	}
	s.risks()
}
