package framework

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	oscal "github.com/defenseunicorns/go-oscal/src/types/oscal-1-2-1"
	"gopkg.in/yaml.v3"
)

// MaxOSCAL bounds an OSCAL document on reading, in bytes. NIST's whole catalog
// has ten million.
const MaxOSCAL = 64 << 20

// Bounds of what is imported.
const (
	maxDepth    = 32    // groups and controls within each other
	maxImported = 20000 // controls
	maxProse    = 4000  // bytes of a requirement
	maxTitle    = 300
)

// Imported is what an import made, and what it left out.
type Imported struct {
	Catalog   *Catalog
	YAML      []byte // as it is kept
	Withdrawn int    // controls that the document withdraws
	Cut       int    // texts that were too long
	Unapplied int    // parameters and alterations of a profile, which are not applied
}

// importDoc is what is read of an OSCAL document; its other keys are its own.
type importDoc struct {
	Catalog *oscal.Catalog `json:"catalog"`
	Profile *oscal.Profile `json:"profile"`
}

// Import makes a catalog of ours of an OSCAL catalog, or of a profile over one
// (JSON or YAML, NIST OSCAL 1.0 to 1.2). like names a framework whose checks
// decide controls of the same id; "" for none. resolve reads the document that
// a profile imports. Errors name file and line.
func Import(file string, b []byte, name, like string, resolve func(href string) (string, []byte, error)) (*Imported, error) {
	d, err := readOSCAL(file, b)
	if err != nil {
		return nil, err
	}
	im := &importer{out: &Imported{}, source: "imported from " + path.Base(file)}
	c := &Catalog{ID: name, Coverage: defaultPolicy, DecidedBy: like}
	switch {
	case d.Catalog != nil:
		c.Version, c.Title = d.Catalog.Metadata.Version, Text{EN: im.short(d.Catalog.Metadata.Title, maxTitle)}
		err = im.catalog(d.Catalog, func(string) bool { return true })
	case d.Profile != nil:
		c.Version, c.Title = d.Profile.Metadata.Version, Text{EN: im.short(d.Profile.Metadata.Title, maxTitle)}
		err = im.profile(d.Profile, resolve)
	default:
		err = errors.New("neither a catalog nor a profile of OSCAL")
	}
	if err != nil {
		return nil, fmt.Errorf("importing %s: %w", file, err)
	}
	c.Title.MS = c.Title.EN
	c.Defaults = Defaults{Mode: Attested, Confidence: Confidence{Title: "read", Requirement: "read"}, Source: im.source}
	for _, k := range im.list {
		if !k.Top || slices.ContainsFunc(im.list, func(o Control) bool { return o.Component == k.ID }) {
			c.Controls = append(c.Controls, k)
		}
	}
	if im.controls == 0 {
		return nil, fmt.Errorf("importing %s: it selects no control", file)
	}
	out, err := yaml.Marshal(c)
	if err != nil {
		return nil, err
	}
	if im.out.Catalog, err = Parse(name+".yaml", out); err != nil {
		return nil, fmt.Errorf("importing %s: %w", file, err)
	}
	im.out.YAML = out
	return im.out, nil
}

// readOSCAL reads a document of OSCAL in JSON, or in YAML.
func readOSCAL(file string, b []byte) (*importDoc, error) {
	if len(b) > MaxOSCAL {
		return nil, fmt.Errorf("reading %s: %d bytes; at most %d are read", file, len(b), MaxOSCAL)
	}
	if t := bytes.TrimLeft(b, " \t\r\n\ufeff"); len(t) > 0 && t[0] == '<' {
		return nil, fmt.Errorf("reading %s: this is XML; give the same document as JSON or YAML", file)
	} else if len(t) == 0 || t[0] != '{' {
		j, err := yamlToJSON(file, b)
		if err != nil {
			return nil, err
		}
		b = j
	}
	var d importDoc
	err := json.Unmarshal(b, &d)
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return nil, fmt.Errorf("reading %s: line %d: %w", file, lineAt(b, syntax.Offset), err)
	case errors.As(err, &wrong):
		return nil, fmt.Errorf("reading %s: line %d: %s is %s; expected %s", file, lineAt(b, wrong.Offset), wrong.Field, wrong.Value, wrong.Type)
	case err != nil:
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	return &d, nil
}

func lineAt(b []byte, offset int64) int {
	return 1 + bytes.Count(b[:min(max(offset, 0), int64(len(b)))], []byte("\n"))
}

func yamlToJSON(file string, b []byte) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	n := 0
	if err := noAlias(&doc, &n); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	timesAsText(&doc)
	var v map[string]any
	if err := doc.Decode(&v); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	return json.Marshal(v)
}

// timesAsText keeps dates as they are written: YAML would make times of them.
func timesAsText(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!timestamp" {
		n.Tag = "!!str"
	}
	for _, c := range n.Content {
		timesAsText(c)
	}
}

type importer struct {
	out      *Imported
	list     []Control
	controls int
	source   string
}

func (im *importer) short(s string, limit int) string {
	s = strings.ToValidUTF8(strings.Join(strings.Fields(s), " "), "\ufffd")
	if len(s) <= limit {
		return s
	}
	im.out.Cut++
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit] + "…"
}

func (im *importer) catalog(c *oscal.Catalog, wanted func(id string) bool) error {
	if c.Controls != nil {
		im.list = append(im.list, Control{ID: "controls", Top: true, Title: Text{EN: "Controls"}})
		if err := im.add(*c.Controls, "controls", wanted, 0); err != nil {
			return err
		}
	}
	if c.Groups == nil {
		return nil
	}
	return im.groups(*c.Groups, "", wanted, 0)
}

