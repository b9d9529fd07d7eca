package sigma

import (
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

	"saksi/internal/required"
)

// maxForms bounds the forms into which one value may expand.
const maxForms = 1024

// timeParts are the modifiers that take a number out of a time.
var timeParts = map[string]bool{"minute": true, "hour": true, "day": true, "week": true, "month": true, "year": true}

// item is one "field|modifier|modifier: values" under work.
type item struct {
	c     *compiler
	src   *fields
	key   *yaml.Node
	field int32

	pos                               position
	all, cased, re, cidr, exists, neq bool
	ref, expand, base64               bool
	reFlags, compare, part            string
	transforms                        []string // of the value, in their order
	others                            []int32  // of fieldref
}

// item compiles a field with its modifiers (Sigma modifiers appendix 2.1.0)
// and values.
func (c *compiler) item(key, val *yaml.Node, src *fields) (node, error) {
	parts := strings.Split(key.Value, "|")
	it := &item{c: c, src: src, key: key}
	if parts[0] != "" {
		var err error
		if it.field, err = c.fieldOf(key, parts[0], src); err != nil {
			return nil, err
		}
	}
	for _, mod := range parts[1:] {
		if err := it.modifier(mod); err != nil {
			return nil, err
		}
	}
	if it.field == anyField && it.pos == whole {
		it.pos = contains // keywords are searched in the whole record
	}
	values := []*yaml.Node{val}
	if val.Kind == yaml.SequenceNode {
		values = val.Content
	}
	if len(values) == 0 {
		return nil, wrong(val, "no values", "a value", "%s has no values", key.Value)
	}
	var list []node
	for _, v := range values {
		if v.Kind != yaml.ScalarNode {
			return nil, wrong(v, "value", "a plain value", "%s takes plain values", key.Value)
		}
		if len(v.Value) > maxPattern {
			return nil, wrong(v, "value", fmt.Sprintf("at most %d bytes", maxPattern), "a value has %d bytes", len(v.Value))
		}
		n, err := it.value(v)
		if err != nil {
			return nil, err
		}
		list = append(list, it.labelValue(n, v.Value, len(values)))
	}
	n := join(list, it.all)
	if it.neq {
		n = not{n}
	}
	return it.labelItem(n, values), nil
}

// join links conditions by and, or by or.
func join(list []node, all bool) node {
	switch {
	case len(list) == 1:
		return list[0]
	case all:
		return allOf(list)
	}
	return anyOf(list)
}

func (it *item) modifier(mod string) error {
	switch mod {
	case "contains":
		it.pos = contains
	case "startswith":
		it.pos = starts
	case "endswith":
		it.pos = ends
	case "all":
		it.all = true
	case "cased":
		it.cased = true
	case "re":
		it.re = true
	case "i", "m", "s":
		if !it.re {
			return wrong(it.key, "modifier", "re before it", "the modifier %s belongs to re", mod)
		}
		it.reFlags += mod
	case "cidr":
		it.cidr = true
	case "exists":
		it.exists = true
	case "neq":
		it.neq = true
	case "gt", "gte", "lt", "lte":
		it.compare = mod
	case "fieldref":
		it.ref = true
	case "expand":
		it.expand = true
	case "windash", "wide", "utf16le", "utf16be", "utf16":
		it.transforms = append(it.transforms, mod)
	case "base64", "base64offset":
		it.transforms, it.base64 = append(it.transforms, mod), true
	default:
		if !timeParts[mod] {
			return wrong(it.key, "unknown modifier", "a modifier of Sigma 2", "%q is no modifier", mod)
		}
		it.part = mod
	}
	return it.fits()
}

// fits refuses modifiers that contradict each other.
func (it *item) fits() error {
	n := 0
	for _, b := range []bool{it.re, it.cidr, it.exists, it.ref, it.compare != "" || it.part != "", len(it.transforms) > 0} {
		if b {
			n++
		}
	}
	if n > 1 {
		return wrong(it.key, "modifiers", "modifiers that go together", "the modifiers of %s contradict each other", it.key.Value)
	}
	return nil
}

// value compiles one value.
func (it *item) value(v *yaml.Node) (node, error) {
	a := atom{field: it.field, cased: it.cased, pos: it.pos}
	s := v.Value
	if it.field == anyField && (it.exists || it.ref || v.Tag == "!!null") {
		return nil, wrong(v, "keyword", "a word", "a keyword has no field to look at")
	}
	switch {
	case it.exists:
		want, err := strconv.ParseBool(s)
		if err != nil {
			return nil, wrong(v, "exists", "true or false", "exists takes true or false, not %q", s)
		}
		a.kind = byPresence
		if !want {
			return not{it.c.intern(&a, "")}, nil
		}
		return it.c.intern(&a, ""), nil
	case v.Tag == "!!null":
		a.kind = byNull
		return it.c.intern(&a, ""), nil
	case it.ref:
		other, err := it.c.fieldOf(v, s, it.src)
		if err != nil {
			return nil, err
		}
		a.kind, a.other = byField, other
		it.others = append(it.others, other)
		return it.c.intern(&a, ""), nil
	}
	texts := []string{s}
	if it.expand {
		var err error
		if texts, err = it.c.placeholders(v, s); err != nil {
			return nil, err
		}
	}
	var list []node
	for _, text := range texts {
		n, err := it.text(v, text, a)
		if err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return join(list, false), nil
}

// text compiles a value whose placeholders are filled in.
func (it *item) text(v *yaml.Node, s string, a atom) (node, error) {
	switch {
	case it.cidr:
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, wrong(v, "cidr", "a network such as 192.0.2.0/24", "%q is no network", s)
		}
		a.kind, a.net = byNetwork, p.Masked()
		return it.c.intern(&a, a.net.String()), nil
	case it.part != "" || it.compare != "":
		n, ok := number(s)
		if !ok {
			return nil, wrong(v, "comparison", "a number", "%q is no number", s)
		}
		a.kind, a.op, a.num, a.part = byNumber, it.compare, n, it.part
		if it.part != "" {
			a.kind = byTime
		}
		return it.c.intern(&a, a.op+" "+a.part+" "+strconv.FormatFloat(n, 'g', -1, 64)), nil
	case it.re:
		return it.regexp(v, s, a)
	}
	forms := []pattern{parsePattern(s)}
	if len(it.transforms) > 0 {
		var err error
		if forms, err = it.transform(v, forms); err != nil {
			return nil, err
		}
		a.cased = a.cased || it.base64
	}
	var list []node
	for _, p := range forms {
		list = append(list, it.c.pattern(a, p.place(it.pos)))
	}
	return join(list, false), nil
}

