package query

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"saksi/event"
)

// Bounds of a query; a person's never comes near.
const (
	maxQuery = 64 << 10 // bytes
	maxDepth = 64
	maxNodes = 4096
)

// Parse parses a query. An empty one matches everything. The error is always
// an *Error.
func Parse(q string) (*Node, error) {
	p := &parser{q: q}
	if len(q) > maxQuery {
		return nil, p.errorAt(0, "a query has at most %d bytes; this one has %d", maxQuery, len(q))
	}
	p.space()
	if p.at == len(q) {
		return &Node{Op: All}, nil
	}
	n, err := p.or(0, 0)
	if err != nil {
		return nil, err
	}
	if p.at < len(q) {
		return nil, p.errorAt(p.at, "unexpected %q; expected the end, AND or OR", q[p.at:p.at+1])
	}
	return n, nil
}

type parser struct {
	q     string
	at    int
	nodes int
}

func (p *parser) errorAt(at int, format string, args ...any) error {
	return &Error{Query: p.q, Column: utf8.RuneCountInString(p.q[:min(at, len(p.q))]) + 1, Msg: fmt.Sprintf(format, args...)}
}

func (p *parser) space() {
	for p.at < len(p.q) && strings.IndexByte(" \t\r\n", p.q[p.at]) >= 0 {
		p.at++
	}
}

// keyword takes AND, OR, NOT, TO, && or || when it stands next as a word.
func (p *parser) keyword(words ...string) bool {
	for _, w := range words {
		rest := p.q[p.at:]
		if !strings.HasPrefix(rest, w) {
			continue
		}
		if len(rest) == len(w) || w[0] == '&' || w[0] == '|' || strings.IndexByte(" \t\r\n()\"", rest[len(w)]) >= 0 {
			p.at += len(w)
			p.space()
			return true
		}
	}
	return false
}

// or parses clauses of one level. field is the field of an enclosing
// field:( ... ), or 0.
func (p *parser) or(depth int, field event.Field) (*Node, error) {
	if depth > maxDepth {
		return nil, p.errorAt(p.at, "nested deeper than %d levels", maxDepth)
	}
	var must, mustNot, should []*Node
	expect := true // a clause has to follow
	for {
		p.space()
		if p.at == len(p.q) || p.q[p.at] == ')' {
			if expect {
				return nil, p.errorAt(p.at, "expected a term")
			}
			return combine(must, mustNot, should), nil
		}
		n, sign, err := p.and(depth, field)
		if err != nil {
			return nil, err
		}
		switch sign {
		case '+':
			must = append(must, n)
		case '-':
			mustNot = append(mustNot, n)
		default:
			should = append(should, n)
		}
		p.space()
		expect = p.keyword("OR", "||")
	}
}

// combine is Lucene's boolean query without scores: what must match decides;
// what may match counts only where nothing must.
func combine(must, mustNot, should []*Node) *Node {
	var n *Node
	switch {
	case len(must) == 0 && len(should) == 0:
		n = nil
	case len(must) == 0:
		n = join(Or, should)
	default:
		n = join(And, must)
	}
	if len(mustNot) == 0 {
		return n
	}
	not := &Node{Op: Not, Args: []*Node{join(Or, mustNot)}}
	if n == nil {
		return not
	}
	return &Node{Op: And, Args: []*Node{n, not}}
}

func join(op Op, args []*Node) *Node {
	if len(args) == 1 {
		return args[0]
	}
	return &Node{Op: op, Args: args}
}

// and parses one clause, or several joined by AND. A lone clause keeps its
// sign.
func (p *parser) and(depth int, field event.Field) (*Node, byte, error) {
	n, sign, err := p.clause(depth, field)
	if err != nil {
		return nil, 0, err
	}
	args := []*Node{signed(n, sign)}
	for {
		p.space()
		if !p.keyword("AND", "&&") {
			break
		}
		m, s, err := p.clause(depth, field)
		if err != nil {
			return nil, 0, err
		}
		args = append(args, signed(m, s))
	}
	if len(args) == 1 {
		return n, sign, nil
	}
	return join(And, args), 0, nil
}

