package sigma

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode/utf16"

	"gopkg.in/yaml.v3"

	"saksi/event"
)

// cond is a compiled condition or a part of one.
type cond interface{ match(e *event.Event) bool }

type (
	allOf []cond
	anyOf []cond
	not   struct{ c cond }
)

func (a allOf) match(e *event.Event) bool {
	for _, c := range a {
		if !c.match(e) {
			return false
		}
	}
	return true
}

func (a anyOf) match(e *event.Event) bool {
	for _, c := range a {
		if c.match(e) {
			return true
		}
	}
	return false
}

func (n not) match(e *event.Event) bool { return !n.c.match(e) }

// fieldTest holds when a value of the field passes the test.
type fieldTest struct {
	field event.Field
	test  func(v event.Value) bool
}

func (t fieldTest) match(e *event.Event) bool {
	if !t.field.IsArray() {
		v, ok := e.Last(t.field)
		return ok && t.test(v)
	}
	for v := range e.Values(t.field) {
		if t.test(v) {
			return true
		}
	}
	return false
}

type existence struct {
	field event.Field
	want  bool
}

func (x existence) match(e *event.Event) bool { return e.Has(x.field) == x.want }

// keyword holds when any text of the event passes.
type keyword struct{ test func(v event.Value) bool }

func (k keyword) match(e *event.Event) bool {
	for v := range e.All() {
		if (v.Type() == event.Keyword || v.Type() == event.Text) && k.test(v) {
			return true
		}
	}
	return false
}

type fieldRef struct{ a, b event.Field }

func (r fieldRef) match(e *event.Event) bool {
	a, okA := e.Last(r.a)
	b, okB := e.Last(r.b)
	return okA && okB && string(a.AppendText(nil)) == string(b.AppendText(nil))
}

// compile compiles the searches of a detection and its condition.
func compile(det *yaml.Node, src source) (cond, error) {
	searches := map[string]cond{}
	var names []string
	var condition *yaml.Node
	for i := 0; i+1 < len(det.Content); i += 2 {
		name, n := det.Content[i].Value, det.Content[i+1]
		switch name {
		case "condition":
			condition = n
			continue
		case "timeframe":
			return nil, refused(n, "timeframe", "time frames are part of correlation and are not run yet")
		}
		c, err := search(n, src)
		if err != nil {
			return nil, err
		}
		if _, twice := searches[name]; twice {
			return nil, wrong(det.Content[i], "search twice", "each search once", "the search %q is there twice", name)
		}
		searches[name] = c
		names = append(names, name)
	}
	switch {
	case condition == nil:
		return nil, wrong(det, "no condition", "condition", "the detection has no condition")
	case condition.Kind == yaml.SequenceNode:
		var any anyOf
		for _, n := range condition.Content {
			c, err := expression(n, searches, names)
			if err != nil {
				return nil, err
			}
			any = append(any, c)
		}
		return any, nil
	}
	return expression(condition, searches, names)
}

// search is a mapping (all must hold), a list of mappings (any), or a list of
// keywords (any).
func search(n *yaml.Node, src source) (cond, error) {
	switch n.Kind {
	case yaml.MappingNode:
		var all allOf
		for i := 0; i+1 < len(n.Content); i += 2 {
			c, err := item(n.Content[i], n.Content[i+1], src)
			if err != nil {
				return nil, err
			}
			all = append(all, c)
		}
		return all, nil
	case yaml.SequenceNode:
		var any anyOf
		for _, x := range n.Content {
			if x.Kind == yaml.ScalarNode {
				any = append(any, keyword{stringTest(x.Value, contains, false)})
				continue
			}
			c, err := search(x, src)
			if err != nil {
				return nil, err
			}
			any = append(any, c)
		}
		return any, nil
	case yaml.ScalarNode:
		return keyword{stringTest(n.Value, contains, false)}, nil
	}
	return nil, wrong(n, "search", "a mapping or a list", "a search is a mapping, a list or a word")
}

// How a string stands in a value.
type position int

const (
	whole position = iota
	contains
	starts
	ends
)

