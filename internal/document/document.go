// Package document writes small documents for people, a form or a report, as one
// HTML file and as PDF, the same words in both. Start with a Document; WriteHTML
// and WritePDF give the same bytes for the same Document. Its words may be an
// attacker's: nothing in them runs, breaks the page or hides.
package document

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Document is one document.
type Document struct {
	Lang  string // "en" or "ms"
	Title string
	Mark  string // classification, on top and bottom of each page
	Draft string // what says that it waits for a signature; "" for none
	Foot  string // what made it and of what, on the bottom of each page
	Page  string // word for "page"
	Time  time.Time
	Parts []Part
}

// Part is a piece of a document; exactly one of its fields is set.
type Part struct {
	Heading string
	Text    string
	Facts   []Fact
	Table   *Table
	Bars    []Bar
	Sign    []string // labels of lines to be filled in by hand
}

// Bar is a name with a bar of shares, which its note says in words.
type Bar struct {
	Name, Note string
	Segments   []Segment
}

// Segment is a part of a bar.
type Segment struct {
	Share float64  // of the bar's width
	Color [3]uint8 // red, green, blue
}

// Fact is a name and its value.
type Fact struct{ Name, Value string }

// Table is a table with its column names.
type Table struct {
	Columns []string
	Widths  []float64 // shares of the page's width
	Rows    [][]string
}

// check refuses what can't be laid out.
func (d *Document) check() error {
	for i, p := range d.Parts {
		if t := p.Table; t != nil {
			if len(t.Widths) != len(t.Columns) {
				return fmt.Errorf("writing a document: part %d: %d widths for %d columns", i, len(t.Widths), len(t.Columns))
			}
			for _, r := range t.Rows {
				if len(r) != len(t.Columns) {
					return fmt.Errorf("writing a document: part %d: a row of %d cells for %d columns", i, len(r), len(t.Columns))
				}
			}
		}
	}
	return nil
}

// plain makes text that hides nothing: control characters, and those that turn
// the direction of writing or take no room, are written as their numbers.
func plain(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n':
			b.WriteRune(r)
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) || unicode.Is(unicode.Co, r):
			fmt.Fprintf(&b, "\\u{%X}", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
