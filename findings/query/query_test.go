package query

import (
	"errors"
	"testing"

	"saksi/event"
)

// TestErrors proves that a wrong query is refused at the right column.
func TestErrors(t *testing.T) {
	for q, column := range map[string]int{
		"event.knd:alert":             1,
		"a AND event.knd:x":           7,
		"(a OR b":                     1,
		"a AND _exists_:event.knd":    16,
		"_exists_:":                   10,
		"a)":                          2,
		`rule.name:"x`:                11,
		"event.severity:high":         16,
		"event.severity:[1 TO 2":      16,
		"event.severity:[1 2]":        19,
		"source.ip:300.0.0.1":         11,
		"source.ip:192.0.*":           11,
		"\u00e9\u00e9 AND /re/":       8,
		"a AND":                       6,
		"OR a":                        1,
		"@timestamp:yesterday":        12,
		"word~2":                      5,
		"*a*":                         1,
		":x":                          1,
		"event.kind:":                 12,
		"Saksi.file.deleted:[0 TO 1]": 21,
	} {
		_, err := Parse(q)
		var e *Error
		if !errors.As(err, &e) || e.Column != column {
			t.Errorf("%s: %v, expected column %d", q, err, column)
		}
	}
}

// TestHint proves that a misspelled field is answered with the one meant.
func TestHint(t *testing.T) {
	_, err := Parse("event.severty:4")
	var e *Error
	if !errors.As(err, &e) || e.Msg != `unknown field "event.severty"; did you mean event.severity?` {
		t.Errorf("%v", err)
	}
}

// TestExists proves that both forms of "the field has a value" are one.
func TestExists(t *testing.T) {
	for _, q := range []string{"event.kind:*", "_exists_:event.kind", "(_exists_:event.kind)"} {
		n, err := Parse(q)
		if err != nil || n.Op != Exists || n.Field != event.EventKind {
			t.Errorf("%s: %+v, %v", q, n, err)
		}
	}
}

// TestGlob proves the wildcards, their escapes and that hostile patterns end.
func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"*", "", true},
		{"a*c", "abbc", true},
		{"a*c", "abb", false},
		{"a?c", "a\u00e9c", true},
		{"a?c", "ac", false},
		{`a\*`, "a*", true},
		{`a\*`, "ab", false},
		{"*b*", "abc", true},
		{"", "", true},
		{"", "a", false},
		{"a**", "a", true},
		{"*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
	} {
		if Glob(c.pattern, c.s) != c.want {
			t.Errorf("%q on %q is not %v", c.pattern, c.s, c.want)
		}
	}
}

// FuzzParse proves that no query panics and that what parses can be matched.
func FuzzParse(f *testing.F) {
	for _, q := range []string{`a AND (b OR -c)`, `source.ip:[1.2.3.4 TO *}`, `"a\" b" event.severity:>=2`, `@timestamp:2026-11`, `x:(y`} {
		f.Add(q)
	}
	var e event.Event
	e.Str(event.Message, "some words")
	e.Int(event.EventSeverity, 2)
	f.Fuzz(func(t *testing.T, q string) {
		n, err := Parse(q)
		if err != nil {
			var pe *Error
			if !errors.As(err, &pe) || pe.Column < 1 {
				t.Fatalf("%v", err)
			}
			return
		}
		n.Match(&e)
	})
}
