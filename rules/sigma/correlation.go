package sigma

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// maxCount bounds the number a correlation may count to, and so its memory.
const maxCount = 10_000

// maxSpan bounds the time a correlation looks back.
const maxSpan = 366 * 24 * time.Hour

// maxBases bounds the rules on events that one correlation rests on.
const maxBases = 1000

// correlation is a compiled correlation rule (Sigma correlation rules
// specification 2.0.2; the metrics of 2.1 as its tests and pySigma have them).
type correlation struct {
	rule    *Rule
	kind    string
	refs    []string // ids or names of the rules it refers to, in their order
	groupBy []string
	fields  []string // whose values are counted, or measured
	percent float64  // of value_percentile
	expr    node     // condition of a temporal correlation in words, of sightings
	aliases map[string]map[string]string
	span    int64 // nanoseconds
	bounds  []bound
	limit   int     // counting further decides nothing
	closing bool    // decided when its time is over: an upper bound is set
	base    []*Rule // the rules on events it rests on
	outer   []*feed // correlations that refer to it
	single  bool    // the rules it refers to speak for themselves, too
	node    *yaml.Node
	trace   *Trace // nil: nobody asks
}

// bound is one criterion of a condition.
type bound struct {
	op string
	n  float64
}

// feed leads from a rule to a correlation that refers to it.
type feed struct {
	to    *correlation
	place int // among the rules it refers to
	// slots are places in Rule.needs, by base rule: of the fields of group-by,
	// then those of value_count.
	slots map[*Rule][]int
}

// correlation compiles a correlation rule; what it refers to is resolved when
// all rules are known.
func (c *compiler) correlation(r *Rule, m *yaml.Node) error {
	n := get(m, "correlation")
	if n.Kind != yaml.MappingNode {
		return wrong(n, "correlation", "type, rules, timespan", "a correlation is a mapping")
	}
	x := &correlation{rule: r, kind: text(get(n, "type")), node: n, aliases: map[string]map[string]string{}}
	switch x.kind {
	case "event_count", "value_count", "temporal", "temporal_ordered":
	default:
		if metrics[x.kind] == nil {
			return wrong(n, "correlation type", "event_count, value_count, temporal, temporal_ordered or value_sum, _avg, _median, _percentile, _min, _max", "%q is no type of correlation", x.kind)
		}
	}
	var err error
	if x.refs, err = texts(n, "rules"); err != nil {
		return err
	}
	if c := get(n, "condition"); len(x.refs) == 0 && strings.HasPrefix(x.kind, "temporal") && text(c) != "" {
		x.refs = namedIn(text(c)) // the condition names them
	}
	if len(x.refs) == 0 || len(x.refs) > 64 {
		return wrong(n, "correlation rules", "1 to 64 ids or names", "the correlation refers to %d rules", len(x.refs))
	}
	if x.groupBy, err = texts(n, "group-by"); err != nil {
		return err
	}
	if x.span, err = timespan(n); err != nil {
		return err
	}
	if err := x.aliased(get(n, "aliases")); err != nil {
		return err
	}
	if err := x.condition(n, get(n, "condition")); err != nil {
		return err
	}
	x.single = text(get(m, "generate")) == "true" || text(get(n, "generate")) == "true"
	r.correlation = x
	return nil
}

// texts reads a text or a list of texts.
func texts(m *yaml.Node, key string) ([]string, error) {
	n := get(m, key)
	if n == nil {
		return nil, nil
	}
	if n.Kind == yaml.ScalarNode {
		return []string{n.Value}, nil
	}
	var out []string
	for _, x := range n.Content {
		if n.Kind != yaml.SequenceNode || x.Kind != yaml.ScalarNode {
			return nil, wrong(n, "correlation "+key, "a list of texts", "%s is a list of texts", key)
		}
		out = append(out, x.Value)
	}
	return out, nil
}

// The mean lengths of a month and a year (Sigma correlation rules, "timespan").
const (
	month = 2_629_746 * time.Second
	year  = 12 * month
)

// timespan reads a number and a letter: seconds, minutes, hours, days, weeks,
// months (M) or years.
func timespan(m *yaml.Node) (int64, error) {
	n := get(m, "timespan")
	s := text(n)
	if n == nil {
		return 0, wrong(m, "timespan", "timespan", "the correlation has no timespan")
	}
	units := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour, "M": month, "y": year}
	if s != "" {
		count, err := strconv.ParseUint(s[:len(s)-1], 10, 32)
		unit := units[s[len(s)-1:]]
		if err == nil && unit > 0 && count > 0 && time.Duration(count) <= maxSpan/unit {
			return int64(time.Duration(count) * unit), nil
		}
	}
	return 0, wrong(n, "timespan", "a number and s, m, h, d, w, M or y, such as 90m, at most 366d", "%q is no timespan", s)
}

