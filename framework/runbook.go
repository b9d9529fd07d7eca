package framework

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"time"

	"saksi/evidence"
)

//go:embed runbooks/runbooks.yaml
var runbooks []byte

// BuiltInRunbooks is the name of the examples that come with saksi.
const BuiltInRunbooks = "builtin"

// EscalationPrefix begins the obligation of clocks that are escalations:
// escalate:RUNBOOK:ROLE.
const EscalationPrefix = "escalate:"

// RunbooksFormat is the version of the form of runbooks that is read.
const RunbooksFormat = 1

// maxSteps bounds the steps, and the escalations, of one runbook.
const maxSteps = 1000

// Runbooks are what is done for an incident, by whom, and who is told when it
// takes too long. See docs/framework.md for the file.
type Runbooks struct {
	Runbooks int       `yaml:"runbooks"` // version of the form
	Version  string    `yaml:"version"`
	List     []Runbook `yaml:"list"`
	SHA256   string    `yaml:"-"`
	File     string    `yaml:"-"` // base name
}

// Runbook is the way through one kind of incident.
type Runbook struct {
	ID       string       `yaml:"id"`
	Title    Text         `yaml:"title"`
	Kinds    []string     `yaml:"kinds"`    // of incidents; empty for all
	Agencies []string     `yaml:"agencies"` // names; empty for all
	Units    []string     `yaml:"units"`    // empty for all
	Severity int64        `yaml:"severity"` // of the incident, at least
	Steps    []RunStep    `yaml:"steps"`
	Escalate []Escalation `yaml:"escalate"`
}

// RunStep is one thing to do.
type RunStep struct {
	Do      Text   `yaml:"do"`
	By      string `yaml:"by"`      // role
	Command string `yaml:"command"` // to type; "" for none
}

// Escalation is who is told when an incident has not come to a stage in time.
type Escalation struct {
	After  string `yaml:"after"`  // such as 30m, counted from when a person knew
	To     string `yaml:"to"`     // role
	Unless string `yaml:"unless"` // stage that makes it needless: acknowledged, contained or closed; "" is contained
	after  time.Duration
}

// States of an escalation.
const (
	EscalationPending  = "pending"  // its time has not come
	EscalationDue      = "due"      // its time has come, and the stage is not reached
	EscalationNeedless = "needless" // the stage was reached in time
	EscalationLate     = "late"     // the stage was reached after its time
)

// Escalated is an escalation of one incident.
type Escalated struct {
	Runbook string
	To      string
	Unless  string
	Due     time.Time
	State   string
}

// stages are the stages of an incident that an escalation may wait for.
var stages = map[string]func(*Incident) time.Time{
	"acknowledged": func(i *Incident) time.Time { return i.Acknowledged.At },
	"contained":    func(i *Incident) time.Time { return i.Contained.At },
	"closed":       func(i *Incident) time.Time { return i.Closed.At },
}

// ReadRunbooks reads a file of runbooks, or those built in (BuiltInRunbooks).
func ReadRunbooks(path string) (*Runbooks, error) {
	if path == BuiltInRunbooks {
		return ParseRunbooks("runbooks.yaml", runbooks)
	}
	b, err := evidence.ReadRegular(path, maxYAML)
	if err != nil {
		return nil, fmt.Errorf("reading the runbooks: %w", err)
	}
	return ParseRunbooks(path, b)
}

// ParseRunbooks reads and checks runbooks. Errors name the line.
func ParseRunbooks(file string, b []byte) (*Runbooks, error) {
	r := &Runbooks{}
	lines, err := decode(file, b, r, "list")
	if err != nil {
		return nil, err
	}
	r.SHA256, r.File = evidence.SHA256(b), base(file)
	if r.Runbooks != RunbooksFormat {
		return nil, fmt.Errorf("reading %s: runbooks is %d; this saksi reads %d", file, r.Runbooks, RunbooksFormat)
	}
	seen := map[string]bool{}
	for i := range r.List {
		x := &r.List[i]
		bad := func(format string, args ...any) error {
			return fmt.Errorf("reading %s:%d: runbook %q: %s", file, lines[i], x.ID, fmt.Sprintf(format, args...))
		}
		switch {
		case seen[x.ID] || !idForm.MatchString(x.ID):
			return nil, bad("it is there twice, or has an id other than a-z, 0-9, . and -")
		case x.Severity < 0 || x.Severity > 4:
			return nil, bad("severity %d; expected 0 to 4", x.Severity)
		case len(x.Steps) == 0 || len(x.Steps) > maxSteps || len(x.Escalate) > maxSteps:
			return nil, bad("%d steps, %d escalations; expected 1 to %d steps", len(x.Steps), len(x.Escalate), maxSteps)
		}
		seen[x.ID] = true
		for j, s := range x.Steps {
			if s.Do.EN == "" && s.Do.MS == "" {
				return nil, bad("step %d says nothing to do", j+1)
			}
		}
		for j := range x.Escalate {
			e := &x.Escalate[j]
			e.Unless = cmp.Or(e.Unless, "contained")
			if _, ok := stages[e.Unless]; !ok {
				return nil, bad("escalation %d: unless %q; expected acknowledged, contained or closed", j+1, e.Unless)
			}
			if e.after, err = span(e.After); err != nil || e.After == "" {
				return nil, bad("escalation %d: after %q is no time such as 30m or 4h", j+1, e.After)
			}
			if e.To == "" {
				return nil, bad("escalation %d: to whom?", j+1)
			}
		}
	}
	return r, nil
}

