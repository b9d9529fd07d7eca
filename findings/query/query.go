// Package query is the one query language of both indexes: Lucene's syntax,
// parsed once into a Node. Start with Parse; Match decides one event, and an
// index translates the Node into its own terms with the same meaning.
//
// The language:
//
//	word, "a phrase", wor*        in any text of the document, upper and lower case alike
//	field:value                   equal; keyword values are compared exactly
//	field:"a value"  field:a\ b   with spaces
//	field:va?u*                   wildcards (keyword fields)
//	field:*  _exists_:field       the field has a value
//	field:[a TO b}  field:>=5     ranges, * for open ends
//	source.ip:192.0.2.0/24        a network
//	@timestamp:2026-11-24         the whole day (also a month, a year, an hour, a minute, a second)
//	field:(a OR b)                several values
//	AND OR NOT + - ( )            AND binds closer than OR; words side by side mean OR;
//	                              + must match, - must not
package query

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"saksi/event"
)

// Error is a query that can't be parsed, with the column (from 1, in
// characters) where it goes wrong.
type Error struct {
	Query  string
	Column int
	Msg    string
}

func (e *Error) Error() string {
	const most = 200 // of a long query, what stands around the place
	q := e.Query
	if len(q) > most {
		from := max(0, min(e.Column, len(q))-most/2)
		q = q[from:min(len(q), from+most)]
		if from > 0 {
			q = "..." + q
		}
		q += "..."
	}
	return fmt.Sprintf("query %q at column %d: %s", q, e.Column, e.Msg)
}

// Op is what a Node does.
type Op uint8

// Operations. And, Or and Not combine Args; the others test Field, or with
// Field 0 all text.
const (
	All      Op = iota // every document
	And                // all of Args
	Or                 // any of Args
	Not                // not Args[0]
	Equal              // Field equals Value (Num for numbers, times and truth; Net for addresses)
	Exists             // Field has a value
	Wildcard           // Field matches Value, in which * and ? are wildcards and \ escapes
	Range              // Field is between Lo and Hi
	Words              // Tokens stand side by side in the text
	Prefix             // a token of the text starts with Tokens[0]
)

// Node is a parsed query.
type Node struct {
	Op     Op
	Args   []*Node
	Field  event.Field
	Value  string
	Num    int64
	Net    netip.Prefix
	Lo, Hi *Bound // nil is open
	Tokens []string
}

// Bound is one end of a range; which value holds depends on the field's type.
type Bound struct {
	Incl  bool
	Value string
	Num   int64
	Float float64
	Addr  netip.Addr
}

// value fills a leaf for field f from text: an equality, or for times and
// networks the range it stands for.
func value(f event.Field, s string) (*Node, error) {
	n := &Node{Op: Equal, Field: f, Value: s}
	switch f.Type() {
	case event.Keyword, event.Text:
		return n, nil
	case event.IP:
		if p, err := netip.ParsePrefix(s); err == nil {
			n.Net = p.Masked()
			return n, nil
		}
		a, err := netip.ParseAddr(s)
		if err != nil {
			return nil, fmt.Errorf("%s holds addresses; %q is neither one nor a network", f.Name(), s)
		}
		a = a.Unmap().WithZone("")
		n.Net = netip.PrefixFrom(a, a.BitLen())
		return n, nil
	case event.Date:
		lo, hi, err := dateRange(s)
		if err != nil {
			return nil, fmt.Errorf("%s holds times: %w", f.Name(), err)
		}
		return &Node{Op: Range, Field: f, Lo: &Bound{Incl: true, Num: lo}, Hi: &Bound{Num: hi}}, nil
	default:
		var e event.Event
		if err := e.SetText(f, s); err != nil {
			return nil, err
		}
		for v := range e.All() {
			n.Num = v.Int() // Float: its bits
		}
		return n, nil
	}
}

// dateForms are the times a query may give, from a year to nanoseconds, and
// the end of what each stands for.
var dateForms = []struct {
	layout string
	next   func(time.Time) time.Time
}{
	{"2006", func(t time.Time) time.Time { return t.AddDate(1, 0, 0) }},
	{"2006-01", func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }},
	{"2006-01-02", func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }},
	{"2006-01-02T15", func(t time.Time) time.Time { return t.Add(time.Hour) }},
	{"2006-01-02T15:04", func(t time.Time) time.Time { return t.Add(time.Minute) }},
	{"2006-01-02T15:04:05", func(t time.Time) time.Time { return t.Add(time.Second) }},
}

// dateRange gives the half-open range of Unix nanoseconds that s stands for.
func dateRange(s string) (lo, hi int64, err error) {
	trimmed := strings.TrimSuffix(s, "Z")
	for _, f := range dateForms {
		if t, err := time.Parse(f.layout, trimmed); err == nil {
			return t.UnixNano(), f.next(t).UnixNano(), nil
		}
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return 0, 0, fmt.Errorf("%q is no time; expected 2026-11-24 or 2026-11-24T08:30:00Z", s)
	}
	return t.UnixNano(), t.UnixNano() + 1, nil
}

// bound makes one end of a range. A date that stands for a whole day or hour
// counts whole: as a lower end from its first instant, or after its last when
// exclusive; as an upper end to its last, or before its first.
func bound(f event.Field, s string, lower, incl bool) (*Bound, error) {
	b := &Bound{Incl: incl, Value: s}
	switch f.Type() {
	case event.Keyword, event.Text:
		return b, nil
	case event.IP:
		a, err := netip.ParseAddr(s)
		if err != nil {
			return nil, fmt.Errorf("%s holds addresses; %q is none", f.Name(), s)
		}
		b.Addr = a.Unmap().WithZone("")
		return b, nil
	case event.Date:
		lo, hi, err := dateRange(s)
		if err != nil {
			return nil, fmt.Errorf("%s holds times: %w", f.Name(), err)
		}
		// Both ends become "from" (inclusive) or "before" (exclusive).
		switch {
		case lower == incl:
			b.Num = lo
		default:
			b.Num = hi
		}
		b.Incl = lower
		return b, nil
	case event.Boolean:
		return nil, fmt.Errorf("%s is true or false; it has no ranges", f.Name())
	default:
		var e event.Event
		if err := e.SetText(f, s); err != nil {
			return nil, err
		}
		for v := range e.All() {
			b.Num, b.Float = v.Int(), v.Float()
		}
		return b, nil
	}
}
