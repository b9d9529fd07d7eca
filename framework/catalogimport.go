package framework

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
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
	maxDepth    = 32      // groups and controls within each other
	maxImported = 20000   // controls
	maxRead     = 100_000 // groups and controls of a document, or changes that a profile makes
	maxPatterns = 200     // by which a profile selects
	maxProse    = 4000    // bytes of a requirement
	maxTitle    = 300
)

// Imported is what an import made, and what it left out.
type Imported struct {
	Catalog   *Catalog
	YAML      []byte // as it is kept
	Withdrawn int    // controls that the document withdraws
	Cut       int    // texts that were too long
	Unapplied int    // parameters and alterations of a profile that name nothing in what it selects
}

// importDoc is what is read of an OSCAL document; its other keys are its own.
type importDoc struct {
	Catalog *oscal.Catalog `json:"catalog"`
	Profile *oscal.Profile `json:"profile"`
}

// Import makes a catalog of ours of an OSCAL catalog, or of a profile over one
// (JSON, YAML or XML, NIST OSCAL 1.0 to 1.2). like names a framework whose checks
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
		err = im.catalog(d.Catalog)
	case d.Profile != nil:
		c.Version, c.Title = d.Profile.Metadata.Version, Text{EN: im.short(d.Profile.Metadata.Title, maxTitle)}
		r := &resolver{read: resolve}
		var resolved *oscal.Catalog
		if resolved, err = r.resolve(d.Profile, 0); err == nil {
			err = im.catalog(resolved)
		}
		im.out.Unapplied = r.unapplied
		im.out.Withdrawn += r.withdrawn
	default:
		err = errors.New("neither a catalog nor a profile of OSCAL")
	}
	if err != nil {
		return nil, fmt.Errorf("importing %s: %w", file, err)
	}
	c.Title.MS = c.Title.EN
	c.Defaults = Defaults{Mode: Attested, Confidence: Confidence{Title: "read", Requirement: "read"}, Source: im.source}
	used := map[string]bool{}
	for i := range im.list {
		used[im.list[i].Component] = true
	}
	for _, k := range im.list {
		if !k.Top || used[k.ID] {
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

// readOSCAL reads a document of OSCAL in JSON, YAML or XML.
func readOSCAL(file string, b []byte) (*importDoc, error) {
	if len(b) > MaxOSCAL {
		return nil, fmt.Errorf("reading %s: %d bytes; at most %d are read", file, len(b), MaxOSCAL)
	}
	if t := bytes.TrimLeft(b, " \t\r\n\ufeff"); len(t) > 0 && t[0] == '<' {
		d, err := readOSCALXML(file, t)
		if err != nil {
			return nil, err
		}
		return d, d.bounded(file)
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
	return &d, d.bounded(file)
}

// bounded counts what is worked through again and again.
func (d *importDoc) bounded(file string) error {
	n, patterns := 0, 0
	if c := d.Catalog; c != nil {
		control := func(*oscal.Control) { n++ }
		eachControl(c.Controls, control)
		eachGroup(c.Groups, func(g *oscal.Group) {
			n++
			eachControl(g.Controls, control)
		})
	}
	if p := d.Profile; p != nil {
		for i := range p.Imports {
			for _, list := range []*[]oscal.SelectControlById{p.Imports[i].IncludeControls, p.Imports[i].ExcludeControls} {
				if list == nil {
					continue
				}
				for k := range *list {
					if m := (*list)[k].Matching; m != nil {
						patterns += len(*m)
					}
				}
			}
		}
		if m := p.Modify; m != nil && m.Alters != nil {
			for i := range *m.Alters {
				n++
				if x := (*m.Alters)[i].Removes; x != nil {
					n += len(*x)
				}
				if x := (*m.Alters)[i].Adds; x != nil {
					n += len(*x)
				}
			}
		}
	}
	switch {
	case n > maxRead:
		return fmt.Errorf("reading %s: it has %d groups, controls and alterations; at most %d are read", file, n, maxRead)
	case patterns > maxPatterns:
		return fmt.Errorf("reading %s: it selects by %d patterns; at most %d are read", file, patterns, maxPatterns)
	}
	return nil
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
	params   *params
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

func (im *importer) catalog(c *oscal.Catalog) error {
	im.params = paramsOf(c)
	if c.Controls != nil && len(*c.Controls) > 0 {
		im.list = append(im.list, Control{ID: "controls", Top: true, Title: Text{EN: "Controls"}})
		if err := im.add(*c.Controls, "controls", 0); err != nil {
			return err
		}
	}
	if c.Groups == nil {
		return nil
	}
	return im.groups(*c.Groups, "", 0)
}

func (im *importer) groups(list []oscal.Group, parent string, depth int) error {
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
			if err := im.add(*g.Controls, top, depth+1); err != nil {
				return err
			}
		}
		if g.Groups != nil {
			if err := im.groups(*g.Groups, top, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func (im *importer) add(list []oscal.Control, parent string, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("controls are nested deeper than %d", maxDepth)
	}
	for _, k := range list {
		if isWithdrawn(k.Props) {
			im.out.Withdrawn++
			continue
		}
		if im.controls++; im.controls > maxImported {
			return fmt.Errorf("more than %d controls", maxImported)
		}
		var text strings.Builder
		if k.Parts != nil {
			statement(&text, *k.Parts, 0)
		}
		im.list = append(im.list, Control{
			ID: k.ID, Component: parent, Title: Text{EN: im.short(im.params.fill(k.Title), maxTitle)}, Requirement: im.short(im.params.fill(text.String()), maxProse),
		})
		if k.Controls != nil {
			if err := im.add(*k.Controls, parent, depth+1); err != nil {
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
