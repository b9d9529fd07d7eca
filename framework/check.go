package framework

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"saksi/event"
	"saksi/findings/query"
)

// Facts are the names of what a check may rest on instead of queries, with what
// each counts.
var Facts = map[string]string{
	"evidence": "exhibits and statements of the cases, verified",
	"custody":  "entries of the cases' custody logs, verified",

	"assets":    "hosts seen, against the register",
	"audits":    "obligations that come back: risk assessment and audit",
	"clocks":    "clocks of obligations",
	"clouds":    "clouds of the register that were used",
	"exchanges": "pairs of systems that exchanged data, against the register's agreements",
	"gateways":  "hosts outside that systems opened connections to, against the register's gateways",
	"journal":   "entries of the journal of incidents, verified",
	"notices":   "clocks of notices of incidents",
	"outages":   "services watched, against their recovery time",
	"pages":     "pages served, against the digests that the register releases",
	"plans":     "systems of the register, by their security plan",
	"roles":     "roles of the register",
	"sensors":   "sensors of the register",
	"sessions":  "hosts outside that administered systems, against their suppliers' networks and contracts",
	"suppliers": "systems of the register that a supplier runs",
	"treatment": "risks that were open before, and waivers",
}

// valid checks one check, and that it can fail: its twin speaks against the
// control, its good document does not.
func (c *Check) valid() error {
	if c.ID == "" || c.Min < 1 {
		return errors.New("an id and a minimum are needed")
	}
	if _, err := days(c.MaxAge); err != nil {
		return err
	}
	if c.Severity < 0 || c.Severity > 4 || c.Allowed < 0 || c.Allowed > 1 {
		return fmt.Errorf("severity %d, allowed %g; expected 1 to 4 and a share up to 1", c.Severity, c.Allowed)
	}
	if c.Fact != "" {
		if _, ok := Facts[c.Fact]; !ok {
			return fmt.Errorf("fact %q; expected one of %v", c.Fact, slices.Sorted(maps.Keys(Facts)))
		}
		if c.Bad != "" || c.Of != "" {
			return errors.New("either a fact or the queries bad and of")
		}
		return nil
	}
	if c.Declared {
		return errors.New("declared is for facts")
	}
	if c.Bad == "" || c.Of == "" {
		return errors.New("either a fact or the queries bad and of are needed")
	}
	bad, err := query.Parse(c.Bad)
	if err != nil {
		return err
	}
	of, err := query.Parse(c.Of)
	if err != nil {
		return err
	}
	twin, err := document(c.Twin)
	if err != nil {
		return fmt.Errorf("twin: %w", err)
	}
	good, err := document(c.Good)
	if err != nil {
		return fmt.Errorf("good: %w", err)
	}
	switch {
	case !bad.Match(twin):
		return errors.New("its twin does not fail it: give fields of a document that the query bad finds")
	case bad.Match(good) || !of.Match(good):
		return errors.New("its good document fails it, or is none of the population: give fields of one that the query of finds, and bad does not")
	}
	return nil
}

// document makes an event of names and values of fields.
func document(fields map[string]string) (*event.Event, error) {
	if len(fields) == 0 {
		return nil, errors.New("no fields")
	}
	e := &event.Event{}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		f, ok := event.Lookup(name)
		if !ok {
			return nil, fmt.Errorf("there is no field %q", name)
		}
		if err := e.SetText(f, fields[name]); err != nil {
			return nil, err
		}
	}
	return e, nil
}
