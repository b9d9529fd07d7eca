package framework

import (
	"fmt"
	"time"
)

// deadlines are the days a risk may stay open, by its severity.
var deadlines = map[int64]int{1: 180, 2: 90, 3: 30, 4: 7}

// risks makes a risk and a POA&M item of each check that fails. Their UUIDs are
// of agency, framework, control and check, so that those of one assessment and
// of the next are the same.
func (s *assessor) risks() {
	a := s.a
	a.Risks, a.POAM = []Risk{}, []POAMItem{}
	for i := range a.Outcomes {
		o := &a.Outcomes[i]
		for j := range o.Observations {
			ob := &o.Observations[j]
			if ob.State != Fail {
				continue
			}
			r := Risk{
				UUID: newUUID("risk", a.Agency, a.Framework, o.Control.ID, ob.Check.ID), Control: o.Control.ID, Check: ob.Check.ID, Observation: ob.UUID,
				Title: o.Control.Title, Severity: max(ob.Check.Severity, 2), Opened: a.AsOf.Format(time.RFC3339), Treatment: TreatOpen,
			}
			r.Statement = Text{
				EN: fmt.Sprintf("%s: %d of %d, allowed share %g", ob.Check.What.EN, ob.Value, ob.N, ob.Check.Allowed),
				MS: fmt.Sprintf("%s: %d daripada %d, bahagian dibenarkan %g", ob.Check.What.MS, ob.Value, ob.N, ob.Check.Allowed),
			}
			for _, e := range ob.Evidence {
				r.Severity = min(max(r.Severity, e.Severity), 4)
			}
			o.Risks = append(o.Risks, r.UUID)
			a.Risks = append(a.Risks, r)
			a.POAM = append(a.POAM, s.poam(&r))
		}
	}
}

func (s *assessor) poam(r *Risk) POAMItem {
	opened, err := time.Parse(time.RFC3339, r.Opened)
	if err != nil {
		opened = s.in.AsOf
	}
	due := opened.AddDate(0, 0, deadlines[r.Severity])
	return POAMItem{
		UUID: newUUID("poam", r.UUID), Risk: r.UUID, Control: r.Control, Title: r.Title, Opened: r.Opened,
		Due: due.Format(time.RFC3339), Overdue: s.in.AsOf.After(due),
	}
}
