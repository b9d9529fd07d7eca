package local

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"saksi/event"
	"saksi/findings/query"
)

// words finds documents by the words of their text: the values that the words
// stand in, each tried, and the documents that have them.
func (s *segment) words(n *query.Node) *plan {
	if len(n.Tokens) == 0 {
		return s.none()
	}
	if slices.ContainsFunc(n.Tokens, query.Spans) {
		return s.match(n)
	}
	b := newBitset(s.docs)
	seen := map[uint64]bool{}
	try := func(c *column, i int) {
		at := uint64(c.place)<<32 | uint64(i)
		if seen[at] || !hasText(c.field) {
			return
		}
		seen[at] = true
		if !n.MatchWords(query.Tokens(keyText(c.field.Type(), c.key(i)))) {
			return
		}
		if c.dense {
			for doc, v := range c.seg.bytes(&c.items) {
				if int(v) == i+1 {
					b.set(uint32(doc))
				}
			}
			return
		}
		c.addTo(b, span{i, i + 1})
	}
	s.candidates(n, try)
	for odd := s.sec(secOdd); len(odd) > 0; odd = odd[4:] {
		doc := binary.LittleEndian.Uint32(odd)
		b.clear(doc)
		if s.matches(n, int(doc)) {
			b.set(doc)
		}
	}
	return s.set(b)
}

// candidates calls try for all values that may have the words.
func (s *segment) candidates(n *query.Node, try func(c *column, i int)) {
	t := &s.tokens
	tokens := func(i int) {
		from, to := t.span(i)
		for b := s.bytes(&t.items)[8*from : 8*to]; len(b) > 0; b = b[8:] {
			v := binary.LittleEndian.Uint64(b)
			try(s.order[v>>32], int(uint32(v)))
		}
	}
	word := []byte(n.Tokens[0])
	if n.Op == query.Prefix {
		for i := t.lower(word); i < t.n && bytes.HasPrefix(t.key(i), word); i++ {
			tokens(i)
		}
		for _, c := range s.order {
			switch {
			case c.field.Type() == event.Long && strings.Trim(n.Tokens[0], "0123456789") == "":
				for i := range c.n {
					try(c, i)
				}
			case c.width == 0:
				for i := c.lower(word); i < c.n && bytes.HasPrefix(c.key(i), word); i++ {
					try(c, i)
				}
			}
		}
		return
	}
	// Of several words the one that stands in the fewest values.
	best, least := -1, 0
	for _, w := range n.Tokens {
		i := t.find([]byte(w))
		if i < 0 {
			if len(n.Tokens) > 1 {
				return
			}
			break
		}
		if from, to := t.span(i); best < 0 || to-from < least {
			best, least = i, to-from
		}
	}
	if best >= 0 {
		tokens(best)
	}
	if len(n.Tokens) > 1 {
		return
	}
	number, err := strconv.ParseUint(n.Tokens[0], 10, 64)
	isNumber := err == nil && number <= 1<<63
	for _, c := range s.order {
		keys := [][]byte{word}
		switch {
		case c.field.Type() == event.Long && isNumber:
			keys = [][]byte{appendInt(nil, -int64(number))}
			if number < 1<<63 {
				keys = append(keys, appendInt(nil, int64(number)))
			}
		case c.width != 0:
			continue
		}
		for _, k := range keys {
			if i := c.find(k); i >= 0 {
				try(c, i)
			}
		}
	}
}
