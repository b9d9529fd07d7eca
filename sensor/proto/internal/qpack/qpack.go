// Package qpack reads the field sections of HTTP/3 (RFC 9204). Start with a
// Decoder for each direction: Instructions is given its encoder stream, Section
// the sections of its messages.
package qpack

import (
	"errors"

	"golang.org/x/net/http2/hpack"
)

// Field is one field of a message.
type Field struct{ Name, Value []byte }

// ErrBlocked is returned for a section that needs instructions which have not come
// yet.
var ErrBlocked = errors.New("the section waits for instructions")

// ErrSection is returned for what no section or instruction is.
var ErrSection = errors.New("malformed field section")

const (
	// MaxCapacity bounds the dynamic table that is kept, in bytes as RFC 9204
	// section 3.2.1 counts them.
	MaxCapacity = 64 << 10
	// overhead is what an entry counts besides its name and value.
	overhead = 32
	// maxString bounds a name or a value, before and after it is expanded.
	maxString = 64 << 10
	// maxFields and maxBytes bound one section: a few bytes may name many fields.
	maxFields = 256
	maxBytes  = 64 << 10
)

// Decoder holds the dynamic table of one direction.
type Decoder struct {
	entries  []Field // oldest first
	dropped  uint64  // entries that were evicted
	size     int
	capacity int
	rest     []byte // of an instruction that is not whole
	broken   bool
}

// inserted is the number of entries ever inserted.
func (d *Decoder) inserted() uint64 { return d.dropped + uint64(len(d.entries)) }

// reader takes bytes off the front. short is set once there were too few, bad when
// they mean nothing.
type reader struct {
	b          []byte
	short, bad bool
}

