package pack

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Verdict says whether a test passes, and why not.
type Verdict struct {
	Pass     bool
	Expected []string // rule and how often, as "1200002 x2", "1200003 x0"
	Found    []string // the same of all that was found
	Why      []string // one text for each thing that is not as it should be
}

// Judge decides a test by how often each rule found something. running are the
// ids of the rules that run, refused why others don't.
func (t *Test) Judge(found map[string]int, running map[string]bool, refused map[string]string) Verdict {
	v := Verdict{Found: []string{}}
	for _, r := range slices.Sorted(maps.Keys(found)) {
		if found[r] > 0 {
			v.Found = append(v.Found, r+" x"+strconv.Itoa(found[r]))
		}
	}
	known := func(rule string) bool {
		if running[rule] {
			return true
		}
		why := "there is no such rule in the pack"
		if text, ok := refused[rule]; ok {
			why = "it does not run: " + text
		}
		v.Why = append(v.Why, fmt.Sprintf("rule %s: %s", rule, why))
		return false
	}
	named := map[string]bool{}
	for _, e := range t.Expect {
		named[e.Rule] = true
		v.Expected = append(v.Expected, e.Rule+" "+e.times())
		if n := found[e.Rule]; known(e.Rule) && (n < e.Min || e.Max >= 0 && n > e.Max) {
			v.Why = append(v.Why, fmt.Sprintf("rule %s found %d, expected %s", e.Rule, n, e.words()))
		}
	}
	for _, r := range t.Not {
		named[r] = true
		v.Expected = append(v.Expected, r+" x0")
		if n := found[r]; known(r) && n > 0 {
			v.Why = append(v.Why, fmt.Sprintf("rule %s found %d, expected none", r, n))
		}
	}
	if t.Only {
		v.Expected = append(v.Expected, "nothing else")
		for _, r := range slices.Sorted(maps.Keys(found)) {
			if !named[r] && found[r] > 0 {
				v.Why = append(v.Why, fmt.Sprintf("rule %s found %d, expected nothing else", r, found[r]))
			}
		}
	}
	v.Pass = len(v.Why) == 0
	return v
}

func (e *Expect) times() string {
	switch {
	case e.Max == e.Min:
		return fmt.Sprintf("x%d", e.Min)
	case e.Max < 0:
		return fmt.Sprintf("x%d+", e.Min)
	}
	return fmt.Sprintf("x%d-%d", e.Min, e.Max)
}

func (e *Expect) words() string {
	switch {
	case e.Max == e.Min:
		return strconv.Itoa(e.Min)
	case e.Max < 0:
		return fmt.Sprintf("at least %d", e.Min)
	}
	return fmt.Sprintf("%d to %d", e.Min, e.Max)
}

// Covered says of each running rule whether a test has a sample that it finds,
// and one that it must leave alone.
func (p *Pack) Covered(running map[string]bool) (found, left map[string]bool) {
	found, left = map[string]bool{}, map[string]bool{}
	for i := range p.Tests {
		t := &p.Tests[i]
		for _, e := range t.Expect {
			found[e.Rule] = running[e.Rule]
		}
		for _, r := range t.Not {
			left[r] = running[r]
		}
		if t.Only {
			for r := range running {
				if !slices.ContainsFunc(t.Expect, func(e Expect) bool { return e.Rule == r }) {
					left[r] = true
				}
			}
		}
	}
	return found, left
}
