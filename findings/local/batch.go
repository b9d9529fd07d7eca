package local

import (
	"encoding/binary"
	"slices"

	"saksi/event"
	"saksi/findings/query"
)

// gather collects items by keys, both in any order; items of one key MUST come
// in their order.
type gather[T uint32 | uint64] struct {
	index map[string]uint32
	keys  []string
	last  []T
	of    []uint32 // key of each item
	items []T
}

func (g *gather[T]) add(key []byte, item T) {
	k, ok := g.index[string(key)]
	if !ok {
		if g.index == nil {
			g.index = map[string]uint32{}
		}
		k = uint32(len(g.keys))
		s := string(key)
		g.index[s] = k
		g.keys = append(g.keys, s)
		g.last = append(g.last, item)
	} else if g.last[k] == item {
		return
	}
	g.last[k] = item
	g.of = append(g.of, k)
	g.items = append(g.items, item)
}

// sorted gives the keys in their order, and for each its items.
func (g *gather[T]) sorted() (keys []string, items [][]T) {
	starts := make([]uint32, len(g.keys)+1)
	for _, k := range g.of {
		starts[k+1]++
	}
	for i := 1; i < len(starts); i++ {
		starts[i] += starts[i-1]
	}
	at := slices.Clone(starts)
	all := make([]T, len(g.items))
	for i, k := range g.of {
		all[at[k]] = g.items[i]
		at[k]++
	}
	keys = slices.Clone(g.keys)
	slices.Sort(keys)
	items = make([][]T, len(keys))
	for i, k := range keys {
		n := g.index[k]
		items[i] = all[starts[n]:starts[n+1]]
	}
	return keys, items
}

// batch becomes one segment: documents, and by fields the values that they
// have.
type batch struct {
	out    *output
	fields [event.NumFields]gather[uint32]
	seen   [event.NumFields]uint32 // the last document with the field, plus one
	key    []byte
}

// add adds a document whose JSON is body.
func (b *batch) add(id []byte, ns int64, e *event.Event, body []byte) {
	doc := b.out.document(id, ns, body)
	twice := false
	for i := range e.Len() {
		v := e.At(i)
		twice = twice || b.seen[v.Field] == doc+1 && !v.Field.IsArray()
		b.seen[v.Field] = doc + 1
	}
	if twice || len(body) > 2*query.MaxTokens && words(e) >= query.MaxTokens {
		b.out.odd = binary.LittleEndian.AppendUint32(b.out.odd, doc)
	}
	for i := range e.Len() {
		v := e.At(i)
		f := v.Field
		if f == event.Timestamp || f == event.EventID {
			continue
		}
		if twice && !f.IsArray() { // the last one counts
			last, _ := e.Last(f)
			v = &last
		}
		b.key = appendKey(b.key[:0], v)
		b.fields[f].add(b.key, doc)
	}
}

// words counts the words of a document's text.
func words(e *event.Event) (n int) {
	for v := range e.All() {
		if hasText(v.Field) {
			n += len(query.Tokens(string(v.AppendText(nil))))
		}
	}
	return n
}

// hasText reports whether a field's values are part of a document's text; see
// query.Text.
func hasText(f event.Field) bool {
	return f != event.EventID && f.Type() != event.Date && f.Type() != event.Boolean
}

// indexed reports whether the words of a field's values are among the tokens.
// Those of whole numbers are not: a word is a number or is not.
func indexed(f event.Field) bool { return hasText(f) && f.Type() != event.Long }

// alone reports whether a value is its only word: the column's keys find it.
func alone(f event.Field, value string, tokens []string) bool {
	return len(tokens) == 1 && tokens[0] == value && f.Type() != event.IP && f.Type() != event.Float
}

// close writes the segment.
func (b *batch) close() error {
	b.out.endDocuments()
	var d dictOut
	var tokens gather[uint64]
	for _, f := range event.AllFields() {
		g := &b.fields[f]
		if len(g.keys) == 0 {
			continue
		}
		keys, items := g.sorted()
		d.reset(keyWidth(f.Type()), 4)
		for i, k := range keys {
			d.key([]byte(k))
			for _, doc := range items[i] {
				d.items = binary.LittleEndian.AppendUint32(d.items, doc)
			}
			if !indexed(f) {
				continue
			}
			text := keyText(f.Type(), []byte(k))
			if list := query.Tokens(text); !alone(f, text, list) {
				for _, t := range list {
					tokens.add([]byte(t), b.out.count<<32|uint64(i))
				}
			}
		}
		d.end()
		b.out.column(f.Name(), &d)
	}
	d.reset(0, 8)
	keys, items := tokens.sorted()
	for i, k := range keys {
		d.key([]byte(k))
		for _, x := range items[i] {
			d.items = binary.LittleEndian.AppendUint64(d.items, x)
		}
	}
	d.end()
	b.out.tokens = b.out.dict(&d)
	return b.out.close()
}
