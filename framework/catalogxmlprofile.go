package framework

import (
	"encoding/xml"

	oscal "github.com/defenseunicorns/go-oscal/src/types/oscal-1-2-1"
)

func (x *xmlReader) profile(p *oscal.Profile) error {
	return x.each(func(e *xml.StartElement) (bool, error) {
		switch e.Name.Local {
		case "metadata":
			return true, x.metadata(&p.Metadata)
		case "import":
			i, err := x.imported(e)
			p.Imports = append(p.Imports, i)
			return true, err
		case "modify":
			p.Modify = &oscal.Modify{}
			return true, x.modify(p.Modify)
		case "back-matter":
			p.BackMatter = &oscal.BackMatter{}
			return true, x.backMatter(p.BackMatter)
		}
		return false, nil
	})
}

func (x *xmlReader) imported(e *xml.StartElement) (i oscal.Import, err error) {
	i.Href = attr(e, "href")
	return i, x.each(func(e *xml.StartElement) (bool, error) {
		switch e.Name.Local {
		case "include-all":
			i.IncludeAll = &oscal.IncludeAll{}
		case "include-controls":
			s, err := x.selected(e)
			put(&i.IncludeControls, s)
			return true, err
		case "exclude-controls":
			s, err := x.selected(e)
			put(&i.ExcludeControls, s)
			return true, err
		}
		return false, nil
	})
}

func (x *xmlReader) selected(e *xml.StartElement) (s oscal.SelectControlById, err error) {
	s.WithChildControls = attr(e, "with-child-controls")
	return s, x.each(func(e *xml.StartElement) (bool, error) {
		switch e.Name.Local {
		case "with-id":
			id, err := x.prose()
			put(&s.WithIds, id)
			return true, err
		case "matching":
			put(&s.Matching, oscal.Matching{Pattern: attr(e, "pattern")})
		}
		return false, nil
	})
}

func (x *xmlReader) modify(m *oscal.Modify) error {
	return x.each(func(e *xml.StartElement) (bool, error) {
		switch e.Name.Local {
		case "set-parameter":
			s := oscal.ParameterSetting{ParamId: attr(e, "param-id")}
			err := x.each(func(e *xml.StartElement) (bool, error) { return x.ofParam(e, &s.Label, &s.Values, &s.Select) })
			put(&m.SetParameters, s)
			return true, err
		case "alter":
			a := oscal.Alteration{ControlId: attr(e, "control-id")}
			err := x.alter(&a)
			put(&m.Alters, a)
			return true, err
		}
		return false, nil
	})
}

func (x *xmlReader) alter(a *oscal.Alteration) error {
	return x.each(func(e *xml.StartElement) (bool, error) {
		switch e.Name.Local {
		case "remove":
			put(&a.Removes, oscal.Removal{
				ByName: attr(e, "by-name"), ByClass: attr(e, "by-class"), ById: attr(e, "by-id"), ByItemName: attr(e, "by-item-name"), ByNs: attr(e, "by-ns"),
			})
		case "add":
			add := oscal.Addition{ById: attr(e, "by-id"), Position: attr(e, "position")}
			err := x.added(&add)
			put(&a.Adds, add)
			return true, err
		}
		return false, nil
	})
}

func (x *xmlReader) added(a *oscal.Addition) error {
	return x.each(func(e *xml.StartElement) (bool, error) {
		var err error
		switch e.Name.Local {
		case "title":
			a.Title, err = x.prose()
		case "param":
			var p oscal.Parameter
			p, err = x.param(e)
			put(&a.Params, p)
		case "prop":
			put(&a.Props, prop(e))
			return false, nil
		case "part":
			var p oscal.Part
			p, err = x.part(e)
			put(&a.Parts, p)
		default:
			return false, nil
		}
		return true, err
	})
}

func (x *xmlReader) backMatter(b *oscal.BackMatter) error {
	return x.each(func(e *xml.StartElement) (bool, error) {
		if e.Name.Local != "resource" {
			return false, nil
		}
		r := oscal.Resource{UUID: attr(e, "uuid")}
		err := x.each(func(e *xml.StartElement) (bool, error) {
			if e.Name.Local == "rlink" {
				put(&r.Rlinks, oscal.ResourceLink{Href: attr(e, "href"), MediaType: attr(e, "media-type")})
			}
			return false, nil
		})
		put(&b.Resources, r)
		return true, err
	})
}
