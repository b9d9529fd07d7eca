package suricata

import (
	"sync"
	"time"

	"saksi/rules"
)

// Profile counts what each rule of a set costs in all engines of the set.
type Profile struct {
	set   *Set
	mu    sync.Mutex
	costs [][]rules.Cost // by engine, by rule
}

// Profile makes the engines that are made from now on count what each rule
// costs. Their work then takes longer, by two looks at the clock for each
// evaluation.
func (s *Set) Profile() *Profile {
	s.profile = &Profile{set: s}
	return s.profile
}

// engine gives the counters of a new engine; nil without a profile.
func (p *Profile) engine() []rules.Cost {
	if p == nil {
		return nil
	}
	c := make([]rules.Cost, len(p.set.rules))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.costs = append(p.costs, c)
	return c
}

// Costs gives the cost of every rule that was tried. The engines MUST be done.
func (p *Profile) Costs() []rules.Cost {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []rules.Cost
	for i, r := range p.set.rules {
		e := r.Entry()
		sum := rules.Cost{ID: e.ID, Name: e.Name, Language: rules.Suricata}
		for _, engine := range p.costs {
			c := &engine[i]
			sum.Tried += c.Tried
			sum.Evaluated += c.Evaluated
			sum.Matched += c.Matched
			sum.Steps += c.Steps
			sum.Time += c.Time
		}
		if sum.Tried > 0 {
			out = append(out, sum)
		}
	}
	rules.SortCosts(out)
	return out
}

// spent counts an evaluation that is done.
func (m *Matcher) spent() {
	c := &m.cost[m.rule.id]
	c.Evaluated++
	c.Steps += uint64(stepsPerRule - max(m.steps, 0))
	c.Time += time.Since(m.began)
}
