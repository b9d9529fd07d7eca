// Package event is the one document model of Saksi: an ECS 8 document held as
// a flat, reused slice of (field, typed value). Emitters fill an Event and
// hand it to a sink; writers, rules and ids walk it. Field names and types
// come from fields.tsv (Elastic Common Schema 8.17.0; own fields stand under
// Saksi.).
//
// An Event is valid until the sink's Emit returns: values added by Bytes are
// views of the caller's memory. Nothing here allocates once an Event's slice
// has grown.
package event

import (
	"net/netip"
	"slices"
	"strings"
	"unsafe"
)

//go:generate go run ../internal/genfields

// Field is the generated id of a field. The zero Field is none.
type Field uint16

// Type is what a field's values are.
type Type uint8

// Types of fields; Keyword and Text are strings, Date is Unix nanoseconds.
const (
	Keyword Type = iota + 1
	Text
	Long
	Float
	Boolean
	Date
	IP
)

func (t Type) String() string {
	return [...]string{"none", "keyword", "text", "long", "float", "boolean", "date", "ip"}[t]
}

type fieldInfo struct {
	name  string
	typ   Type
	array bool
	doc   string
}

// NumFields is one more than the highest Field.
const NumFields = len(fields)

// Name returns the field's ECS name, such as "source.ip".
func (f Field) Name() string { return fields[f].name }

// Type returns what the field's values are.
func (f Field) Type() Type { return fields[f].typ }

// IsArray reports whether the field may hold several values; it is then
// always written as a JSON array.
func (f Field) IsArray() bool { return fields[f].array }

// Doc says what an own field means; it is empty for ECS fields.
func (f Field) Doc() string { return fields[f].doc }

// Fields below Saksi.eve are held for AppendEVE alone: no document, index,
// query or rule knows them. They are neighbors, as fields are sorted.
const (
	firstHeld = SaksiEveAlerted
	lastHeld  = SaksiEveVLAN
)

// held reports a field that is in no document.
func (f Field) held() bool { return f >= firstHeld && f <= lastHeld }

var byName = func() map[string]Field {
	m := make(map[string]Field, NumFields)
	for i := 1; i < NumFields; i++ {
		if f := Field(i); !f.held() {
			m[fields[i].name] = f
		}
	}
	return m
}()

// Lookup finds a field by its name.
func Lookup(name string) (Field, bool) {
	f, ok := byName[name]
	return f, ok
}

// AllFields returns every field of documents in the order of their paths.
func AllFields() []Field {
	out := make([]Field, 0, NumFields-1)
	for i := 1; i < NumFields; i++ {
		if f := Field(i); !f.held() {
			out = append(out, f)
		}
	}
	return out
}

// Value is one value of one field. Which accessor holds depends on the
// field's type.
type Value struct {
	Field Field
	typ   Type
	is4   bool
	hold  bool   // for AppendEVE alone
	num   uint64 // Long, Date, Boolean, Float bits; IP: upper half
	lo    uint64 // IP: lower half
	str   string // Keyword, Text
}

// MaxValue is the longest string kept, in bytes; what is longer is cut there
// and its field named in Saksi.truncated (Elasticsearch refuses keywords over
// 32,766 bytes).
const MaxValue = 8192

// Event is one ECS document. The zero value is ready to use.
type Event struct {
	vals  []Value
	order []uint64 // scratch of the encoder: field and position of each value
	hold  bool
}

// Hold has values that are added from now on be held for AppendEVE alone, where
// they stand in the place of those before them.
func (e *Event) Hold(on bool) { e.hold = on }

// Reset empties e and keeps its memory.
func (e *Event) Reset() {
	clear(e.vals)
	e.vals, e.hold = e.vals[:0], false
}

// Len is the number of values.
func (e *Event) Len() int { return len(e.vals) }

// CopyTo makes dst hold the same values as e. Views stay views: see Clone.
func (e *Event) CopyTo(dst *Event) {
	dst.vals = append(dst.vals[:0], e.vals...)
}

// Clone returns a copy of e that owns its strings.
func (e *Event) Clone() *Event {
	c := &Event{vals: slices.Clone(e.vals)}
	for i := range c.vals {
		c.vals[i].str = strings.Clone(c.vals[i].str)
	}
	return c
}

func (e *Event) add(f Field, v Value) {
	v.Field = f
	v.typ, v.hold = fields[f].typ, e.hold
	e.vals = append(e.vals, v)
}

func (e *Event) check(f Field, want Type) {
	if t := fields[f].typ; t != want && !(want == Keyword && t == Text) {
		panic("event: " + f.Name() + " is " + t.String() + ", not " + want.String())
	}
}

// Str adds a string. For an array field it is one more value; for any other
// field the last value added counts. An empty string adds nothing.
func (e *Event) Str(f Field, s string) {
	if s == "" {
		return
	}
	e.check(f, Keyword)
	if len(s) > MaxValue {
		s = cut(s)
		e.vals = append(e.vals, Value{Field: SaksiTruncated, typ: Keyword, str: fields[f].name})
	}
	e.add(f, Value{str: s})
}

