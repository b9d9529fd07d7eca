package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"time"
)

// Parse reads one document as AppendJSON wrote it. Unknown fields and values
// of another type than the field's are errors that name the field.
func Parse(line []byte) (*Event, error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	e := &Event{}
	t, err := d.Token()
	if err != nil {
		return nil, fmt.Errorf("reading a document: %w", err)
	}
	if t != json.Delim('{') {
		return nil, fmt.Errorf("reading a document: it starts with %v, expected an object", t)
	}
	if err := parseObject(d, e, "", 0); err != nil {
		return nil, fmt.Errorf("reading a document at offset %d: %w", d.InputOffset(), err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("reading a document: more follows it at offset %d", d.InputOffset())
	}
	return e, nil
}

// maxDepth bounds the nesting of a hostile document; ECS needs eight levels.
const maxDepth = 16

func parseObject(d *json.Decoder, e *Event, prefix string, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		name := prefix + t.(string) // a JSON object's key is always a string
		t, err = d.Token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'):
			if err := parseObject(d, e, name+".", depth+1); err != nil {
				return err
			}
		case json.Delim('['):
			for d.More() {
				t, err := d.Token()
				if err != nil {
					return err
				}
				if err := e.setToken(name, t); err != nil {
					return err
				}
			}
			if _, err := d.Token(); err != nil {
				return err
			}
		default:
			if err := e.setToken(name, t); err != nil {
				return err
			}
		}
	}
	_, err := d.Token()
	return err
}

func (e *Event) setToken(name string, t json.Token) error {
	f, ok := Lookup(name)
	if !ok {
		return fmt.Errorf("unknown field %s", name)
	}
	var s string
	switch v := t.(type) {
	case string:
		s = v
	case json.Number:
		s = v.String()
	case bool:
		s = strconv.FormatBool(v)
	default:
		return fmt.Errorf("field %s: expected %s, found %v", name, f.Type(), t)
	}
	return e.SetText(f, s)
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
