// Package framework holds what findings mean to an auditor: catalogs of
// controls, the mapping from techniques to controls (Tagger), the assessment
// of controls from evidence (Assess), and its OSCAL and HTML forms.
package framework

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"saksi/evidence"
	"saksi/findings/query"
)

//go:embed catalogs/*.yaml
var catalogs embed.FS

// Text is a text in Malay and English.
type Text struct {
	MS string `yaml:"ms" json:"ms"`
	EN string `yaml:"en" json:"en"`
}

// In returns the text in "ms" or "en".
func (t Text) In(lang string) string {
	if lang == "ms" {
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
	Requirement string `yaml:"requirement" json:"requirement"`
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
	// MaxAge is the age of the newest document at which the answer is stale, such
	// as 30d; "" is the catalog's.
	MaxAge   string `yaml:"max_age,omitempty" json:"max_age,omitempty"`
	Severity int64  `yaml:"severity,omitempty" json:"severity,omitempty"` // of the risk when it fails, 1 to 4; 0 is 2
}

// Control is an entry of a catalog.
type Control struct {
	ID          string              `yaml:"id" json:"id"`
	Number      string              `yaml:"number" json:"number"`
	Component   string              `yaml:"component,omitempty" json:"component,omitempty"` // "" for a component itself
	Top         bool                `yaml:"top,omitempty" json:"top,omitempty"`             // a component
	Title       Text                `yaml:"title" json:"title"`
	Requirement string              `yaml:"requirement" json:"requirement"` // our paraphrase
	Mode        string              `yaml:"mode" json:"mode"`
	Confidence  Confidence          `yaml:"confidence" json:"confidence"`
	Maps        map[string][]string `yaml:"maps" json:"maps,omitempty"`
	Source      string              `yaml:"source" json:"source"`
	Checks      []Check             `yaml:"checks,omitempty" json:"checks,omitempty"`
}

// Catalog is a framework's controls.
type Catalog struct {
	ID       string    `yaml:"id"`
	Version  string    `yaml:"version"`
	Title    Text      `yaml:"title"`
	Coverage Policy    `yaml:"coverage"`
	Controls []Control `yaml:"controls"`
	SHA256   string    `yaml:"-"` // of the file it was read from
}

// mapping is the file that leads from techniques to controls.
type mapping struct {
	Framework  string             `yaml:"framework"`
	Techniques map[string]mapLine `yaml:"techniques"`
	Languages  map[string]mapLine `yaml:"languages"`
}

type mapLine struct {
	Controls []string `yaml:"controls"`
	Why      string   `yaml:"why"`
}

// ErrUnknown is returned for a framework or a control that is not there.
var ErrUnknown = errors.New("not in the catalogs")

// Names lists the frameworks that are built in.
func Names() []string {
	files, err := fs.Glob(catalogs, "catalogs/*.yaml")
	if err != nil {
		return nil
	}
	var names []string
	for _, f := range files {
		name := strings.TrimSuffix(path.Base(f), ".yaml")
		if !strings.HasSuffix(name, "-attack") {
			names = append(names, name)
		}
	}
	return names
}

// Load returns a built-in catalog.
func Load(name string) (*Catalog, error) {
	if !slices.Contains(Names(), name) {
		return nil, fmt.Errorf("framework %q is %w; expected one of %s", name, ErrUnknown, strings.Join(Names(), ", "))
	}
	b, err := catalogs.ReadFile("catalogs/" + name + ".yaml")
	if err != nil {
		return nil, err
	}
	return Parse(name+".yaml", b)
}

// Parse reads a catalog and checks it: known keys, ids once, components that
// exist, known modes, queries that parse. Errors name the file and, for YAML,
// the line.
func Parse(file string, b []byte) (*Catalog, error) {
	c := Catalog{Coverage: defaultPolicy}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(&c); err != nil {
		return nil, fmt.Errorf("reading catalog %s: %w", file, err)
	}
	c.SHA256 = evidence.SHA256(b)
	if p := c.Coverage; p.Share <= 0 || p.Share > 1 || p.Drops < 0 || p.Drops > 1 {
		return nil, fmt.Errorf("reading catalog %s: coverage: share %g and drops %g; expected shares up to 1", file, p.Share, p.Drops)
	}
	if _, err := days(c.Coverage.MaxAge); err != nil {
		return nil, fmt.Errorf("reading catalog %s: coverage: %w", file, err)
	}
	seen := map[string]bool{}
	for _, k := range c.Controls {
		bad := func(format string, args ...any) error {
			return fmt.Errorf("reading catalog %s: control %q: %s", file, k.ID, fmt.Sprintf(format, args...))
		}
		switch {
		case k.ID == "" || seen[k.ID]:
			return nil, bad("its id is empty or there twice")
		case k.Component != "" && !seen[k.Component]:
			return nil, bad("component %q stands nowhere before it", k.Component)
		case k.Mode != Automated && k.Mode != Partly && k.Mode != Attested:
			return nil, bad("mode %q; expected automated, partly or attested", k.Mode)
		case k.Title.MS == "" || k.Title.EN == "" || k.Requirement == "" || k.Source == "" || k.Confidence.Title == "" || k.Confidence.Requirement == "":
			return nil, bad("a title in both languages, a requirement, its confidence and a source are needed")
		}
		seen[k.ID] = true
		for _, x := range k.Checks {
			if (x.Fact == "") == (x.Bad == "") || x.Fact == "" && x.Of == "" || x.ID == "" || x.Min < 1 {
				return nil, bad("check %q needs an id, a minimum, and either a fact or the queries bad and of", x.ID)
			}
			if _, err := days(x.MaxAge); err != nil || x.Severity < 0 || x.Severity > 4 || x.Allowed < 0 || x.Allowed > 1 {
				return nil, bad("check %s: max_age %q, severity %d, allowed %g; expected days such as 30d, 1 to 4, a share up to 1", x.ID, x.MaxAge, x.Severity, x.Allowed)
			}
			for _, q := range []string{x.Bad, x.Of} {
				if _, err := query.Parse(q); err != nil {
					return nil, bad("check %s: %s", x.ID, err)
				}
			}
		}
	}
	return &c, nil
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

// leaf reports whether a control is assessed itself: it is no component, or
// one whose sections are not known.
func (c *Catalog) leaf(k Control) bool {
	if !k.Top {
		return k.Component != ""
	}
	return !slices.ContainsFunc(c.Controls, func(o Control) bool { return o.Component == k.ID })
}

func loadMapping(name string, c *Catalog) (*mapping, error) {
	b, err := catalogs.ReadFile("catalogs/" + name + "-attack.yaml")
	if err != nil {
		return nil, err
	}
	var m mapping
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(&m); err != nil {
		return nil, fmt.Errorf("reading mapping %s: %w", name, err)
	}
	for _, lines := range []map[string]mapLine{m.Techniques, m.Languages} {
		for t, l := range lines {
			if len(l.Controls) == 0 || l.Why == "" {
				return nil, fmt.Errorf("reading mapping %s: %s needs controls and a reason", name, t)
			}
			sort.Strings(l.Controls)
			for _, id := range l.Controls {
				if _, err := c.Control(id); err != nil {
					return nil, fmt.Errorf("reading mapping %s: %s: %w", name, t, err)
				}
			}
		}
	}
	return &m, nil
}
