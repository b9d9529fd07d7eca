package framework

import (
	"regexp"
	"strings"

	oscal "github.com/defenseunicorns/go-oscal/src/types/oscal-1-2-1"
)

// Bounds of what stands in the place of parameters.
const (
	maxInserts   = 4    // parameters within the choices of others
	maxInserted  = 1000 // bytes of one
	maxParamized = 4 * maxProse
)

// params are the parameters of a catalog by their ids.
type params struct {
	of map[string]*oscal.Parameter
	// texts are what stands in the place of a parameter so deep within others: each is made once,
	// or parameters of parameters would be without end.
	texts map[paramAt]string
}

type paramAt struct {
	id    string
	depth int
}

func paramsOf(c *oscal.Catalog) *params {
	p := &params{of: map[string]*oscal.Parameter{}, texts: map[paramAt]string{}}
	add := func(list *[]oscal.Parameter) {
		if list == nil {
			return
		}
		for i := range *list {
			p.of[(*list)[i].ID] = &(*list)[i]
		}
	}
	add(c.Params)
	control := func(k *oscal.Control) { add(k.Params) }
	eachControl(c.Controls, control)
	eachGroup(c.Groups, func(g *oscal.Group) {
		add(g.Params)
		eachControl(g.Controls, control)
	})
	return p
}

// insert is where a parameter stands in prose; the older form has no keyword.
var insert = regexp.MustCompile(`\{\{\s*(?:insert:\s*param,\s*)?([\w.\-]+)\s*\}\}`)

// fill writes parameters into prose: the value that was set, or what must be chosen
// or assigned.
func (p *params) fill(prose string) string {
	if !strings.Contains(prose, "{{") {
		return prose
	}
	return p.insert(prose, 0)
}

func (p *params) insert(prose string, depth int) string {
	room := maxParamized
	return insert.ReplaceAllStringFunc(prose, func(m string) string {
		x := p.of[insert.FindStringSubmatch(m)[1]]
		if x == nil || depth > maxInserts || room <= 0 {
			return m
		}
		at := paramAt{x.ID, depth}
		s, made := p.texts[at]
		if !made {
			s = p.text(x, depth)
			p.texts[at] = s
		}
		room -= len(s) + 1
		return s
	})
}

func (p *params) text(x *oscal.Parameter, depth int) string {
	list := func(l []string) string {
		s := strings.Join(l, "; ")
		s = p.insert(s[:min(len(s), maxParamized)], depth+1)
		return strings.ToValidUTF8(s[:min(len(s), maxInserted)], "")
	}
	switch {
	case x.Values != nil && len(*x.Values) > 0:
		return list(*x.Values)
	case x.Select != nil && x.Select.Choice != nil:
		if x.Select.HowMany == "one-or-more" {
			return "[Selection (one or more): " + list(*x.Select.Choice) + "]"
		}
		return "[Selection: " + list(*x.Select.Choice) + "]"
	case x.Label != "":
		return "[Assignment: " + list([]string{x.Label}) + "]"
	}
	return "[Assignment: " + x.ID + "]"
}
