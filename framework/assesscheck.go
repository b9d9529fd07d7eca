package framework

import (
	"fmt"
	"time"
)

func (s *assessor) control(k Control) (*Outcome, error) {
	o := &Outcome{Control: k, Line: s.next()}
	var err error
	tagged := taggedWith(k.ID)
	if o.Findings, _, err = s.count(tagged); err != nil {
		return nil, err
	}
	for _, c := range k.Checks {
		if _, declared := s.facts[c.Fact]; c.Declared && !declared {
			continue
		}
		ob, err := s.check(c)
		if err != nil {
			return nil, err
		}
		o.Observations = append(o.Observations, *ob)
	}
	// The findings on this control stand with its first check. Where it has none,
	// as in a framework that another decides, what fails a check stands with it.
	if len(o.Observations) > 0 && o.Findings > 0 {
		first := &o.Observations[0]
		if first.Evidence, err = s.evidence(tagged); err != nil {
			return nil, err
		}
		first.More = o.Findings - int64(len(first.Evidence))
	}
	for i := range o.Observations {
		ob := &o.Observations[i]
		if o.Findings > 0 || ob.State != Fail || ob.Check.Bad == "" {
			continue
		}
		if ob.Evidence, err = s.evidence(ob.Check.Bad); err != nil {
			return nil, err
		}
		ob.More = ob.Value - int64(len(ob.Evidence))
	}
	s.state(o)
	return o, nil
}

// state decides a control from its observations and what people attest.
func (s *assessor) state(o *Outcome) {
	o.Qualified = ""
	s.seen(o)
	s.attested(o)
}

// seen decides a control from its observations alone.
func (s *assessor) seen(o *Outcome) {
	k := &o.Control
	if len(o.Observations) == 0 {
		o.State = Unattested
		if k.Mode != Attested {
			o.State = NoData
		}
		return
	}
	o.State = Pass
	for _, ob := range o.Observations {
		if worse(ob.State, o.State) {
			o.State = ob.State
		}
	}
	if o.State != Pass {
		return
	}
	switch {
	case !k.Confidence.Sure():
		o.State, o.Qualified = PartlyPass, "inferred"
	case k.Mode != Automated:
		o.State, o.Qualified = PartlyPass, "person"
	case o.Findings > 0:
		o.State, o.Qualified = PartlyPass, "findings-open"
	}
}

// worse orders states as States does.
func worse(a, b State) bool {
	rank := func(x State) int {
		for i, s := range States {
			if s == x {
				return i
			}
		}
		return len(States)
	}
	return rank(a) < rank(b)
}

func (s *assessor) check(c Check) (*Observation, error) {
	ob := &Observation{Check: c, Threshold: c.Allowed}
	if c.Fact != "" {
		s.observeFact(ob)
	} else {
		var err error
		if ob.N, ob.Newest, err = s.count(c.Of); err != nil {
			return nil, err
		}
		if ob.Value, _, err = s.count(c.Bad); err != nil {
			return nil, err
		}
	}
	s.judge(ob)
	return ob, nil
}

func (s *assessor) observeFact(ob *Observation) {
	f := s.facts[ob.Check.Fact]
	ob.N, ob.Value, ob.Newest = f.N, int64(len(f.Problems)), f.Newest
	ob.Problems = f.Problems[:min(len(f.Problems), maxProblems)]
	ob.MoreProbs = int64(len(f.Problems) - len(ob.Problems))
}

// judge decides one check. What speaks against the control counts however
// little was seen; a pass needs enough of it, fresh, with enough coverage.
func (s *assessor) judge(ob *Observation) {
	c := &ob.Check
	ob.Why = ""
	if ob.N > 0 {
		ob.Share = float64(ob.Value) / float64(ob.N)
	}
	if age := s.cat.maxAge(c); age > 0 {
		ob.MaxAgeS = int64(age / time.Second)
	}
	if t, err := time.Parse(time.RFC3339Nano, ob.Newest); err == nil {
		ob.AgeS = int64(s.in.AsOf.Sub(t) / time.Second)
	}
	switch {
	case ob.Value > 0 && (ob.N == 0 || ob.Share > c.Allowed):
		ob.State = Fail
	case ob.N < c.Min:
		ob.State, ob.Why = NoData, fmt.Sprintf("%d seen; at least %d are needed", ob.N, c.Min)
	case ob.MaxAgeS > 0 && ob.Newest != "" && ob.AgeS > ob.MaxAgeS:
		ob.State, ob.Why = Stale, fmt.Sprintf("the newest is %d days old; at most %d are allowed", ob.AgeS/86400, ob.MaxAgeS/86400)
	case c.Fact == "" && s.a.Coverage.State != Pass:
		ob.State, ob.Why = NoData, s.a.Coverage.Why
	default:
		ob.State = Pass
	}
}
