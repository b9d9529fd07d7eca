// Package framework holds what findings mean to an auditor: catalogs of
// controls, the mapping from techniques to controls (Tagger), the assessment
// of controls from evidence (Assess), and its OSCAL and HTML forms.
package framework

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"saksi/evidence"
)

// Text is a text in Malay and English.
type Text struct {
	MS string `yaml:"ms" json:"ms"`
	EN string `yaml:"en" json:"en"`
}

// In returns the text in "ms" or "en".
func (t Text) In(lang string) string {
	if lang == "ms" && t.MS != "" || t.EN == "" {
		return t.MS
	}
	return t.EN
}

// Modes of a control: how it can be decided.
const (
	Automated = "automated"
	Partly    = "partly"
	Attested  = "attested"
)

// Confidence says how the number and title, and the requirement, are known.
type Confidence struct {
	Title       string `yaml:"title" json:"title"`
	Requirement string `yaml:"requirement,omitempty" json:"requirement"`
}

// Sure reports whether the requirement was read in the source, and not
// inferred: only then may a pass be unqualified.
func (c Confidence) Sure() bool { return c.Title == "read" && c.Requirement == "read" }

// Check is one question whose answer decides a control.
type Check struct {
	ID      string  `yaml:"id" json:"id"`
	What    Text    `yaml:"what" json:"what"`
	Bad     string  `yaml:"bad" json:"bad,omitempty"`             // query for what speaks against the control
	Of      string  `yaml:"of" json:"of,omitempty"`               // query for the population
	Allowed float64 `yaml:"allowed" json:"allowed"`               // share of the population that may be bad
	Min     int64   `yaml:"min" json:"min"`                       // population below which nothing is decided
	Fact    string  `yaml:"fact,omitempty" json:"fact,omitempty"` // instead of queries: evidence, custody ...
	// Declared is set for a fact that is looked at only where the register declares
	// something of it: without, the control is decided by its other checks.
	Declared bool `yaml:"declared,omitempty" json:"declared,omitempty"`
	// MaxAge is the age of the newest document at which the answer is stale, such
	// as 30d; "" is the catalog's.
	MaxAge   string `yaml:"max_age,omitempty" json:"max_age,omitempty"`
	Severity int64  `yaml:"severity,omitempty" json:"severity,omitempty"` // of the risk when it fails, 1 to 4; 0 is 2
	// Twin is a document on which the check fails, Good one on which it does not:
	// names and values of fields. A check by queries without them is refused, as
	// one that cannot fail says nothing.
	Twin map[string]string `yaml:"twin,omitempty" json:"-"`
	Good map[string]string `yaml:"good,omitempty" json:"-"`
}

// Control is an entry of a catalog.
type Control struct {
	ID          string              `yaml:"id" json:"id"`
	Number      string              `yaml:"number,omitempty" json:"number"`
	Component   string              `yaml:"component,omitempty" json:"component,omitempty"` // what it is a part of; "" for a component itself
	Top         bool                `yaml:"top,omitempty" json:"top,omitempty"`             // a component
	Title       Text                `yaml:"title" json:"title"`
	Requirement string              `yaml:"requirement,omitempty" json:"requirement"` // our paraphrase
	Mode        string              `yaml:"mode,omitempty" json:"mode"`
	Confidence  Confidence          `yaml:"confidence,omitempty" json:"confidence"`
	Maps        map[string][]string `yaml:"maps,omitempty" json:"maps,omitempty"`
	Source      string              `yaml:"source,omitempty" json:"source"`
	Checks      []Check             `yaml:"checks,omitempty" json:"checks,omitempty"`
	DecidedBy   []string            `yaml:"-" json:"decided_by,omitempty"` // controls of another framework whose checks these are
}

// Catalog is a framework's controls.
type Catalog struct {
	ID       string `yaml:"id"`
	Version  string `yaml:"version"`
	Title    Text   `yaml:"title"`
	Coverage Policy `yaml:"coverage"`
	// DecidedBy is a framework whose checks decide this one's controls too, where
	// they map to them or have the same id.
	DecidedBy string    `yaml:"decided_by,omitempty"`
	Defaults  Defaults  `yaml:"defaults,omitempty"`
	Controls  []Control `yaml:"controls"`
	SHA256    string    `yaml:"-"` // of the file it was read from

	parents map[string]string
	whole   map[string]bool // ids that have parts
}

// Defaults hold for controls that do not say otherwise.
type Defaults struct {
	Mode       string     `yaml:"mode"`
	Confidence Confidence `yaml:"confidence"`
	Source     string     `yaml:"source"`
}

// ErrUnknown is returned for a framework or a control that is not there.
var ErrUnknown = errors.New("not in the catalogs")

// Parse reads a catalog and checks it: known keys, ids once, components that
// exist, known modes, queries that parse, checks that can fail. Errors name the
// file and the line.
func Parse(file string, b []byte) (*Catalog, error) {
	c := Catalog{Coverage: defaultPolicy}
	lines, err := decode(file, b, &c, "controls")
	if err != nil {
		return nil, err
	}
	c.SHA256 = evidence.SHA256(b)
	if err := c.complete(file, lines); err != nil {
		return nil, err
	}
	return &c, nil
}

