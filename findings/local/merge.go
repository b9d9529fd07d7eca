package local

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"os"
	"slices"

	"saksi/event"
	"saksi/internal/wire"
)

// Merging: segments whose numbers of documents are alike become one, so that an
// index has a few segments whatever way it was written. Each document is merged
// about log8(n) times.
const (
	fanIn      = 8       // segments of a class that become one
	maxMerged  = 1 << 20 // documents of a segment that is not merged any further
	maxMergedB = 1 << 30 // bytes, likewise
)

// class is the size of a segment: each is eight times the one before.
func class(docs int) int { return bits.Len(uint(docs)) / 3 }

// mergeable chooses segments to merge, or none.
func mergeable(list []*segment) []*segment {
	var classes [bits.UintSize][]*segment
	for _, s := range list {
		if s.docs >= maxMerged || len(s.data) >= maxMergedB {
			continue
		}
		c := class(s.docs)
		classes[c] = append(classes[c], s)
		docs, size := 0, 0
		for _, x := range classes[c] {
			docs += x.docs
			size += len(x.data)
		}
		if len(classes[c]) == fanIn || len(classes[c]) > 1 && (docs >= maxMerged || size >= maxMergedB) {
			return classes[c]
		}
	}
	return nil
}

const gone = ^uint32(0)

// source is a segment that is merged, and what becomes of its documents.
type source struct {
	*segment
	docs    []uint32   // new number of each, or gone
	columns [][]uint32 // of each column: new number of each value, or gone
	places  []int      // of each column: its place in the new segment
}

// merge writes the documents of list, without those in drop, as a segment. It
// returns how many documents it has; with none it writes nothing.
func merge(dir, name string, list []*segment, drop map[*segment]bitset) (docs int, err error) {
	defer faults()()
	var o *output
	defer func() {
		if o != nil {
			_ = o.f.Close() // an error or broken bytes ended it; sweep removes the file
		}
	}()
	defer guard(&err)
	if o, err = create(dir, name); err != nil {
		return 0, err
	}
	srcs := make([]*source, len(list))
	for i, s := range list {
		srcs[i] = &source{segment: s, docs: make([]uint32, s.docs), columns: make([][]uint32, len(s.order)), places: make([]int, len(s.order))}
		if err := o.copyDocuments(srcs[i], drop[s]); err != nil {
			return 0, err
		}
	}
	if o.docs == 0 {
		return 0, os.Remove(o.path)
	}
	o.endDocuments()
	for _, f := range event.AllFields() {
		o.mergeColumn(f, srcs)
	}
	o.mergeTokens(srcs)
	docs = o.docs
	err = o.close()
	o = nil
	return docs, err
}

// copyDocuments copies blocks as they are where they are large enough and no
// document in them is gone.
func (o *output) copyDocuments(s *source, drop bitset) error {
	for n := range s.blocks() {
		first, end := s.blockDocs(n)
		keep := true
		for doc := first; doc < end && keep; doc++ {
			keep = !drop.has(doc)
		}
		packed, crc, err := s.packed(n)
		if err != nil {
			return err
		}
		if keep && len(packed) >= blockSize/16 {
			o.flush()
			at := o.docs
			for doc := first; doc < end; doc++ {
				s.docs[doc] = o.place(s.id(doc), s.time(doc))
			}
			o.block(at, packed, crc)
			continue
		}
		b, err := s.block(n)
		if err != nil {
			return err
		}
		r := &wire.Reader{B: b}
		for doc := first; doc < end; doc++ {
			at, rest := r.Uint(), r.Bytes()
			if drop.has(doc) {
				s.docs[doc] = gone
				continue
			}
			id := s.id(doc)
			s.docs[doc] = o.document(id, s.time(doc), joinBody(rest, at, id))
		}
		if r.Err() != nil {
			return r.Err()
		}
	}
	for odd := s.sec(secOdd); len(odd) > 0; odd = odd[4:] {
		if doc := s.docs[binary.LittleEndian.Uint32(odd)]; doc != gone {
			o.odd = binary.LittleEndian.AppendUint32(o.odd, doc)
		}
	}
	return nil
}

// cursorOf goes through the keys of one of several dicts.
type cursorOf struct {
	d   *dict
	src *source
	i   int
	key []byte
}