// pattern interns the question whether a field is like p.
func (c *compiler) pattern(a atom, p pattern) node {
	a.kind, a.pos = byPattern, whole
	if !a.cased {
		p = p.lower()
	}
	a.pat = compilePattern(p)
	if a.pat.longest != "" {
		a.lits = []string{strings.ToLower(a.pat.longest)}
	}
	return c.intern(&a, p.String())
}

func (it *item) regexp(v *yaml.Node, s string, a atom) (node, error) {
	flags := it.reFlags
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
	a.kind, a.re = byRegexp, re
	if tree, err := syntax.Parse(flags+s, syntax.Perl); err == nil {
		a.lits = required.Literals(tree.Simplify())
	}
	return it.c.intern(&a, re.String()), nil
}

// transform applies the modifiers that rewrite a value, in their order.
func (it *item) transform(v *yaml.Node, forms []pattern) ([]pattern, error) {
	for _, mod := range it.transforms {
		var out []pattern
		for _, p := range forms {
			if mod == "windash" {
				out = append(out, p.windash())
				continue
			}
			flat := p.expandDashes(maxForms)
			if flat == nil || len(out)+len(flat) > maxForms {
				return nil, refused(v, "modifier windash", "the value has more than %d forms", maxForms)
			}
			for _, q := range flat {
				if mod == "base64" || mod == "base64offset" {
					text, ok := q.plain()
					if !ok {
						return nil, wrong(v, mod, "a value without wildcards", "a value with wildcards can't be encoded in Base64")
					}
					for _, enc := range encodeBase64(text, mod == "base64offset") {
						if enc == "" {
							return nil, wrong(v, mod, "a longer value", "%q is too short to be known in Base64", text)
						}
						out = append(out, pattern{{literal, enc}})
					}
					continue
				}
				out = append(out, q.wide(mod))
			}
		}
		forms = out
	}
	return forms, nil
}

// wide writes the literals of p in UTF-16; utf16 sets a byte order mark before.
func (p pattern) wide(form string) pattern {
	var out pattern
	if form == "utf16" {
		out = append(out, element{literal, "\xff\xfe"})
	}
	for _, e := range p {
		if e.class == literal {
			var b []byte
			for _, u := range utf16.Encode([]rune(e.text)) {
				if form == "utf16be" {
					b = append(b, byte(u>>8), byte(u))
				} else {
					b = append(b, byte(u), byte(u>>8))
				}
			}
			e.text = string(b)
		}
		out = append(out, e)
	}
	return out
}

// encodeBase64 gives the Base64 of s; with offset the parts of it that are the
// same wherever s begins in what was encoded: at each of three places in a
// group of three bytes.
func encodeBase64(s string, offset bool) []string {
	if !offset {
		return []string{base64.StdEncoding.EncodeToString([]byte(s))}
	}
	var out []string
	start, end := [3]int{0, 2, 3}, [3]int{0, 3, 2}
	for i := range 3 {
		enc := base64.StdEncoding.EncodeToString(append(make([]byte, i), s...))
		to := len(enc) - end[(len(s)+i)%3]
		out = append(out, enc[min(start[i], to):to])
	}
	return out
}

// placeholders fills in %name% by the values the settings give it; \% is a
// percent sign, \\% a backslash and the start of a name. A rule with a name that no setting fills in is refused.
func (c *compiler) placeholders(v *yaml.Node, s string) ([]string, error) {
	out := []string{""}
	put := func(texts ...string) error {
		var next []string
		for _, o := range out {
			for _, t := range texts {
				next = append(next, o+t)
			}
		}
		if out = next; len(out) > maxForms {
			return refused(v, "modifier expand", "the value has more than %d forms", maxForms)
		}
		return nil
	}
	for s != "" {
		i := strings.IndexByte(s, '%')
		slashes := 0
		for slashes < i && s[i-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 1 {
			if err := put(s[:i-1] + "%"); err != nil {
				return nil, err
			}
			s = s[i+1:]
			continue
		}
		name, rest, closed := "", "", false
		if i >= 0 {
			name, rest, closed = strings.Cut(s[i+1:], "%")
		}
		if !closed {
			return out, put(s)
		}
		values := c.cfg.Placeholders[name]
		if len(values) == 0 {
			return nil, refused(v, "modifier expand", "no setting fills in the placeholder %%%s%%", name)
		}
		if err := put(s[:i]); err != nil {
			return nil, err
		}
		if err := put(values...); err != nil {
			return nil, err
		}
		s = rest
	}
	return out, nil
}
