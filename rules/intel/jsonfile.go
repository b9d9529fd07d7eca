package intel

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"saksi/rules"
)

// maxObject bounds one object of a JSON file, in bytes.
const maxObject = 16 << 20

// jsonReader reads JSON piece by piece: it counts lines, and bounds what one
// piece takes.
type jsonReader struct {
	*json.Decoder
	in       io.Reader
	read     int64
	newlines []int64 // offsets read, but not passed yet
	line     int
	passed   int64 // where the line under work begins
}

var errObject = fmt.Errorf("an object has more than %d bytes", maxObject)

func newJSONReader(in io.Reader) *jsonReader {
	r := &jsonReader{in: in, line: 1}
	r.Decoder = json.NewDecoder(readerFunc(r.fill))
	return r
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

func (r *jsonReader) fill(b []byte) (int, error) {
	if r.Decoder != nil {
		room := maxObject + 1 - (r.read - r.InputOffset())
		if room <= 0 {
			return 0, errObject
		}
		b = b[:min(int64(len(b)), room)]
	}
	n, err := r.in.Read(b)
	for i, c := range b[:n] {
		if c == '\n' {
			r.newlines = append(r.newlines, r.read+int64(i))
		}
	}
	r.read += int64(n)
	return n, err
}

// at is the line and column, from 1, of what begins n bytes before what is read
// next. Places MUST be asked for in the order of the file.
func (r *jsonReader) at(back int) (line, column int) {
	off := r.InputOffset() - int64(back)
	n := 0
	for n < len(r.newlines) && r.newlines[n] < off {
		r.passed = r.newlines[n] + 1
		n++
	}
	r.line += n
	r.newlines = append(r.newlines[:0], r.newlines[n:]...)
	return r.line, int(off-r.passed) + 1
}

// json reads a file of STIX or MISP.
func (r *reading) json() error {
	d := newJSONReader(r.in)
	err := r.top(d)
	if err == nil {
		return nil
	}
	var stop *stopError
	if errors.As(err, &stop) {
		return err
	}
	var unread *fs.PathError
	if errors.As(err, &unread) {
		return err
	}
	line, column := d.at(0)
	r.problem(rules.Problem{
		Line: line, Column: column, Level: rules.Wrong, Reason: "intel: JSON", Message: "the file is read up to here only: " + err.Error(),
		Expected: "a STIX 2.1 bundle or a MISP event",
	})
	return &stopError{err}
}

var errForm = errors.New("this is not the form of a bundle or an event")

// top reads what a file may hold: a bundle or an envelope of TAXII (objects), a
// MISP event, an answer of MISP (response), or a list of any of them.
func (r *reading) top(d *jsonReader) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	switch t {
	case json.Delim('{'):
		return r.object(d)
	case json.Delim('['):
		return r.list(d)
	}
	return errForm
}

func (r *reading) object(d *jsonReader) error {
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		switch name {
		case "objects":
			err = elements(d, r.newSTIX().object)
		case "Event":
			err = r.mispEvent(d)
		case "response":
			err = r.top(d)
		default:
			var skip json.RawMessage
			err = d.Decode(&skip)
		}
		if err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

// list reads a list of events, or of objects of STIX.
func (r *reading) list(d *jsonReader) error {
	s := r.newSTIX()
	for n := 0; d.More(); n++ {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return err
		}
		line, column := d.at(len(raw))
		var probe struct {
			Event json.RawMessage
		}
		if json.Unmarshal(raw, &probe) == nil && len(probe.Event) > 0 {
			inner := newJSONReader(bytes.NewReader(probe.Event))
			inner.line = line
			if err := r.mispEvent(inner); err != nil {
				return err
			}
			continue
		}
		if err := s.object(raw, line, column, n); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

// elements calls f with each element of a list that comes next, and where it
// stands.
func elements(d *jsonReader, f func(raw json.RawMessage, line, column, n int) error) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	if t == nil {
		return nil
	}
	if t != json.Delim('[') {
		return errForm
	}
	for n := 0; d.More(); n++ {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return err
		}
		line, column := d.at(len(raw))
		if err := f(raw, line, column, n); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}
