package search

import (
	"encoding/binary"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// automaton finds many words in one pass (Aho and Corasick, 1975), as a table
// of states over the classes of bytes that the words tell apart.
type automaton struct {
	terms   []term
	class   [256]uint16
	classes int
	next    []int32 // state * classes + class
	out     []int32 // by state: first index into terms that ends here, or -1
	chain   []int32 // by term: next term of the same end, or -1
	link    []int32 // by state: nearest state behind that ends a term, or 0
}

type term struct {
	text     string
	encoding string // "" for the bytes themselves
	length   int
}

func fold(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 32
	}
	return c
}

func newAutomaton(words []string) (*automaton, error) {
	a := &automaton{}
	var patterns [][]byte
	add := func(text, encoding string, b []byte) {
		a.terms = append(a.terms, term{text, encoding, len(b)})
		patterns = append(patterns, b)
	}
	bytes := 0
	for i, w := range words {
		if w == "" || len(w) > 1024 {
			return nil, fmt.Errorf("keyword %d has %d bytes; expected 1 to 1024", i+1, len(w))
		}
		add(w, "", []byte(w))
		bytes += len(w)
		for j := range len(w) {
			if w[j] >= utf8.RuneSelf && utf8.ValidString(w) { // ASCII is found where the zeros were taken out
				units := utf16.Encode([]rune(w))
				var le, be []byte
				for _, u := range units {
					le, be = binary.LittleEndian.AppendUint16(le, u), binary.BigEndian.AppendUint16(be, u)
				}
				add(w, UTF16LE, le)
				add(w, UTF16BE, be)
				bytes += 2 * len(le)
				break
			}
		}
	}
	a.classes = 1 // class 0: no word has it
	for _, p := range patterns {
		for _, c := range p {
			if c = fold(c); a.class[c] == 0 {
				a.class[c] = uint16(a.classes)
				a.classes++
			}
		}
	}
	for c := 'A'; c <= 'Z'; c++ {
		a.class[c] = a.class[c+32]
	}
	if size := int64(bytes+1) * int64(a.classes) * 4; size > maxTable {
		return nil, fmt.Errorf("the keywords need up to %d bytes of memory, more than %d; give fewer or shorter ones", size, maxTable)
	}
	a.state()
	for n, p := range patterns {
		at := 0
		for _, c := range p {
			k := at*a.classes + int(a.class[c])
			if a.next[k] == 0 {
				a.next[k] = int32(a.state())
			}
			at = int(a.next[k])
		}
		a.chain = append(a.chain, a.out[at])
		a.out[at] = int32(n)
	}
	a.links()
	return a, nil
}

// state adds a state and gives its number.
func (a *automaton) state() int {
	n := len(a.out)
	a.next = append(a.next, make([]int32, a.classes)...)
	a.out = append(a.out, -1)
	a.link = append(a.link, 0)
	return n
}

// links completes the table: where a word goes on no further, the longest end
// of it that begins another.
func (a *automaton) links() {
	fail := make([]int32, len(a.out))
	queue := []int32{}
	for c := range a.classes {
		if s := a.next[c]; s != 0 {
			queue = append(queue, s)
		}
	}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		back := fail[s]
		if a.link[s] = back; a.out[back] < 0 {
			a.link[s] = a.link[back]
		}
		for c := range a.classes {
			to := &a.next[int(s)*a.classes+c]
			through := a.next[int(back)*a.classes+c]
			if *to == 0 {
				*to = through
				continue
			}
			fail[*to] = through
			queue = append(queue, *to)
		}
	}
}

func (a *automaton) scan(data []byte, f func(term, start, end int)) {
	s := int32(0)
	for i, c := range data {
		s = a.next[int(s)*a.classes+int(a.class[c])]
		if s == 0 {
			continue
		}
		for e := s; e != 0; e = a.link[e] {
			for n := a.out[e]; n >= 0; n = a.chain[n] {
				f(int(n), i+1-a.terms[n].length, i+1)
			}
		}
	}
}
