package sigma

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"saksi/event"
	"saksi/rules"
)

const logons = `
---
title: failed
name: failed
logsource: {product: windows}
detection: {s: {EventID: 4625}, condition: s}
---
title: success
name: success
logsource: {product: windows}
detection: {s: {EventID: 4624}, condition: s}
`

// at is a logon at a second.
type at struct {
	second      int64
	id, user, x string
}

// TestCorrelations proves each type, groups, aliases, chains and the sliding
// time.
func TestCorrelations(t *testing.T) {
	f := func(second int64, user string) at { return at{second, "4625", user, fmt.Sprint(second)} }
	s := func(second int64, user string) at { return at{second, "4624", user, "s"} }
	for _, c := range []struct {
		name, rule string
		events     []at
		want       string // title@second of the last event
	}{
		{
			"event_count", "type: event_count, rules: [failed], group-by: [User], timespan: 10s, condition: {gte: 3}",
			[]at{f(1, "a"), f(2, "a"), f(3, "b"), f(8, "a"), f(9, "a")},
			"c@8",
		},
		{
			"outside of the time", "type: event_count, rules: [failed], group-by: [User], timespan: 10s, condition: {gte: 3}",
			[]at{f(1, "a"), f(2, "a"), f(13, "a"), f(25, "a")},
			"",
		},
		{"months", "type: event_count, rules: [failed], timespan: 1M, condition: {gte: 2}", []at{f(1, "a"), f(2_600_000, "a")}, "c@2600000"},
		{"beyond a month", "type: event_count, rules: [failed], timespan: 1M, condition: {gte: 2}", []at{f(1, "a"), f(2_630_000, "a")}, ""},
		{"a year", "type: event_count, rules: [failed], timespan: 1y, condition: {gte: 2}", []at{f(1, "a"), f(31_000_000, "a")}, "c@31000000"},
		{"without groups", "type: event_count, rules: [failed, success], timespan: 1m, condition: {gt: 2}", []at{f(1, "a"), s(2, "b"), f(3, "c")}, "c@3"},
		{"speaks again after its time", "type: event_count, rules: failed, timespan: 5s, condition: {gte: 1}", []at{f(1, "a"), f(2, "a"), f(7, "a")}, "c@1 c@7"},
		{
			"value_count", "type: value_count, rules: [failed], group-by: [User], timespan: 1h, condition: {field: X, gte: 3}",
			[]at{{1, "4625", "a", "p"}, {2, "4625", "a", "q"}, {3, "4625", "a", "q"}, {4, "4625", "a", "r"}},
			"c@4",
		},
		{
			"value_count, too old", "type: value_count, rules: [failed], timespan: 5s, condition: {field: X, gte: 2}",
			[]at{{1, "4625", "a", "p"}, {9, "4625", "a", "q"}},
			"",
		},
		{"temporal", "type: temporal, rules: [failed, success], group-by: [User], timespan: 10s", []at{s(1, "a"), f(2, "b"), f(9, "a")}, "c@9"},
		{"temporal of two", "type: temporal, rules: [failed, success], timespan: 10s, condition: {gte: 1}", []at{s(1, "a")}, "c@1"},
		{
			"value_count of two fields", "type: value_count, rules: [failed], timespan: 1h, condition: {field: [User, X], gte: 3}",
			[]at{{1, "4625", "a", "p"}, {2, "4625", "b", "p"}, {3, "4625", "b", "p"}, {4, "4625", "b", "q"}},
			"c@4",
		},
		{"temporal in words", "type: temporal, rules: [failed, success], timespan: 10s, condition: failed or success", []at{s(1, "a")}, "c@1"},
		{"temporal, all in words", "type: temporal, rules: [failed, success], timespan: 10s, condition: failed AND success", []at{s(1, "a"), f(20, "a")}, ""},
		{
			"temporal with not", "type: temporal, rules: [failed, success], group-by: [User], timespan: 10s, condition: failed and not success",
			[]at{f(1, "a"), f(2, "b"), s(3, "b")},
			"c@1",
		},
		{"temporal_ordered", "type: temporal_ordered, rules: [failed, success], group-by: [User], timespan: 10s", []at{s(1, "a"), f(2, "a"), s(9, "a")}, "c@9"},
		{"ordered, wrong way", "type: temporal_ordered, rules: [failed, success], group-by: [User], timespan: 10s", []at{s(1, "a"), f(2, "a"), s(13, "a")}, ""},
		{
			"upper bound", "type: event_count, rules: [failed], group-by: [User], timespan: 10s, condition: {gte: 2, lte: 3}",
			[]at{f(1, "a"), f(2, "a"), f(3, "b"), f(4, "b"), f(5, "b"), f(6, "b"), f(40, "c")},
			"c@2",
		},
		{"exactly", "type: event_count, rules: [failed], timespan: 10s, condition: {eq: 1}", []at{f(1, "a"), f(20, "a"), f(21, "b")}, "c@1"},
		{
			"aliases", "type: temporal, rules: [failed, success], group-by: [who], timespan: 10s, aliases: {who: {failed: User, success: X}}",
			[]at{f(1, "s"), s(2, "a")},
			"c@2",
		},
		{"weeks", "type: event_count, rules: [failed], timespan: 1w, condition: {gte: 2}", []at{f(1, "a"), f(600_000, "a")}, "c@600000"},
		{"any but one", "type: event_count, rules: [failed], timespan: 10s, condition: {neq: 1}", []at{f(1, "a"), f(20, "a"), f(21, "b")}, "c@21"},
		{"in order, in words", "type: temporal_ordered, rules: [failed, success], timespan: 10s, condition: failed AND success", []at{s(1, "a"), f(2, "a"), s(3, "a")}, "c@3"},
		{"rules named by the condition alone", "type: temporal, timespan: 10s, condition: (failed and success)", []at{s(1, "a"), f(2, "a")}, "c@2"},
		{"no such field", "type: event_count, rules: [failed], group-by: [Tiada], timespan: 10s, condition: {gte: 1}", []at{f(1, "a")}, ""},
	} {
		set := compileText(t, "title: c\ncorrelation: {"+c.rule+"}"+logons, Config{})
		if got := correlate(t, set, c.events); got != c.want {
			t.Errorf("%s: %q, expected %q", c.name, got, c.want)
		}
	}
	const chain = `title: guessed
correlation: {type: temporal_ordered, rules: [many, success], group-by: [User], timespan: 1m}
---
title: many
name: many
correlation: {type: event_count, rules: [failed], group-by: [User], timespan: 10s, condition: {gte: 3}}
`
	set := compileText(t, chain+logons, Config{})
	if got := correlate(t, set, []at{f(1, "a"), f(2, "a"), f(3, "a"), s(4, "b"), s(30, "a")}); got != "guessed@30" {
		t.Errorf("a chain: %q", got)
	}
	if len(set.Rules) != 4 || set.Rules[0].Silent || !set.Rules[1].Silent || !set.Rules[2].Silent {
		t.Error("what a correlation refers to speaks for itself")
	}
}

