package intake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"saksi/event"
)

// doc is a JSON object with its values by their paths, in the order in which
// they stand. An array of values is several values of one path; what stands in
// objects of an array has the array's path before it.
type doc struct {
	names  []string
	values []string
}

// Limits of one document.
const (
	maxDepth  = 16
	maxValues = 10_000
)

// parse reads one line.
func (d *doc) parse(line []byte) error {
	d.names, d.values = d.names[:0], d.values[:0]
	j := json.NewDecoder(bytes.NewReader(line))
	j.UseNumber()
	t, err := j.Token()
	if err != nil {
		return fmt.Errorf("no JSON: %w", err)
	}
	if t != json.Delim('{') {
		return fmt.Errorf("it starts with %v, expected an object", t)
	}
	if err := d.object(j, "", 0); err != nil {
		return fmt.Errorf("at byte %d of the line: %w", j.InputOffset(), err)
	}
	if _, err := j.Token(); err != io.EOF {
		return fmt.Errorf("at byte %d of the line: more follows the document", j.InputOffset())
	}
	return nil
}

func (d *doc) object(j *json.Decoder, prefix string, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	for j.More() {
		t, err := j.Token()
		if err != nil {
			return err
		}
		if err := d.value(j, prefix+t.(string), depth); err != nil { // a JSON object's key is always a string
			return err
		}
	}
	_, err := j.Token()
	return err
}

func (d *doc) value(j *json.Decoder, name string, depth int) error {
	t, err := j.Token()
	if err != nil {
		return err
	}
	switch v := t.(type) {
	case json.Delim:
		if v == '{' {
			return d.object(j, name+".", depth+1)
		}
		if depth > maxDepth {
			return fmt.Errorf("nested deeper than %d levels", maxDepth)
		}
		for j.More() {
			if err := d.value(j, name, depth+1); err != nil {
				return err
			}
		}
		_, err := j.Token()
		return err
	case string:
		return d.add(name, v)
	case json.Number:
		return d.add(name, v.String())
	case bool:
		return d.add(name, strconv.FormatBool(v))
	}
	return nil // null
}

func (d *doc) add(name, value string) error {
	if len(d.names) == maxValues {
		return fmt.Errorf("more than %d values", maxValues)
	}
	d.names, d.values = append(d.names, name), append(d.values, value)
	return nil
}

// get is the first value of a path, "" if there is none.
func (d *doc) get(name string) string {
	for i, n := range d.names {
		if n == name {
			return d.values[i]
		}
	}
	return ""
}

// first is the first of several paths that has a value.
func (d *doc) first(names ...string) string {
	for _, n := range names {
		if v := d.get(n); v != "" {
			return v
		}
	}
	return ""
}

// move maps paths to fields; of a field that takes one value the first counts.
type move struct {
	from string
	to   event.Field
	how  func(string) string // nil: as it is; "" leaves it out
}

// apply sets the fields. A value of another type than its field's is left out
// and makes the event incomplete, which says so.
func apply(e *event.Event, get func(name string, yield func(string)), moves []move) {
	for _, m := range moves {
		get(m.from, func(v string) {
			if m.how != nil {
				v = m.how(v)
			}
			if v == "" || !m.to.IsArray() && e.Has(m.to) {
				return
			}
			if err := e.SetText(m.to, v); err != nil {
				e.Str(event.SaksiIncomplete, m.from+": "+err.Error())
			}
		})
	}
}

func (d *doc) each(name string, yield func(string)) {
	for i, n := range d.names {
		if n == name {
			yield(d.values[i])
		}
	}
}
