package event

import "unsafe"

// Store keeps copies of events, with the bytes that their strings are views of,
// in memory that is used again. The zero value is ready.
type Store struct {
	events []Event
	used   int
	vals   []Value
	bytes  []byte
}

// What a Store that is emptied does not keep, in bytes and values: a batch that
// emits much must not hold its memory for ever.
const (
	maxStoredBytes  = 4 << 20
	maxStoredValues = 64 << 10
)

// Reset forgets all events.
func (s *Store) Reset() {
	for i := range s.events[:s.used] {
		s.events[i].vals = nil
	}
	s.used = 0
	if cap(s.bytes) > maxStoredBytes {
		s.bytes = nil
	}
	if cap(s.vals) > maxStoredValues {
		s.vals = nil
	}
	clear(s.vals)
	s.bytes, s.vals = s.bytes[:0], s.vals[:0]
}

// Len is the number of events kept.
func (s *Store) Len() int { return s.used }

// At returns an event, in the order they were added. It is valid until Reset;
// the pointer only until the next Add.
func (s *Store) At(i int) *Event { return &s.events[i] }

// Add keeps a copy of e.
func (s *Store) Add(e *Event) {
	if s.used == len(s.events) {
		s.events = append(s.events, Event{})
	}
	n := len(e.vals)
	if n > cap(s.vals)-len(s.vals) { // events before keep what they point to
		s.vals = make([]Value, 0, max(512, 2*cap(s.vals), n))
	}
	from := len(s.vals)
	s.vals = append(s.vals, e.vals...)
	vals := s.vals[from : from+n : from+n]
	for i := range vals {
		if str := vals[i].str; str != "" {
			vals[i].str = s.own(str)
		}
	}
	s.events[s.used].vals = vals
	s.used++
}

// Extend has add put more values into an event that is kept.
func (s *Store) Extend(i int, add func(e *Event)) {
	e := &s.events[i]
	n := len(e.vals)
	add(e)
	for k := n; k < len(e.vals); k++ {
		if str := e.vals[k].str; str != "" {
			e.vals[k].str = s.own(str)
		}
	}
}

func (s *Store) own(str string) string {
	if len(str) > cap(s.bytes)-len(s.bytes) {
		s.bytes = make([]byte, 0, max(16<<10, 2*cap(s.bytes), len(str)))
	}
	n := len(s.bytes)
	s.bytes = append(s.bytes, str...)
	return unsafe.String(&s.bytes[n], len(str))
}

// NoTime stands in Saksi.assumed of a document whose record tells no time: its
// @timestamp is the start of 1970 and no moment.
const NoTime = "no time: @timestamp is the start of 1970"
