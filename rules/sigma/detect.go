package sigma

import (
	"fmt"

	"gopkg.in/yaml.v3"
)

// compiler compiles the rules of a set together: equal names of fields and
// equal questions are one.
type compiler struct {
	cfg   Config
	names map[string]int32 // ids of fields, from 1
	atoms []atom
	ids   map[string]atomRef

	filters []*filter
	label   bool // the rule under work is traced
}

// fieldOf is the id of a field of a log source.
func (c *compiler) fieldOf(n *yaml.Node, name string, src *fields) (int32, error) {
	if src != nil {
		f, ok := src.field(name)
		if !ok {
			return 0, refused(n, "field without a counterpart", "our events have no field for %q of this log source", name)
		}
		name = f.Name()
	}
	id, ok := c.names[name]
	if !ok {
		id = int32(len(c.names)) + 1
		c.names[name] = id
	}
	return id, nil
}

// intern returns the one atom that asks what a asks; text is what a compares
// with.
func (c *compiler) intern(a *atom, text string) atomRef {
	key := fmt.Sprintf("%d %d %d %t %d %s", a.field, a.other, a.kind, a.cased, a.pos, text)
	id, ok := c.ids[key]
	if !ok {
		id = atomRef(len(c.atoms))
		c.atoms, c.ids[key] = append(c.atoms, *a), id
	}
	return id
}

// detection compiles searches and condition; skip are keys that are neither.
func (c *compiler) detection(det *yaml.Node, src *fields, skip ...string) (node, error) {
	searches := map[string]node{}
	var names []string
	var condition *yaml.Node
keys:
	for i := 0; i+1 < len(det.Content); i += 2 {
		name, n := det.Content[i].Value, det.Content[i+1]
		for _, s := range skip {
			if name == s {
				continue keys
			}
		}
		switch name {
		case "condition":
			condition = n
			continue
		case "timeframe":
			return nil, refused(n, "timeframe", "time frames belong to Sigma 1; write a correlation")
		}
		x, err := c.search(n, src)
		if err != nil {
			return nil, err
		}
		x = c.labeled(name, x)
		if _, twice := searches[name]; twice {
			return nil, wrong(det.Content[i], "search twice", "each search once", "the search %q is there twice", name)
		}
		searches[name] = x
		names = append(names, name)
	}
	switch {
	case condition == nil:
		return nil, wrong(det, "no condition", "condition", "the detection has no condition")
	case condition.Kind == yaml.SequenceNode && len(condition.Content) > 0:
		var list []node
		for _, n := range condition.Content {
			x, err := c.expression(n, searches, names)
			if err != nil {
				return nil, err
			}
			list = append(list, x)
		}
		return join(list, false), nil
	}
	return c.expression(condition, searches, names)
}

// expression compiles a condition, with its text when the rule is traced.
func (c *compiler) expression(n *yaml.Node, searches map[string]node, names []string) (node, error) {
	x, err := expression(n, searches, names)
	if err != nil || !c.label {
		return x, err
	}
	return c.labeled("condition: "+n.Value, negated(x)), nil
}

// search is a mapping (all must hold), a list of mappings (any), or a list of
// keywords (any).
func (c *compiler) search(n *yaml.Node, src *fields) (node, error) {
	var list []node
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			x, err := c.item(n.Content[i], n.Content[i+1], src)
			if err != nil {
				return nil, err
			}
			list = append(list, x)
		}
	case yaml.SequenceNode:
		for _, x := range n.Content {
			s, err := c.search(x, src)
			if err != nil {
				return nil, err
			}
			list = append(list, s)
		}
	case yaml.ScalarNode:
		if n.Tag == "!!null" || n.Value == "" {
			return nil, wrong(n, "keyword", "a word", "a keyword is empty")
		}
		if len(n.Value) > maxPattern {
			return nil, wrong(n, "keyword", fmt.Sprintf("at most %d bytes", maxPattern), "a keyword has %d bytes", len(n.Value))
		}
		x := c.pattern(atom{field: anyField}, parsePattern(n.Value).place(contains))
		return c.labeled("keyword "+n.Value, x), nil
	}
	if len(list) == 0 {
		return nil, wrong(n, "search", "a mapping or a list", "a search is a mapping, a list or a word, and not empty")
	}
	return join(list, n.Kind == yaml.MappingNode), nil
}
