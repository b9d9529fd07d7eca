package report

import (
	"regexp"
	"time"

	"saksi/framework"
)

// hidden stands where something was left out.
const hidden = "\u2588\u2588\u2588"

// names are what tells hosts and persons within a text: addresses, host names,
// e-mail addresses, card and identity numbers.
var names = regexp.MustCompile(`(?i)[\w.+-]+@[\w.-]+|\b\d{1,3}(\.\d{1,3}){3}(/\d+)?\b|\b[0-9a-f]{1,4}(:[0-9a-f]{0,4}){2,7}\b|\b([a-z0-9-]+\.)+[a-z]{2,}\b|\b\d{6}-?\d{2}-?\d{4}\b|\b\d{9,19}\b`)

func scrub(s string) string { return names.ReplaceAllString(s, hidden) }

func scrubText(t framework.Text) framework.Text {
	return framework.Text{MS: scrub(t.MS), EN: scrub(t.EN)}
}

// Redact makes the public profile of an assessment: what is taken over is listed
// here, so that what is new is left out until somebody decides. It holds counts,
// states, dates and what the framework says; no host, person, file, case, query
// or finding.
func Redact(a *framework.Assessment) *framework.Assessment {
	n := &framework.Assessment{
		Format: a.Format, UUID: a.UUID, Framework: a.Framework, Version: a.Version, Title: scrubText(a.Title), AsOf: a.AsOf, Agency: scrub(a.Agency), Classification: a.Classification,
		Documents: a.Documents, Findings: a.Findings, Components: a.Components, Trend: a.Trend,
	}
	n.Components = nil
	for _, c := range a.Components {
		c.Title = scrubText(c.Title)
		n.Components = append(n.Components, c)
	}
	c := a.Coverage
	c.Items, c.Why = nil, ""
	n.Coverage = c
	for i := range a.Outcomes {
		n.Outcomes = append(n.Outcomes, redactOutcome(&a.Outcomes[i]))
	}
	for _, r := range a.Risks {
		n.Risks = append(n.Risks, framework.Risk{UUID: r.UUID, Control: r.Control, Check: r.Check, Title: scrubText(r.Title), Severity: r.Severity, Opened: date(r.Opened), Treatment: r.Treatment})
	}
	for _, p := range a.POAM {
		n.POAM = append(n.POAM, framework.POAMItem{UUID: p.UUID, Risk: p.Risk, Control: p.Control, Title: scrubText(p.Title), Opened: date(p.Opened), Due: date(p.Due), Overdue: p.Overdue})
	}
	for _, k := range a.Clocks {
		n.Clocks = append(n.Clocks, framework.Clock{UUID: k.UUID, Obligation: k.Obligation, Title: scrubText(k.Title), Source: scrub(k.Source), LeftS: k.LeftS, State: k.State, Optional: k.Optional, Due: date(k.Due), Started: date(k.Started)})
	}
	for _, k := range a.KPIs {
		if k.Scope != "unit" && k.Scope != "shift" {
			n.KPIs = append(n.KPIs, framework.KPI{ID: k.ID, Title: scrubText(k.Title), Scope: k.Scope, Unit: k.Unit, Value: k.Value, N: k.N, Target: k.Target, State: k.State})
		}
	}
	for _, s := range a.Systems { // their counts, by life event
		n.Systems = append(n.Systems, framework.System{LifeEvent: scrub(s.LifeEvent), Criticality: scrub(s.Criticality), Findings: s.Findings, Severe: s.Severe, Seen: s.Seen, Outages: s.Outages, OutageMinutes: s.OutageMinutes})
	}
	return n
}

// date is the day of a time, "" of what is none.
func date(s string) string {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}

func redactOutcome(o *framework.Outcome) framework.Outcome {
	k := framework.Control{
		ID: o.Control.ID, Number: o.Control.Number, Component: o.Control.Component, Top: o.Control.Top, Title: scrubText(o.Control.Title), Requirement: scrub(o.Control.Requirement),
		Mode: o.Control.Mode, Confidence: o.Control.Confidence, Maps: o.Control.Maps,
	}
	n := framework.Outcome{Control: k, Line: o.Line, State: o.State, Qualified: o.Qualified, Findings: o.Findings, Risks: o.Risks}
	for _, ob := range o.Observations {
		n.Observations = append(n.Observations, framework.Observation{
			UUID: ob.UUID, Check: framework.Check{ID: ob.Check.ID, What: scrubText(ob.Check.What), Allowed: ob.Check.Allowed, Min: ob.Check.Min, Severity: ob.Check.Severity},
			Value: ob.Value, N: ob.N, Share: ob.Share, Threshold: ob.Threshold, State: ob.State, AgeS: ob.AgeS, MaxAgeS: ob.MaxAgeS,
		})
	}
	return n
}
