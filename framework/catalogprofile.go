package framework

import (
	"fmt"
	"regexp"
	"strings"

	oscal "github.com/defenseunicorns/go-oscal/src/types/oscal-1-2-1"
)

// Bounds of what a profile leads to.
const (
	maxProfiles  = 8  // behind each other
	maxDocuments = 64 // that are read for it
)

// resolver makes the catalog that a profile stands for (NIST OSCAL, Profile
// Resolution Specification, draft): imports, selection, merging by the first that
// has an id, and modification.
type resolver struct {
	read      func(href string) (file string, b []byte, err error)
	documents int
	withdrawn int
	unapplied int
}

// resolve makes the catalog of a profile; depth counts the profiles that led to it.
func (r *resolver) resolve(p *oscal.Profile, depth int) (*oscal.Catalog, error) {
	if depth >= maxProfiles {
		return nil, fmt.Errorf("more than %d profiles import one another", maxProfiles)
	}
	out := &oscal.Catalog{Metadata: p.Metadata, Groups: &[]oscal.Group{}, Controls: &[]oscal.Control{}, Params: &[]oscal.Parameter{}}
	have := map[string]bool{}
	for i := range p.Imports {
		x := &p.Imports[i]
		if r.documents++; r.documents > maxDocuments {
			return nil, fmt.Errorf("it imports more than %d documents", maxDocuments)
		}
		file, b, err := r.read(href(p, x.Href))
		if err != nil {
			return nil, err
		}
		d, err := readOSCAL(file, b)
		if err != nil {
			return nil, err
		}
		c := d.Catalog
		switch {
		case c != nil:
		case d.Profile != nil:
			if c, err = r.resolve(d.Profile, depth+1); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
		default:
			return nil, fmt.Errorf("it imports %s, which is neither a catalog nor a profile", file)
		}
		s := &selection{have: have}
		if s.in, err = newPicks(x.IncludeControls); err != nil {
			return nil, err
		}
		if s.out, err = newPicks(x.ExcludeControls); err != nil {
			return nil, err
		}
		s.in.all = x.IncludeAll != nil || x.IncludeControls == nil
		if err := s.take(out, c); err != nil {
			return nil, err
		}
		r.withdrawn += s.withdrawn
	}
	r.modify(out, p.Modify)
	return out, nil
}

// selection takes wanted controls out of a catalog. A control whose parent is not
// wanted takes the parent's place.
type selection struct {
	in, out   *picks
	have      map[string]bool // ids that an earlier import gave
	withdrawn int
}

func (s *selection) take(out, c *oscal.Catalog) error {
	if c.Params != nil {
		*out.Params = append(*out.Params, *c.Params...)
	}
	if c.Controls != nil {
		list, err := s.controls(*c.Controls, false, false, 0)
		if err != nil {
			return err
		}
		*out.Controls = append(*out.Controls, list...)
	}
	if c.Groups == nil {
		return nil
	}
	groups, err := s.groups(*c.Groups, 0)
	*out.Groups = merged(*out.Groups, groups)
	return err
}

// merged adds groups to those that are there: one of the same id goes on.
func merged(list, more []oscal.Group) []oscal.Group {
	at := map[string]int{}
	for i := range list {
		if _, twice := at[list[i].ID]; !twice {
			at[list[i].ID] = i
		}
	}
	for _, g := range more {
		i, there := at[g.ID]
		if !there || g.ID == "" {
			at[g.ID] = len(list)
			list = append(list, g)
			continue
		}
		list[i].Controls = joinLists(list[i].Controls, g.Controls, false)
		groups := merged(*list[i].Groups, *g.Groups)
		list[i].Groups = &groups
	}
	return list
}

func (s *selection) groups(list []oscal.Group, depth int) (out []oscal.Group, err error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("groups are nested deeper than %d", maxDepth)
	}
	for _, g := range list {
		var controls []oscal.Control
		var groups []oscal.Group
		if g.Controls != nil {
			if controls, err = s.controls(*g.Controls, false, false, depth+1); err != nil {
				return nil, err
			}
		}
		if g.Groups != nil {
			if groups, err = s.groups(*g.Groups, depth+1); err != nil {
				return nil, err
			}
		}
		if len(controls)+len(groups) > 0 {
			g.Controls, g.Groups = &controls, &groups
			out = append(out, g)
		}
	}
	return out, nil
}

// controls takes what is wanted of a list; in and out say that it stands within a
// control that is included, or excluded, with what is in it.
func (s *selection) controls(list []oscal.Control, in, out bool, depth int) (taken []oscal.Control, err error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("controls are nested deeper than %d", maxDepth)
	}
	for _, k := range list {
		included, withIn := s.in.has(k.ID)
		excluded, withOut := s.out.has(k.ID)
		var inner []oscal.Control
		if k.Controls != nil {
			if inner, err = s.controls(*k.Controls, in || withIn, out || withOut, depth+1); err != nil {
				return nil, err
			}
		}
		wanted := (included || in) && !excluded && !out && !s.have[k.ID]
		if isWithdrawn(k.Props) {
			s.withdrawn++
			wanted = false
		}
		if !wanted {
			taken = append(taken, inner...)
			continue
		}
		s.have[k.ID] = true
		k.Controls = &inner
		taken = append(taken, k)
	}
	return taken, nil
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
			if l.MediaType == "" || strings.Contains(l.MediaType, "json") || strings.Contains(l.MediaType, "yaml") || strings.Contains(l.MediaType, "xml") {
				return l.Href
			}
		}
	}
	return h
}

// picks are controls that an import includes, or excludes.
type picks struct {
	all      bool
	ids      map[string]bool // with their children, or without
	patterns []pattern
}

type pattern struct {
	*regexp.Regexp
	children bool
}

// has reports whether a control is picked, and whether those within it are.
func (p *picks) has(id string) (is, children bool) {
	children, is = p.ids[id]
	for _, re := range p.patterns {
		if re.MatchString(id) {
			is, children = true, children || re.children
		}
	}
	return is || p.all, children || p.all
}

func newPicks(list *[]oscal.SelectControlById) (*picks, error) {
	p := &picks{ids: map[string]bool{}}
	if list == nil {
		return p, nil
	}
	for _, s := range *list {
		children := s.WithChildControls == "yes"
		if s.WithIds != nil {
			for _, id := range *s.WithIds {
				p.ids[id] = p.ids[id] || children
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
			p.patterns = append(p.patterns, pattern{re, children})
		}
	}
	return p, nil
}

// glob is a pattern of OSCAL's matching: * and ? alone mean more than
// themselves.
func glob(p string) (*regexp.Regexp, error) {
	q := regexp.QuoteMeta(p)
	return regexp.Compile("^" + strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(q) + "$")
}
