package query

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"saksi/event"
)

// Bounds of a document's text; what is beyond is not found by words, only by
// fields.
const (
	MaxTokens = 4096 // of a document
	maxToken  = 64   // bytes; longer words are cut there, in documents and queries alike
)

// Tokens are the words of s: runs of letters, digits and marks, in lower case.
func Tokens(s string) []string {
	var out []string
	for s != "" && len(out) < MaxTokens {
		i := strings.IndexFunc(s, inWord)
		if i < 0 {
			break
		}
		s = s[i:]
		j := strings.IndexFunc(s, func(r rune) bool { return !inWord(r) })
		if j < 0 {
			j = len(s)
		}
		word := strings.ToLower(s[:j])
		if len(word) > maxToken {
			word = word[:maxToken]
			for !utf8.ValidString(word) {
				word = word[:len(word)-1]
			}
		}
		out = append(out, word)
		s = s[j:]
	}
	return out
}

func inWord(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

// between stands between the texts of two values, so that no phrase spans
// them; it is a word that no input has (a control picture pair is no letter,
// this is a letter of a dead script, doubled).
const between = "\U00010300\U00010300"

// Spans reports whether a word may stand for the space between two values: what
// it matches can't be decided value by value.
func Spans(word string) bool { return strings.Contains(word, between[:4]) }

// Text is all text of a document as tokens with one space between; both
// indexes store exactly this for searches without a field.
func Text(e *event.Event) string {
	var b strings.Builder
	n := 0
	for v := range e.All() {
		if v.Field == event.EventID || v.Type() == event.Date || v.Type() == event.Boolean {
			continue
		}
		for _, t := range Tokens(string(v.AppendText(nil))) {
			if n++; n > MaxTokens {
				return b.String()
			}
			b.WriteString(t)
			b.WriteByte(' ')
		}
		b.WriteString(between)
		b.WriteByte(' ')
	}
	return b.String()
}

// Match decides whether e is what n asks for.
func (n *Node) Match(e *event.Event) bool {
	switch n.Op {
	case All:
		return true
	case And:
		for _, a := range n.Args {
			if !a.Match(e) {
				return false
			}
		}
		return true
	case Or:
		for _, a := range n.Args {
			if a.Match(e) {
				return true
			}
		}
		return false
	case Not:
		return !n.Args[0].Match(e)
	case Exists:
		return e.Has(n.Field)
	case Words, Prefix:
		return n.MatchWords(strings.Fields(Text(e)))
	}
	if !n.Field.IsArray() {
		v, ok := e.Last(n.Field)
		return ok && n.matchValue(v)
	}
	for v := range e.Values(n.Field) {
		if n.matchValue(v) {
			return true
		}
	}
	return false
}

// MatchWords decides a Words or Prefix node by the words of a text.
func (n *Node) MatchWords(words []string) bool {
	if n.Op == Prefix {
		return slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, n.Tokens[0]) })
	}
	for i := 0; i+len(n.Tokens) <= len(words) && len(n.Tokens) > 0; i++ {
		if slices.Equal(words[i:i+len(n.Tokens)], n.Tokens) {
			return true
		}
	}
	return false
}

func (n *Node) matchValue(v event.Value) bool {
	switch n.Op {
	case Equal:
		switch v.Type() {
		case event.Keyword, event.Text:
			return v.Str() == n.Value
		case event.IP:
			return n.Net.Contains(v.Addr())
		}
		return v.Int() == n.Num
	case Wildcard:
		return Glob(n.Value, v.Str())
	case Range:
		return (n.Lo == nil || n.Lo.compare(v) < 0 || n.Lo.Incl && n.Lo.compare(v) == 0) &&
			(n.Hi == nil || n.Hi.compare(v) > 0 || n.Hi.Incl && n.Hi.compare(v) == 0)
	}
	return false
}

func (b *Bound) compare(v event.Value) int {
	switch v.Type() {
	case event.Keyword, event.Text:
		return cmp.Compare(b.Value, v.Str())
	case event.IP:
		return as16(b.Addr).Compare(as16(v.Addr()))
	case event.Float:
		return cmp.Compare(b.Float, v.Float())
	}
	return cmp.Compare(b.Num, v.Int())
}

// as16 puts both families on one scale, IPv4 as its mapped form, as
// Elasticsearch sorts them.
func as16(a netip.Addr) netip.Addr { return netip.AddrFrom16(a.As16()) }

// Glob matches s against a pattern in which * stands for any characters, ? for
// one, and \ escapes. It takes time in the product of both lengths at most.
func Glob(pattern, s string) bool {
	p, i := 0, 0
	star, mark := -1, 0
	for i < len(s) {
		c, escaped, next := globNext(pattern, p)
		_, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case next > p && c == '*' && !escaped:
			star, mark = next, i
			p = next
		case next > p && c == '?' && !escaped:
			p = next
			i += n
		case next > p && s[i] == c:
			p = next
			i++
		case star >= 0:
			_, n := utf8.DecodeRuneInString(s[mark:])
			mark += n
			i, p = mark, star
		default:
			return false
		}
	}
	for {
		c, escaped, next := globNext(pattern, p)
		if next == p {
			return true
		}
		if c != '*' || escaped {
			return false
		}
		p = next
	}
}

func globNext(pattern string, p int) (c byte, escaped bool, next int) {
	if p == len(pattern) {
		return 0, false, p
	}
	if pattern[p] == '\\' && p+1 < len(pattern) {
		return pattern[p+1], true, p + 2
	}
	return pattern[p], false, p + 1
}
