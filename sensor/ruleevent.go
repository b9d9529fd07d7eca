package sensor

import (
	"path/filepath"
	"strconv"

	"saksi/event"
	"saksi/rules/suricata"
)

// ruleFields adds what names a rule: its ids, text digest, severity and
// techniques.
func ruleFields(e *event.Event, r *suricata.Rule) {
	e.Str(event.RuleID, strconv.FormatInt(r.SID, 10))
	e.Str(event.RuleVersion, strconv.FormatInt(r.Rev, 10))
	e.Str(event.RuleName, r.Msg)
	e.Str(event.RuleCategory, r.Classtype)
	e.Str(event.RuleRuleset, filepath.Base(r.File))
	if len(r.References) > 0 {
		e.Str(event.RuleReference, r.References[0])
	}
	e.Str(event.SaksiRuleDigest, r.Digest)
	e.Int(event.EventSeverity, int64(r.Severity))
	for _, t := range r.Techniques {
		e.Str(event.ThreatTechniqueID, t)
	}
}
