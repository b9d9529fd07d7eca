package image

import (
	"errors"
	"fmt"
	"strings"
)

// turtle is what the statements of an AFF4 say (W3C, RDF 1.1 Turtle, as far as
// AFF4 uses it), by subject. Names of AFF4's own vocabulary come without it.
type turtle struct {
	of    map[string]turtleFacts
	order []string
}

type turtleFacts map[string][]turtleValue

type turtleValue struct{ text, kind string }

func (f turtleFacts) one(name string) string {
	if v := f[name]; len(v) > 0 {
		return v[0].text
	}
	return ""
}

// is reports whether it has one of the types.
func (f turtleFacts) is(types ...string) bool {
	for _, v := range f["type"] {
		for _, t := range types {
			if v.text == t {
				return true
			}
		}
	}
	return false
}

const turtleMost = 1 << 20 // statements

// parseTurtle reads the text.
func parseTurtle(text string) (turtle, error) {
	t := turtle{of: map[string]turtleFacts{}}
	p := turtleLexer{s: text, prefixes: map[string]string{}}
	for count := 0; ; {
		subject := p.token()
		switch strings.ToLower(subject.text) {
		case "":
			return t, p.err
		case "@prefix", "prefix", "@base", "base":
			name := p.token()
			if !strings.Contains(strings.ToLower(subject.text), "base") {
				p.prefixes[strings.TrimSuffix(name.raw, ":")] = p.token().text
			}
			if subject.text[0] == '@' {
				p.token()
			}
			continue
		}
		if count++; count > turtleMost {
			return t, fmt.Errorf("more than %d statements", turtleMost)
		}
		facts := t.of[subject.text]
		if facts == nil {
			facts = turtleFacts{}
			t.of[subject.text] = facts
			t.order = append(t.order, subject.text)
		}
		for end := false; !end; {
			verb := p.token()
			if verb.raw == "." {
				break
			}
			if verb.raw == ";" {
				continue
			}
			if verb.raw == "" {
				return t, errors.Join(p.err, fmt.Errorf("it ends within what is said of %s", subject.text))
			}
			name := plainName(verb.text)
			if verb.raw == "a" {
				name = "type"
			}
			for more := true; more; {
				v := p.token()
				kind := ""
				if v.raw == "[" || v.raw == "(" || v.raw == "" {
					return t, errors.Join(p.err, fmt.Errorf("at byte %d: a form of statement that is %w", p.at, ErrUnsupported))
				}
				next := p.token()
				if next.raw == "^^" {
					kind = plainName(p.token().text)
					next = p.token()
				} else if strings.HasPrefix(next.raw, "@") {
					next = p.token()
				}
				value := v.text
				if !v.literal {
					value = plainName(value)
				}
				if count++; count > turtleMost {
					return t, fmt.Errorf("more than %d statements", turtleMost)
				}
				facts[name] = append(facts[name], turtleValue{value, kind})
				switch next.raw {
				case ",":
				case ";":
					more = false
				case ".":
					more, end = false, true
				default:
					return t, errors.Join(p.err, fmt.Errorf("at byte %d: %.40q was not expected", p.at, next.raw))
				}
			}
		}
	}
}

// plainName is a name of AFF4 or RDF without its vocabulary; others stay.
func plainName(s string) string {
	for _, p := range []string{"http://aff4.org/Schema#", "http://www.w3.org/1999/02/22-rdf-syntax-ns#"} {
		if rest, ok := strings.CutPrefix(s, p); ok {
			return rest
		}
	}
	return s
}

type turtleLexer struct {
	s        string
	at       int
	prefixes map[string]string
	err      error
}

// turtleToken is a word: as it is written, and what it means.
type turtleToken struct {
	raw, text string
	literal   bool
}

const turtleSpace = " \t\r\n"

func (p *turtleLexer) token() turtleToken {
	for p.at < len(p.s) {
		switch c := p.s[p.at]; {
		case strings.IndexByte(turtleSpace, c) >= 0:
			p.at++
		case c == '#':
			if i := strings.IndexByte(p.s[p.at:], '\n'); i >= 0 {
				p.at += i
			} else {
				p.at = len(p.s)
			}
		case c == '<':
			i := strings.IndexByte(p.s[p.at:], '>')
			if i < 0 {
				return p.fail("an address does not end")
			}
			t := p.s[p.at+1 : p.at+i]
			p.at += i + 1
			return turtleToken{"<" + t + ">", t, false}
		case c == '"' || c == '\'':
			return p.quoted(c)
		case strings.IndexByte(";,[]()", c) >= 0:
			p.at++
			return turtleToken{string(c), string(c), false}
		case c == '^' && strings.HasPrefix(p.s[p.at:], "^^"):
			p.at += 2
			return turtleToken{"^^", "^^", false}
		case c == '.' && (p.at+1 == len(p.s) || strings.IndexByte(turtleSpace+"#<", p.s[p.at+1]) >= 0):
			p.at++
			return turtleToken{".", ".", false}
		default:
			return p.word()
		}
	}
	return turtleToken{}
}

func (p *turtleLexer) fail(what string) turtleToken {
	if p.err == nil {
		p.err = fmt.Errorf("at byte %d: %s", p.at, what)
	}
	p.at = len(p.s)
	return turtleToken{}
}

// quoted is a literal, of one quotation mark or three.
func (p *turtleLexer) quoted(c byte) turtleToken {
	mark := strings.Repeat(string(c), 3)
	if !strings.HasPrefix(p.s[p.at:], mark) {
		mark = string(c)
	}
	var b strings.Builder
	for i := p.at + len(mark); i < len(p.s); i++ {
		switch {
		case p.s[i] == '\\' && i+1 < len(p.s):
			i++
			if at := strings.IndexByte("tnr", p.s[i]); at >= 0 {
				b.WriteByte("\t\n\r"[at])
			} else {
				b.WriteByte(p.s[i])
			}
		case strings.HasPrefix(p.s[i:], mark):
			p.at = i + len(mark)
			return turtleToken{mark, b.String(), true}
		default:
			b.WriteByte(p.s[i])
		}
	}
	return p.fail("a text does not end")
}

// word is a name with a prefix, a number or a keyword.
func (p *turtleLexer) word() turtleToken {
	from := p.at
	for p.at < len(p.s) && strings.IndexByte(turtleSpace+";,[]()<\"^", p.s[p.at]) < 0 {
		p.at++
	}
	if w := p.s[from:p.at]; len(w) > 1 && w[len(w)-1] == '.' { // the end of a statement
		p.at--
	}
	if p.at == from {
		p.at++
	}
	w := p.s[from:p.at]
	if prefix, rest, ok := strings.Cut(w, ":"); ok {
		if long, ok := p.prefixes[prefix]; ok {
			return turtleToken{w, long + rest, false}
		}
	}
	return turtleToken{w, w, w != "" && (w[0] >= '0' && w[0] <= '9')}
}