func (r *reader) byte() byte {
	if r.short || len(r.b) == 0 {
		r.short = true
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

// integer reads the rest of a prefixed integer (RFC 7541 section 5.1) whose first
// byte has n bits of it.
func (r *reader) integer(first byte, n uint) uint64 {
	v := uint64(first) & (1<<n - 1)
	if v < 1<<n-1 {
		return v
	}
	for shift := uint(0); ; shift += 7 {
		c := r.byte()
		if r.short {
			return 0
		}
		if shift > 56 {
			r.bad = true
			return 0
		}
		if v += uint64(c&0x7f) << shift; c&0x80 == 0 {
			return v
		}
	}
}

// text reads a string whose first byte has n bits of its length, and above them
// the mark of Huffman's code.
func (r *reader) text(first byte, n uint) []byte {
	size := r.integer(first, n)
	if size > maxString {
		r.bad = true
		return nil
	}
	if r.short || uint64(len(r.b)) < size {
		r.short = true
		return nil
	}
	b := r.b[:size]
	r.b = r.b[size:]
	if first>>n&1 == 0 {
		return append([]byte(nil), b...)
	}
	s, err := hpack.HuffmanDecodeToString(b)
	if err != nil || len(s) > maxString {
		r.bad = true
	}
	return []byte(s)
}

// Instructions takes bytes of the encoder stream (RFC 9204 section 4.3).
func (d *Decoder) Instructions(b []byte) error {
	if d.broken {
		return ErrSection
	}
	d.rest = append(d.rest, b...)
	r := &reader{b: d.rest}
	for len(r.b) > 0 {
		before := r.b
		switch c := r.byte(); {
		case c&0x80 != 0: // insert with name reference
			index := r.integer(c, 6)
			value := r.text2()
			if !r.short && !r.bad {
				name, ok := d.name(index, c&0x40 != 0)
				r.bad = r.bad || !ok
				d.insert(Field{name, value})
			}
		case c&0x40 != 0: // insert with literal name
			name := r.text(c, 5)
			value := r.text2()
			if !r.short && !r.bad {
				d.insert(Field{name, value})
			}
		case c&0x20 != 0: // set capacity
			n := r.integer(c, 5)
			if n > MaxCapacity {
				r.bad = true
			}
			if !r.short && !r.bad {
				d.capacity = int(n)
				d.evict(0)
			}
		default: // duplicate
			index := r.integer(c, 5)
			if !r.short && !r.bad {
				f, ok := d.relative(d.inserted(), index)
				r.bad = r.bad || !ok
				d.insert(f)
			}
		}
		if r.bad || r.short && len(before) > 2*maxString {
			d.broken, d.rest = true, nil
			return ErrSection
		}
		if r.short {
			d.rest = append(d.rest[:0], before...)
			return nil
		}
	}
	d.rest = d.rest[:0]
	return nil
}

// text2 reads a string with a length of 7 bits.
func (r *reader) text2() []byte { return r.text(r.byte(), 7) }

// name gives the name that an instruction refers to.
func (d *Decoder) name(index uint64, fixed bool) ([]byte, bool) {
	if fixed {
		if index >= uint64(len(static)) {
			return nil, false
		}
		return static[index].Name, true
	}
	f, ok := d.relative(d.inserted(), index)
	return f.Name, ok
}

// relative gives an entry by its distance from a base (RFC 9204 section 3.2.5).
func (d *Decoder) relative(base, index uint64) (Field, bool) {
	if index >= base {
		return Field{}, false
	}
	return d.absolute(base - 1 - index)
}

func (d *Decoder) absolute(i uint64) (Field, bool) {
	if i < d.dropped || i >= d.inserted() {
		return Field{}, false
	}
	return d.entries[i-d.dropped], true
}

func (d *Decoder) insert(f Field) {
	n := len(f.Name) + len(f.Value) + overhead
	d.evict(n)
	if n > d.capacity {
		d.dropped++ // it is counted, and gone at once
		return
	}
	d.entries = append(d.entries, f)
	d.size += n
}

// evict makes room for n bytes.
func (d *Decoder) evict(n int) {
	for len(d.entries) > 0 && d.size+n > d.capacity {
		d.size -= len(d.entries[0].Name) + len(d.entries[0].Value) + overhead
		d.entries = d.entries[1:]
		d.dropped++
	}
}

// Section reads an encoded field section (RFC 9204 section 4.5). limit is the
// largest table that its receiver allows, in bytes.
func (d *Decoder) Section(b []byte, limit uint64) ([]Field, error) {
	r := &reader{b: b}
	count := r.integer(r.byte(), 8)
	if count > 0 && limit == 0 && !r.short && !r.bad {
		return nil, ErrBlocked // before the receiver's settings
	}
	required, ok := d.required(count, limit)
	sign := r.byte()
	delta := r.integer(sign, 7)
	switch {
	case r.short || r.bad || !ok:
		return nil, ErrSection
	case required > d.inserted():
		if d.broken {
			return nil, ErrSection
		}
		return nil, ErrBlocked
	}
	base := required + delta
	if sign&0x80 != 0 {
		if delta >= required {
			return nil, ErrSection
		}
		base = required - delta - 1
	}
	var out []Field
	size := 0
	for len(r.b) > 0 {
		f, ok := d.line(r, base)
		if !ok || r.short || r.bad {
			return out, ErrSection
		}
		if size += len(f.Name) + len(f.Value); len(out) == maxFields || size > maxBytes {
			return out, nil
		}
		out = append(out, f)
	}
	return out, nil
}

// required decodes a Required Insert Count (RFC 9204 section 4.5.1.1).
func (d *Decoder) required(v, limit uint64) (uint64, bool) {
	if v == 0 {
		return 0, true
	}
	most := min(limit, 1<<30) / overhead
	if most == 0 || v > 2*most {
		return 0, false
	}
	top := d.inserted() + most
	n := top/(2*most)*(2*most) + v - 1
	if n > top {
		if n <= 2*most {
			return 0, false
		}
		n -= 2 * most
	}
	return n, n != 0
}

// line reads one field line.
func (d *Decoder) line(r *reader, base uint64) (f Field, ok bool) {
	c := r.byte()
	switch {
	case c&0xc0 == 0xc0: // indexed, static table
		i := r.integer(c, 6)
		if i >= uint64(len(static)) {
			return f, false
		}
		return static[i], true
	case c&0x80 != 0: // indexed, dynamic table
		return d.relative(base, r.integer(c, 6))
	case c&0x40 != 0: // literal with name reference
		i := r.integer(c, 4)
		if c&0x10 != 0 {
			if i >= uint64(len(static)) {
				return f, false
			}
			f = static[i]
		} else if f, ok = d.relative(base, i); !ok {
			return f, false
		}
		return Field{f.Name, r.text2()}, true
	case c&0x20 != 0: // literal with literal name
		name := r.text(c, 3)
		return Field{name, r.text2()}, true
	case c&0x10 != 0: // indexed with post-base index
		return d.absolute(base + r.integer(c, 4))
	}
	if f, ok = d.absolute(base + r.integer(c, 3)); !ok { // literal with post-base name reference
		return f, false
	}
	return Field{f.Name, r.text2()}, true
}
