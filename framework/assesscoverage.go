package framework

import (
	"fmt"
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
	c.sum()
	return nil
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
