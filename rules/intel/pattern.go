package intel

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"saksi/rules"
)

// Bounds of one STIX pattern.
const (
	maxPattern      = 1 << 20 // bytes
	maxNesting      = 100
	maxAlternatives = 4096
	maxTerms        = 64 // of one alternative
)

// patternError says why a pattern is not taken, and at which byte of it.
type patternError struct {
	at     int
	level  rules.Level
	reason string
	msg    string
}

func (e *patternError) Error() string { return fmt.Sprintf("byte %d: %s", e.at+1, e.msg) }

// parsePattern reads a pattern of STIX 2.1 (section 9) as alternatives, of each of
// which all terms must hold. What asks for more than one observation is
// refused. An alternative that asks for more than an event of ours tells is left
// out, and said in left; when no other is there, the pattern is refused.
func parsePattern(s string) (out [][]Term, left []*patternError, err *patternError) {
	p := &patternParser{lexer: lexer{s: s}}
	if len(s) > maxPattern {
		return nil, nil, p.wrong(0, "pattern too long", "the pattern has %d bytes, more than %d", len(s), maxPattern)
	}
	if !utf8.ValidString(s) {
		return nil, nil, p.wrong(0, "pattern", "the pattern is no UTF-8")
	}
	p.next()
	alts, err := p.observations(0)
	if err != nil {
		return nil, nil, err
	}
	if p.tok.kind != tokEnd {
		return nil, nil, p.expected("the end, OR, or a new observation")
	}
	for _, terms := range alts {
		if err := check(p, terms); err != nil {
			if err.level == rules.Wrong {
				return nil, nil, err
			}
			if len(left) == 0 || left[len(left)-1].at != err.at {
				left = append(left, err)
			}
			continue
		}
		var one []Term
		for _, t := range terms {
			one = append(one, t.Term)
		}
		out = append(out, one)
	}
	if len(out) == 0 {
		return nil, nil, left[0]
	}
	return out, left, nil
}

// check refuses an alternative that can't be looked up, or that never holds.
func check(p *patternParser, terms []placed) *patternError {
	best, first := -1, 0
	for i := range terms {
		if i == 0 {
			first = terms[i].at
		}
		if terms[i].refused != nil {
			return terms[i].refused
		}
		best = max(best, anchorRank(&terms[i].Term))
		for j := range i {
			a, b := &terms[j], &terms[i]
			if a.path == b.path && a.Op == Equal && b.Op == Equal && a.Kind == b.Kind && a.key != b.key && !manyValued(a.path) {
				return p.wrong(b.at, "two values of one property", "%s can't have two values at once", b.path)
			}
		}
	}
	if best < 0 && !slices.ContainsFunc(terms, func(t placed) bool { return t.textual != nil }) {
		return p.refused(first, "nothing to look up", "the comparison names no value that can be looked up")
	}
	return nil
}

// manyValued reports whether one object has several values of a path.
func manyValued(path string) bool {
	return strings.Contains(path, "[*]") || strings.Contains(path, "_refs")
}

// placed is a term with its place and path.
type placed struct {
	Term
	at      int
	path    string
	refused *patternError // why it can't be asked
}

type patternParser struct {
	lexer
	tok token
	// err is what the lexer found wrong.
	err *patternError
}

func (p *patternParser) next() { p.tok, p.err = p.lexer.token() }

func (p *patternParser) wrong(at int, reason, format string, args ...any) *patternError {
	return &patternError{at, rules.Wrong, "pattern: " + reason, fmt.Sprintf(format, args...)}
}

func (p *patternParser) refused(at int, reason, format string, args ...any) *patternError {
	return &patternError{at, rules.Refused, "pattern: " + reason, fmt.Sprintf(format, args...)}
}

func (p *patternParser) expected(what string) *patternError {
	if p.err != nil {
		return p.err
	}
	return p.wrong(p.tok.at, "syntax", "expected %s, found %s", what, p.tok.shown())
}

func (p *patternParser) word(s string) bool {
	return p.tok.kind == tokName && strings.EqualFold(p.tok.text, s)
}

// observations reads what stands between OR.
func (p *patternParser) observations(depth int) ([][]placed, *patternError) {
	if depth > maxNesting {
		return nil, p.refused(p.tok.at, "nesting", "parentheses are nested more than %d deep", maxNesting)
	}
	var all [][]placed
	for {
		alts, err := p.observation(depth)
		if err != nil {
			return nil, err
		}
		if all = append(all, alts...); len(all) > maxAlternatives {
			return nil, p.refused(p.tok.at, "alternatives", "the pattern has more than %d alternatives", maxAlternatives)
		}
		switch {
		case p.word("OR"):
			p.next()
		case p.word("AND"), p.word("FOLLOWEDBY"):
			return nil, p.refused(p.tok.at, strings.ToUpper(p.tok.text)+" of observations", "%s joins two observations; an indicator is looked for in one event", strings.ToUpper(p.tok.text))
		case p.word("WITHIN"), p.word("REPEATS"), p.word("START"):
			return nil, p.refused(p.tok.at, "qualifier "+strings.ToUpper(p.tok.text), "the qualifier %s is not honored", strings.ToUpper(p.tok.text))
		default:
			return all, nil
		}
	}
}

