package merge

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"saksi/framework"
)

// Format is the version of merge.json.
const Format = 1

// Merged is what merge.json holds: the assessments of many agencies, added up.
type Merged struct {
	Format         int            `json:"format"`
	UUID           string         `json:"uuid"`
	Framework      string         `json:"framework"`
	Title          framework.Text `json:"title"`
	AsOf           time.Time      `json:"as_of"` // of the newest assessment
	Classification string         `json:"classification"`
	Tool           string         `json:"tool"`

	Expected int      `json:"expected"` // agencies that the register names, or those that sent one
	Missing  []string `json:"missing"`  // those of the register that sent none
	Refused  []string `json:"refused"`  // files that did not verify, and count for nothing

	Counts     map[framework.State]int `json:"counts"` // controls by state, over all agencies
	Passing    int                     `json:"passing"`
	Controls   int                     `json:"controls"`
	Coverage   Coverage                `json:"coverage"`
	Findings   int64                   `json:"findings"`
	Risks      Risks                   `json:"risks"`
	Clocks     map[string]int          `json:"clocks"` // by state
	KPIs       []KPI                   `json:"kpis"`
	Components []Component             `json:"components"`
	Weakest    []Control               `json:"weakest"` // controls that fail in most agencies
	LifeEvents []LifeEvent             `json:"life_events"`
	Agencies   []Agency                `json:"agencies"`
}

// Coverage is added up over all agencies.
type Coverage struct {
	InScope int     `json:"in_scope"`
	Seen    int     `json:"seen"`
	Share   float64 `json:"share"`
	Enough  int     `json:"agencies_with_enough"`
	Packets int64   `json:"packets"`
	Drops   int64   `json:"drops"`
}

// Risks are added up over all agencies.
type Risks struct {
	Open     int            `json:"open"`
	Accepted int            `json:"accepted"` // by a waiver in date
	Overdue  int            `json:"overdue"`
	Severity map[string]int `json:"by_severity"` // 1 to 4
}

// KPI is an indicator over the agencies that measure it.
type KPI struct {
	ID       string         `json:"id"`
	Title    framework.Text `json:"title"`
	Unit     string         `json:"unit"`
	Mean     *float64       `json:"mean"` // over agencies, weighted by n; null for none
	N        int64          `json:"n"`
	Agencies int            `json:"agencies"` // that measure it
	Meet     int            `json:"meet"`     // that meet their target
}

// Component is one component over all agencies.
type Component struct {
	ID     string                  `json:"id"`
	Title  framework.Text          `json:"title"`
	States map[framework.State]int `json:"states"` // of the component, by agencies
	Counts map[framework.State]int `json:"counts"` // of its controls
}

// Control is a control over all agencies.
type Control struct {
	ID     string                  `json:"id"`
	Title  framework.Text          `json:"title"`
	States map[framework.State]int `json:"states"`
}

// LifeEvent is the systems of all agencies that serve one key moment in
// citizens' lives.
type LifeEvent struct {
	Name     string `json:"name"`
	Agencies int    `json:"agencies"`
	Systems  int    `json:"systems"`
	Seen     int    `json:"seen"`
	Findings int64  `json:"findings"`
	Severe   int64  `json:"severe"`
	Outages  int64  `json:"outage_minutes"`
}

// Agency is the assessment of one agency in a line.
type Agency struct {
	Name       string                     `json:"name"`
	File       string                     `json:"file"`
	SHA256     string                     `json:"sha256"`
	Key        string                     `json:"key"`
	Person     string                     `json:"person,omitempty"`
	UUID       string                     `json:"uuid"`
	Version    string                     `json:"version"`
	Catalog    string                     `json:"catalog_sha256"`
	AsOf       time.Time                  `json:"as_of"`
	AgeDays    int                        `json:"age_days"` // of it, at the merge's time
	Counts     map[framework.State]int    `json:"counts"`
	Components map[string]framework.State `json:"components"`
	Passing    int                        `json:"passing"`
	Controls   int                        `json:"controls"`
	InScope    int                        `json:"in_scope"`
	Seen       int                        `json:"seen"`
	Coverage   framework.State            `json:"coverage"`
	Findings   int64                      `json:"findings"`
	Risks      int                        `json:"risks"`
	Overdue    int                        `json:"overdue"`
	Clocks     int                        `json:"clocks_overdue"`
}

// maxWeakest bounds the controls that are named as failing most.
const maxWeakest = 20