// For are the runbooks of an incident, in the order of the file.
func (r *Runbooks) For(i *Incident) []Runbook {
	if r == nil {
		return nil
	}
	has := func(list []string, s string) bool {
		return len(list) == 0 || slices.ContainsFunc(list, func(x string) bool { return strings.EqualFold(x, s) })
	}
	var list []Runbook
	for _, x := range r.List {
		if has(x.Kinds, i.Kind) && has(x.Agencies, i.Agency) && has(x.Units, i.Unit) && i.Severity >= x.Severity {
			list = append(list, x)
		}
	}
	return list
}

// Escalations of an incident as of a time, the first due first. Their time runs
// from when a person knew, or from when the incident was recorded as long as
// nobody is said to know.
func (r *Runbooks) Escalations(i *Incident, asOf time.Time) []Escalated {
	from := i.Known
	if from.IsZero() {
		from = i.New.At
	}
	var list []Escalated
	for _, b := range r.For(i) {
		for _, x := range b.Escalate {
			e := Escalated{Runbook: b.ID, To: x.To, Unless: x.Unless, Due: from.Add(x.after), State: EscalationPending}
			reached := stages[x.Unless](i)
			if x.Unless != "closed" && reached.IsZero() {
				reached = i.Closed.At // a closed incident waits for nothing
			}
			switch {
			case !reached.IsZero() && !reached.After(asOf) && !reached.After(e.Due):
				e.State = EscalationNeedless
			case !reached.IsZero() && !reached.After(asOf):
				e.State = EscalationLate
			case !asOf.Before(e.Due):
				e.State = EscalationDue
			}
			list = append(list, e)
		}
	}
	slices.SortStableFunc(list, func(a, b Escalated) int { return a.Due.Compare(b.Due) })
	return list
}

// Clocks are the escalations of all incidents as clocks, whose state is overdue
// once people are to be told. Alerts of them are told by ClockAlerts.
func (r *Runbooks) Clocks(j *Journal, asOf time.Time) []Clock {
	if r == nil {
		return nil
	}
	states := map[string]string{EscalationPending: ClockRunning, EscalationDue: ClockOverdue, EscalationNeedless: ClockMet, EscalationLate: ClockLate}
	var list []Clock
	for _, i := range j.Incidents(asOf) {
		for n, e := range r.Escalations(i, asOf) {
			start, why := i.Known, fmt.Sprintf("%s knew at %s (entry %d)", i.KnownBy, i.Known.Format(time.RFC3339), i.KnownSeq)
			if start.IsZero() {
				start, why = i.New.At, fmt.Sprintf("recorded at %s (entry %d), and nobody is said to know", i.New.At.Format(time.RFC3339), i.New.Seq)
			}
			list = append(list, Clock{
				UUID: newUUID("escalation", i.ID, e.Runbook, e.To, e.Unless, e.Due.Format(time.RFC3339), fmt.Sprint(n)), Obligation: EscalationPrefix + e.Runbook + ":" + e.To,
				Title:  Text{EN: fmt.Sprintf("Tell %s: not %s", e.To, e.Unless), MS: fmt.Sprintf("Maklumkan %s: belum %s", e.To, stageMS[e.Unless])},
				Source: "runbook " + e.Runbook, Known: "runbook", Agency: i.Agency, Unit: i.Unit, Shift: i.Shift, Incident: i.ID, Started: start.Format(time.RFC3339), Why: why,
				Due: e.Due.Format(time.RFC3339), LeftS: int64(e.Due.Sub(asOf) / time.Second), State: states[e.State],
			})
		}
	}
	return list
}

// stageMS are the stages in Malay.
var stageMS = map[string]string{"acknowledged": "diperakui", "contained": "dikawal", "closed": "ditutup"}

// Next is who is to be told of an incident: the last escalation that is due, else
// the first that is pending; false for neither.
func (r *Runbooks) Next(i *Incident, asOf time.Time) (Escalated, bool) {
	var next Escalated
	found := false
	for _, e := range r.Escalations(i, asOf) {
		switch e.State {
		case EscalationDue:
			next, found = e, true
		case EscalationPending:
			if !found {
				return e, true
			}
		}
	}
	return next, found
}
