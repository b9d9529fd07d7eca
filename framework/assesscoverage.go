package framework

import (
	"cmp"
	"fmt"
	"time"

	"saksi/event"
	"saksi/findings"
)

// Policy is what a pass needs, whatever the control. A catalog may ask for more
// or less in its key coverage.
type Policy struct {
	Share  float64 `yaml:"share" json:"share"`     // of the sensors and exhibits in scope that were seen
	Drops  float64 `yaml:"drops" json:"drops"`     // share of the packets that may be dropped
	MaxAge string  `yaml:"max_age" json:"max_age"` // age at which what was seen is stale, such as 30d
}

var defaultPolicy = Policy{Share: 0.95, Drops: 0.001}

// coverage tells which of the sensors and exhibits in scope were seen. Without
// any in scope nothing can pass.
func (s *assessor) coverage() error {
	c := &s.a.Coverage
	p := s.cat.Coverage
	c.Needed, c.DropsAllowed = p.Share, p.Drops
	for _, x := range s.in.Sources {
		it := CoverageItem{Kind: "exhibit", ID: x.Case + "/" + x.Exhibit, InScope: true}
		var err error
		q := "Saksi.exhibit:" + phrase(x.Exhibit)
		if x.Case != "" {
			q = "Saksi.case:" + phrase(x.Case) + " AND " + q
		}
		if it.Documents, it.Newest, err = s.count(q); err != nil {
			return err
		}
		it.Seen = it.Documents > 0
		c.Items = append(c.Items, it)
	}
	if err := s.sensors(); err != nil {
		return err
	}
	c.sum()
	return nil
}

// sensors tells which sensors were heard, and what they lost by their own count:
// that of the newest metric, which counts from the sensor's start.
func (s *assessor) sensors() error {
	agency := map[string]string{}
	silent := map[string]time.Duration{}
	var names []string
	if r := s.in.Register; r != nil {
		for _, x := range r.Sensors {
			if s.inScope(x.Agency) {
				agency[x.Name], names = x.Agency, append(names, x.Name)
				silent[x.Name] = x.MaxSilence()
			}
		}
	}
	// Sensors that no register names are told by their metrics: to read every
	// document for its sensor would take longer than all the rest.
	heard, err := s.terms("event.dataset:saksi.sensor", "observer.name", maxTerms)
	if err != nil {
		return err
	}
	for _, b := range heard {
		if _, ok := agency[b.Key]; !ok {
			names = append(names, b.Key)
		}
	}
	for _, name := range names {
		a, ok := agency[name]
		it := CoverageItem{Kind: "sensor", ID: name, Agency: a, InScope: ok}
		if it.Documents, it.Newest, err = s.count("observer.name:" + phrase(name)); err != nil {
			return err
		}
		it.Seen = it.Documents > 0
		if it.Seen {
			if err := s.losses(&it); err != nil {
				return err
			}
		}
		if t, err := time.Parse(time.RFC3339Nano, it.Newest); err == nil && s.in.AsOf.Sub(t) > cmp.Or(silent[name], silentAfter) {
			it.Stale = true
		}
		if ok {
			s.fact("sensors", 1)
			switch {
			case !it.Seen:
				s.fact("sensors", 0, name+": never heard")
			case it.Stale:
				s.fact("sensors", 0, name+": silent since "+it.Newest)
			}
		}
		s.a.Coverage.Items = append(s.a.Coverage.Items, it)
	}
	return nil
}

func (s *assessor) losses(it *CoverageItem) error {
	q := s.upTo("event.dataset:saksi.sensor AND observer.name:" + phrase(it.ID))
	p, err := s.ix.Search(s.ctx, findings.Request{Query: q, Size: 1})
	if err != nil || len(p.Docs) == 0 {
		return err
	}
	e, err := event.Parse(p.Docs[0].Body)
	if err != nil {
		return err
	}
	it.Packets, _ = e.GetInt(event.SaksiSensorPackets)
	it.Drops, _ = e.GetInt(event.SaksiSensorDropped)
	return s.answered("newest: "+q, p.Total, p.Docs[0].Time.UTC().Format(time.RFC3339Nano), p.Docs[0].ID)
}

// sum decides coverage from its items.
func (c *Coverage) sum() {
	for _, it := range c.Items {
		if it.InScope {
			c.InScope++
		}
		if it.InScope && it.Seen {
			c.Seen++
		}
		c.Packets += it.Packets
		c.Drops += it.Drops
	}
	if c.InScope > 0 {
		c.Share = float64(c.Seen) / float64(c.InScope)
	}
	if n := c.Packets + c.Drops; n > 0 {
		c.DropShare = float64(c.Drops) / float64(n)
	}
	switch {
	case c.InScope == 0:
		c.State, c.Why = NoData, "no sensor and no exhibit is in scope; name a case or a register"
	case c.Share < c.Needed:
		c.State, c.Why = Fail, fmt.Sprintf("%d of %d sensors and exhibits in scope were seen; %g %% are needed", c.Seen, c.InScope, 100*c.Needed)
	case c.DropShare > c.DropsAllowed:
		c.State, c.Why = Fail, fmt.Sprintf("%.3g %% of the packets were dropped; %g %% are allowed", 100*c.DropShare, 100*c.DropsAllowed)
	default:
		c.State = Pass
	}
}