func (im *importer) groups(list []oscal.Group, parent string, wanted func(string) bool, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("groups are nested deeper than %d", maxDepth)
	}
	for i, g := range list {
		id := g.ID
		if id == "" {
			id = strings.TrimPrefix(fmt.Sprintf("%s-group-%d", parent, i+1), "-")
		}
		top := parent
		if top == "" { // groups within groups are their parts' place no more: all stand under the first
			top = "group:" + id
			im.list = append(im.list, Control{ID: top, Number: id, Top: true, Title: Text{EN: im.short(g.Title, maxTitle)}})
			if g.Title == "" {
				im.list[len(im.list)-1].Title.EN = id
			}
		}
		if g.Controls != nil {
			if err := im.add(*g.Controls, top, wanted, depth+1); err != nil {
				return err
			}
		}
		if g.Groups != nil {
			if err := im.groups(*g.Groups, top, wanted, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func (im *importer) add(list []oscal.Control, parent string, wanted func(string) bool, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("controls are nested deeper than %d", maxDepth)
	}
	for _, k := range list {
		if isWithdrawn(k.Props) {
			im.out.Withdrawn++
			continue
		}
		if wanted(k.ID) {
			if im.controls++; im.controls > maxImported {
				return fmt.Errorf("more than %d controls", maxImported)
			}
			var text strings.Builder
			if k.Parts != nil {
				statement(&text, *k.Parts, 0)
			}
			im.list = append(im.list, Control{ID: k.ID, Component: parent, Title: Text{EN: im.short(k.Title, maxTitle)}, Requirement: im.short(text.String(), maxProse)})
		}
		if k.Controls != nil {
			if err := im.add(*k.Controls, parent, wanted, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func isWithdrawn(props *[]oscal.Property) bool {
	return props != nil && slices.ContainsFunc(*props, func(p oscal.Property) bool { return p.Name == "status" && strings.EqualFold(p.Value, "withdrawn") })
}

// statement writes the prose of a control's statement and of its items.
func statement(w *strings.Builder, parts []oscal.Part, depth int) {
	if depth > maxDepth || w.Len() > 2*maxProse {
		return
	}
	for _, p := range parts {
		if depth == 0 && p.Name != "statement" {
			continue
		}
		w.WriteString(p.Prose + " ")
		if p.Parts != nil {
			statement(w, *p.Parts, depth+1)
		}
	}
}

// profile takes what a profile selects out of the catalogs that it imports.
func (im *importer) profile(p *oscal.Profile, resolve func(string) (string, []byte, error)) error {
	if m := p.Modify; m != nil {
		if m.SetParameters != nil {
			im.out.Unapplied += len(*m.SetParameters)
		}
		if m.Alters != nil {
			im.out.Unapplied += len(*m.Alters)
		}
	}
	for _, x := range p.Imports {
		file, b, err := resolve(href(p, x.Href))
		if err != nil {
			return err
		}
		d, err := readOSCAL(file, b)
		if err != nil {
			return err
		}
		if d.Catalog == nil {
			return fmt.Errorf("it imports %s, which is no catalog; give a resolved profile", file)
		}
		wanted, err := selects(&x)
		if err != nil {
			return err
		}
		if err := im.catalog(d.Catalog, wanted); err != nil {
			return err
		}
	}
	return nil
}

// href is where an import leads to, through the back matter when it points
// there.
func href(p *oscal.Profile, h string) string {
	id, ok := strings.CutPrefix(h, "#")
	if !ok || p.BackMatter == nil || p.BackMatter.Resources == nil {
		return h
	}
	for _, r := range *p.BackMatter.Resources {
		if r.UUID != id || r.Rlinks == nil {
			continue
		}
		for _, l := range *r.Rlinks {
			if l.MediaType == "" || strings.Contains(l.MediaType, "json") || strings.Contains(l.MediaType, "yaml") {
				return l.Href
			}
		}
	}
	return h
}

// selects tells which ids an import takes.
func selects(x *oscal.Import) (func(string) bool, error) {
	in, err := picks(x.IncludeControls)
	if err != nil {
		return nil, err
	}
	out, err := picks(x.ExcludeControls)
	if err != nil {
		return nil, err
	}
	all := x.IncludeAll != nil || x.IncludeControls == nil
	return func(id string) bool { return (all || in(id)) && !out(id) }, nil
}

func picks(list *[]oscal.SelectControlById) (func(string) bool, error) {
	ids := map[string]bool{}
	var patterns []*regexp.Regexp
	if list != nil {
		for _, s := range *list {
			if s.WithIds != nil {
				for _, id := range *s.WithIds {
					ids[id] = true
				}
			}
			if s.WithChildControls == "yes" && s.WithIds != nil {
				for _, id := range *s.WithIds {
					patterns = append(patterns, regexp.MustCompile("^"+regexp.QuoteMeta(id)+`\.`))
				}
			}
			if s.Matching == nil {
				continue
			}
			for _, m := range *s.Matching {
				re, err := glob(m.Pattern)
				if err != nil {
					return nil, err
				}
				patterns = append(patterns, re)
			}
		}
	}
	return func(id string) bool {
		return ids[id] || slices.ContainsFunc(patterns, func(re *regexp.Regexp) bool { return re.MatchString(id) })
	}, nil
}

// glob is a pattern of OSCAL's matching: * and ? alone mean more than
// themselves.
func glob(p string) (*regexp.Regexp, error) {
	q := regexp.QuoteMeta(p)
	return regexp.Compile("^" + strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(q) + "$")
}
