package framework

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// mapKeys are the keys of Control.Maps by the ids of the catalogs they lead to.
var mapKeys = map[string]string{
	"nist-800-53r5":  "nist_800_53r5",
	"nist-csf-2.0":   "nist_csf_2_0",
	"iso-27001-2022": "iso27001_2022",
}

// mapsTo reports whether a list of identifiers names id: itself, as what an
// enhancement such as SC-7(10) belongs to, or within a range such as 5.1-5.9.
// What names a whole family or chapter names no single control.
func mapsTo(list []string, id string) bool {
	return slices.ContainsFunc(list, func(m string) bool {
		m = strings.TrimSpace(m)
		if strings.HasSuffix(m, "(clause)") {
			return false // of the standard's body, not of Annex A
		}
		if base, _, ok := strings.Cut(m, "("); ok && !strings.Contains(id, "(") {
			m = strings.TrimSpace(base)
		}
		return strings.EqualFold(m, id) || inRange(m, id)
	})
}

// inRange reports whether id is in a range of numbers such as 5.1-5.9.
func inRange(m, id string) bool {
	from, to, ok := strings.Cut(m, "-")
	if !ok {
		return false
	}
	chapter := func(s string) (string, int) {
		c, n, ok := strings.Cut(s, ".")
		v, err := strconv.Atoi(n)
		if !ok || err != nil {
			return "", 0
		}
		return c, v
	}
	c1, a := chapter(from)
	c2, b := chapter(to)
	c, n := chapter(id)
	return c != "" && c == c1 && c == c2 && n >= a && n <= b
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

// loadMapping reads the mapping of techniques of a framework. One without a file
// of its own has that of the framework that decides it.
func loadMapping(name string, c *Catalog) (*mapping, error) {
	file := "catalogs/" + name + mappingEnd + ".yaml"
	b, err := catalogs.ReadFile(file)
	if err != nil && c.DecidedBy != "" {
		base, err := Load(c.DecidedBy)
		if err != nil {
			return nil, err
		}
		m, err := loadMapping(c.DecidedBy, base)
		if err != nil {
			return nil, err
		}
		return m.through(base, c), nil
	}
	if err != nil {
		return nil, fmt.Errorf("framework %s: techniques lead to no controls of it: %w", name, ErrUnknown)
	}
	var m mapping
	if _, err := decode(name+mappingEnd+".yaml", b, &m, ""); err != nil {
		return nil, err
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

// through leads the controls of base on to those of c that they map to.
func (m *mapping) through(base, c *Catalog) *mapping {
	to := map[string][]string{}
	for _, b := range base.Controls {
		for _, k := range c.Controls {
			if c.leaf(k) && (strings.EqualFold(b.ID, k.ID) || mapsTo(b.Maps[mapKeys[c.ID]], k.ID)) {
				to[b.ID] = append(to[b.ID], k.ID)
			}
		}
	}
	lead := func(lines map[string]mapLine) map[string]mapLine {
		out := map[string]mapLine{}
		for t, l := range lines {
			var ids []string
			for _, id := range l.Controls {
				ids = append(ids, to[id]...)
			}
			slices.Sort(ids)
			if ids = slices.Compact(ids); len(ids) > 0 {
				out[t] = mapLine{ids, l.Why}
			}
		}
		return out
	}
	return &mapping{c.ID, lead(m.Techniques), lead(m.Languages)}
}

// Mapped lists the controls of other built-in catalogs that a control stands
// for, as "catalog id", and those of RAKKSSA that stand for it.
func Mapped(k *Control, catalog string) ([]string, error) {
	var list []string
	for id, key := range mapKeys {
		for _, m := range k.Maps[key] {
			list = append(list, id+" "+m)
		}
	}
	if key := mapKeys[catalog]; key != "" {
		base, err := Load("rakkssa")
		if err != nil {
			return nil, err
		}
		for _, b := range base.Controls {
			if mapsTo(b.Maps[key], k.ID) {
				list = append(list, "rakkssa "+b.ID)
			}
		}
	}
	sort.Strings(list)
	return list, nil
}
