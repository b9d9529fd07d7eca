package framework

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	oscal "github.com/defenseunicorns/go-oscal/src/types/oscal-1-2-1"
)

// oscalSpace is the namespace of OSCAL's XML form, of all its releases.
const oscalSpace = "http://csrc.nist.gov/ns/oscal/1.0"

// readOSCALXML reads a catalog or a profile in OSCAL's XML form (NIST OSCAL XML
// reference, catalog and profile v1.2). Only elements that an import uses are read.
// Entities but XML's own five are errors, so nothing is read from elsewhere and
// nothing grows.
func readOSCALXML(file string, b []byte) (*importDoc, error) {
	x := &xmlReader{d: xml.NewDecoder(bytes.NewReader(b))}
	d, err := x.document()
	if err != nil {
		line, _ := x.d.InputPos()
		var syntax *xml.SyntaxError
		if errors.As(err, &syntax) {
			line, err = syntax.Line, errors.New(syntax.Msg)
		}
		return nil, fmt.Errorf("reading %s: line %d: %w", file, line, err)
	}
	return d, nil
}

type xmlReader struct {
	d     *xml.Decoder
	depth int
}

func (x *xmlReader) document() (*importDoc, error) {
	for {
		t, err := x.d.Token()
		if err == io.EOF {
			return nil, errors.New("there is no element")
		}
		if err != nil {
			return nil, err
		}
		e, ok := t.(xml.StartElement)
		if !ok {
			continue
		}
		doc := &importDoc{}
		switch {
		case e.Name.Space != oscalSpace:
			return nil, fmt.Errorf("<%s> is in the namespace %q; expected %s", e.Name.Local, e.Name.Space, oscalSpace)
		case e.Name.Local == "catalog":
			doc.Catalog = &oscal.Catalog{}
			err = x.catalog(doc.Catalog)
		case e.Name.Local == "profile":
			doc.Profile = &oscal.Profile{}
			err = x.profile(doc.Profile)
		default:
			return nil, fmt.Errorf("<%s> is neither a catalog nor a profile of OSCAL", e.Name.Local)
		}
		return doc, err
	}
}

// maxElements bounds elements within each other: groups, controls and parts.
const maxElements = 3 * maxDepth

// each calls f for the elements directly within the one that was begun, to its end.
// An element that f does not take, by returning false before it reads on, is passed
// over.
func (x *xmlReader) each(f func(e *xml.StartElement) (taken bool, err error)) error {
	if x.depth++; x.depth > maxElements {
		return fmt.Errorf("elements are nested deeper than %d", maxElements)
	}
	defer func() { x.depth-- }()
	for {
		t, err := x.d.Token()
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.EndElement:
			return nil
		case xml.StartElement:
			taken, err := f(&t)
			if err == nil && !taken {
				err = x.d.Skip()
			}
			if err != nil {
				return err
			}
		}
	}
}

func attr(e *xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name && a.Name.Space == "" {
			return a.Value
		}
	}
	return ""
}

// put adds to a list that is made when it is needed.
func put[T any](list **[]T, v T) {
	if *list == nil {
		*list = &[]T{}
	}
	**list = append(**list, v)
}

func (x *xmlReader) catalog(c *oscal.Catalog) error {
	return x.each(func(e *xml.StartElement) (bool, error) {
		switch e.Name.Local {
		case "metadata":
			return true, x.metadata(&c.Metadata)
		case "param":
			p, err := x.param(e)
			put(&c.Params, p)
			return true, err
		case "group":
			g, err := x.group(e)
			put(&c.Groups, g)
			return true, err
		case "control":
			k, err := x.control(e)
			put(&c.Controls, k)
			return true, err
		}
		return false, nil
	})
}

func (x *xmlReader) metadata(m *oscal.Metadata) error {
	return x.each(func(e *xml.StartElement) (bool, error) {
		var err error
		switch e.Name.Local {
		case "title":
			m.Title, err = x.prose()
		case "version":
			m.Version, err = x.prose()
		default:
			return false, nil
		}
		return true, err
	})
}

