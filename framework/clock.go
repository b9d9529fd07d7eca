package framework

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"time"

	"saksi/evidence"
)

//go:embed obligations/obligations.yaml
var builtinObligations []byte

// Kinds of obligations.
const (
	KindNotice   = "notice"   // of an incident
	KindPeriodic = "periodic" // comes back
	KindReport   = "report"   // of something that was done
)

// Obligation is something that must be done by a time.
type Obligation struct {
	ID       string `yaml:"id"`
	Kind     string `yaml:"kind"`
	Starts   string `yaml:"starts"` // known, met:ID or done:ID; "" of what comes back
	Within   string `yaml:"within"` // "" when no time is known: it runs until it is met
	Every    string `yaml:"every"`
	Optional string `yaml:"optional"` // only where the register names it
	Known    string `yaml:"known"`    // how the time is known
	Source   string `yaml:"source"`
	Title    Text   `yaml:"title"`
	span     time.Duration
}

// Targets of the key figures.
type Targets struct {
	MTTD        string  `yaml:"mttd"`
	MTTA        string  `yaml:"mtta"`
	MTTC        string  `yaml:"mttc"`
	OnTime      float64 `yaml:"on_time"`
	Coverage    float64 `yaml:"coverage"`
	POAMOverdue float64 `yaml:"poam_overdue"`
}

// Obligations are what must be done by when.
type Obligations struct {
	Obligations int          `yaml:"obligations"` // version of the form
	Version     string       `yaml:"version"`
	List        []Obligation `yaml:"list"`
	Targets     Targets      `yaml:"targets"`
	SHA256      string       `yaml:"-"`
	File        string       `yaml:"-"`
}

// DefaultObligations are those that are built in.
func DefaultObligations() (*Obligations, error) {
	return ParseObligations("obligations.yaml", builtinObligations)
}

// ReadObligations reads an agency's own file.
func ReadObligations(path string) (*Obligations, error) {
	b, err := evidence.ReadRegular(path, maxYAML)
	if err != nil {
		return nil, fmt.Errorf("reading the obligations: %w", err)
	}
	return ParseObligations(path, b)
}

// ParseObligations reads and checks a file of obligations. Errors name the line.
func ParseObligations(file string, b []byte) (*Obligations, error) {
	o := &Obligations{}
	lines, err := decode(file, b, o, "list")
	if err != nil {
		return nil, err
	}
	o.SHA256, o.File = evidence.SHA256(b), base(file)
	if o.Obligations != 1 {
		return nil, fmt.Errorf("reading %s: obligations is %d; this saksi reads 1", file, o.Obligations)
	}
	seen := map[string]bool{"material-change": true}
	for i := range o.List {
		x := &o.List[i]
		bad := func(format string, args ...any) error {
			return fmt.Errorf("reading %s:%d: obligation %q: %s", file, lines[i], x.ID, fmt.Sprintf(format, args...))
		}
		var ref string
		if k, id, ok := strings.Cut(x.Starts, ":"); ok && (k == "met" || k == "done") {
			ref = id
		}
		text := x.Within
		if x.Kind == KindPeriodic {
			text = x.Every
		}
		switch x.span, err = span(text); {
		case err != nil:
			return nil, bad("%s", err)
		case !idForm.MatchString(x.ID) || seen[x.ID]:
			return nil, bad("its id is there twice, or other than a-z, 0-9, . and -")
		case x.Title.EN == "" || x.Title.MS == "" || x.Source == "" || x.Known == "":
			return nil, bad("a title in both languages, a source, and how it is known are needed")
		case x.Kind == KindPeriodic && (x.span == 0 || x.Starts != ""):
			return nil, bad("what comes back has every, and no starts")
		case x.Kind == KindNotice && x.Starts != "known" && (ref == "" || !seen[ref]), x.Kind == KindReport && (ref == "" || !seen[ref]):
			return nil, bad("starts %q; expected known, or met: or done: and an obligation before it", x.Starts)
		case x.Kind != KindPeriodic && x.Kind != KindNotice && x.Kind != KindReport:
			return nil, bad("kind %q; expected notice, periodic or report", x.Kind)
		}
		seen[x.ID] = true
	}
	for _, t := range []string{o.Targets.MTTD, o.Targets.MTTA, o.Targets.MTTC} {
		if _, err := span(t); err != nil {
			return nil, fmt.Errorf("reading %s: targets: %w", file, err)
		}
	}
	return o, nil
}

