package intel

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"saksi/rules"
)

// mostTold is how many problems of one reason and file are told one by one.
const mostTold = 1000

// reporter gathers problems; what is beyond mostTold is counted.
type reporter struct {
	list   []rules.Problem
	counts map[reasonKey]int
}

type reasonKey struct {
	file, reason string
	level        rules.Level
}

func (r *reporter) add(file string, p rules.Problem) {
	if r.counts == nil {
		r.counts = map[reasonKey]int{}
	}
	p.File = file
	if p.Line == 0 { // about the whole file
		p.Line, p.Column = 1, 1
	}
	k := reasonKey{file, p.Reason, p.Level}
	if r.counts[k]++; r.counts[k] <= mostTold {
		r.list = append(r.list, p)
	}
}

// finish gives all problems, and one more for each reason of which some were
// only counted.
func (r *reporter) finish() []rules.Problem {
	for _, k := range slices.SortedFunc(maps.Keys(r.counts), func(a, b reasonKey) int {
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.reason, b.reason), cmp.Compare(a.level, b.level))
	}) {
		if n := r.counts[k] - mostTold; n > 0 {
			r.list = append(r.list, rules.Problem{File: k.file, Line: 1, Column: 1, Level: k.level, Reason: k.reason, Message: fmt.Sprintf("%d more of these: %s", n, k.reason)})
		}
	}
	rules.SortProblems(r.list)
	return r.list
}