// complete fills in the defaults and checks everything. lines are those of the
// controls in file.
func (c *Catalog) complete(file string, lines []int) error {
	if !idForm.MatchString(c.ID) {
		return fmt.Errorf("reading catalog %s: id %q; expected at most 64 of a-z, 0-9, . and -", file, c.ID)
	}
	if p := c.Coverage; p.Share <= 0 || p.Share > 1 || p.Drops < 0 || p.Drops > 1 {
		return fmt.Errorf("reading catalog %s: coverage: share %g and drops %g; expected shares up to 1", file, p.Share, p.Drops)
	}
	if _, err := days(c.Coverage.MaxAge); err != nil {
		return fmt.Errorf("reading catalog %s: coverage: %w", file, err)
	}
	seen := map[string]bool{}
	for i := range c.Controls {
		k := &c.Controls[i]
		bad := func(format string, args ...any) error {
			at := ""
			if i < len(lines) {
				at = fmt.Sprintf(":%d", lines[i])
			}
			return fmt.Errorf("reading catalog %s%s: control %q: %s", file, at, k.ID, fmt.Sprintf(format, args...))
		}
		k.fill(&c.Defaults)
		switch {
		case k.ID == "" || seen[k.ID]:
			return bad("its id is empty or there twice")
		case k.Component != "" && !seen[k.Component]:
			return bad("component %q stands nowhere before it", k.Component)
		case k.Mode != Automated && k.Mode != Partly && k.Mode != Attested:
			return bad("mode %q; expected automated, partly or attested", k.Mode)
		case k.Title.EN == "" || k.Requirement == "" || k.Source == "" || k.Confidence.Title == "" || k.Confidence.Requirement == "":
			return bad("a title, a requirement, its confidence and a source are needed")
		}
		seen[k.ID] = true
		for j := range k.Checks {
			if err := k.Checks[j].valid(); err != nil {
				return bad("check %s: %s", k.Checks[j].ID, err)
			}
		}
	}
	c.parents = nil
	for _, k := range c.Controls {
		if len(k.Checks) > 0 && !c.leaf(k) {
			return fmt.Errorf("reading catalog %s: control %q has checks and parts; its parts decide it", file, k.ID)
		}
	}
	return nil
}

func (k *Control) fill(d *Defaults) {
	k.Number = cmp.Or(k.Number, k.ID)
	k.Title.MS = cmp.Or(k.Title.MS, k.Title.EN)
	k.Requirement = cmp.Or(k.Requirement, k.Title.EN)
	k.Mode = cmp.Or(k.Mode, d.Mode)
	k.Source = cmp.Or(k.Source, d.Source)
	k.Confidence.Title = cmp.Or(k.Confidence.Title, d.Confidence.Title)
	k.Confidence.Requirement = cmp.Or(k.Confidence.Requirement, d.Confidence.Requirement)
}

// days reads a number of days such as 30d; "" is 0.
func days(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(strings.TrimSuffix(s, "d"), 10, 16)
	if err != nil || !strings.HasSuffix(s, "d") {
		return 0, fmt.Errorf("%q is no number of days such as 30d", s)
	}
	return time.Duration(n) * 24 * time.Hour, nil
}

// maxAge is the age at which the answer to a check is stale; 0 for never.
func (c *Catalog) maxAge(x *Check) time.Duration {
	s := x.MaxAge
	if s == "" {
		s = c.Coverage.MaxAge
	}
	d, err := days(s)
	if err != nil {
		return 0 // Parse refuses it
	}
	return d
}

// Control finds a control by its id.
func (c *Catalog) Control(id string) (*Control, error) {
	for i := range c.Controls {
		if c.Controls[i].ID == id {
			return &c.Controls[i], nil
		}
	}
	return nil, fmt.Errorf("control %q is %w; 'saksi framework list' shows them", id, ErrUnknown)
}

// Components are the framework's components, in their order.
func (c *Catalog) Components() []Control {
	var list []Control
	for _, k := range c.Controls {
		if k.Top {
			list = append(list, k)
		}
	}
	return list
}

// leaf reports whether a control is assessed itself: nothing is a part of it.
func (c *Catalog) leaf(k Control) bool {
	if !k.Top && k.Component == "" {
		return false
	}
	if c.parents == nil {
		c.parents = map[string]string{}
		c.whole = map[string]bool{}
		for _, o := range c.Controls {
			c.parents[o.ID] = o.Component
			c.whole[o.Component] = true
		}
	}
	return !c.whole[k.ID]
}

// root is the component that a control is a part of, at the top. The caller
// MUST have called leaf before.
func (c *Catalog) root(id string) string {
	for range len(c.Controls) { // Parse lets no control be a part of a later one
		p := c.parents[id]
		if p == "" {
			return id
		}
		id = p
	}
	return id
}
