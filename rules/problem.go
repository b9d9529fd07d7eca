// Package rules holds what the detection languages share: how a problem in a
// rule is reported, one scale of severity, the ATT&CK techniques of a rule, and
// the catalog that lists rules of every language. Each language lives in its
// own folder below.
package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Level says what a Problem means for its rule.
type Level uint8

const (
	// Wrong is a rule that is not valid in its language; it does not run.
	Wrong Level = iota
	// Refused is a valid rule that cannot be honored exactly; it does not run.
	Refused
	// Advice is a rule that runs but should be looked at.
	Advice
)

func (l Level) String() string {
	switch l {
	case Wrong:
		return "error"
	case Refused:
		return "refused"
	}
	return "advice"
}

// Problem is one thing to say about one rule, and where.
type Problem struct {
	File   string
	Line   int // from 1; 0 when the problem is the whole file's
	Column int // in bytes, from 1
	Level  Level
	Rule   string // the rule's id, when it could be read
	// Reason is a short constant text, without values of the rule, by which
	// problems are counted.
	Reason   string
	Message  string
	Expected string // what was expected there, if that can be said
	Hint     string // the next thing to do
}

// Error gives the problem in one line: file:line:column: message.
func (p *Problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
	if p.Expected != "" {
		fmt.Fprintf(&b, "; expected %s", p.Expected)
	}
	return b.String()
}

// Advice is the next thing to do: the hint, or what the level of the problem
// says of any rule.
func (p *Problem) Advice() string {
	switch {
	case p.Hint != "":
		return p.Hint
	case p.Level == Refused:
		return "the rule is right, but can't be honored exactly; all others run without it"
	case p.Level == Wrong && p.Expected != "":
		return "write " + p.Expected + " at this place"
	case p.Level == Wrong:
		return "put the rule right, or take it out; all others run"
	}
	return ""
}

// SortProblems orders problems by file, line and column.
func SortProblems(list []Problem) {
	slices.SortStableFunc(list, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// CountReasons counts the problems of a level by reason.
func CountReasons(list []Problem, l Level) map[string]int {
	m := map[string]int{}
	for i := range list {
		if list[i].Level == l {
			m[list[i].Reason]++
		}
	}
	return m
}
