package sigma

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"saksi/rules"
)

// filter is a filter rule (Sigma filters specification 2.1): its condition must
// hold, too, for the rules it names.
type filter struct {
	source Source
	all    bool     // every rule of its log source
	names  []string // ids or names of rules
	at     *yaml.Node
	file   string
	cond   node
	met    bool // a rule was found
}

// filter compiles a filter rule; m is its document.
func (c *compiler) filter(m *yaml.Node) error {
	f := &filter{at: get(m, "filter")}
	src := get(m, "logsource")
	if src == nil {
		return wrong(m, "no logsource", "logsource", "the filter has no logsource")
	}
	var err error
	if f.source, err = sourceOf(src); err != nil {
		return err
	}
	if f.at.Kind != yaml.MappingNode {
		return wrong(f.at, "filter", "rules, a search and a condition", "a filter is a mapping")
	}
	names := get(f.at, "rules")
	switch {
	case names == nil:
		return wrong(f.at, "filter", "rules", "the filter names no rules; any means all of its logsource")
	case names.Kind == yaml.ScalarNode:
		f.names = []string{names.Value}
		f.all = strings.EqualFold(names.Value, "any") || strings.EqualFold(names.Value, "all")
	default:
		for _, n := range names.Content {
			f.names = append(f.names, n.Value)
		}
		f.all = len(f.names) == 0
	}
	if f.cond, err = c.detection(f.at, network[f.source], "rules"); err != nil {
		return err
	}
	c.filters = append(c.filters, f)
	return nil
}

// covers reports whether each part a names is the same in b.
func (a Source) covers(b Source) bool {
	return (a.Category == "" || a.Category == b.Category) && (a.Product == "" || a.Product == b.Product) && (a.Service == "" || a.Service == b.Service)
}

// filtered adds the conditions of the filters to a rule. A filter whose fields
// the rule's log source has not is a problem, and leaves the rule as it is.
func (c *compiler) filtered(r *Rule) []rules.Problem {
	var problems []rules.Problem
	for _, f := range c.filters {
		if !f.source.covers(r.Source) {
			continue
		}
		if f.all || slices.Contains(f.names, r.ID) || r.Name != "" && slices.Contains(f.names, r.Name) {
			f.met = true
			cond := f.cond
			if c.label = c.cfg.Trace.of(r); c.label || r.Source != f.source { // its field names may mean others of ours
				var err error
				cond, err = c.detection(f.at, fieldsOf(r.Source), "rules")
				if c.label = false; err != nil {
					problems = append(problems, problemOf(f.file, r.ID, err))
					continue
				}
			}
			r.cond = allOf{r.cond, cond}
		}
	}
	return problems
}
