package sigma

import (
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
// specification 2.0.2).
type correlation struct {
	rule    *Rule
	kind    string
	refs    []string // ids or names of the rules it refers to, in their order
	groupBy []string
	fields  []string // of value_count
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
}

// bound is one criterion of a condition.
type bound struct {
	op string
	n  int
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
	case "value_sum", "value_avg", "value_percentile", "value_median", "value_max", "value_min":
		return refused(n, "correlation "+x.kind, "correlations of type %s are not run", x.kind)
	default:
		return wrong(n, "correlation type", "event_count, value_count, temporal or temporal_ordered", "%q is no type of correlation", x.kind)
	}
	var err error
	if x.refs, err = texts(n, "rules"); err != nil {
		return err
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

// timespan reads a number and a letter: seconds, minutes, hours or days.
func timespan(m *yaml.Node) (int64, error) {
	n := get(m, "timespan")
	s := text(n)
	if n == nil {
		return 0, wrong(m, "timespan", "timespan", "the correlation has no timespan")
	}
	units := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}
	if s != "" {
		count, err := strconv.ParseUint(s[:len(s)-1], 10, 32)
		unit := units[s[len(s)-1:]]
		if err == nil && unit > 0 && count > 0 && time.Duration(count) <= maxSpan/unit {
			return int64(time.Duration(count) * unit), nil
		}
	}
	return 0, wrong(n, "timespan", "a number and s, m, h or d, such as 90m, at most 366d", "%q is no timespan", s)
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
		x.bounds, x.limit = []bound{{"gte", len(x.refs)}}, len(x.refs)
		return nil
	}
	if n != nil && n.Kind == yaml.ScalarNode && x.kind == "temporal" {
		searches := map[string]node{}
		for i, name := range x.refs {
			searches[name] = sighting(i)
		}
		var err error
		x.expr, err = expression(n, searches, x.refs)
		x.closing = slices.ContainsFunc(strings.Fields(strings.ReplaceAll(n.Value, "(", " ")), func(w string) bool { return strings.EqualFold(w, "not") })
		return err
	}
	if n == nil || n.Kind != yaml.MappingNode {
		if n == nil {
			n = at
		}
		return wrong(n, "correlation condition", "a mapping such as gte: 10", "the condition is no mapping")
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, v := n.Content[i].Value, n.Content[i+1]
		switch key {
		case "field":
			var err error
			if x.fields, err = texts(n, "field"); err != nil {
				return err
			}
			continue
		case "gt", "gte", "lt", "lte", "eq":
		default:
			return wrong(n.Content[i], "correlation condition", "gt, gte, lt, lte, eq or field", "%q is no criterion", key)
		}
		count, err := strconv.Atoi(text(v))
		if err != nil || count < 0 {
			return wrong(v, "correlation condition", "a number", "%q is no number", text(v))
		}
		if count > maxCount {
			return refused(v, "correlation counts too far", "the condition counts to %d; at most %d is kept", count, maxCount)
		}
		x.bounds = append(x.bounds, bound{key, count})
		x.limit = max(x.limit, count+1)
		x.closing = x.closing || key == "lt" || key == "lte" || key == "eq"
	}
	switch {
	case len(x.bounds) == 0:
		return wrong(n, "correlation condition", "gt, gte, lt, lte or eq", "the condition has no criterion")
	case x.kind == "value_count" && len(x.fields) == 0:
		return wrong(n, "correlation condition", "field", "value_count counts the values of a field; the condition names none")
	case x.kind == "temporal_ordered" && (x.closing || !x.holds(len(x.refs)) || x.holds(len(x.refs)-1)):
		return refused(n, "correlation condition", "an ordered correlation is met when all its rules are; other conditions are not run")
	}
	return nil
}

// sighting is whether the rule at a place of a correlation was seen.
type sighting int

func (i sighting) eval(s *scratch) bool { return s.sighted[i] }

// holds decides the condition by a count.
func (x *correlation) holds(count int) bool {
	for _, b := range x.bounds {
		c := count - b.n
		if b.op == "eq" && c != 0 || b.op != "eq" && !compare(b.op, c) {
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
