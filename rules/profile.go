package rules

import (
	"cmp"
	"slices"
	"time"
)

// Cost is what one rule cost on some input. What an engine does not count is
// zero.
type Cost struct {
	ID, Name, Language string
	Tried              uint64        // times the rule was looked at, after what sorts out by literals and groups
	Evaluated          uint64        // of these, times its patterns were searched
	Matched            uint64        // times all its conditions were met
	Steps              uint64        // work as step budgets count it: the same on every machine
	Time               time.Duration // CPU time of its evaluation, with the clock's own cost
}

// SortCosts puts what costs most first: by time, then steps, then tries.
func SortCosts(list []Cost) {
	slices.SortStableFunc(list, func(a, b Cost) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), cmp.Compare(b.Steps, a.Steps), cmp.Compare(b.Tried, a.Tried), cmp.Compare(a.ID, b.ID))
	})
}