// together calls f for each key of several dicts in order, with the cursors
// that stand at it.
func together(list []*cursorOf, f func(key []byte, at []*cursorOf)) {
	live := make([]*cursorOf, 0, len(list))
	for _, c := range list {
		if c.i < c.d.n {
			c.key = c.d.key(c.i)
			live = append(live, c)
		}
	}
	at := make([]*cursorOf, 0, len(live))
	for len(live) > 0 {
		at = append(at[:0], live[0])
		for _, c := range live[1:] {
			switch bytes.Compare(c.key, at[0].key) {
			case -1:
				at = append(at[:0], c)
			case 0:
				at = append(at, c)
			}
		}
		f(at[0].key, at)
		ended := false
		for _, c := range at {
			if c.i++; c.i < c.d.n {
				c.key = c.d.key(c.i)
			} else {
				ended = true
			}
		}
		if ended {
			live = slices.DeleteFunc(live, func(c *cursorOf) bool { return c.i == c.d.n })
		}
	}
}

func (o *output) mergeColumn(f event.Field, srcs []*source) {
	var list []*cursorOf
	for _, s := range srcs {
		if c := s.segment.columns[f]; c != nil {
			s.columns[c.place] = make([]uint32, c.n)
			list = append(list, &cursorOf{d: &c.dict, src: s})
		}
	}
	if len(list) == 0 {
		return
	}
	// Of dense columns, the documents of each value.
	lists := map[*source][][]uint32{}
	for _, x := range list {
		if c := x.src.segment.columns[f]; c.dense {
			by := make([][]uint32, c.n)
			for i := range by {
				by[i] = make([]uint32, 0, c.count(i))
			}
			for doc, v := range c.seg.bytes(&c.items) {
				if v > 0 {
					by[v-1] = append(by[v-1], uint32(doc))
				}
			}
			lists[x.src] = by
		}
	}
	var d dictOut
	d.reset(keyWidth(f.Type()), 4)
	together(list, func(key []byte, at []*cursorOf) {
		before := len(d.items)
		add := func(s *source, doc uint32) {
			if doc = s.docs[doc]; doc != gone {
				d.items = binary.LittleEndian.AppendUint32(d.items, doc)
			}
		}
		for _, x := range at {
			if by, ok := lists[x.src]; ok {
				for _, doc := range by[x.i] {
					add(x.src, doc)
				}
				continue
			}
			for l := x.src.segment.columns[f].list(x.i); len(l) > 0; l = l[4:] {
				add(x.src, binary.LittleEndian.Uint32(l))
			}
		}
		place := uint32(d.n)
		if len(d.items) == before {
			place = gone
		} else {
			d.keyAt(key, before)
		}
		for _, x := range at {
			x.src.columns[x.src.segment.columns[f].place][x.i] = place
		}
	})
	if d.n == 0 {
		return
	}
	for _, x := range list {
		c := x.src.segment.columns[f]
		x.src.places[c.place] = int(o.count)
	}
	d.end()
	o.column(f.Name(), &d)
}

func (o *output) mergeTokens(srcs []*source) {
	var list []*cursorOf
	for _, s := range srcs {
		list = append(list, &cursorOf{d: &s.tokens, src: s})
	}
	var d dictOut
	d.reset(0, 8)
	var items []uint64
	together(list, func(key []byte, at []*cursorOf) {
		items = items[:0]
		for _, x := range at {
			from, to := x.d.span(x.i)
			for b := x.d.seg.bytes(&x.d.items)[8*from : 8*to]; len(b) > 0; b = b[8:] {
				v := binary.LittleEndian.Uint64(b)
				c := int(v >> 32)
				if n := x.src.columns[c][uint32(v)]; n != gone {
					items = append(items, uint64(x.src.places[c])<<32|uint64(n))
				}
			}
		}
		if len(items) == 0 {
			return
		}
		slices.Sort(items)
		before := len(d.items)
		for _, v := range slices.Compact(items) {
			d.items = binary.LittleEndian.AppendUint64(d.items, v)
		}
		d.keyAt(key, before)
	})
	d.end()
	o.tokens = o.dict(&d)
}