// item compiles "field|modifier|modifier: values".
func item(key, val *yaml.Node, src source) (cond, error) {
	parts := strings.Split(key.Value, "|")
	name, mods := parts[0], parts[1:]
	var f event.Field
	if name != "" {
		var err error
		if f, err = src.field(key, name); err != nil {
			return nil, err
		}
	}
	m := modifiers{}
	for _, mod := range mods {
		if err := m.add(key, mod); err != nil {
			return nil, err
		}
	}
	values := []*yaml.Node{val}
	if val.Kind == yaml.SequenceNode {
		values = val.Content
	}
	if len(values) == 0 {
		return nil, wrong(val, "no values", "a value", "%s has no values", key.Value)
	}
	var list []cond
	for _, v := range values {
		if v.Kind != yaml.ScalarNode {
			return nil, wrong(v, "value", "a plain value", "%s takes plain values", key.Value)
		}
		c, err := m.value(v, f, src)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	var c cond = anyOf(list)
	if m.all {
		c = allOf(list)
	}
	if m.neq {
		c = not{c}
	}
	return c, nil
}

// modifiers of one item (Sigma appendix "modifiers").
type modifiers struct {
	pos                               position
	all, cased, re, cidr, exists, neq bool
	base64, offset, wide, dash, ref   bool
	reFlags                           string
	compare                           string
}

func (m *modifiers) add(key *yaml.Node, mod string) error {
	switch mod {
	case "contains":
		m.pos = contains
	case "startswith":
		m.pos = starts
	case "endswith":
		m.pos = ends
	case "all":
		m.all = true
	case "cased":
		m.cased = true
	case "re":
		m.re = true
	case "i", "m", "s":
		m.reFlags += mod
	case "cidr":
		m.cidr = true
	case "exists":
		m.exists = true
	case "neq":
		m.neq = true
	case "gt", "gte", "lt", "lte":
		m.compare = mod
	case "base64":
		m.base64 = true
	case "base64offset":
		m.base64, m.offset = true, true
	case "wide", "utf16le":
		m.wide = true
	case "windash":
		m.dash = true
	case "fieldref":
		m.ref = true
	case "expand":
		return refused(key, "modifier expand", "placeholders need a pipeline, which is not there")
	case "utf16", "utf16be", "minute", "hour", "day", "week", "month", "year":
		return refused(key, "modifier "+mod, "the modifier %s is not honored yet", mod)
	default:
		return wrong(key, "unknown modifier", "a modifier of Sigma 2", "%q is no modifier", mod)
	}
	return nil
}

func (m *modifiers) value(v *yaml.Node, f event.Field, src source) (cond, error) {
	on := func(test func(event.Value) bool) cond {
		if f == 0 {
			return keyword{test}
		}
		return fieldTest{f, test}
	}
	s := v.Value
	switch {
	case m.exists:
		want, err := strconv.ParseBool(s)
		if err != nil || f == 0 {
			return nil, wrong(v, "exists", "true or false", "exists takes true or false")
		}
		return existence{f, want}, nil
	case v.Tag == "!!null":
		if f == 0 {
			return nil, wrong(v, "null keyword", "a word", "a keyword can't be null")
		}
		return existence{f, false}, nil
	case m.ref:
		g, err := src.field(v, s)
		if err != nil {
			return nil, err
		}
		return fieldRef{f, g}, nil
	case m.cidr:
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, wrong(v, "cidr", "a network such as 192.0.2.0/24", "%q is no network", s)
		}
		return on(func(x event.Value) bool {
			a := x.Addr()
			if !a.IsValid() {
				a, _ = netip.ParseAddr(x.Str())
			}
			return a.IsValid() && p.Contains(a.Unmap())
		}), nil
	case m.compare != "":
		want, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return nil, wrong(v, "comparison", "a number", "%q is no number", s)
		}
		return on(comparison(m.compare, want)), nil
	case m.re:
		flags := m.reFlags
		if flags != "" {
			flags = "(?" + flags + ")"
		}
		re, err := regexp.Compile(flags + s)
		if err != nil {
			var bad *syntax.Error
			if errors.As(err, &bad) && (bad.Code == syntax.ErrInvalidPerlOp || bad.Code == syntax.ErrInvalidEscape) {
				return nil, refused(v, "regular expression", "not expressible in linear time: %v", err)
			}
			return nil, wrong(v, "regular expression", "a regular expression", "%v", err)
		}
		return on(func(x event.Value) bool { return re.Match(x.AppendText(nil)) }), nil
	}
	variants := []string{s}
	if m.dash {
		variants = windash(s)
	}
	var any anyOf
	for _, x := range variants {
		if !m.base64 && !m.wide {
			any = append(any, on(stringTest(x, m.pos, m.cased)))
			continue
		}
		for _, enc := range m.encode(x) {
			any = append(any, on(stringTest(escape(enc), m.pos, true)))
		}
	}
	return any, nil
}

func comparison(op string, want float64) func(event.Value) bool {
	return func(x event.Value) bool {
		have, err := strconv.ParseFloat(string(x.AppendText(nil)), 64)
		if err != nil {
			return false
		}
		c := cmp.Compare(have, want)
		return op == "gt" && c > 0 || op == "gte" && c >= 0 || op == "lt" && c < 0 || op == "lte" && c <= 0
	}
}