func signed(n *Node, sign byte) *Node {
	if sign == '-' {
		return &Node{Op: Not, Args: []*Node{n}}
	}
	return n
}

func (p *parser) clause(depth int, field event.Field) (n *Node, sign byte, err error) {
	p.nodes++
	if p.nodes > maxNodes {
		return nil, 0, p.errorAt(p.at, "more than %d terms", maxNodes)
	}
	p.space()
	if start := p.at; p.keyword("AND", "OR", "&&", "||") {
		return nil, 0, p.errorAt(start, "expected a term before this operator; quote it to search the word itself")
	}
	if p.keyword("NOT") {
		sign = '-'
	} else if p.at < len(p.q) && strings.IndexByte("+-!", p.q[p.at]) >= 0 {
		sign = p.q[p.at]
		if sign == '!' {
			sign = '-'
		}
		p.at++
	}
	if p.at == len(p.q) {
		return nil, 0, p.errorAt(p.at, "expected a term")
	}
	switch c := p.q[p.at]; c {
	case '(':
		n, err = p.group(depth, field)
		return n, sign, err
	case ')', ']', '}', '^', '~':
		return nil, 0, p.errorAt(p.at, "unexpected %q; expected a term, or \\%c for the character itself", c, c)
	case '/':
		return nil, 0, p.errorAt(p.at, "regular expressions are not part of this language; use * and ?, or quote the value")
	case ':':
		return nil, 0, p.errorAt(p.at, "expected a field before the colon")
	}
	if field == 0 {
		start := p.at
		if name, ok := p.fieldName(); ok {
			if name == "_exists_" {
				n, err = p.exists()
				return n, sign, err
			}
			f, known := event.Lookup(name)
			if !known {
				return nil, 0, p.errorAt(start, "unknown field %q%s", name, nearest(name))
			}
			if p.at < len(p.q) && p.q[p.at] == '(' {
				n, err = p.group(depth, f)
				return n, sign, err
			}
			field = f
		}
	}
	n, err = p.leaf(field)
	return n, sign, err
}

// exists takes the name of a field after "_exists_:".
func (p *parser) exists() (*Node, error) {
	start := p.at
	for p.at < len(p.q) && !strings.ContainsRune(" \t\n()", rune(p.q[p.at])) {
		p.at++
	}
	name := p.q[start:p.at]
	f, known := event.Lookup(name)
	if !known {
		return nil, p.errorAt(start, "unknown field %q%s", name, nearest(name))
	}
	return &Node{Op: Exists, Field: f}, nil
}

func (p *parser) group(depth int, field event.Field) (*Node, error) {
	open := p.at
	p.at++
	n, err := p.or(depth+1, field)
	if err != nil {
		return nil, err
	}
	if p.at == len(p.q) {
		return nil, p.errorAt(open, "this parenthesis is not closed; expected )")
	}
	p.at++ // or returns only at ) or at the end
	return n, nil
}

// fieldName takes "name:" if it stands next.
func (p *parser) fieldName() (string, bool) {
	i := p.at
	for i < len(p.q) && (p.q[i] == '.' || p.q[i] == '_' || p.q[i] == '@' || p.q[i] >= '0' && p.q[i] <= '9' || p.q[i]|0x20 >= 'a' && p.q[i]|0x20 <= 'z') {
		i++
	}
	if i == p.at || i >= len(p.q) || p.q[i] != ':' {
		return "", false
	}
	name := p.q[p.at:i]
	p.at = i + 1
	return name, true
}

