// Package retain says how long findings are kept, and what no rule may remove.
// A Policy is a file; a hold is a document of its own in the data set
// saksi.hold, put beside the findings and never changed: what was said last of a
// name counts. What a run removed is a document of saksi.retention. Start with
// Parse, Holds and Policy.Plan.
package retain

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"saksi/event"
	"saksi/findings/query"
)

// Dataset is the data set of what was removed, HoldDataset that of holds. No rule
// reaches either.
const (
	Dataset     = "saksi.retention"
	HoldDataset = "saksi.hold"
)

// accessDataset is the data set of who looked at what (findings/access): a rule
// reaches it only by name.
const accessDataset = "saksi.access"

// MaxPolicy bounds a policy file, in bytes; a real one is a page.
const MaxPolicy = 1 << 20

// maxDays is the longest time a rule may name, in days: a hundred years.
const maxDays = 36_500

// Rule keeps documents of a scope for a number of days after their time. Each
// part of the scope that is given must fit.
type Rule struct {
	Dataset string `yaml:"dataset"` // less its "saksi." prefix; "" for any
	Agency  string `yaml:"agency"`  // id or name of the organization; "" for any
	Case    string `yaml:"case"`    // id of a case, * for any; "": documents of no case
	Days    int    `yaml:"days"`    // 0 keeps them for good
}

// Policy is an ordered list of rules: of a document the first that fits decides;
// what none fits is kept.
type Policy struct {
	Version int    `yaml:"retention"`
	Keep    []Rule `yaml:"keep"`
	Digest  string `yaml:"-"` // SHA-256 of the file
}

var datasetPattern = regexp.MustCompile(`^[a-z0-9_]{1,64}$`)

// Parse reads a policy, YAML. Errors name the rule.
func Parse(b []byte) (*Policy, error) {
	if len(b) > MaxPolicy {
		return nil, fmt.Errorf("it has %d bytes, of at most %d", len(b), MaxPolicy)
	}
	sum := sha256.Sum256(b)
	p := &Policy{Digest: hex.EncodeToString(sum[:])}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(p); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if err := d.Decode(&struct{}{}); !errors.Is(err, io.EOF) {
		return nil, errors.New("it holds more than one document of YAML")
	}
	if p.Version != 1 {
		return nil, fmt.Errorf("retention: %d: expected 1, the version of its form", p.Version)
	}
	if len(p.Keep) == 0 {
		return nil, errors.New("keep: expected at least one rule")
	}
	for i, r := range p.Keep {
		switch {
		case r.Days < 0 || r.Days > maxDays:
			return nil, fmt.Errorf("rule %d: days: %d: expected 1 to %d, or 0 to keep for good", i+1, r.Days, maxDays)
		case r.Dataset != "" && !datasetPattern.MatchString(r.Dataset):
			return nil, fmt.Errorf("rule %d: dataset: %q: expected a name as flow or alert, without the prefix saksi", i+1, r.Dataset)
		case "saksi."+r.Dataset == Dataset || "saksi."+r.Dataset == HoldDataset:
			return nil, fmt.Errorf("rule %d: dataset: %s: what was held and removed stays on record", i+1, r.Dataset)
		}
	}
	return p, nil
}

// phrase quotes a value for a query.
func phrase(v string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v) + `"`
}

// scope is the query of what a rule speaks of. own is the agency whose index it
// is ("" if that is not known): all that lies in it is that agency's.
func (r Rule) scope(own string) string {
	var parts []string
	if r.Dataset != "" {
		parts = append(parts, "event.dataset:"+phrase("saksi."+r.Dataset))
	}
	if r.Agency != "" && r.Agency != own {
		parts = append(parts, "(organization.id:"+phrase(r.Agency)+" OR organization.name:"+phrase(r.Agency)+")")
	}
	switch r.Case {
	case "":
		parts = append(parts, "NOT Saksi.case:*")
	case "*":
		parts = append(parts, "Saksi.case:*")
	default:
		parts = append(parts, "Saksi.case:"+phrase(r.Case))
	}
	return strings.Join(parts, " AND ")
}

func (r Rule) String() string {
	var parts []string
	for _, p := range [][2]string{{"dataset", r.Dataset}, {"agency", r.Agency}, {"case", r.Case}} {
		if p[1] != "" {
			parts = append(parts, p[0]+" "+p[1])
		}
	}
	if len(parts) == 0 {
		return "what is of no case"
	}
	return strings.Join(parts, ", ")
}

// Step is what one rule removes at a time.
type Step struct {
	Rule   Rule
	Number int // from 1
	Query  string
	Before time.Time
}

// Plan gives the steps at a time, one for each rule that ends. No two
// take the same document.
func (p *Policy) Plan(at time.Time, own string) []Step {
	var steps []Step
	not := "NOT event.dataset:(" + phrase(Dataset) + " OR " + phrase(HoldDataset) + ")"
	for i, r := range p.Keep {
		s := r.scope(own)
		if r.Dataset == "" {
			s += " AND NOT event.dataset:" + phrase(accessDataset)
		}
		if r.Days > 0 {
			steps = append(steps, Step{r, i + 1, s + " AND " + not, at.UTC().AddDate(0, 0, -r.Days)})
		}
		not += " AND NOT (" + s + ")"
	}
	return steps
}

// Run is what a step of a run did.
type Run struct {
	Step
	Done               bool // false: it begins
	Policy             string
	By, Why            string
	At                 time.Time
	Due, Held, Removed int64
	Indices            int
}

// Event is the document of r.
func (r *Run) Event() *event.Event {
	e := &event.Event{}
	e.Time(event.Timestamp, r.At.UnixNano())
	e.Str(event.EventKind, "event")
	e.Str(event.EventDataset, Dataset)
	action := "removal-begun"
	if r.Done {
		action = "removal-ended"
	}
	e.Str(event.EventAction, action)
	e.Str(event.SaksiRetentionScope, r.Query)
	e.Time(event.SaksiRetentionBefore, r.Before.UnixNano())
	e.Int(event.SaksiRetentionDue, r.Due)
	e.Int(event.SaksiRetentionHeld, r.Held)
	if r.Done {
		e.Int(event.SaksiRetentionRemoved, r.Removed)
		e.Int(event.SaksiRetentionIndices, int64(r.Indices))
	}
	e.Str(event.SaksiRetentionPolicy, r.Policy)
	e.Str(event.SaksiRetentionBy, r.By)
	e.Str(event.SaksiRetentionWhy, r.Why)
	return e
}

// Gone decides about single documents as an index does about the steps, with
// what is held as Held gives it.
func Gone(steps []Step, held string) (func(*event.Event) bool, error) {
	type test struct {
		n      *query.Node
		before int64
	}
	var tests []test
	for _, s := range steps {
		n, err := query.Parse(s.Query)
		if err != nil {
			return nil, err
		}
		tests = append(tests, test{n, s.Before.UnixNano()})
	}
	keep := &query.Node{Op: query.Or} // matches nothing
	if held != "" {
		var err error
		if keep, err = query.Parse(held); err != nil {
			return nil, err
		}
	}
	return func(e *event.Event) bool {
		at, ok := e.GetTime(event.Timestamp)
		if !ok {
			return false
		}
		for _, t := range tests {
			if at < t.before && t.n.Match(e) {
				return !keep.Match(e)
			}
		}
		return false
	}, nil
}