// cut shortens s to at most MaxValue bytes at a rune boundary.
func cut(s string) string {
	n := MaxValue
	for n > MaxValue-4 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}

// Bytes adds a string that is a view of b, without a copy. b MUST stay
// unchanged until the event was emitted. Bytes that are no UTF-8 are written
// as \xNN.
func (e *Event) Bytes(f Field, b []byte) {
	if len(b) > 0 {
		e.Str(f, unsafe.String(&b[0], len(b)))
	}
}

// Int adds a whole number.
func (e *Event) Int(f Field, n int64) {
	e.check(f, Long)
	e.add(f, Value{num: uint64(n)})
}

// Float adds a number; NaN and infinities add nothing (JSON has none).
func (e *Event) Float(f Field, x float64) {
	e.check(f, Float)
	if bits, ok := floatBits(x); ok {
		e.add(f, Value{num: bits})
	}
}

// Bool adds a truth value.
func (e *Event) Bool(f Field, b bool) {
	e.check(f, Boolean)
	var n uint64
	if b {
		n = 1
	}
	e.add(f, Value{num: n})
}

// Time adds a time in Unix nanoseconds, UTC.
func (e *Event) Time(f Field, ns int64) {
	e.check(f, Date)
	e.add(f, Value{num: uint64(ns)})
}

// Addr adds an IP address; its zone is dropped, an invalid one adds nothing.
func (e *Event) Addr(f Field, a netip.Addr) {
	e.check(f, IP)
	if !a.IsValid() {
		return
	}
	b := a.As16()
	e.add(f, Value{num: be64(b[:8]), lo: be64(b[8:]), is4: a.Is4()})
}

// Delete removes all values of f.
func (e *Event) Delete(f Field) {
	for i := range e.vals {
		if e.vals[i].Field == f {
			e.vals = slices.DeleteFunc(e.vals, func(v Value) bool { return v.Field == f })
			return
		}
	}
}

// Has reports whether f has a value.
func (e *Event) Has(f Field) bool {
	_, ok := e.Last(f)
	return ok
}

// Last returns the value that counts for a field that is no array.
func (e *Event) Last(f Field) (Value, bool) {
	for i := len(e.vals) - 1; i >= 0; i-- {
		if e.vals[i].Field == f {
			return e.vals[i], true
		}
	}
	return Value{}, false
}

// GetStr returns the string that counts for f: the last one added.
func (e *Event) GetStr(f Field) (string, bool) {
	v, ok := e.Last(f)
	return v.str, ok
}

// GetInt returns the number that counts for f.
func (e *Event) GetInt(f Field) (int64, bool) {
	v, ok := e.Last(f)
	return v.Int(), ok
}

// GetTime returns the Unix nanoseconds that count for f.
func (e *Event) GetTime(f Field) (int64, bool) {
	v, ok := e.Last(f)
	return v.Int(), ok
}

// GetBool returns the truth value that counts for f.
func (e *Event) GetBool(f Field) (value, ok bool) {
	v, ok := e.Last(f)
	return v.Bool(), ok
}

// GetAddr returns the address that counts for f.
func (e *Event) GetAddr(f Field) (netip.Addr, bool) {
	v, ok := e.Last(f)
	return v.Addr(), ok
}

// Values calls yield for each value of f in the order they were added.
func (e *Event) Values(f Field) func(yield func(Value) bool) {
	return func(yield func(Value) bool) {
		for _, v := range e.vals {
			if v.Field == f && !yield(v) {
				return
			}
		}
	}
}

// At returns the value at i of the Len there are, in the order they were added.
func (e *Event) At(i int) *Value { return &e.vals[i] }

// All calls yield for every value in the order they were added.
func (e *Event) All() func(yield func(Value) bool) {
	return func(yield func(Value) bool) {
		for _, v := range e.vals {
			if !yield(v) {
				return
			}
		}
	}
}

// Type returns the type of v's field.
func (v Value) Type() Type { return v.typ }

// Str returns the string of a Keyword or Text value.
func (v Value) Str() string { return v.str }

// Int returns the number of a Long, or the Unix nanoseconds of a Date.
func (v Value) Int() int64 { return int64(v.num) }

// Bool returns the truth value of a Boolean.
func (v Value) Bool() bool { return v.num != 0 }

// Addr returns the address of an IP value, or the zero Addr.
func (v Value) Addr() netip.Addr {
	if v.typ != IP {
		return netip.Addr{}
	}
	var b [16]byte
	putBE64(b[:8], v.num)
	putBE64(b[8:], v.lo)
	a := netip.AddrFrom16(b)
	if v.is4 {
		return a.Unmap()
	}
	return a
}

// Append adds a value taken from another event.
func (e *Event) Append(v Value) {
	e.vals = append(e.vals, v)
}
