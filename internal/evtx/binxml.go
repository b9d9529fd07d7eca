package evtx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf16"
)

// Bounds of one record, and of all records of a chunk. A chunk has 64 KiB, so
// real records stay far below.
const (
	maxSteps      = 50_000  // tokens and values
	maxBytes      = 1 << 20 // of names and texts
	maxDepth      = 64      // elements and nested templates
	maxChunkSteps = 1_000_000
	maxChunkBytes = 8 << 20
)

var (
	errSteps = errors.New("it takes more steps than any real record")
	errBytes = errors.New("it expands to more text than any real record")
	errDepth = errors.New("it is nested deeper than any real record")
	errShort = errors.New("it ends before its XML does")
)

// Tokens; with more set, more data follow (0x40).
const (
	tokEnd        = 0x00
	tokOpen       = 0x01
	tokCloseStart = 0x02
	tokCloseEmpty = 0x03
	tokClose      = 0x04
	tokValue      = 0x05
	tokAttr       = 0x06
	tokCData      = 0x07
	tokChar       = 0x08
	tokEntity     = 0x09
	tokPITarget   = 0x0a
	tokPIData     = 0x0b
	tokTemplate   = 0x0c
	tokNormal     = 0x0d
	tokOptional   = 0x0e
	tokHeader     = 0x0f
	more          = 0x40
)

