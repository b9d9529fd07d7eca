package sigma

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"gopkg.in/yaml.v3"

	"saksi/event"
	"saksi/rules"
)

// Trace asks about one rule: Emit is told each time an engine of the set looks
// at a record of its log source, with the event if it is one of ours. A
// correlation tells each time it counts. Nothing may match at the same time.
type Trace struct {
	ID   string // of the rule; for one without an id its title
	Emit func(t *rules.Trial, e *event.Event)
	// Others are the records of another log source, at which the rule never
	// looks.
	Others uint64

	rule *Rule
}

// of reports whether the trace asks about r.
func (t *Trace) of(r *Rule) bool {
	return t != nil && (t.ID == r.ID || r.ID == "" && t.ID == r.Title)
}

// Found reports whether the set has the rule, and it runs.
func (t *Trace) Found() bool { return t.rule != nil }

// label is a part of a traced rule's condition, with its text: it tells how it
// was decided.
type label struct {
	node
	text    string
	values  bool    // of fields
	fields  []int32 // whose values are told
	onlyMet bool    // one of many: told only when met
}

// teller takes what labels tell of one record.
type teller struct {
	trial rules.Trial
	depth int
}

func (l *label) eval(s *scratch) bool {
	t := s.tell
	if t == nil {
		return l.node.eval(s)
	}
	at := len(t.trial.Conditions)
	t.trial.Conditions = append(t.trial.Conditions, rules.Condition{Text: l.text, Depth: t.depth})
	t.depth++
	ok := l.node.eval(s)
	t.depth--
	c := &t.trial.Conditions[at]
	c.Outcome = rules.Unmet
	if ok {
		c.Outcome = rules.Met
	}
	if l.values {
		c.Seen = s.look(l.fields)
	}
	if !ok && l.onlyMet {
		t.trial.Conditions = t.trial.Conditions[:at]
	}
	return ok
}

// rest asks what a decided condition did not need any more, so that all of it
// is told.
func (s *scratch) rest(list []node) {
	if s.tell != nil {
		for _, n := range list {
			n.eval(s)
		}
	}
}

// Bounds of what a trace shows of values.
const (
	maxSeen      = 4
	maxSeenBytes = 120
)

// look gives the values that fields have in the record.
func (s *scratch) look(fields []int32) string {
	var all []string
	for _, f := range fields {
		if f == anyField {
			return fmt.Sprintf("%d values", len(s.vals))
		}
		var list []string
		more := 0
		for i := s.first[f]; i >= 0; i = s.vals[i].next {
			if len(list) == maxSeen {
				more++
				continue
			}
			v := s.vals[i].raw
			text := strconv.Quote(v[:min(len(v), maxSeenBytes)])
			if len(v) > maxSeenBytes {
				text += "..."
			}
			list = append(list, text)
		}
		switch {
		case len(list) == 0:
			list = []string{"no such field"}
		case more > 0:
			list = append(list, fmt.Sprintf("and %d more", more))
		}
		all = append(all, strings.Join(list, ", "))
	}
	return strings.Join(all, " and ")
}

// labeled gives n its text when the rule under work is traced.
func (c *compiler) labeled(text string, n node) node {
	if !c.label || n == nil {
		return n
	}
	return &label{node: n, text: text}
}

// negated labels what a traced condition denies, so that it is told as the rule
// has it.
func negated(n node) node {
	switch x := n.(type) {
	case not:
		text := "not (...)"
		if l, ok := x.n.(*label); ok {
			text = "not " + l.text
		}
		return &label{node: not{negated(x.n)}, text: text}
	case allOf:
		out := make(allOf, len(x))
		for i := range x {
			out[i] = negated(x[i])
		}
		return out
	case anyOf:
		out := make(anyOf, len(x))
		for i := range x {
			out[i] = negated(x[i])
		}
		return out
	}
	return n
}

// maxListed is how many values of one item a trace lists one by one; of more it
// tells those that are met.
const maxListed = 12

// labelItem labels an item of a traced rule, and its values.
func (it *item) labelItem(n node, nodes []*yaml.Node) node {
	if !it.c.label {
		return n
	}
	var values []string
	for _, v := range nodes {
		values = append(values, v.Value)
	}
	text := it.key.Value + ": " + strings.Join(values, ", ")
	if len(text) > 4*maxSeenBytes {
		text = text[:4*maxSeenBytes] + "..."
	}
	fields := []int32{it.field}
	fields = append(fields, it.others...)
	return &label{node: n, text: text, values: true, fields: fields}
}

// labelValue labels one value of several.
func (it *item) labelValue(n node, text string, of int) node {
	if !it.c.label || of < 2 {
		return n
	}
	return &label{node: n, text: text, onlyMet: of > maxListed}
}

