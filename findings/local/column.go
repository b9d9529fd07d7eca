package local

import (
	"bytes"
	"encoding/binary"
	"sort"

	"saksi/event"
)

// dict is a sorted list of keys, and for each some items: the documents that
// have the value, or for a token the values it stands in.
type dict struct {
	seg    *segment
	width  int // of each key; 0: offs says where each begins (4 bytes)
	n      int
	dense  bool // of a column: items are one byte a document, and starts are counts
	offs   section
	keys   section
	starts section // where in items those of each key begin (4)
	items  section
}

// column is a field: its values, sorted, and which documents have them. If it
// is dense, items holds for each document the value's number plus one, or 0, and
// starts the number of documents of each value (4). Else items are the documents
// (4), sorted, for each value.
type column struct {
	dict
	place int
	name  string
	field event.Field
}

// maxDense is how many values a dense column has at most.
const maxDense = 255

func (d *dict) key(i int) []byte {
	keys := d.seg.bytes(&d.keys)
	if d.width > 0 {
		return keys[i*d.width : (i+1)*d.width]
	}
	offs := d.seg.bytes(&d.offs)
	return keys[u32(offs, i):u32(offs, i+1)]
}

// lower is the first key that is not before k.
func (d *dict) lower(k []byte) int {
	return sort.Search(d.n, func(i int) bool { return bytes.Compare(d.key(i), k) >= 0 })
}

// upper is the first key behind k.
func (d *dict) upper(k []byte) int {
	return sort.Search(d.n, func(i int) bool { return bytes.Compare(d.key(i), k) > 0 })
}

// find is the number of a key, or -1.
func (d *dict) find(k []byte) int {
	if i := d.lower(k); i < d.n && bytes.Equal(d.key(i), k) {
		return i
	}
	return -1
}

// span is where the items of a key are; not of a dense column.
func (d *dict) span(i int) (from, to int) {
	starts := d.seg.bytes(&d.starts)
	return int(u32(starts, i)), int(u32(starts, i+1))
}

// count is the number of documents with a value.
func (c *column) count(i int) int {
	if c.dense {
		return int(u32(c.seg.bytes(&c.starts), i))
	}
	from, to := c.span(i)
	return to - from
}

// list is the documents with a value, four bytes each; not of a dense column.
func (c *column) list(i int) []byte {
	from, to := c.span(i)
	return c.seg.bytes(&c.items)[4*from : 4*to]
}

// values is the number of each document's value plus one, 0 for none. Of a
// field with several values it is one of them.
func (c *column) values() []uint32 {
	out := make([]uint32, c.seg.docs)
	if c.dense {
		for doc, v := range c.seg.bytes(&c.items)[:len(out)] {
			out[doc] = uint32(v)
		}
		return out
	}
	for i := range c.n {
		for l := c.list(i); len(l) > 0; l = l[4:] {
			out[binary.LittleEndian.Uint32(l)] = uint32(i) + 1
		}
	}
	return out
}

// of is the number of a document's value, or -1. Of a field with several values
// it is one of them.
func (c *column) of(doc int) int {
	if c.dense {
		return int(c.seg.bytes(&c.items)[doc]) - 1
	}
	for i := range c.n {
		l := c.list(i)
		j := sort.Search(len(l)/4, func(j int) bool { return u32(l, j) >= uint32(doc) })
		if j < len(l)/4 && u32(l, j) == uint32(doc) {
			return i
		}
	}
	return -1
}