func correlate(t *testing.T, set *Set, events []at) string {
	t.Helper()
	var got []string
	c := set.NewCorrelator(func(r *Rule, e *event.Event) error {
		ns, _ := e.GetTime(event.Timestamp)
		got = append(got, fmt.Sprintf("%s@%d", r.Title, ns/int64(time.Second)))
		return nil
	})
	for _, x := range events {
		l := log{Source{Product: "windows"}, [][2]string{{"EventID", x.id}, {"User", x.user}, {"X", x.x}}}
		var e event.Event
		e.Time(event.Timestamp, x.second*int64(time.Second))
		for _, r := range set.Match(l) {
			h := set.HitRecord(r, l, x.second*int64(time.Second))
			if err := c.Add(&h, &e); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	return strings.Join(got, " ")
}

// TestMetrics proves each measure of a field's values, that what has no number
// is passed over, and when each is decided.
func TestMetrics(t *testing.T) {
	m := func(second int64, user, x string) at { return at{second, "4625", user, x} }
	values := []at{m(1, "a", "10"), m(2, "a", "0x14"), m(3, "b", "1000"), m(4, "a", "text"), m(5, "a", "90")}
	for _, c := range []struct {
		rule   string
		events []at
		want   string
	}{
		{"type: value_sum, condition: {field: X, gte: 120}", values, "c@3 c@5"},
		{"type: value_sum, condition: {field: X, gt: 1000}", values, ""},
		{"type: value_sum, condition: {field: X, gt: 29.5, lt: 200}", values, "c@5"},
		{"type: value_sum, condition: {field: X, gt: 100}", []at{m(1, "a", "60"), m(20, "a", "60"), m(29, "a", "41")}, "c@29"},
		{"type: value_sum, condition: {field: X, gt: 100}", []at{m(1, "a", "60"), m(20, "a", "60")}, ""},
		{"type: value_max, condition: {field: X, gte: 90}", values, "c@3 c@5"},
		{"type: value_max, condition: {field: X, lt: 91}", values, "c@5"},
		{"type: value_min, condition: {field: X, lte: 10}", values, "c@5"},
		{"type: value_min, condition: {field: X, gt: 10}", values, "c@3"},
		{"type: value_avg, condition: {field: X, eq: 40}", values, "c@5"},
		{"type: value_median, condition: {field: X, eq: 20}", values, "c@5"},
		{"type: value_median, condition: {field: X, eq: 15}", values[:2], "c@2"},
		{"type: value_percentile, condition: {field: X, percentile: 75, eq: 55}", values, "c@5"},
		{"type: value_percentile, condition: {field: X, percentile: 100, gte: 1000}", values, "c@3"},
	} {
		set := compileText(t, "title: c\ncorrelation: {rules: [failed], group-by: [User], timespan: 10s, "+c.rule+"}"+logons, Config{})
		if got := correlate(t, set, c.events); got != c.want {
			t.Errorf("%s: %q, expected %q", c.rule, got, c.want)
		}
	}
}

// TestCorrelationMemory proves that groups without end cost bounded memory,
// and that those forgotten are counted.
func TestCorrelationMemory(t *testing.T) {
	for _, rule := range []string{
		"type: event_count, rules: [failed], group-by: [User], timespan: 1d, condition: {gte: 10000}",
		"type: value_count, rules: [failed], group-by: [User], timespan: 1d, condition: {field: X, lte: 10000}",
		"type: temporal_ordered, rules: [failed, success, failed], group-by: [User], timespan: 1d",
		"type: value_sum, rules: [failed], group-by: [User], timespan: 1d, condition: {field: X, gte: 1e300}",
		"type: value_median, rules: [failed], group-by: [User], timespan: 1d, condition: {field: X, gte: 1e300}",
	} {
		set := compileText(t, "title: c\ncorrelation: {"+rule+"}"+logons, Config{})
		c := set.NewCorrelator(func(*Rule, *event.Event) error { return nil })
		var e event.Event
		failed := set.Rules[1]
		for i := range maxGroups + 1000 {
			h := newHit(failed, int64(i+1))
			for j := range h.Values {
				h.Values[j], h.Has[j] = fmt.Sprint(i), true
			}
			if err := c.Add(&h, &e); err != nil {
				t.Fatal(err)
			}
		}
		st := c.order[0]
		if c.Dropped != 1000 || len(st.groups) != maxGroups || st.lru.Len() != maxGroups || st.entries > maxEntries {
			t.Errorf("%s: %d forgotten, %d groups, %d entries", rule, c.Dropped, len(st.groups), st.entries)
		}
		// One group with events without end.
		for i := range 30_000 {
			h := newHit(failed, int64(maxGroups+2000+i))
			for j := range h.Values {
				h.Values[j], h.Has[j] = "7", true
			}
			if err := c.Add(&h, &e); err != nil {
				t.Fatal(err)
			}
		}
		if st.entries > 3*maxGroups+max(maxCount, maxMeasured)+1 {
			t.Errorf("%s: %d entries", rule, st.entries)
		}
	}
}

// TestCorrelationProblems proves that a correlation that can't run is told,
// and takes nothing away from the rules it names.
func TestCorrelationProblems(t *testing.T) {
	for _, c := range []struct {
		rule  string
		level rules.Level
	}{
		{"type: bogus, rules: [failed], timespan: 1m, condition: {gte: 1}", rules.Wrong},
		{"type: value_avg, rules: [failed], timespan: 1m, condition: {gte: 1}", rules.Wrong},
		{"type: value_sum, rules: [failed], timespan: 1m, condition: {field: [User, X], gte: 1}", rules.Wrong},
		{"type: value_sum, rules: [failed], timespan: 1m, condition: {field: X, gte: many}", rules.Wrong},
		{"type: value_percentile, rules: [failed], timespan: 1m, condition: {field: X, lte: 1}", rules.Refused},
		{"type: value_percentile, rules: [failed], timespan: 1m, condition: {field: X, percentile: 101, lte: 1}", rules.Wrong},
		{"type: value_sum, rules: [failed], timespan: 1m, condition: {field: X, percentile: 1, lte: 1}", rules.Wrong},
		{"type: temporal_ordered, rules: [failed, success], timespan: 1m, condition: failed or success", rules.Refused},
		{"type: temporal_ordered, rules: [failed, success], timespan: 1m, condition: failed and not success", rules.Refused},
		{"type: event_count, rules: [tiada], timespan: 1m, condition: {gte: 1}", rules.Wrong},
		{"type: event_count, rules: [failed, tiada], timespan: 1m, condition: {gte: 1}", rules.Wrong},
		{"type: event_count, rules: [failed], timespan: 1q, condition: {gte: 1}", rules.Wrong},
		{"type: event_count, rules: [failed], timespan: 99999999d, condition: {gte: 1}", rules.Wrong},
		{"type: event_count, rules: [failed], timespan: 1m", rules.Wrong},
		{"type: event_count, rules: [failed], timespan: 1m, condition: {gte: 100000}", rules.Refused},
		{"type: value_count, rules: [failed], timespan: 1m, condition: {gte: 1}", rules.Wrong},
		{"type: temporal, rules: [failed, success], timespan: 1m, condition: failed and tiada", rules.Wrong},
		{"type: event_count, rules: [c], timespan: 1m, condition: {gte: 1}", rules.Wrong},
		{"type: temporal, rules: [failed, success], group-by: [who], timespan: 10s, aliases: {who: {failed: User}}", rules.Wrong},
	} {
		set, problems := Compile([]File{{"t.yml", []byte("title: c\nname: c\ncorrelation: {" + c.rule + "}" + logons)}}, Config{})
		if len(set.Rules) != 2 || len(problems) != 1 || problems[0].Level != c.level || problems[0].Line != 3 {
			t.Errorf("%s: %d rules, %+v", c.rule, len(set.Rules), problems)
			continue
		}
		if set.Rules[0].Silent || set.Rules[0].Feeds() || set.NewCorrelator(nil) != nil {
			t.Errorf("%s: a correlation that does not run silences its rules", c.rule)
		}
	}
}

// TestSlowGroupCounted proves that a group that began long ago and still has
// hits in the timespan is counted when it is forgotten.
func TestSlowGroupCounted(t *testing.T) {
	set := compileText(t, "title: c\ncorrelation: {type: event_count, rules: [failed], group-by: [User], timespan: 10s, condition: {gte: 100}}"+logons, Config{})
	c := set.NewCorrelator(func(*Rule, *event.Event) error { return nil })
	add := func(second int64, user string) {
		h := newHit(set.Rules[1], second*int64(time.Second))
		h.Values[0], h.Has[0] = user, true
		if err := c.Add(&h, &event.Event{}); err != nil {
			t.Fatal(err)
		}
	}
	for second := range int64(30) {
		add(second+1, "slow")
	}
	for i := range maxGroups {
		add(31, fmt.Sprint(i))
	}
	if c.Dropped != 1 {
		t.Errorf("%d groups are counted as forgotten, expected 1", c.Dropped)
	}
}
