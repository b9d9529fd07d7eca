package framework

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Titles of the key figures.
var kpiTitles = map[string]Text{
	"mttd":         {EN: "Mean time to detect: from the earliest evidence until a person knew", MS: "Purata masa mengesan: daripada bukti terawal hingga diketahui"},
	"mtta":         {EN: "Mean time to acknowledge: from then until someone took it on", MS: "Purata masa mengakui: hingga seseorang mengambil alih"},
	"mttc":         {EN: "Mean time to contain: from then until it was contained", MS: "Purata masa membendung: hingga insiden dibendung"},
	"on-time":      {EN: "Obligations met or running in time", MS: "Kewajipan dipenuhi atau berjalan dalam tempoh"},
	"coverage":     {EN: "Sensors and exhibits in scope that were seen", MS: "Penderia dan bahan bukti dalam skop yang dilihat"},
	"poam-overdue": {EN: "Items of the plan past their date", MS: "Perkara pelan melepasi tarikh"},
}

// group is whom a figure is told for.
type group struct{ scope, name string }

// KPIs are the key figures of all, and of each agency, unit and shift, from the
// journal's incidents and clocks.
func KPIs(incidents []*Incident, clocks []Clock, t Targets) []KPI {
	groups := []group{{"all", ""}}
	add := func(scope, name string) {
		if g := (group{scope, name}); name != "" && !slices.Contains(groups, g) {
			groups = append(groups, g)
		}
	}
	for _, i := range incidents {
		add("agency", i.Agency)
		add("unit", i.Unit)
		add("shift", i.Shift)
	}
	for i := range clocks {
		add("agency", clocks[i].Agency)
	}
	slices.SortFunc(groups[1:], func(a, b group) int {
		return slices.Compare([]string{a.scope, a.name}, []string{b.scope, b.name})
	})
	list := []KPI{}
	for _, g := range groups {
		in := func(agency, unit, shift string) bool {
			return g.scope == "all" || g.scope == "agency" && agency == g.name || g.scope == "unit" && unit == g.name || g.scope == "shift" && shift == g.name
		}
		var own []*Incident
		for _, i := range incidents {
			if in(i.Agency, i.Unit, i.Shift) {
				own = append(own, i)
			}
		}
		list = append(list,
			mean(g, "mttd", t.MTTD, own, func(i *Incident) (time.Time, time.Time) { return i.Began, i.Known }),
			mean(g, "mtta", t.MTTA, own, func(i *Incident) (time.Time, time.Time) { return i.Known, i.Acknowledged.At }),
			mean(g, "mttc", t.MTTC, own, func(i *Incident) (time.Time, time.Time) { return i.Known, i.Contained.At }))
		var n, good int64
		for i := range clocks {
			c := &clocks[i]
			if c.Due == "" || !in(c.Agency, c.Unit, c.Shift) {
				continue
			}
			n++
			if c.State == ClockMet || c.State == ClockRunning {
				good++
			}
		}
		list = append(list, share(g, "on-time", good, n, t.OnTime))
	}
	return list
}

// mean is the mean of the spans between two moments, seconds.
func mean(g group, id, target string, list []*Incident, of func(*Incident) (time.Time, time.Time)) KPI {
	k := KPI{UUID: newUUID("kpi", id, g.scope, g.name), ID: id, Title: kpiTitles[id], Scope: g.scope, Name: g.name, Unit: "seconds", State: NoData}
	var sum float64
	for _, i := range list {
		if from, to := of(i); !from.IsZero() && !to.IsZero() {
			k.N++
			sum += max(0, to.Sub(from).Seconds())
		}
	}
	if d, err := span(target); err == nil && d > 0 {
		v := d.Seconds()
		k.Target = &v
	}
	if k.N > 0 {
		v := math.Round(sum/float64(k.N)*1000) / 1000
		k.Value = &v
		k.State = Pass
		if k.Target != nil && v > *k.Target {
			k.State = Fail
		}
	}
	return k
}

func share(g group, id string, good, n int64, target float64) KPI {
	k := KPI{UUID: newUUID("kpi", id, g.scope, g.name), ID: id, Title: kpiTitles[id], Scope: g.scope, Name: g.name, Unit: "share", State: NoData, N: n, Target: &target}
	if n > 0 {
		v := float64(good) / float64(n)
		k.Value, k.State = &v, Pass
		if v < target {
			k.State = Fail
		}
	}
	return k
}

// clocks takes in what the journal tells: clocks, figures, and the facts that
// rest on them.
func (s *assessor) clocks() error {
	s.a.Clocks, s.a.KPIs = []Clock{}, []KPI{}
	j := s.in.Journal
	if j == nil {
		return nil
	}
	o := s.in.Obligations
	if o == nil {
		var err error
		if o, err = DefaultObligations(); err != nil {
			return err
		}
	}
	s.a.Inputs.Journal = &j.File
	s.a.Inputs.Obligations = &FileInput{Name: o.File, Version: o.Version, SHA256: o.SHA256, Entries: int64(len(o.List))}
	s.fact("journal", int64(len(j.Entries)), j.Problems...)
	var optional []string
	if s.in.Register != nil {
		optional = s.in.Register.Options
	}
	for _, c := range o.Clocks(j, s.in.AsOf, optional) {
		if s.in.Scope == "" || s.agencyInScope(c.Agency) {
			s.a.Clocks = append(s.a.Clocks, c)
		}
	}
	var incidents []*Incident
	for _, i := range j.Incidents(s.in.AsOf) {
		if s.in.Scope == "" || s.agencyInScope(i.Agency) {
			incidents = append(incidents, i)
		}
	}
	s.a.KPIs = KPIs(incidents, s.a.Clocks, o.Targets)
	s.targets = o.Targets
	for i := range s.a.Clocks {
		c := &s.a.Clocks[i]
		names := []string{"clocks"}
		switch kind := o.Find(c.Obligation).Kind; kind {
		case KindNotice:
			names = append(names, "notices")
		case KindPeriodic:
			names = append(names, "audits")
		}
		for _, n := range names {
			s.fact(n, 1)
			if c.State == ClockLate || c.State == ClockOverdue {
				s.fact(n, 0, fmt.Sprintf("%s of %s %s: due %s, %s", c.Obligation, c.Agency, c.Incident, c.Due, c.State))
			}
		}
	}
	return nil
}

// agencyInScope takes an agency of the journal by its id or its name.
func (s *assessor) agencyInScope(agency string) bool {
	for _, a := range s.in.Register.Agencies {
		if a.ID == agency || a.Name == agency {
			return s.inScope(a.ID)
		}
	}
	return false
}

// figures adds what the assessment itself tells.
func (s *assessor) figures() {
	if s.in.Journal == nil {
		return
	}
	g := group{"all", ""}
	c := share(g, "coverage", int64(s.a.Coverage.Seen), int64(s.a.Coverage.InScope), s.targets.Coverage)
	overdue := 0.0
	for _, p := range s.a.POAM {
		if p.Overdue {
			overdue++
		}
	}
	target := s.targets.POAMOverdue
	k := KPI{UUID: newUUID("kpi", "poam-overdue", g.scope, g.name), ID: "poam-overdue", Title: kpiTitles["poam-overdue"], Scope: "all", Unit: "count", Value: &overdue, N: int64(len(s.a.POAM)), Target: &target, State: Pass}
	if overdue > target {
		k.State = Fail
	}
	s.a.KPIs = append(s.a.KPIs, c, k)
}
