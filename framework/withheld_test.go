package framework

import (
	"testing"

	"saksi/event"
)

// TestRuleOf proves that a report does not name an indicator that is marked for
// fewer than will read it.
func TestRuleOf(t *testing.T) {
	for mark, want := range map[string]string{
		"": "ip 198.51.100.66", "CLEAR": "ip 198.51.100.66", "GREEN": "ip 198.51.100.66",
		"AMBER": "indicator withheld, TLP:AMBER", "AMBER+STRICT": "indicator withheld, TLP:AMBER+STRICT", "RED": "indicator withheld, TLP:RED",
		"PURPLE": "indicator withheld, unknown marking",
	} {
		e := &event.Event{}
		e.Str(event.RuleName, "ip 198.51.100.66")
		e.Str(event.ThreatIndicatorMarkingTlp, mark)
		if got := ruleOf(e); got != want {
			t.Errorf("%q: %q, expected %q", mark, got, want)
		}
	}
}