func (x *correlation) aliased(n *yaml.Node) error {
	if n == nil {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		fields := map[string]string{}
		v := n.Content[i+1]
		for j := 0; j+1 < len(v.Content); j += 2 {
			fields[v.Content[j].Value] = text(v.Content[j+1])
		}
		if n.Kind != yaml.MappingNode || v.Kind != yaml.MappingNode || len(fields) == 0 {
			return wrong(n, "aliases", "an alias with a field for each rule", "an alias names a field for each rule")
		}
		x.aliases[n.Content[i].Value] = fields
	}
	return nil
}

// condition reads the bounds. Without them all rules of a temporal correlation
// must appear.
func (x *correlation) condition(at, n *yaml.Node) error {
	temporal := strings.HasPrefix(x.kind, "temporal")
	if n == nil && temporal {
		x.every()
		return nil
	}
	if n != nil && n.Kind == yaml.ScalarNode && temporal {
		return x.words(n)
	}
	if n == nil || n.Kind != yaml.MappingNode {
		if n == nil {
			n = at
		}
		return wrong(n, "correlation condition", "a mapping such as gte: 10", "the condition is no mapping")
	}
	percent := false
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, v := n.Content[i].Value, n.Content[i+1]
		switch key {
		case "field":
			var err error
			if x.fields, err = texts(n, "field"); err != nil {
				return err
			}
			continue
		case "percentile":
			p, ok := number(text(v))
			if x.kind != "value_percentile" || !ok || p < 0 || p > 100 {
				return wrong(v, "correlation condition", "a number from 0 to 100, with value_percentile", "percentile is %q in a correlation of type %s", text(v), x.kind)
			}
			x.percent, percent = p, true
			continue
		case "gt", "gte", "lt", "lte", "eq", "neq":
		default:
			return wrong(n.Content[i], "correlation condition", "gt, gte, lt, lte, eq, neq or field", "%q is no criterion", key)
		}
		if err := x.bound(key, v); err != nil {
			return err
		}
	}
	switch {
	case len(x.bounds) == 0:
		return wrong(n, "correlation condition", "gt, gte, lt, lte or eq", "the condition has no criterion")
	case x.kind == "value_count" && len(x.fields) == 0:
		return wrong(n, "correlation condition", "field", "value_count counts the values of a field; the condition names none")
	case metrics[x.kind] != nil && len(x.fields) != 1:
		return wrong(n, "correlation condition", "one field", "%s measures the values of one field; the condition names %d", x.kind, len(x.fields))
	case x.kind == "value_percentile" && !percent:
		return refused(n, "correlation value_percentile without percentile", "how often a value occurs is not run; percentile: N asks for the Nth percentile of a field")
	case x.kind == "temporal_ordered" && (x.closing || !x.holds(float64(len(x.refs))) || x.holds(float64(len(x.refs)-1))):
		return refused(n, "correlation condition", "an ordered correlation is met when all its rules are; other conditions are not run")
	}
	return nil
}

// sighting is whether the rule at a place of a correlation was seen.
type sighting int

func (i sighting) eval(s *scratch) bool { return s.sighted[i] }

// every makes all rules of a temporal correlation its condition.
func (x *correlation) every() {
	x.bounds, x.limit = []bound{{"gte", float64(len(x.refs))}}, len(x.refs)
}

// words reads a condition in words: which rules must be seen.
func (x *correlation) words(n *yaml.Node) error {
	searches := map[string]node{}
	for i, name := range x.refs {
		searches[name] = sighting(i)
	}
	expr, err := expression(n, searches, x.refs)
	if err != nil {
		return err
	}
	if x.kind == "temporal_ordered" {
		if list, ok := expr.(allOf); len(x.refs) > 1 && (!ok || len(list) != len(x.refs) || slices.ContainsFunc(list, func(n node) bool { _, ok := n.(sighting); return !ok })) {
			return refused(n, "correlation condition", "an ordered correlation is met when all its rules are; other conditions are not run")
		}
		x.every()
		return nil
	}
	x.expr = expr
	x.closing = slices.ContainsFunc(strings.Fields(strings.ReplaceAll(n.Value, "(", " ")), func(w string) bool { return strings.EqualFold(w, "not") })
	return nil
}

// namedIn are the rules a condition in words names, in their order.
func namedIn(condition string) []string {
	var out []string
	for _, w := range strings.FieldsFunc(condition, func(r rune) bool { return r == ' ' || r == '(' || r == ')' || r == '\n' || r == '\t' }) {
		switch strings.ToLower(w) {
		case "and", "or", "not":
		default:
			if !slices.Contains(out, w) {
				out = append(out, w)
			}
		}
	}
	return out
}

