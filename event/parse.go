package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"time"
	"unicode/utf8"
)

// Parse reads one document as AppendJSON wrote it. Unknown fields and values
// of another type than the field's are errors that name the field.
//
// It takes what RFC 8259 allows and reads it in one pass without tokens: indices parse each
// document that they deliver or answer, and encoding/json's tokens were two thirds of that.
func Parse(line []byte) (*Event, error) {
	p := parser{b: line, e: &Event{vals: make([]Value, 0, 24)}}
	p.space()
	if p.at() != '{' {
		return nil, fmt.Errorf("reading a document: it starts with %s, expected an object", p.found())
	}
	p.i++
	if err := p.object(0); err != nil {
		return nil, fmt.Errorf("reading a document at offset %d: %w", p.i, err)
	}
	if p.space(); p.i < len(p.b) {
		return nil, fmt.Errorf("reading a document: more follows it at offset %d", p.i)
	}
	return p.e, nil
}

// maxDepth bounds the nesting of a hostile document; ECS needs eight levels.
const maxDepth = 16

// parser is a place in a document.
type parser struct {
	b    []byte
	i    int
	name []byte // of the field, with the names of the objects around it
	e    *Event
}

// at is the byte that comes next; 0 at the end, which no document has elsewhere but in
// a string, where it is refused.
func (p *parser) at() byte {
	if p.i < len(p.b) {
		return p.b[p.i]
	}
	return 0
}

// found is what stands at the place, for errors.
func (p *parser) found() string {
	if p.i >= len(p.b) {
		return "the end"
	}
	return strconv.QuoteToASCII(string(p.b[p.i : p.i+1]))
}

func (p *parser) space() {
	for p.i < len(p.b) {
		switch p.b[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return
		}
	}
}

// object reads what follows the brace.
func (p *parser) object(depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	if p.space(); p.at() == '}' {
		p.i++
		return nil
	}
	for outer := len(p.name); ; p.name = p.name[:outer] {
		p.space()
		if p.at() != '"' {
			return fmt.Errorf("expected the name of a field, found %s", p.found())
		}
		key, err := p.text()
		if err != nil {
			return err
		}
		p.name = append(p.name, key...)
		if p.space(); p.at() != ':' {
			return fmt.Errorf("expected : behind %.80q, found %s", p.name, p.found())
		}
		p.i++
		if err := p.member(depth); err != nil {
			return err
		}
		p.space()
		switch p.at() {
		case ',':
			p.i++
		case '}':
			p.i++
			p.name = p.name[:outer]
			return nil
		default:
			return fmt.Errorf("expected , or } behind the field %.80q, found %s", p.name, p.found())
		}
	}
}

// member reads what a name stands for.
func (p *parser) member(depth int) error {
	p.space()
	switch p.at() {
	case '{':
		p.i++
		p.name = append(p.name, '.')
		return p.object(depth + 1)
	case '[':
		p.i++
		return p.array()
	}
	return p.value()
}

// array reads what follows the bracket: values, and neither objects nor arrays.
func (p *parser) array() error {
	if p.space(); p.at() == ']' {
		p.i++
		return nil
	}
	for {
		p.space()
		if err := p.value(); err != nil {
			return err
		}
		p.space()
		switch p.at() {
		case ',':
			p.i++
		case ']':
			p.i++
			return nil
		default:
			return fmt.Errorf("expected , or ] in the field %.80q, found %s", p.name, p.found())
		}
	}
}

// value reads a string, a number or a boolean into the field.
func (p *parser) value() error {
	f, ok := byName[string(p.name)]
	if !ok {
		return fmt.Errorf("unknown field %.300s", p.name)
	}
	text, err := p.scalar()
	if err != nil {
		return fmt.Errorf("field %s: expected %s: %w", f.Name(), f.Type(), err)
	}
	return p.e.SetText(f, string(text))
}

// scalar is the text of a value.
func (p *parser) scalar() ([]byte, error) {
	switch c := p.at(); {
	case c == '"':
		return p.text()
	case c == '-' || c >= '0' && c <= '9':
		start := p.i
		for p.i < len(p.b) && bytes.IndexByte([]byte("+-.0123456789Ee"), p.b[p.i]) >= 0 {
			p.i++
		}
		if n := p.b[start:p.i]; !json.Valid(n) {
			return nil, fmt.Errorf("%.80q is no number", n)
		}
		return p.b[start:p.i], nil
	}
	for _, word := range []string{"true", "false"} {
		if bytes.HasPrefix(p.b[p.i:], []byte(word)) {
			p.i += len(word)
			return []byte(word), nil
		}
	}
	return nil, fmt.Errorf("found %.20q", p.b[p.i:])
}

// text reads a string: as it stands where it holds neither escapes nor what is no
// UTF-8, which encoding/json replaces.
func (p *parser) text() ([]byte, error) {
	start := p.i
	plain := true
	for p.i++; p.i < len(p.b); p.i++ {
		switch c := p.b[p.i]; {
		case c == '"':
			p.i++
			raw := p.b[start+1 : p.i-1]
			if plain || utf8.Valid(raw) && bytes.IndexByte(raw, '\\') < 0 {
				return raw, nil
			}
			var s string
			if err := json.Unmarshal(p.b[start:p.i], &s); err != nil {
				return nil, fmt.Errorf("the string at offset %d: %w", start, err)
			}
			return []byte(s), nil
		case c == '\\':
			plain = false
			p.i++
		case c < ' ':
			return nil, fmt.Errorf("a string holds the byte %#02x", c)
		case c >= utf8.RuneSelf:
			plain = false
		}
	}
	p.i = len(p.b) // also where a backslash is the last byte
	return nil, fmt.Errorf("the string at offset %d has no end", start)
}

// SetText adds a value from its text form (see Value.AppendText). An error
// names the field, its type and the text.
func (e *Event) SetText(f Field, s string) error {
	bad := func(err error) error {
		return fmt.Errorf("field %s: expected %s, found %.80q: %w", f.Name(), f.Type(), s, err)
	}
	switch f.Type() {
	case Keyword, Text:
		e.Str(f, s)
	case Long:
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return bad(err)
		}
		e.Int(f, n)
	case Float:
		x, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return bad(err)
		}
		e.Float(f, x)
	case Boolean:
		b, err := strconv.ParseBool(s)
		if err != nil {
			return bad(err)
		}
		e.Bool(f, b)
	case Date:
		t, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			return bad(err)
		}
		e.Time(f, t.UnixNano())
	case IP:
		a, err := netip.ParseAddr(s)
		if err != nil {
			return bad(err)
		}
		e.Addr(f, a)
	}
	return nil
}