func (x *xmlReader) group(e *xml.StartElement) (g oscal.Group, err error) {
	g.ID, g.Class = attr(e, "id"), attr(e, "class")
	return g, x.each(func(e *xml.StartElement) (bool, error) {
		var err error
		switch e.Name.Local {
		case "title":
			g.Title, err = x.prose()
		case "param":
			var p oscal.Parameter
			p, err = x.param(e)
			put(&g.Params, p)
		case "group":
			var in oscal.Group
			in, err = x.group(e)
			put(&g.Groups, in)
		case "control":
			var k oscal.Control
			k, err = x.control(e)
			put(&g.Controls, k)
		default:
			return false, nil
		}
		return true, err
	})
}

func (x *xmlReader) control(e *xml.StartElement) (k oscal.Control, err error) {
	k.ID, k.Class = attr(e, "id"), attr(e, "class")
	return k, x.each(func(e *xml.StartElement) (bool, error) {
		var err error
		switch e.Name.Local {
		case "title":
			k.Title, err = x.prose()
		case "param":
			var p oscal.Parameter
			p, err = x.param(e)
			put(&k.Params, p)
		case "prop":
			put(&k.Props, prop(e))
			return false, nil
		case "part":
			var p oscal.Part
			p, err = x.part(e)
			put(&k.Parts, p)
		case "control":
			var in oscal.Control
			in, err = x.control(e)
			put(&k.Controls, in)
		default:
			return false, nil
		}
		return true, err
	})
}

func prop(e *xml.StartElement) oscal.Property {
	return oscal.Property{Name: attr(e, "name"), Value: attr(e, "value"), Class: attr(e, "class"), Ns: attr(e, "ns")}
}

func (x *xmlReader) part(e *xml.StartElement) (p oscal.Part, err error) {
	p.ID, p.Name, p.Class, p.Ns = attr(e, "id"), attr(e, "name"), attr(e, "class"), attr(e, "ns")
	var prose []string
	err = x.each(func(e *xml.StartElement) (bool, error) {
		var err error
		switch e.Name.Local {
		case "title":
			p.Title, err = x.prose()
		case "part":
			var in oscal.Part
			in, err = x.part(e)
			put(&p.Parts, in)
		case "prop", "link":
			return false, nil
		default: // paragraphs, lists and tables
			var s string
			s, err = x.prose()
			prose = append(prose, s)
		}
		return true, err
	})
	p.Prose = strings.Join(prose, "\n\n")
	return p, err
}

// prose is the text of an element and of all within it; a parameter in it stands as
// in OSCAL's JSON form.
func (x *xmlReader) prose() (string, error) {
	var b strings.Builder
	err := x.text(&b)
	return strings.TrimSpace(b.String()), err
}

func (x *xmlReader) text(b *strings.Builder) error {
	if x.depth++; x.depth > maxElements {
		return fmt.Errorf("elements are nested deeper than %d", maxElements)
	}
	defer func() { x.depth-- }()
	for {
		t, err := x.d.Token()
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.CharData:
			b.Write(t)
		case xml.EndElement:
			return nil
		case xml.StartElement:
			switch t.Name.Local {
			case "insert":
				fmt.Fprintf(b, "{{ insert: %s, %s }}", attr(&t, "type"), attr(&t, "id-ref"))
			case "li", "tr", "p", "td", "th", "br":
				b.WriteByte(' ')
			}
			if err := x.text(b); err != nil {
				return err
			}
		}
	}
}

func (x *xmlReader) param(e *xml.StartElement) (p oscal.Parameter, err error) {
	p.ID, p.Class = attr(e, "id"), attr(e, "class")
	return p, x.each(func(e *xml.StartElement) (bool, error) { return x.ofParam(e, &p.Label, &p.Values, &p.Select) })
}

// ofParam reads what a parameter and the setting of one have in common.
func (x *xmlReader) ofParam(e *xml.StartElement, label *string, values **[]string, choice **oscal.ParameterSelection) (taken bool, err error) {
	switch e.Name.Local {
	case "label":
		*label, err = x.prose()
	case "value":
		var v string
		v, err = x.prose()
		put(values, v)
	case "select":
		s := &oscal.ParameterSelection{HowMany: attr(e, "how-many")}
		*choice = s
		err = x.each(func(e *xml.StartElement) (bool, error) {
			if e.Name.Local != "choice" {
				return false, nil
			}
			c, err := x.prose()
			put(&s.Choice, c)
			return true, err
		})
	default:
		return false, nil
	}
	return true, err
}