func (p *patternParser) observation(depth int) ([][]placed, *patternError) {
	switch p.tok.kind {
	case '[':
		p.next()
		alts, err := p.or(depth)
		if err != nil {
			return nil, err
		}
		if p.tok.kind != ']' {
			return nil, p.expected("AND, OR or ]")
		}
		p.next()
		return alts, nil
	case '(':
		p.next()
		alts, err := p.observations(depth + 1)
		if err != nil {
			return nil, err
		}
		if p.tok.kind != ')' {
			return nil, p.expected(")")
		}
		p.next()
		return alts, nil
	}
	return nil, p.expected("[ or (")
}

func (p *patternParser) or(depth int) ([][]placed, *patternError) {
	if depth > maxNesting {
		return nil, p.refused(p.tok.at, "nesting", "parentheses are nested more than %d deep", maxNesting)
	}
	var all [][]placed
	for {
		alts, err := p.and(depth)
		if err != nil {
			return nil, err
		}
		if all = append(all, alts...); len(all) > maxAlternatives {
			return nil, p.refused(p.tok.at, "alternatives", "the pattern has more than %d alternatives", maxAlternatives)
		}
		if !p.word("OR") {
			return all, nil
		}
		p.next()
	}
}

// and multiplies the alternatives of what stands between AND.
func (p *patternParser) and(depth int) ([][]placed, *patternError) {
	all, err := p.test(depth)
	for err == nil && p.word("AND") {
		at := p.tok.at
		p.next()
		var more [][]placed
		if more, err = p.test(depth); err != nil {
			break
		}
		if len(all)*len(more) > maxAlternatives {
			return nil, p.refused(at, "alternatives", "the pattern has more than %d alternatives", maxAlternatives)
		}
		var product [][]placed
		for _, a := range all {
			for _, b := range more {
				if len(a)+len(b) > maxTerms {
					return nil, p.refused(at, "terms", "more than %d comparisons must hold together", maxTerms)
				}
				product = append(product, append(a[:len(a):len(a)], b...))
			}
		}
		all = product
	}
	return all, err
}

// test reads one comparison, or some in parentheses.
func (p *patternParser) test(depth int) ([][]placed, *patternError) {
	if p.tok.kind == '(' {
		p.next()
		alts, err := p.or(depth + 1)
		if err != nil {
			return nil, err
		}
		if p.tok.kind != ')' {
			return nil, p.expected(")")
		}
		p.next()
		return alts, nil
	}
	at := p.tok.at
	exists := p.word("EXISTS")
	if exists {
		p.next()
	}
	path, err := p.path()
	if err != nil {
		return nil, err
	}
	if exists {
		return [][]placed{{{at: at, path: path, refused: p.refused(at, "EXISTS", "EXISTS is not honored")}}}, nil
	}
	not := p.word("NOT")
	if not {
		p.next()
	}
	c := comparing{p: p, at: at, path: path, not: not}
	switch {
	case p.tok.kind == tokOp:
		c.op = p.tok.text
	case p.tok.kind == tokName:
		c.op = strings.ToUpper(p.tok.text)
	default:
		return nil, p.expected("an operator")
	}
	c.opAt = p.tok.at
	p.next()
	if c.values, err = p.values(c.op == "IN"); err != nil {
		return nil, err
	}
	if v := c.values[0]; v.kind != tokText && (c.op == "LIKE" || c.op == "MATCHES" || c.op == "ISSUBSET" || c.op == "ISSUPERSET") {
		return nil, p.wrong(v.at, "syntax", "expected a text after %s, found %s", c.op, v.shown())
	}
	alts, err := c.alternatives()
	if err != nil && err.level == rules.Refused {
		return [][]placed{{{at: at, path: path, refused: err}}}, nil
	}
	return alts, err
}

func (p *patternParser) value() bool {
	return p.tok.kind == tokText || p.tok.kind == tokNumber || p.tok.kind == tokOther
}

// values reads a literal, or for IN a set of them.
func (p *patternParser) values(set bool) ([]token, *patternError) {
	if !set {
		if !p.value() {
			return nil, p.expected("a value")
		}
		v := p.tok
		p.next()
		return []token{v}, nil
	}
	if p.tok.kind != '(' {
		return nil, p.expected("(")
	}
	var list []token
	for p.tok.kind != ')' {
		p.next()
		if !p.value() {
			return nil, p.expected("a value")
		}
		list = append(list, p.tok)
		if p.next(); p.tok.kind != ',' && p.tok.kind != ')' {
			return nil, p.expected(", or )")
		}
	}
	p.next()
	return list, nil
}

// path reads an object path in its plain form: type:a.b[*].'c' becomes
// "type:a.b[*].c".
func (p *patternParser) path() (string, *patternError) {
	if p.tok.kind != tokName {
		return "", p.expected("an object path")
	}
	var b strings.Builder
	b.WriteString(strings.ToLower(p.tok.text))
	if p.next(); p.tok.kind != ':' {
		return "", p.expected(":")
	}
	b.WriteByte(':')
	for {
		if p.next(); p.tok.kind != tokName && p.tok.kind != tokText {
			return "", p.expected("a property")
		}
		b.WriteString(p.tok.text)
		p.next()
		for p.tok.kind == '[' {
			p.next()
			if p.tok.kind != tokNumber && p.tok.kind != '*' {
				return "", p.expected("an index or *")
			}
			b.WriteString("[" + p.tok.text + "]")
			if p.next(); p.tok.kind != ']' {
				return "", p.expected("]")
			}
			p.next()
		}
		if p.tok.kind != '.' {
			return b.String(), nil
		}
		b.WriteByte('.')
	}
}
