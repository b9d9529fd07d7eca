package query

import (
	"saksi/event"
)

// comparison parses >5, >=5, <5, <=5.
func (p *parser) comparison(f event.Field) (*Node, error) {
	lower := p.q[p.at] == '>'
	p.at++
	incl := p.at < len(p.q) && p.q[p.at] == '='
	if incl {
		p.at++
	}
	start := p.at
	s, err := p.boundText()
	if err != nil {
		return nil, err
	}
	b, err := bound(f, s, lower, incl)
	if err != nil {
		return nil, p.errorAt(start, "%s", err)
	}
	n := &Node{Op: Range, Field: f}
	if lower {
		n.Lo = b
	} else {
		n.Hi = b
	}
	return n, nil
}

// rangeOf parses [a TO b], {a TO b} and mixed ones.
func (p *parser) rangeOf(f event.Field) (*Node, error) {
	open := p.at
	inclLo := p.q[p.at] == '['
	p.at++
	n := &Node{Op: Range, Field: f}
	var ends [2]string
	var starts [2]int
	for i := range ends {
		p.space()
		starts[i] = p.at
		s, err := p.boundText()
		if err != nil {
			return nil, err
		}
		ends[i] = s
		p.space()
		if i == 0 && !p.keyword("TO") {
			return nil, p.errorAt(p.at, "expected TO between the ends of a range")
		}
	}
	if p.at == len(p.q) || p.q[p.at] != ']' && p.q[p.at] != '}' {
		return nil, p.errorAt(open, "this range is not closed; expected ] or }")
	}
	inclHi := p.q[p.at] == ']'
	p.at++
	var err error
	if ends[0] != "*" {
		if n.Lo, err = bound(f, ends[0], true, inclLo); err != nil {
			return nil, p.errorAt(starts[0], "%s", err)
		}
	}
	if ends[1] != "*" {
		if n.Hi, err = bound(f, ends[1], false, inclHi); err != nil {
			return nil, p.errorAt(starts[1], "%s", err)
		}
	}
	if n.Lo == nil && n.Hi == nil {
		return &Node{Op: Exists, Field: f}, nil
	}
	return n, nil
}

func (p *parser) boundText() (string, error) {
	if p.at < len(p.q) && p.q[p.at] == '"' {
		return p.quoted()
	}
	pattern, plain, wild, err := p.term0()
	if err != nil {
		return "", err
	}
	if wild && pattern != "*" {
		return "", p.errorAt(p.at, "the end of a range is a value or *")
	}
	if wild {
		return "*", nil
	}
	return plain, nil
}
