package sigma

import (
	"fmt"
	"strings"
	"testing"

	"saksi/event"
	"saksi/rules"
)

// told is a trial as lines.
func told(x *rules.Trial) string {
	var b strings.Builder
	for _, c := range x.Conditions {
		fmt.Fprintf(&b, "%s%s: %s [%s]\n", strings.Repeat(" ", c.Depth), c.Text, c.Outcome, c.Seen)
	}
	return b.String()
}

// TestTrace proves what a trace says of searches, fields, values, filters and
// conditions with not.
func TestTrace(t *testing.T) {
	const text = `title: t
id: r-1
logsource: {category: process_creation, product: windows}
detection:
  selection:
    Image|endswith: ['\a.exe', '\b.exe']
    CommandLine|contains|all: [one, two]
  filter_main: {User: SYSTEM}
  words: [evil]
  condition: (selection or words) and not 1 of filter_*
---
title: f
logsource: {product: windows}
filter: {rules: [r-1], s: {User: admin}, condition: not s}
`
	var got []string
	tr := &Trace{ID: "r-1", Emit: func(x *rules.Trial, _ *event.Event) { got = append(got, fmt.Sprintf("found %t\n%s", x.Found, told(x))) }}
	set := compileText(t, text, Config{Trace: tr})
	set.Match(made("Image", `C:\b.exe`, "CommandLine", "one", "User", "SYSTEM"))
	set.Match(made("Image", `C:\b.exe`, "CommandLine", "one two", "User", "u"))
	set.Match(log{source: Source{Product: "linux"}})
	const want = `found false
logsource: category process_creation, product windows: met [category process_creation, product windows, service sysmon]
condition: (selection or words) and not 1 of filter_*: not met []
 selection: not met []
  Image|endswith: \a.exe, \b.exe: met ["C:\\b.exe"]
   \a.exe: not met []
   \b.exe: met []
  CommandLine|contains|all: one, two: not met ["one"]
   one: met []
   two: not met []
 words: not met []
  keyword evil: not met []
 not filter_main: not met []
  filter_main: met []
   User: SYSTEM: met ["SYSTEM"]
condition: not s: met []
 not s: met []
  s: not met []
   User: admin: not met ["SYSTEM"]
`
	if len(got) != 2 || got[0] != want {
		t.Fatalf("%d trials:\n%s", len(got), strings.Join(got, "\n"))
	}
	if !strings.HasPrefix(got[1], "found true\n") || !strings.Contains(got[1], `   User: admin: not met ["u"]`) {
		t.Errorf("the other:\n%s", got[1])
	}
	if tr.Others != 1 {
		t.Errorf("%d records of other log sources, expected 1", tr.Others)
	}
}

// TestTraceCorrelation proves that a correlation tells how far each group has
// come.
func TestTraceCorrelation(t *testing.T) {
	var got []string
	tr := &Trace{ID: "c", Emit: func(x *rules.Trial, _ *event.Event) { got = append(got, fmt.Sprintf("found %t\n%s", x.Found, told(x))) }}
	for rule, want := range map[string]string{
		"type: event_count, group-by: [User], condition: {gte: 2}": "found true\nrule failed: met [failed]\ngroup-by: met [User = \"a\"]\nevent_count gte 2 within 10s: met [2]\n",
		"type: value_avg, condition: {field: X, gt: 9}":            "found false\nvalue_avg gt 9 within 10s: not met [3 of 2 values; the time is over]\n",
	} {
		got = nil
		set := compileText(t, "title: c\ncorrelation: {rules: [failed], timespan: 10s, "+rule+"}"+logons, Config{Trace: tr})
		correlate(t, set, []at{{1, "4625", "a", "2"}, {2, "4625", "a", "4"}})
		if len(got) < 2 || got[len(got)-1] != want {
			t.Errorf("%s: %q", rule, got)
		}
	}
}

// TestProfile proves that what each rule costs is counted.
func TestProfile(t *testing.T) {
	set := compileText(t, "title: t\nid: r\nlogsource: {category: process_creation, product: windows}\ndetection: {s: {A|contains: x}, condition: s}\n"+logons, Config{})
	set.Profile()
	set.Match(made("A", "xx"))
	set.Match(made("A", "none"))
	costs := set.Costs()
	if len(costs) != 1 || costs[0].ID != "r" || costs[0].Tried != 1 || costs[0].Matched != 1 || costs[0].Language != rules.Sigma {
		t.Errorf("%+v", costs)
	}
}