// JSON is merge.json.
func (m *Merged) JSON() ([]byte, error) {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding the merge: %w", err)
	}
	return append(b, '\n'), nil
}

// Merger adds assessments up, one at a time, so that as little as possible of
// them is held.
type Merger struct {
	m          *Merged
	components map[string]*Component
	controls   map[string]*Control
	kpis       map[string]*KPI
	sums       map[string]float64
	events     map[string]*LifeEvent
	in         map[string]map[string]bool // agencies of a life event
	seen       map[string]*sent           // agencies, by name
	near       map[string][]string        // agencies, by what their names have in common
	expected   map[string]bool            // agencies that should be there; nil when that is not known
	order      []string                   // of components
	classes    []string
}

// New begins a merge. expected are the names of the agencies that should be in
// it, nil when that is not known; classes the classifications, the highest first.
func New(tool string, expected, classes []string) *Merger {
	g := &Merger{
		m:          &Merged{Format: Format, Tool: tool, Missing: slices.Clone(expected), Refused: []string{}, Counts: map[framework.State]int{}, Clocks: map[string]int{}, Risks: Risks{Severity: map[string]int{}}},
		components: map[string]*Component{}, controls: map[string]*Control{}, kpis: map[string]*KPI{}, sums: map[string]float64{}, events: map[string]*LifeEvent{}, in: map[string]map[string]bool{}, seen: map[string]*sent{}, near: map[string][]string{}, classes: classes,
	}
	g.expect(expected)
	return g
}

// Refuse records a file that is left out.
func (g *Merger) Refuse(file string) { g.m.Refused = append(g.m.Refused, file) }

// Add adds a bundle that verifies. One that is of another framework than the
// first, or that can't stand beside another (Conflict), changes nothing.
func (g *Merger) Add(b *Bundle) *Conflict {
	a, m := b.Assessment, g.m
	if c := g.conflict(b); c != nil {
		return c
	}
	m.Framework, m.Title = a.Framework, a.Title
	if a.AsOf.After(m.AsOf) {
		m.AsOf = a.AsOf
	}
	m.Classification = g.stricter(m.Classification, a.Classification)
	m.Missing = slices.DeleteFunc(m.Missing, func(n string) bool { return n == a.Agency })
	row := Agency{
		Name: a.Agency, File: b.File, SHA256: b.SHA256, Key: b.Key, Person: b.Person, UUID: a.UUID, Version: a.Version, Catalog: b.Catalog, AsOf: a.AsOf, Counts: map[framework.State]int{}, Components: map[string]framework.State{},
		Controls: len(a.Outcomes), InScope: a.Coverage.InScope, Seen: a.Coverage.Seen, Coverage: a.Coverage.State, Findings: a.Findings, Risks: len(a.Risks),
	}
	for i := range a.Outcomes {
		o := &a.Outcomes[i]
		row.Counts[o.State]++
		m.Counts[o.State]++
		k := g.controls[o.Control.ID]
		if k == nil {
			k = &Control{ID: o.Control.ID, Title: o.Control.Title, States: map[framework.State]int{}}
			g.controls[o.Control.ID] = k
		}
		k.States[o.State]++
	}
	row.Passing = row.Counts[framework.Pass] + row.Counts[framework.AttestedPass]
	g.addComponents(a, &row)
	g.addRisks(a, &row)
	g.addKPIs(a)
	g.addSystems(a)
	m.Coverage.InScope += a.Coverage.InScope
	m.Coverage.Seen += a.Coverage.Seen
	m.Coverage.Packets += a.Coverage.Packets
	m.Coverage.Drops += a.Coverage.Drops
	if a.Coverage.State == framework.Pass {
		m.Coverage.Enough++
	}
	m.Findings += a.Findings
	m.Agencies = append(m.Agencies, row)
	return nil
}

func (g *Merger) stricter(a, b string) string {
	if a == "" {
		return b
	}
	for _, c := range g.classes {
		if a == c || b == c {
			return c
		}
	}
	return a
}

func (g *Merger) addComponents(a *framework.Assessment, row *Agency) {
	for _, c := range a.Components {
		x := g.components[c.ID]
		if x == nil {
			x = &Component{ID: c.ID, Title: c.Title, States: map[framework.State]int{}, Counts: map[framework.State]int{}}
			g.components[c.ID] = x
			g.order = append(g.order, c.ID)
		}
		row.Components[c.ID] = c.State
		x.States[c.State]++
		for s, n := range c.Counts {
			x.Counts[s] += n
		}
	}
}