// encode gives the encoded forms of a value; wildcards in it are plain.
func (m *modifiers) encode(s string) []string {
	b := []byte(s)
	if m.wide {
		b = b[:0:0]
		for _, u := range utf16.Encode([]rune(s)) {
			b = append(b, byte(u), byte(u>>8))
		}
	}
	if !m.base64 {
		return []string{string(b)}
	}
	if !m.offset {
		return []string{base64.StdEncoding.EncodeToString(b)}
	}
	// The text may begin at any of three places in a group of three bytes;
	// only the characters that depend on it alone count.
	var out []string
	start, end := [3]int{0, 2, 3}, [3]int{0, 3, 2}
	for i := range 3 {
		enc := base64.StdEncoding.EncodeToString(append(make([]byte, i), b...))
		out = append(out, enc[start[i]:len(enc)-end[(len(b)+i)%3]])
	}
	return out
}

func escape(s string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`).Replace(s)
}

// windash gives the forms of a command line switch (Sigma modifier windash).
func windash(s string) []string {
	out := []string{s}
	for _, from := range []string{"-", "/"} {
		i := strings.Index(s, from)
		if i < 0 || i > 0 && s[i-1] != ' ' {
			continue
		}
		for _, to := range []string{"-", "/", "\u2013", "\u2014", "\u2015"} {
			if x := s[:i] + to + s[i+len(from):]; x != s {
				out = append(out, x)
			}
		}
	}
	return out
}

// stringTest compiles a string with Sigma's wildcards: * any characters, ? one,
// \ escapes them. Case does not count unless cased.
func stringTest(s string, pos position, cased bool) func(event.Value) bool {
	var b strings.Builder
	b.WriteString("(?s")
	if !cased {
		b.WriteByte('i')
	}
	b.WriteByte(')')
	if pos == whole || pos == starts {
		b.WriteByte('^')
	}
	plain := true
	var lit strings.Builder
	flush := func() {
		b.WriteString(regexp.QuoteMeta(lit.String()))
		lit.Reset()
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && strings.IndexByte(`*?\`, s[i+1]) >= 0:
			i++
			lit.WriteByte(s[i])
		case c == '*' || c == '?':
			plain = false
			flush()
			if c == '*' {
				b.WriteString(".*")
			} else {
				b.WriteByte('.')
			}
		default:
			lit.WriteByte(c)
		}
	}
	if plain && cased {
		want := lit.String()
		return func(v event.Value) bool {
			have := string(v.AppendText(nil))
			switch pos {
			case contains:
				return strings.Contains(have, want)
			case starts:
				return strings.HasPrefix(have, want)
			case ends:
				return strings.HasSuffix(have, want)
			}
			return have == want
		}
	}
	flush()
	if pos == whole || pos == ends {
		b.WriteByte('$')
	}
	re, err := regexp.Compile(b.String())
	if err != nil { // what was quoted is too large for the engine: nothing is that long
		return func(event.Value) bool { return false }
	}
	return func(v event.Value) bool { return re.Match(v.AppendText(nil)) }
}

// expression parses a condition: searches, "1 of x*", "all of them", and, or,
// not, parentheses (Sigma specification, "Condition").
func expression(n *yaml.Node, searches map[string]cond, names []string) (cond, error) {
	if n.Kind != yaml.ScalarNode {
		return nil, wrong(n, "condition", "a text", "a condition is a text")
	}
	if strings.Contains(n.Value, "|") {
		return nil, refused(n, "aggregation", "aggregations in the condition belong to Sigma 1 and are not run")
	}
	p := &parser{n: n, words: strings.Fields(strings.NewReplacer("(", " ( ", ")", " ) ").Replace(n.Value)), searches: searches, names: names}
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

type parser struct {
	n        *yaml.Node
	words    []string
	at       int
	searches map[string]cond
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

func (p *parser) or(depth int) (cond, error) {
	c, err := p.and(depth)
	for err == nil && p.take("or") {
		var d cond
		d, err = p.and(depth)
		c = anyOf{c, d}
	}
	return c, err
}

func (p *parser) and(depth int) (cond, error) {
	c, err := p.unary(depth)
	for err == nil && p.take("and") {
		var d cond
		d, err = p.unary(depth)
		c = allOf{c, d}
	}
	return c, err
}

func (p *parser) unary(depth int) (cond, error) {
	if depth > 64 {
		return nil, p.fail("at most 64 levels", "nested too deep")
	}
	if p.take("not") {
		c, err := p.unary(depth + 1)
		return not{c}, err
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

// of takes "them" or a name with a star at its end.
func (p *parser) of(all bool) (cond, error) {
	w := p.next()
	var list []cond
	for _, name := range p.names {
		prefix, star := strings.CutSuffix(w, "*")
		switch {
		case strings.EqualFold(w, "them"):
			if !strings.HasPrefix(name, "_") {
				list = append(list, p.searches[name])
			}
		case star && strings.HasPrefix(name, prefix), name == w:
			list = append(list, p.searches[name])
		}
	}
	if len(list) == 0 {
		p.at--
		return nil, p.fail("one of "+strings.Join(p.names, ", "), "no search is called %q", w)
	}
	if all {
		return allOf(list), nil
	}
	return anyOf(list), nil
}
