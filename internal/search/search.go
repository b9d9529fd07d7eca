// Package search finds keywords, regular expressions and features in bytes, as
// ASCII and as UTF-16 of both byte orders, in time linear in their number.
// Start with New.
package search

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"saksi/internal/feature"
)

// Kinds of hits beside the names of features.
const (
	Keyword = "keyword"
	Regex   = "regex"
)

// Encodings of hits.
const (
	Plain   = "ascii" // the bytes as they are
	UTF16LE = "utf-16le"
	UTF16BE = "utf-16be"
)

// Hit is one thing that was found.
type Hit struct {
	Kind     string // Keyword, Regex or the name of a feature
	Name     string // the keyword or the expression as its list has it; issuer, country or kind of secret of a feature
	Encoding string
	Offset   int64
	Length   int    // bytes
	Text     string // what stands there, without the zeros of UTF-16; at most MaxText bytes
}

// Bounds of what is looked for and kept.
const (
	MaxText    = 256
	maxTerms   = 100_000
	maxRegexps = 1000
	maxPattern = 1024      // bytes of one expression
	maxMatches = 1 << 20   // of one expression in one content
	maxTable   = 128 << 20 // bytes of the keywords' automaton
	// Longest is how long what is found across the edge of two chunks may be.
	Longest = 64 << 10
)

// Config says what to look for.
type Config struct {
	Keywords []string // in any case of ASCII letters
	Regexps  []string // RE2 syntax
	Features feature.Set
}

// Empty reports whether there is nothing to look for.
func (c *Config) Empty() bool {
	return len(c.Keywords) == 0 && len(c.Regexps) == 0 && c.Features == 0
}

// Matcher looks for all of a Config. It is used by one goroutine at a time.
type Matcher struct {
	cfg     Config
	words   *automaton
	regexps []*regexp.Regexp
	text    []byte // of UTF-16, without its zeros
	hits    []Hit
	more    int
	limit   int
	count   [2]int // hits of keywords and expressions, and of features
}

// New compiles what is looked for. The error names what is wrong by its number
// in the list, from 1.
func New(cfg Config) (*Matcher, error) {
	m := &Matcher{cfg: cfg}
	if len(cfg.Keywords) > maxTerms || len(cfg.Regexps) > maxRegexps {
		return nil, fmt.Errorf("%d keywords and %d expressions: at most %d and %d are looked for at once", len(cfg.Keywords), len(cfg.Regexps), maxTerms, maxRegexps)
	}
	if len(cfg.Keywords) > 0 {
		var err error
		if m.words, err = newAutomaton(cfg.Keywords); err != nil {
			return nil, err
		}
	}
	for i, text := range cfg.Regexps {
		re, err := regexp.Compile(text)
		if err == nil && len(text) > maxPattern {
			text, err = text[:60]+"...", fmt.Errorf("it has %d bytes; expected at most %d", len(text), maxPattern)
		}
		if err == nil && re.MatchString("") {
			err = errors.New("it matches where nothing is")
		}
		if err != nil {
			return nil, fmt.Errorf("expression %d (%s): %w", i+1, text, err)
		}
		m.regexps = append(m.regexps, re)
	}
	return m, nil
}

// Scan gives what data holds in the order of offsets, at most limit hits (half
// of them features), and how
// many more there were. The hits are valid until the next call.
func (m *Matcher) Scan(data []byte, limit int) (hits []Hit, more int) {
	m.hits, m.more, m.limit, m.count = m.hits[:0], 0, limit, [2]int{}
	m.part(data, func(start, end int) (int64, int, string) { return int64(start), end - start, Plain })
	wide(data, &m.text, func(start int, encoding string) {
		m.part(m.text, func(a, b int) (int64, int, string) { return int64(start + 2*a), 2 * (b - a), encoding })
	})
	slices.SortStableFunc(m.hits, func(a, b Hit) int {
		switch {
		case a.Offset != b.Offset:
			return int(min(max(a.Offset-b.Offset, -1), 1))
		case a.Kind != b.Kind:
			return strings.Compare(a.Kind, b.Kind)
		}
		return strings.Compare(a.Name, b.Name)
	})
	return m.hits, m.more
}

// room takes a place for a hit, or counts it: half of the places are for what was
// named, half for features, so that a flood of one hides none of the other.
func (m *Matcher) room(feature int) bool {
	if m.count[feature] >= m.limit/2 {
		m.more++
		return false
	}
	m.count[feature]++
	return true
}

func (m *Matcher) part(data []byte, place func(start, end int) (offset int64, length int, encoding string)) {
	add := func(kind, name string, start, end int) {
		feature := 0
		if kind != Keyword && kind != Regex {
			feature = 1
		}
		if !m.room(feature) {
			return
		}
		h := Hit{Kind: kind, Name: name, Text: string(data[start:min(end, start+MaxText)])}
		h.Offset, h.Length, h.Encoding = place(start, end)
		m.hits = append(m.hits, h)
	}
	if m.words != nil {
		m.words.scan(data, func(n int, start, end int) {
			w := &m.words.terms[n]
			if w.encoding != "" {
				if offset, _, encoding := place(0, 0); encoding == Plain { // not again in text that was UTF-16
					if !m.room(0) {
						return
					}
					m.hits = append(m.hits, Hit{Kind: Keyword, Name: w.text, Text: w.text, Encoding: w.encoding, Offset: offset + int64(start), Length: end - start})
				}
				return
			}
			add(Keyword, w.text, start, end)
		})
	}
	for i, re := range m.regexps {
		for _, x := range re.FindAllIndex(data, maxMatches) {
			add(Regex, m.cfg.Regexps[i], x[0], x[1])
		}
	}
	if m.cfg.Features != 0 {
		feature.Scan(data, m.cfg.Features, func(x feature.Found) { add(x.Kind.String(), x.Detail, x.Start, x.End) })
	}
}

// shortest is how many characters of UTF-16 are looked at at least.
const shortest = 4

// Narrow gives f the stretches of ASCII characters in UTF-16 that data holds, as
// text without zeros, with where they begin and their encoding. f MUST NOT keep text.
func Narrow(data []byte, f func(text []byte, start int, encoding string)) {
	var buf []byte
	wide(data, &buf, func(start int, encoding string) { f(buf, start, encoding) })
}