// fragment reads tokens into parent until the end of the data, or its end
// token. vals are the substitutions of the template they belong to.
func (p *parser) fragment(parent *Element, vals []value, depth int) error {
	if depth > maxDepth {
		return errDepth
	}
	for p.at < p.end {
		if err := p.step(); err != nil {
			return err
		}
		tok := p.c.buf[p.at]
		p.at++
		var err error
		switch tok &^ more {
		case tokEnd:
			return nil
		case tokHeader:
			err = p.skip(3)
		case tokTemplate:
			err = p.template(parent, depth)
		case tokOpen:
			err = p.element(parent, tok&more != 0, vals, depth)
		case tokPITarget:
			_, err = p.name()
		case tokPIData:
			_, err = p.text()
		default:
			p.at--
			err = p.content(parent, vals, depth)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// template reads an instance: its definition, here or earlier in the chunk,
// and the values to put into it.
func (p *parser) template(parent *Element, depth int) error {
	if err := p.skip(1); err != nil {
		return err
	}
	id, err := p.u32()
	if err != nil {
		return err
	}
	off, err := p.u32()
	if err != nil {
		return err
	}
	// next definition, GUID, size of the data
	if off < chunkHeader || off > chunkSize-24 {
		return fmt.Errorf("a template lies at offset %d, outside of the chunk", off)
	}
	// The number of a template is the beginning of its GUID.
	if p.c.strict && binary.LittleEndian.Uint32(p.c.buf[off+4:]) != id {
		return fmt.Errorf("the template at offset %d: %w", off, errOverwritten)
	}
	size := int(binary.LittleEndian.Uint32(p.c.buf[off+20:]))
	if size < 0 || size > chunkSize-24-int(off) {
		return fmt.Errorf("the template at offset %d says it has %d bytes", off, size)
	}
	if int(off) == p.at {
		if err := p.skip(24 + size); err != nil {
			return err
		}
	}
	n, err := p.u32()
	if err != nil {
		return err
	}
	if err := p.need(4 * int(min(n, chunkSize))); err != nil {
		return err
	}
	if p.left.steps -= int(n); p.left.steps < 0 { // each value is a step
		return errSteps
	}
	vals := make([]value, n)
	at := p.at + 4*int(n)
	for i := range vals {
		size := int(binary.LittleEndian.Uint16(p.c.buf[p.at:]))
		vals[i] = value{p.c.buf[p.at+2], at, at + size}
		p.at, at = p.at+4, at+size
	}
	if at > p.end {
		return fmt.Errorf("%w: its values have %d bytes more than it", errShort, at-p.end)
	}
	p.at = at
	q := &parser{c: p.c, at: int(off) + 24, end: int(off) + 24 + size, left: p.left}
	return q.fragment(parent, vals, depth+1)
}

// element reads an element behind its first token.
func (p *parser) element(parent *Element, attrs bool, vals []value, depth int) error {
	if depth > maxDepth {
		return errDepth
	}
	if !p.nodep {
		if err := p.skip(2); err != nil {
			return err
		}
	}
	if err := p.skip(4); err != nil {
		return err
	}
	name, err := p.name()
	if err == nil && attrs {
		err = p.skip(4)
	}
	if err != nil {
		return err
	}
	e := &Element{Name: name}
	parent.Children = append(parent.Children, e)
	for {
		if err := p.step(); err != nil {
			return err
		}
		tok, err := p.u8()
		if err != nil {
			return err
		}
		switch tok &^ more {
		case tokAttr:
			var a Element
			if a.Name, err = p.name(); err == nil {
				err = p.attribute(&a, vals, depth)
			}
			if a.Text != "" { // one whose value is null is not there
				e.Attrs = append(e.Attrs, Attr{a.Name, a.Text})
			}
		case tokCloseStart:
			err := p.inside(e, vals, depth)
			if e.null && e.Text == "" && e.List == nil && e.Children == nil {
				// Of an optional value that is null the element is not there.
				parent.Children = parent.Children[:len(parent.Children)-1]
			}
			return err
		case tokCloseEmpty:
			return nil
		default:
			err = fmt.Errorf("token %#x in the start of element %q", tok, name)
		}
		if err != nil {
			return err
		}
	}
}

// attribute reads the pieces of an attribute's value.
func (p *parser) attribute(a *Element, vals []value, depth int) error {
	for p.at < p.end {
		switch p.c.buf[p.at] &^ more {
		case tokValue, tokChar, tokEntity, tokNormal, tokOptional, tokCData:
			if err := p.content(a, vals, depth); err != nil {
				return err
			}
		default:
			return nil
		}
	}
	return errShort
}

// inside reads what an element holds, to its end.
func (p *parser) inside(e *Element, vals []value, depth int) error {
	for {
		if err := p.step(); err != nil {
			return err
		}
		tok, err := p.u8()
		if err != nil {
			return err
		}
		switch tok &^ more {
		case tokClose:
			return nil
		case tokOpen:
			err = p.element(e, tok&more != 0, vals, depth+1)
		case tokTemplate:
			err = p.template(e, depth+1)
		case tokHeader:
			err = p.skip(3)
		default:
			p.at--
			err = p.content(e, vals, depth)
		}
		if err != nil {
			return err
		}
	}
}

// content reads one piece of text or a substitution into e.
func (p *parser) content(e *Element, vals []value, depth int) error {
	if err := p.step(); err != nil {
		return err
	}
	tok, err := p.u8()
	if err != nil {
		return err
	}
	var s string
	switch tok &^ more {
	case tokValue:
		if err = p.skip(1); err == nil {
			s, err = p.text()
		}
	case tokCData, tokPIData:
		s, err = p.text()
	case tokChar:
		var r uint16
		r, err = p.u16()
		s = string(utf16.Decode([]uint16{r}))
	case tokEntity:
		if s, err = p.name(); err == nil {
			s = entities[s]
		}
	case tokPITarget:
		_, err = p.name()
	case tokNormal, tokOptional:
		var i uint16
		if i, err = p.u16(); err == nil {
			err = p.skip(1)
		}
		if err == nil && int(i) < len(vals) {
			e.null = e.null || tok&^more == tokOptional && vals[i].typ == typeNull
			err = p.substitute(e, vals[i], depth)
		}
	default:
		err = fmt.Errorf("token %#x where text or an element should be", tok)
	}
	if err == nil {
		err = p.put(e, s)
	}
	return err
}

// put appends to the text of e; what it copies counts as steps.
func (p *parser) put(e *Element, s string) error {
	p.left.steps -= len(e.Text) >> 8
	e.Text += s
	return p.step()
}

// entities are those XML has by itself.
var entities = map[string]string{"amp": "&", "lt": "<", "gt": ">", "quot": `"`, "apos": "'"}

// substitute puts a value into e.
func (p *parser) substitute(e *Element, v value, depth int) error {
	if v.typ == typeBinXML {
		q := &parser{c: p.c, at: v.from, end: v.to, left: p.left, nodep: true}
		n := len(e.Children)
		err := q.fragment(e, nil, depth+1)
		if err != nil && p.c.strict {
			e.Children = e.Children[:n]
			p.c.unnamed = true
			q.at, q.end = v.from, v.to
			data := &Element{Name: "EventData"}
			q.values(data, depth+1)
			e.Children = append(e.Children, data)
			return nil
		}
		return err
	}
	b := p.c.buf[v.from:v.to]
	if v.typ&typeArray == 0 {
		s := format(v.typ, b)
		return errors.Join(p.spend(len(s)), p.put(e, s))
	}
	for _, s := range formatList(v.typ&^typeArray, b) {
		if err := errors.Join(p.step(), p.spend(len(s))); err != nil {
			return err
		}
		e.List = append(e.List, s)
	}
	return nil
}
