// Package required finds the words without which a regular expression can't
// match, so that most values need not be given to it. Start with Literals.
package required

import (
	"regexp/syntax"
	"strings"
)

// maxLits bounds the literals known of one expression.
const maxLits = 32

// Literals returns lower-case literals of which each match of re holds one, or
// none when the expression does not tell.
func Literals(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			if r >= 0x80 { // its forms in lower case are more than one
				return nil
			}
		}
		return []string{strings.ToLower(string(re.Rune))}
	case syntax.OpCapture, syntax.OpPlus:
		return Literals(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return Literals(re.Sub[0])
		}
	case syntax.OpConcat:
		var best []string
		for _, sub := range re.Sub {
			if l := Literals(sub); l != nil && (best == nil || Likely(l) < Likely(best)) {
				best = l
			}
		}
		return best
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			l := Literals(sub)
			if l == nil || len(all)+len(l) > maxLits {
				return nil
			}
			all = append(all, l...)
		}
		return all
	}
	return nil
}

// Likely estimates how likely a value holds one of the literals: the longer
// each is, the less.
func Likely(lits []string) float64 {
	p := 0.0
	for _, l := range lits {
		n := float64(len(l))
		p += 4 / (1 + n*n)
	}
	return p
}