func (g *Merger) addRisks(a *framework.Assessment, row *Agency) {
	for _, r := range a.Risks {
		g.m.Risks.Severity[fmt.Sprint(r.Severity)]++
		if r.Treatment == framework.TreatAccepted {
			g.m.Risks.Accepted++
		} else {
			g.m.Risks.Open++
		}
	}
	for _, p := range a.POAM {
		if p.Overdue {
			row.Overdue++
		}
	}
	g.m.Risks.Overdue += row.Overdue
	for _, c := range a.Clocks {
		g.m.Clocks[c.State]++
		if c.State == framework.ClockOverdue || c.State == framework.ClockLate {
			row.Clocks++
		}
	}
}

func (g *Merger) addKPIs(a *framework.Assessment) {
	for _, k := range a.KPIs {
		if k.Scope == "unit" || k.Scope == "shift" {
			continue
		}
		x := g.kpis[k.ID]
		if x == nil {
			x = &KPI{ID: k.ID, Title: k.Title, Unit: k.Unit}
			g.kpis[k.ID] = x
		}
		if k.Value == nil {
			continue
		}
		x.Agencies++
		x.N += k.N
		g.sums[k.ID] += *k.Value * float64(k.N)
		if k.State == framework.Pass {
			x.Meet++
		}
	}
}

func (g *Merger) addSystems(a *framework.Assessment) {
	for _, s := range a.Systems {
		if s.LifeEvent == "" {
			continue
		}
		e := g.events[s.LifeEvent]
		if e == nil {
			e = &LifeEvent{Name: s.LifeEvent}
			g.events[s.LifeEvent], g.in[s.LifeEvent] = e, map[string]bool{}
		}
		if !g.in[s.LifeEvent][a.Agency] {
			g.in[s.LifeEvent][a.Agency] = true
			e.Agencies++
		}
		e.Systems++
		if s.Seen {
			e.Seen++
		}
		e.Findings += s.Findings
		e.Severe += s.Severe
		e.Outages += s.OutageMinutes
	}
}

// Merged ends the merge. The same bundles give the same result, in whatever
// order they came.
func (g *Merger) Merged() *Merged {
	m := g.m
	slices.SortFunc(m.Agencies, func(a, b Agency) int { return strings.Compare(a.Name, b.Name) })
	parts := []string{"merge"}
	for i := range m.Agencies {
		x := &m.Agencies[i]
		x.AgeDays = int(m.AsOf.Sub(x.AsOf) / (24 * time.Hour))
		parts = append(parts, x.SHA256)
		m.Passing += x.Passing
		m.Controls += x.Controls
	}
	m.Expected = len(m.Agencies) + len(m.Missing)
	if m.Missing == nil {
		m.Missing = []string{}
	}
	slices.Sort(m.Missing)
	slices.Sort(m.Refused)
	m.UUID = framework.UUID(append(append(parts, m.Missing...), m.Refused...)...)
	if m.Coverage.InScope > 0 {
		m.Coverage.Share = float64(m.Coverage.Seen) / float64(m.Coverage.InScope)
	}
	slices.Sort(g.order)
	m.Components, m.KPIs, m.LifeEvents, m.Weakest = []Component{}, []KPI{}, []LifeEvent{}, []Control{}
	for _, id := range g.order {
		m.Components = append(m.Components, *g.components[id])
	}
	for _, id := range slices.Sorted(maps.Keys(g.kpis)) {
		k := *g.kpis[id]
		if k.N > 0 {
			mean := g.sums[id] / float64(k.N)
			k.Mean = &mean
		}
		m.KPIs = append(m.KPIs, k)
	}
	for _, name := range slices.Sorted(maps.Keys(g.events)) {
		m.LifeEvents = append(m.LifeEvents, *g.events[name])
	}
	for _, k := range g.controls {
		if k.States[framework.Fail] > 0 {
			m.Weakest = append(m.Weakest, *k)
		}
	}
	slices.SortFunc(m.Weakest, func(a, b Control) int {
		return cmp.Or(cmp.Compare(b.States[framework.Fail], a.States[framework.Fail]), strings.Compare(a.ID, b.ID))
	})
	m.Weakest = m.Weakest[:min(len(m.Weakest), maxWeakest)]
	return m
}