// leaf parses a value: a term, a phrase, a range or a comparison.
func (p *parser) leaf(field event.Field) (*Node, error) {
	start := p.at
	if p.at == len(p.q) {
		return nil, p.errorAt(p.at, "expected a value")
	}
	bad := func(err error) error { return p.errorAt(start, "%s", err) }
	if field != 0 {
		switch p.q[p.at] {
		case '[', '{':
			return p.rangeOf(field)
		case '<', '>':
			return p.comparison(field)
		}
	}
	if p.q[p.at] == '"' {
		s, err := p.quoted()
		if err != nil {
			return nil, err
		}
		if field == 0 {
			return words(s), nil
		}
		n, err := value(field, s)
		if err != nil {
			return nil, bad(err)
		}
		return n, nil
	}
	pattern, plain, wild, err := p.term()
	if err != nil {
		return nil, err
	}
	switch {
	case field == 0 && pattern == "*":
		return &Node{Op: All}, nil
	case field == 0 && wild:
		t := Tokens(strings.TrimSuffix(pattern, "*"))
		if strings.Count(pattern, "*") != 1 || !strings.HasSuffix(pattern, "*") || strings.Contains(pattern, "?") || len(t) != 1 {
			return nil, p.errorAt(start, "without a field only the end of one word may be a wildcard, such as %q", "invo*")
		}
		return &Node{Op: Prefix, Tokens: t}, nil
	case field == 0:
		n := words(plain)
		if len(n.Tokens) == 0 {
			return nil, p.errorAt(start, "%q has no letter or digit to look for", plain)
		}
		return n, nil
	case pattern == "*":
		return &Node{Op: Exists, Field: field}, nil
	case wild && field.Type() != event.Keyword && field.Type() != event.Text:
		return nil, p.errorAt(start, "%s is of type %s and has no wildcards; use a range", field.Name(), field.Type())
	case wild:
		return &Node{Op: Wildcard, Field: field, Value: pattern}, nil
	}
	n, err := value(field, plain)
	if err != nil {
		return nil, bad(err)
	}
	return n, nil
}

func words(s string) *Node {
	return &Node{Op: Words, Tokens: Tokens(s)}
}

// quoted takes a string in double quotes, in which \ escapes.
func (p *parser) quoted() (string, error) {
	open := p.at
	var b strings.Builder
	for p.at++; p.at < len(p.q); p.at++ {
		switch c := p.q[p.at]; c {
		case '\\':
			p.at++
			if p.at == len(p.q) {
				return "", p.errorAt(p.at, "expected a character after the backslash")
			}
			b.WriteByte(p.q[p.at])
		case '"':
			p.at++
			if p.at < len(p.q) && p.q[p.at] == '~' {
				return "", p.errorAt(p.at, "distances between words are not part of this language")
			}
			return b.String(), nil
		default:
			b.WriteByte(c)
		}
	}
	return "", p.errorAt(open, "this quote is not closed; expected \"")
}

// term takes characters up to white space or a parenthesis. pattern keeps
// escapes and wildcards, plain has the escapes removed.
func (p *parser) term() (pattern, plain string, wild bool, err error) {
	var pat, pl strings.Builder
	start := p.at
	for p.at < len(p.q) {
		c := p.q[p.at]
		if strings.IndexByte(" \t\r\n()\"[]{}", c) >= 0 {
			break
		}
		switch c {
		case '\\':
			p.at++
			if p.at == len(p.q) {
				return "", "", false, p.errorAt(p.at, "expected a character after the backslash")
			}
			pat.WriteByte('\\')
			pat.WriteByte(p.q[p.at])
			pl.WriteByte(p.q[p.at])
		case '*', '?':
			wild = true
			pat.WriteByte(c)
		case '~', '^':
			return "", "", false, p.errorAt(p.at, "%q (similar words, weights) is not part of this language; write \\%c for the character", c, c)
		default:
			pat.WriteByte(c)
			pl.WriteByte(c)
		}
		p.at++
	}
	if p.at == start {
		return "", "", false, p.errorAt(p.at, "unexpected %q; expected a value", p.q[p.at:p.at+1])
	}
	return pat.String(), pl.String(), wild, nil
}

func (p *parser) term0() (pattern, plain string, wild bool, err error) {
	if p.at == len(p.q) {
		return "", "", false, p.errorAt(p.at, "expected a value")
	}
	return p.term()
}
