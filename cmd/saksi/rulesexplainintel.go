package main

import (
	"fmt"
	"strings"

	"saksi/event"
	"saksi/rules"
	"saksi/rules/intel"
)

// indicator finds the indicator with the id that is asked about, if there is one.
func (x *explained) indicatorOf(s *ruleSets) error {
	_, err := intel.Each(s.paths.intel, func(_ string, i *intel.Indicator) error {
		if i.RuleID() == x.id {
			x.indicator, x.validity = i.Text(), "unlimited"
			if i.From != 0 || i.Until != 0 {
				x.validity = strings.TrimSpace(bound("from", i.From) + bound(" until", i.Until))
			}
		}
		return nil
	})
	return fail(exitUsage, err)
}

func bound(word string, ns int64) string {
	if ns == 0 {
		return ""
	}
	return word + " " + timeText(ns)
}

// indicated takes a finding of an indicator: where it is and in which fields.
func (x *explained) indicated(e *event.Event) error {
	if id, _ := e.GetStr(event.RuleID); x.indicator == "" || id != x.id {
		return nil
	}
	var fields []string
	for v := range e.Values(event.SaksiIndicatorMatched) {
		fields = append(fields, strings.Clone(v.Str()))
	}
	validity, _ := e.GetStr(event.SaksiIndicatorValidity)
	t := &rules.Trial{Found: true, Conditions: []rules.Condition{
		{Text: "indicator " + x.indicator, Outcome: rules.Met, Seen: "in " + strings.Join(fields, ", ")},
		{Text: "validity: " + x.validity, Outcome: rules.Met, Seen: strings.Clone(validity)},
	}}
	x.event(t, e)
	return nil
}

// absent tells of an indicator that no event holds.
func (x *explained) absent(s *intel.Set) {
	if x.indicator == "" || x.trials > 0 {
		return
	}
	t := &rules.Trial{Where: "all of the input", Conditions: []rules.Condition{{Text: "indicator " + x.indicator, Outcome: rules.Unmet, Seen: "in no event within its validity"}}}
	if n := s.Outside(); n > 0 {
		t.Conditions = append(t.Conditions, rules.Condition{Text: "validity: " + x.validity, Seen: fmt.Sprintf("%d events hold an indicator outside its validity, this one or another", n)})
	}
	x.add(t)
}
