package framework

import (
	"slices"

	oscal "github.com/defenseunicorns/go-oscal/src/types/oscal-1-2-1"
)

// modify sets parameters and alters controls; what names nothing that was selected
// is counted.
func (r *resolver) modify(c *oscal.Catalog, m *oscal.Modify) {
	if m == nil {
		return
	}
	set := map[string]*oscal.ParameterSetting{}
	if m.SetParameters != nil {
		for i := range *m.SetParameters {
			set[(*m.SetParameters)[i].ParamId] = &(*m.SetParameters)[i]
		}
	}
	used := map[string]bool{}
	params := func(list *[]oscal.Parameter) *[]oscal.Parameter {
		if list == nil {
			return nil
		}
		own := slices.Clone(*list)
		for i := range own {
			if s := set[own[i].ID]; s != nil {
				used[own[i].ID] = true
				setParameter(&own[i], s)
			}
		}
		return &own
	}
	altered := map[string]bool{}
	alters := map[string][]*oscal.Alteration{}
	if m.Alters != nil {
		for i := range *m.Alters {
			a := &(*m.Alters)[i]
			alters[a.ControlId] = append(alters[a.ControlId], a)
		}
	}
	control := func(k *oscal.Control) {
		for _, a := range alters[k.ID] {
			altered[k.ID] = true
			r.alter(k, a)
		}
		k.Params = params(k.Params)
	}
	c.Params = params(c.Params)
	eachControl(c.Controls, control)
	eachGroup(c.Groups, func(g *oscal.Group) {
		g.Params = params(g.Params)
		eachControl(g.Controls, control)
	})
	r.unapplied += len(set) - len(used)
	if m.Alters != nil {
		for _, a := range *m.Alters {
			if !altered[a.ControlId] {
				r.unapplied++
			}
		}
	}
}

func eachGroup(list *[]oscal.Group, f func(*oscal.Group)) {
	if list == nil {
		return
	}
	for i := range *list {
		f(&(*list)[i])
		eachGroup((*list)[i].Groups, f)
	}
}

func eachControl(list *[]oscal.Control, f func(*oscal.Control)) {
	if list == nil {
		return
	}
	for i := range *list {
		f(&(*list)[i])
		eachControl((*list)[i].Controls, f)
	}
}

func setParameter(p *oscal.Parameter, s *oscal.ParameterSetting) {
	if s.Label != "" {
		p.Label = s.Label
	}
	if s.Values != nil {
		p.Values = s.Values
	}
	if s.Select != nil {
		p.Select = s.Select
	}
}

// alter removes and adds parts, properties and parameters of a control. What it
// names by an id must be there.
func (r *resolver) alter(k *oscal.Control, a *oscal.Alteration) {
	if a.Removes != nil {
		for i := range *a.Removes {
			if !remove(k, &(*a.Removes)[i]) {
				r.unapplied++
			}
		}
	}
	if a.Adds == nil {
		return
	}
	for _, add := range *a.Adds {
		if add.ById != "" && add.ById != k.ID {
			if k.Parts == nil || add.Parts == nil {
				r.unapplied++
				continue
			}
			list, ok := addParts(*k.Parts, &add, 0)
			if !ok {
				r.unapplied++
			}
			k.Parts = &list
			continue
		}
		if add.Title != "" {
			k.Title = add.Title
		}
		front := add.Position == "starting" || add.Position == "before"
		k.Parts = joinLists(k.Parts, add.Parts, front)
		k.Params = joinLists(k.Params, add.Params, front)
		k.Props = joinLists(k.Props, add.Props, front)
	}
}

func joinLists[T any](old, more *[]T, front bool) *[]T {
	if more == nil {
		return old
	}
	if old == nil {
		return more
	}
	var list []T
	if front {
		list = slices.Concat(*more, *old)
	} else {
		list = slices.Concat(*old, *more)
	}
	return &list
}

// addParts puts parts in, before, behind or beside the part that the addition
// names, on a copy.
func addParts(list []oscal.Part, add *oscal.Addition, depth int) (out []oscal.Part, ok bool) {
	if depth > maxDepth {
		return list, false
	}
	for _, p := range list {
		at := p.ID == add.ById
		switch {
		case ok || !at:
			if !ok && p.Parts != nil {
				inner, done := addParts(*p.Parts, add, depth+1)
				p.Parts, ok = &inner, done
			}
			out = append(out, p)
		case add.Position == "before":
			out, ok = append(append(out, *add.Parts...), p), true
		case add.Position == "after":
			out, ok = append(append(out, p), *add.Parts...), true
		default:
			p.Parts = joinLists(p.Parts, add.Parts, add.Position == "starting")
			out, ok = append(out, p), true
		}
	}
	return out, ok
}

// remove takes away what a removal describes; it reports whether there was any.
func remove(k *oscal.Control, x *oscal.Removal) bool {
	all := func(pairs ...string) bool {
		named := false
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == "" {
				continue
			}
			if named = true; pairs[i] != pairs[i+1] {
				return false
			}
		}
		return named
	}
	n := 0
	if k.Parts != nil {
		list := removeParts(*k.Parts, func(p *oscal.Part) bool {
			return all(x.ById, p.ID, x.ByName, p.Name, x.ByClass, p.Class, x.ByNs, p.Ns, x.ByItemName, "part")
		}, &n, 0)
		k.Parts = &list
	}
	if k.Params != nil {
		list := slices.DeleteFunc(slices.Clone(*k.Params), func(p oscal.Parameter) bool {
			return all(x.ById, p.ID, x.ByName, "\x00", x.ByClass, p.Class, x.ByItemName, "param")
		})
		n += len(*k.Params) - len(list)
		k.Params = &list
	}
	if k.Props != nil {
		list := slices.DeleteFunc(slices.Clone(*k.Props), func(p oscal.Property) bool {
			return all(x.ById, "\x00", x.ByName, p.Name, x.ByClass, p.Class, x.ByNs, p.Ns, x.ByItemName, "prop")
		})
		n += len(*k.Props) - len(list)
		k.Props = &list
	}
	return n > 0
}

func removeParts(list []oscal.Part, gone func(*oscal.Part) bool, n *int, depth int) (out []oscal.Part) {
	if depth > maxDepth {
		return list
	}
	for _, p := range list {
		if gone(&p) {
			*n++
			continue
		}
		if p.Parts != nil {
			inner := removeParts(*p.Parts, gone, n, depth+1)
			p.Parts = &inner
		}
		out = append(out, p)
	}
	return out
}
