package sigma

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// expression parses a condition: searches, "1 of x*", "all of them", and, or,
// not, parentheses (Sigma specification, "Condition").
func expression(n *yaml.Node, searches map[string]node, names []string) (node, error) {
	if n.Kind != yaml.ScalarNode {
		return nil, wrong(n, "condition", "a text", "a condition is a text")
	}
	if strings.Contains(n.Value, "|") {
		return nil, refused(n, "aggregation", "aggregations in the condition belong to Sigma 1 and are not run")
	}
	p := &parser{n: n, words: strings.Fields(parentheses.Replace(n.Value)), searches: searches, names: names}
	if len(p.words) > 1000 {
		return nil, wrong(n, "condition", "at most 1000 words", "the condition has %d words", len(p.words))
	}
	c, err := p.or(0)
	if err != nil {
		return nil, err
	}
	if p.at < len(p.words) {
		return nil, p.fail("the end, and, or", "unexpected %q", p.words[p.at])
	}
	return c, nil
}

// parentheses sets them apart as words.
var parentheses = strings.NewReplacer("(", " ( ", ")", " ) ")

type parser struct {
	n        *yaml.Node
	words    []string
	at       int
	searches map[string]node
	names    []string
}

func (p *parser) fail(expected, format string, args ...any) error {
	return wrong(p.n, "condition", expected, "condition, word %d: %s", p.at+1, fmt.Sprintf(format, args...))
}

func (p *parser) next() string {
	if p.at == len(p.words) {
		return ""
	}
	p.at++
	return p.words[p.at-1]
}

func (p *parser) take(word string) bool {
	if p.at < len(p.words) && strings.EqualFold(p.words[p.at], word) {
		p.at++
		return true
	}
	return false
}

func (p *parser) or(depth int) (node, error) {
	n, err := p.and(depth)
	list := []node{n}
	for err == nil && p.take("or") {
		n, err = p.and(depth)
		list = append(list, n)
	}
	return join(list, false), err
}

func (p *parser) and(depth int) (node, error) {
	n, err := p.unary(depth)
	list := []node{n}
	for err == nil && p.take("and") {
		n, err = p.unary(depth)
		list = append(list, n)
	}
	return join(list, true), err
}

func (p *parser) unary(depth int) (node, error) {
	if depth > 64 {
		return nil, p.fail("at most 64 levels", "nested too deep")
	}
	if p.take("not") {
		n, err := p.unary(depth + 1)
		return not{n}, err
	}
	if p.take("(") {
		c, err := p.or(depth + 1)
		if err == nil && !p.take(")") {
			err = p.fail(")", "a parenthesis is not closed")
		}
		return c, err
	}
	w := p.next()
	if (w == "1" || strings.EqualFold(w, "any") || strings.EqualFold(w, "all")) && p.take("of") {
		return p.of(strings.EqualFold(w, "all"))
	}
	if w == "" {
		return nil, p.fail("a search", "the condition ends here")
	}
	c, ok := p.searches[w]
	if !ok {
		p.at--
		return nil, p.fail("one of "+strings.Join(p.names, ", "), "there is no search %q", w)
	}
	return c, nil
}

// of takes "them" or a pattern with stars at any place. Names that begin with
// an underscore are meant only by a pattern that does.
func (p *parser) of(all bool) (node, error) {
	w := p.next()
	them := strings.EqualFold(w, "them")
	var glob pattern
	for i, piece := range strings.Split(w, "*") {
		if i > 0 {
			glob = append(glob, element{class: many})
		}
		if piece != "" {
			glob = append(glob, element{literal, piece})
		}
	}
	m := compilePattern(glob)
	var list []node
	for _, name := range p.names {
		if strings.HasPrefix(name, "_") && (them || !strings.HasPrefix(w, "_")) {
			continue
		}
		if them || m.match(name) {
			list = append(list, p.searches[name])
		}
	}
	if len(list) == 0 {
		p.at--
		return nil, p.fail("one of "+strings.Join(p.names, ", "), "no search is called %q", w)
	}
	return join(list, all), nil
}