// Find is the obligation of an id, nil for none.
func (o *Obligations) Find(id string) *Obligation {
	if i := slices.IndexFunc(o.List, func(x Obligation) bool { return x.ID == id }); i >= 0 {
		return &o.List[i]
	}
	return nil
}

// Clocks are the clocks of the obligations at a time, from what the journal
// tells. A clock of an incident starts at the recorded moment when a person
// knew, not at the first alert. optional are those that apply besides.
func (o *Obligations) Clocks(j *Journal, asOf time.Time, optional []string) []Clock {
	list := []Clock{}
	applies := func(x *Obligation) bool { return x.Optional == "" || slices.Contains(optional, x.Optional) }
	for _, inc := range j.Incidents(asOf) {
		for i := range o.List {
			x := &o.List[i]
			if x.Kind != KindNotice || !applies(x) {
				continue
			}
			start, why := inc.Known, fmt.Sprintf("%s knew (journal entry %d)", inc.KnownBy, inc.KnownSeq)
			if id, ok := strings.CutPrefix(x.Starts, "met:"); ok {
				start, why = inc.Met[id].At, fmt.Sprintf("%s was met (journal entry %d)", id, inc.Met[id].Seq)
			}
			if start.IsZero() {
				continue
			}
			c := x.clock(start, inc.Met[x.ID].At, asOf)
			c.Incident, c.Agency, c.Unit, c.Shift, c.Why = inc.ID, inc.Agency, inc.Unit, inc.Shift, why
			c.UUID = newUUID("clock", x.ID, inc.Agency, inc.ID)
			list = append(list, c)
		}
	}
	for _, agency := range j.Agencies(asOf) {
		for i := range o.List {
			if x := &o.List[i]; x.Kind != KindNotice && applies(x) {
				list = append(list, x.recurring(j, agency, asOf)...)
			}
		}
	}
	return list
}

// clock is the clock of a start.
func (x *Obligation) clock(start, met, asOf time.Time) Clock {
	c := Clock{Obligation: x.ID, Title: x.Title, Source: x.Source, Started: start.Format(time.RFC3339), State: ClockRunning, Optional: x.Optional != "", Known: x.Known}
	end := asOf
	if !met.IsZero() {
		c.Met, c.State, end = met.Format(time.RFC3339), ClockMet, met
	}
	if x.span == 0 && x.Within == "" && x.Every == "" {
		return c // no time is known
	}
	due, grace := start.Add(x.span), time.Duration(0)
	if x.span == 0 {
		grace = atOnce
	}
	c.Due, c.LeftS = due.Format(time.RFC3339), int64(due.Sub(end)/time.Second)
	switch {
	case !met.IsZero() && met.After(due.Add(grace)):
		c.State = ClockLate
	case met.IsZero() && asOf.After(due.Add(grace)):
		c.State = ClockOverdue
	}
	return c
}

// atOnce is what "at once" may take to be recorded; no other time has such an
// allowance.
const atOnce = time.Minute

// recurring are the clocks of an agency for what comes back, or is reported
// after it was done. What was never done is overdue from the first entry of the
// agency's journal on.
func (x *Obligation) recurring(j *Journal, agency string, asOf time.Time) []Clock {
	var list []Clock
	add := func(start, met time.Time, why string) {
		c := x.clock(start, met, asOf)
		c.Agency, c.Why = agency, why
		c.UUID = newUUID("clock", x.ID, agency, c.Started)
		list = append(list, c)
	}
	if x.Kind == KindPeriodic {
		if done, seq := j.LastDone(agency, x.ID, asOf); !done.IsZero() {
			add(done, time.Time{}, fmt.Sprintf("done before (journal entry %d)", seq))
		} else {
			first := j.first(agency, asOf)
			c := x.clock(first.Add(-x.span), time.Time{}, asOf)
			c.Agency, c.Why, c.State = agency, "the journal does not tell that it was ever done", ClockOverdue
			c.UUID = newUUID("clock", x.ID, agency, "never")
			list = append(list, c)
		}
		return list
	}
	_, of, _ := strings.Cut(x.Starts, ":")
	for _, d := range j.done(agency, of, asOf) {
		add(d.At, j.firstDoneAfter(agency, x.ID, d.At, asOf), fmt.Sprintf("%s was done (journal entry %d)", of, d.Seq))
	}
	return list
}