// bound reads one criterion.
func (x *correlation) bound(key string, v *yaml.Node) error {
	upper := key != "gt" && key != "gte"
	if m := metrics[x.kind]; m != nil {
		n, ok := number(text(v))
		if !ok || math.IsNaN(n) || math.IsInf(n, 0) {
			return wrong(v, "correlation condition", "a number", "%q is no number", text(v))
		}
		x.bounds = append(x.bounds, bound{key, n})
		x.closing = x.closing || upper || !m.grows
		return nil
	}
	count, err := strconv.Atoi(text(v))
	if err != nil || count < 0 {
		return wrong(v, "correlation condition", "a number", "%q is no number", text(v))
	}
	if count > maxCount {
		return refused(v, "correlation counts too far", "the condition counts to %d; at most %d is kept", count, maxCount)
	}
	x.bounds = append(x.bounds, bound{key, float64(count)})
	x.limit = max(x.limit, count+1)
	x.closing = x.closing || upper
	return nil
}

// holds decides the condition by a count or a measure.
func (x *correlation) holds(v float64) bool {
	for _, b := range x.bounds {
		c := cmp.Compare(v, b.n)
		if b.op == "neq" && c == 0 || b.op != "neq" && !compare(b.op, c) {
			return false
		}
	}
	return true
}

// link resolves what correlations refer to and drops those that can't run.
func (c *compiler) link(list []*Rule) ([]*Rule, []linkProblem) {
	byName := map[string]*Rule{}
	for _, r := range list {
		for _, name := range []string{r.ID, r.Name} {
			if name != "" && byName[name] == nil {
				byName[name] = r
			}
		}
	}
	var problems []linkProblem
	state := map[*Rule]int{} // 1 under work, 2 good, 3 bad
	var visit func(r *Rule) error
	visit = func(r *Rule) error {
		x := r.correlation
		switch {
		case x == nil || state[r] == 2:
			return nil
		case state[r] == 1:
			return wrong(x.node, "correlation", "rules without a circle", "the correlation refers to itself")
		case state[r] == 3:
			return wrong(x.node, "correlation", "rules that run", "the correlation %q does not run", r.Title)
		}
		state[r] = 3
		var refs []*Rule
		var feeds []*feed
		for i, name := range x.refs {
			ref := byName[name]
			if ref == nil {
				return wrong(get(x.node, "rules"), "correlation rules", "ids or names of rules that run", "no rule that runs is called %q", name)
			}
			state[r] = 1
			err := visit(ref)
			state[r] = 3
			if err != nil {
				return err
			}
			f, err := c.feed(ref, x, i)
			if err != nil {
				return err
			}
			refs, feeds = append(refs, ref), append(feeds, f)
			for _, b := range ref.bases() {
				if !slices.Contains(x.base, b) {
					x.base = append(x.base, b)
				}
			}
		}
		if len(x.base) > maxBases {
			return refused(x.node, "correlation rules", "the correlation rests on %d rules; at most %d are followed", len(x.base), maxBases)
		}
		for i, ref := range refs { // only now is it known to run
			ref.Silent = ref.Silent || !x.single
			if ref.correlation == nil {
				ref.feeds = append(ref.feeds, feeds[i])
			} else {
				ref.correlation.outer = append(ref.correlation.outer, feeds[i])
			}
		}
		state[r] = 2
		return nil
	}
	var out []*Rule
	for _, r := range list {
		if err := visit(r); err != nil {
			problems = append(problems, linkProblem{r, err})
			continue
		}
		out = append(out, r)
	}
	return out, problems
}

type linkProblem struct {
	rule *Rule
	err  error
}

// bases are the rules on events a rule rests on: itself, or those of its
// correlation.
func (r *Rule) bases() []*Rule {
	if r.correlation == nil {
		return []*Rule{r}
	}
	return r.correlation.base
}

// feed is how ref leads to x.
func (c *compiler) feed(ref *Rule, x *correlation, place int) (*feed, error) {
	f := &feed{to: x, place: place, slots: map[*Rule][]int{}}
	names := slices.Clone(x.groupBy)
	names = append(names, x.fields...)
	for _, base := range ref.bases() {
		slots := make([]int, 0, len(names))
		for _, name := range names {
			if alias := x.aliases[name]; alias != nil {
				field, ok := alias[ref.Name]
				if !ok || ref.Name == "" {
					if field, ok = alias[ref.ID]; !ok {
						return nil, wrong(get(x.node, "aliases"), "aliases", "a field for each rule", "the alias %q has no field for the rule %q", name, x.refs[place])
					}
				}
				name = field
			}
			id, err := c.fieldOf(x.node, name, fieldsOf(base.Source))
			if err != nil {
				return nil, err
			}
			at := slices.Index(base.needs, id)
			if at < 0 {
				at = len(base.needs)
				base.needs = append(base.needs, id)
			}
			slots = append(slots, at)
		}
		f.slots[base] = slots
	}
	return f, nil
}
