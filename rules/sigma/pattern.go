package sigma

import (
	"strings"
	"unicode/utf8"
)

// maxPattern bounds the text of one value, in bytes.
const maxPattern = 16 << 10

// class is what one element of a pattern stands for.
type class uint8

const (
	literal class = iota // the text
	one                  // ?: one character
	many                 // *: any number of characters
	dash                 // a dash of windash: any of dashes
)

// dashes are interchangeable at the start of a Windows command line switch
// (Sigma modifiers appendix 2.1.0, windash).
const dashes = "-/\u2013\u2014\u2015"

// element is a piece of a pattern.
type element struct {
	class class
	text  string // of a literal
}

// pattern is a string value of Sigma: literals, wildcards and dashes.
type pattern []element

// parsePattern reads a value. A backslash takes its meaning from the next
// character only if that is a wildcard or a backslash; else it stands for
// itself (Sigma rules specification 2.0, "Escaping").
func parsePattern(s string) pattern {
	var p pattern
	var lit []byte
	flush := func() {
		if len(lit) > 0 {
			p = append(p, element{literal, string(lit)})
			lit = lit[:0]
		}
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && strings.IndexByte(`*?\`, s[i+1]) >= 0:
			i++
			lit = append(lit, s[i])
		case c == '*':
			flush()
			p = append(p, element{class: many})
		case c == '?':
			flush()
			p = append(p, element{class: one})
		default:
			lit = append(lit, c)
		}
	}
	flush()
	return p
}

// plain returns the text of a pattern without wildcards.
func (p pattern) plain() (string, bool) {
	var b strings.Builder
	for _, e := range p {
		if e.class != literal {
			return "", false
		}
		b.WriteString(e.text)
	}
	return b.String(), true
}

// escapes writes what a literal holds and a pattern means otherwise.
var escapes = strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "\x00", `\0`)

// String writes p so that equal patterns have equal texts.
func (p pattern) String() string {
	var b strings.Builder
	for _, e := range p {
		switch e.class {
		case literal:
			b.WriteString(escapes.Replace(e.text))
		case one:
			b.WriteByte('?')
		case many:
			b.WriteByte('*')
		case dash:
			b.WriteByte(0)
		}
	}
	return b.String()
}

// lower returns p with its literals in lower case.
func (p pattern) lower() pattern {
	out := make(pattern, len(p))
	for i, e := range p {
		out[i] = element{e.class, strings.ToLower(e.text)}
	}
	return out
}

// place puts wildcards around p (modifiers contains, startswith, endswith).
func (p pattern) place(pos position) pattern {
	out := make(pattern, 0, len(p)+2)
	if pos == contains || pos == ends {
		out = append(out, element{class: many})
	}
	out = append(out, p...)
	if pos == contains || pos == starts {
		out = append(out, element{class: many})
	}
	return out
}

// windash marks the dashes that begin a switch: a dash or slash with no word
// character before it and one after it.
func (p pattern) windash() pattern {
	var out pattern
	before := ' '
	for i, e := range p {
		if e.class != literal {
			out = append(out, e)
			before = ' '
			continue
		}
		from := 0
		for at, r := range e.text {
			next, _ := utf8.DecodeRuneInString(e.text[at+utf8.RuneLen(r):])
			if at+utf8.RuneLen(r) == len(e.text) {
				next = ' '
				if i+1 < len(p) && p[i+1].class == literal {
					next, _ = utf8.DecodeRuneInString(p[i+1].text)
				}
			}
			if strings.ContainsRune(dashes, r) && !word(before) && word(next) {
				if at > from {
					out = append(out, element{literal, e.text[from:at]})
				}
				out = append(out, element{class: dash})
				from = at + utf8.RuneLen(r)
			}
			before = r
		}
		if from < len(e.text) {
			out = append(out, element{literal, e.text[from:]})
		}
	}
	return out
}

func word(r rune) bool {
	return r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}

// expandDashes gives every way to write the dashes of p, or nothing when there
// are more than limit.
func (p pattern) expandDashes(limit int) []pattern {
	out := []pattern{nil}
	for _, e := range p {
		if e.class != dash {
			for i := range out {
				out[i] = append(out[i], e)
			}
			continue
		}
		var next []pattern
		for _, q := range out {
			for _, d := range dashes {
				next = append(next, append(q[:len(q):len(q)], element{literal, string(d)}))
			}
		}
		if out = next; len(out) > limit {
			return nil
		}
	}
	return out
}

// segment is what stands between two stars.
type segment struct {
	lit   string  // when it is one literal
	parts pattern // else
	runes int     // characters of parts
}

// matcher is a compiled pattern.
type matcher struct {
	segs       []segment
	head, tail bool // the first segment begins the value, the last ends it
	longest    string
}

func compilePattern(p pattern) matcher {
	m := matcher{head: len(p) == 0 || p[0].class != many, tail: len(p) == 0 || p[len(p)-1].class != many}
	var cur pattern
	flush := func() {
		if len(cur) == 0 {
			return
		}
		seg := segment{parts: cur}
		for _, e := range cur {
			if e.class == literal {
				seg.runes += utf8.RuneCountInString(e.text)
				if len(e.text) > len(m.longest) {
					m.longest = e.text
				}
			} else {
				seg.runes++
			}
		}
		if text, ok := cur.plain(); ok {
			seg.lit, seg.parts = text, nil
			if len(text) > len(m.longest) {
				m.longest = text
			}
		}
		m.segs, cur = append(m.segs, seg), nil
	}
	for _, e := range p {
		if e.class == many {
			flush()
		} else {
			cur = append(cur, e)
		}
	}
	flush()
	return m
}

// exact returns the text of a pattern that is one literal from end to end.
func (m *matcher) exact() (string, bool) {
	switch {
	case !m.head || !m.tail:
		return "", false
	case len(m.segs) == 0:
		return "", true
	}
	return m.segs[0].lit, len(m.segs) == 1 && m.segs[0].parts == nil
}

func (m *matcher) match(s string) bool {
	segs := m.segs
	if len(segs) == 0 {
		return !m.head || s == ""
	}
	if m.head {
		n, ok := segs[0].at(s)
		if !ok {
			return false
		}
		if s, segs = s[n:], segs[1:]; len(segs) == 0 {
			return !m.tail || s == ""
		}
	}
	var last *segment
	if m.tail {
		last, segs = &segs[len(segs)-1], segs[:len(segs)-1]
	}
	for i := range segs {
		n, ok := segs[i].find(s)
		if !ok {
			return false
		}
		s = s[n:]
	}
	return last == nil || last.ends(s)
}

// at reports whether s begins with the segment, and how long that is.
func (g *segment) at(s string) (int, bool) {
	if g.parts == nil {
		return len(g.lit), strings.HasPrefix(s, g.lit)
	}
	n := 0
	for _, e := range g.parts {
		if e.class == literal {
			if !strings.HasPrefix(s[n:], e.text) {
				return 0, false
			}
			n += len(e.text)
			continue
		}
		r, size := utf8.DecodeRuneInString(s[n:])
		if size == 0 || e.class == dash && !strings.ContainsRune(dashes, r) {
			return 0, false
		}
		n += size
	}
	return n, true
}

// find returns where the first place of the segment in s ends.
func (g *segment) find(s string) (int, bool) {
	if g.parts == nil {
		i := strings.Index(s, g.lit)
		return i + len(g.lit), i >= 0
	}
	for i := range s {
		if n, ok := g.at(s[i:]); ok {
			return i + n, true
		}
	}
	return 0, false
}

// ends reports whether s ends with the segment.
func (g *segment) ends(s string) bool {
	if g.parts == nil {
		return strings.HasSuffix(s, g.lit)
	}
	i := len(s)
	for range g.runes {
		_, size := utf8.DecodeLastRuneInString(s[:i])
		if size == 0 {
			return false
		}
		i -= size
	}
	n, ok := g.at(s[i:])
	return ok && i+n == len(s)
}
