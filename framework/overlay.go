package framework

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"saksi/evidence"
)

// Overlay is an agency's own file over a catalog: what it decides otherwise, or
// adds. It takes no control away.
type Overlay struct {
	Overlay   int       `yaml:"overlay"` // version of the form: 1
	Framework string    `yaml:"framework"`
	Version   string    `yaml:"version"`
	Agency    string    `yaml:"agency"`
	Coverage  *Policy   `yaml:"coverage"`
	Controls  []Control `yaml:"controls"`
}

// ParseOverlay reads an overlay; its controls are checked where they are laid
// over a catalog.
func ParseOverlay(file string, b []byte) (*Overlay, []int, error) {
	var o Overlay
	lines, err := decode(file, b, &o, "controls")
	switch {
	case err != nil:
		return nil, nil, err
	case o.Overlay != 1:
		return nil, nil, fmt.Errorf("reading %s: overlay is %d; this saksi reads 1", file, o.Overlay)
	case o.Framework == "" || o.Version == "" || o.Agency == "":
		return nil, nil, fmt.Errorf("reading %s: a framework, a version and an agency are needed", file)
	}
	return &o, lines, nil
}

// Overlaid gives a built-in catalog with an overlay on it.
func (l Library) Overlaid(file string, b []byte) (*Overlay, *Catalog, error) {
	o, _, err := ParseOverlay(file, b)
	if err != nil {
		return nil, nil, err
	}
	c, err := l.Load(o.Framework)
	if err != nil {
		return nil, nil, err
	}
	return o, c, c.overlay(file, b)
}

// overlay lays a file over the catalog, if it is meant for it.
func (c *Catalog) overlay(file string, b []byte) error {
	o, lines, err := ParseOverlay(file, b)
	if err != nil || o.Framework != c.ID {
		return err
	}
	for i := range o.Controls {
		n := &o.Controls[i]
		j := slices.IndexFunc(c.Controls, func(k Control) bool { return k.ID == n.ID })
		if j < 0 {
			n.Source = cmp.Or(n.Source, "overlay of "+o.Agency)
			c.Controls = append(c.Controls, *n)
			continue
		}
		if n.Top || n.Component != "" || n.Confidence != (Confidence{}) || n.Number != "" {
			return fmt.Errorf("reading %s:%d: control %q: an overlay changes no place, number or confidence of a control that is there", file, lines[i], n.ID)
		}
		c.Controls[j].over(n)
		c.Controls[j].Source += "; overlay of " + o.Agency
	}
	if o.Coverage != nil {
		c.Coverage = *o.Coverage
	}
	c.Version += "+" + o.Version
	c.SHA256 = evidence.SHA256([]byte(c.SHA256 + evidence.SHA256(b)))
	if err := c.complete(file, nil); err != nil {
		return err
	}
	return nil
}

// over takes what n says otherwise. A check of the same id is replaced.
func (k *Control) over(n *Control) {
	k.Mode = cmp.Or(n.Mode, k.Mode)
	k.Requirement = cmp.Or(n.Requirement, k.Requirement)
	k.Title.MS, k.Title.EN = cmp.Or(n.Title.MS, k.Title.MS), cmp.Or(n.Title.EN, k.Title.EN)
	if len(n.Maps) > 0 {
		k.Maps = maps.Clone(k.Maps)
		if k.Maps == nil {
			k.Maps = map[string][]string{}
		}
		maps.Copy(k.Maps, n.Maps)
	}
	for _, x := range n.Checks {
		if i := slices.IndexFunc(k.Checks, func(y Check) bool { return y.ID == x.ID }); i >= 0 {
			k.Checks[i] = x
		} else {
			k.Checks = append(k.Checks, x)
		}
	}
}
