package journal

import (
	"bytes"
	"errors"
	"fmt"

	"saksi/internal/wire"
)

// Parts is a journal that several works share, each by its name: what a command does
// in one run. It is removed when the whole command is done, and not before.
type Parts struct {
	j     *Journal
	parts []*Part
}

// Part is what one work keeps. Its methods may be called by several goroutines.
type Part struct {
	j      *Journal
	number int
	name   string
	work   []byte
	at     []int // its records among those of the journal
}

// Resume says where a work keeps what it has done, so that one which was ended at any
// moment is taken up again: its output is that of a run that was not ended.
type Resume struct {
	In      *Parts
	Name    string // of the part
	Version string // of the program: another one may find other things
}

// layout is what the journals of this package hold.
const layout = "parts 1"

// OpenParts opens the journal at path, or makes one; see Open.
func OpenParts(path string, key []byte) (*Parts, error) {
	p := &Parts{}
	var err error
	p.j, err = Open(path, key, []byte(layout), func(i int, b []byte) error {
		r := wire.Reader{B: b}
		number := r.Uint()
		switch {
		case r.Err() == nil && number < uint64(len(p.parts)):
			part := p.parts[number]
			part.at = append(part.at, i)
		case r.Err() == nil && number == uint64(len(p.parts)):
			part := &Part{number: int(number), name: r.String(), work: bytes.Clone(r.Bytes())}
			p.parts = append(p.parts, part)
		default:
			return ErrOther
		}
		return r.Err()
	})
	if err != nil {
		return nil, err
	}
	for _, part := range p.parts {
		part.j = p.j
	}
	return p, nil
}

// Has reports whether a part of that name was begun.
func (p *Parts) Has(name string) bool {
	for _, part := range p.parts {
		if part.name == name {
			return true
		}
	}
	return false
}

// Part gives the part of a name, or begins it. work says what is done, by a digest of
// all it depends on: ErrOther is returned when the part of that name is of another
// work. For a record that is there f is called as by Open.
func (p *Parts) Part(name string, work []byte, f func(i int, b []byte) error) (*Part, error) {
	for _, part := range p.parts {
		if part.name != name {
			continue
		}
		if !bytes.Equal(part.work, work) {
			return nil, fmt.Errorf("taking up %q from the journal %s: %w", name, p.j.f.Name(), ErrOther)
		}
		for i := range part.at {
			b, err := part.Read(i)
			if err == nil {
				err = f(i, b)
			}
			if err != nil {
				return nil, err
			}
		}
		return part, nil
	}
	part := &Part{j: p.j, number: len(p.parts), name: name, work: bytes.Clone(work)}
	var w wire.Writer
	w.Uint(uint64(part.number))
	w.String(name)
	w.Bytes(work)
	if err := p.j.Append(w.B); err != nil {
		return nil, err
	}
	p.parts = append(p.parts, part)
	return part, nil
}

// Read gives the bytes of a record that was there when the journal was opened.
func (p *Part) Read(i int) ([]byte, error) {
	b, err := p.j.Read(p.at[i])
	if err != nil {
		return nil, err
	}
	r := wire.Reader{B: b}
	r.Uint()
	if r.Err() != nil {
		return nil, r.Err()
	}
	return b[len(b)-r.Len():], nil
}

// Append adds a record, as that of a Journal does.
func (p *Part) Append(b []byte) error {
	w := wire.Writer{B: make([]byte, 0, len(b)+4)}
	w.Uint(uint64(p.number))
	return p.j.Append(append(w.B, b...))
}

// Close closes the journal and keeps it; when done is true all of it was done, and it
// is removed.
func (p *Parts) Close(done bool) error {
	if p == nil {
		return nil
	}
	if done {
		return p.j.Remove()
	}
	return p.j.Close()
}

// ErrResume is returned by a work that can't be taken up from its journal; nothing was
// read then.
var ErrResume = errors.New("taking up again what was ended")