// traced looks at the traced rule, behind all others.
func (s *scratch) traced(e *event.Event) {
	t := s.set.trace
	if t == nil || t.rule == nil || t.rule.correlation != nil {
		return
	}
	r := t.rule
	mine := false
	for _, g := range s.done {
		mine = mine || g == s.set.groups[r.Source]
	}
	if !mine {
		t.Others++
		return
	}
	s.tell = &teller{trial: rules.Trial{Conditions: []rules.Condition{{Text: "logsource: " + r.Source.String(), Outcome: rules.Met, Seen: s.sources()}}}}
	s.tell.trial.Found = r.cond.eval(s)
	trial := &s.tell.trial
	s.tell = nil
	t.Emit(trial, e)
}

func (s *scratch) sources() string {
	var list []string
	for _, k := range s.keys {
		list = append(list, k.String())
	}
	return strings.Join(list, "; ")
}

// counted tells what a traced correlation counted.
func (x *correlation) counted(f *feed, h *Hit, st *state, w *window, e *event.Event, met bool) {
	t := x.trace
	if t == nil {
		return
	}
	var group []string
	slots := f.slots[h.Rule]
	for i, at := range slots[:len(x.groupBy)] {
		group = append(group, x.groupBy[i]+" = "+strconv.Quote(h.Values[at]))
	}
	cond := rules.Condition{Text: x.text(), Outcome: rules.Unmet, Seen: st.sofar(w, h.Time)}
	if met {
		cond.Outcome = rules.Met
	}
	if x.closing && !met {
		cond.Seen += "; decided when the time is over"
	}
	trial := &rules.Trial{Found: met, Conditions: []rules.Condition{{Text: "rule " + x.refs[f.place], Outcome: rules.Met, Seen: h.Rule.Title}}}
	if len(group) > 0 {
		trial.Conditions = append(trial.Conditions, rules.Condition{Text: "group-by", Outcome: rules.Met, Seen: strings.Join(group, ", ")})
	}
	trial.Conditions = append(trial.Conditions, cond)
	t.Emit(trial, e)
}

// closed tells what became of a window whose time is over.
func (x *correlation) closed(st *state, w *window, met bool) {
	if x.trace == nil {
		return
	}
	c := rules.Condition{Text: x.text(), Outcome: rules.Unmet, Seen: st.sofar(w, w.first+x.span) + "; the time is over"}
	if met {
		c.Outcome = rules.Met
	}
	x.trace.Emit(&rules.Trial{Found: met, Conditions: []rules.Condition{c}}, w.last)
}

// sofar says how far a group has come.
func (st *state) sofar(w *window, t int64) string {
	switch {
	case metrics[st.x.kind] != nil:
		if v, ok := st.measure(w, t); ok {
			return strconv.FormatFloat(v, 'g', -1, 64) + " of " + strconv.Itoa(st.count(w, t)) + " values"
		}
		return "no value"
	case t < w.quiet && !st.x.closing:
		return fmt.Sprintf("%d, and the group has spoken within this time", st.count(w, t))
	}
	return strconv.Itoa(st.count(w, t))
}

// text is the condition in words.
func (x *correlation) text() string {
	var b []string
	for _, c := range x.bounds {
		b = append(b, c.op+" "+strconv.FormatFloat(c.n, 'f', -1, 64))
	}
	if x.expr != nil {
		b = append(b, text(get(x.node, "condition")))
	}
	return x.kind + " " + strings.Join(b, ", ") + " within " + time.Duration(x.span).String()
}

// cost is what a rule cost, see Set.Profile.
type cost struct{ tried, matched, nanoseconds atomic.Uint64 }

// Profile makes the set count what each rule costs from now on; matching then
// takes longer, by two looks at the clock a rule that is tried. A question that
// several rules ask costs the one that asks it first. Nothing may match while
// it is called.
func (s *Set) Profile() { s.costs = make([]cost, len(s.Rules)) }

// Costs gives the cost of every rule that was tried since Profile.
func (s *Set) Costs() []rules.Cost {
	var out []rules.Cost
	for i := range s.costs {
		c, e := &s.costs[i], s.Rules[i].Entry()
		if n := c.tried.Load(); n > 0 {
			out = append(out, rules.Cost{
				ID: e.ID, Name: e.Name, Language: rules.Sigma, Tried: n, Evaluated: n, Matched: c.matched.Load(),
				Time: time.Duration(c.nanoseconds.Load()),
			})
		}
	}
	rules.SortCosts(out)
	return out
}

// costly runs a rule with its cost counted.
func (s *scratch) costly(r *Rule) bool {
	c, began := &s.set.costs[r.index], time.Now()
	ok := r.cond.eval(s)
	c.nanoseconds.Add(uint64(time.Since(began)))
	c.tried.Add(1)
	if ok {
		c.matched.Add(1)
	}
	return ok
}
