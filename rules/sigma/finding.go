package sigma

import (
	"path/filepath"

	"saksi/event"
	"saksi/rules"
)

// Finding makes f the finding that r matched e. Its texts are views of e's.
func (r *Rule) Finding(f, e *event.Event) {
	f.Reset()
	rules.TakeOver(f, e)
	r.event(f)
}

// Entry is the rule's line in a catalog.
func (r *Rule) Entry() rules.Entry {
	return rules.Entry{
		ID: r.ID, Name: r.Title, Language: rules.Sigma, Ruleset: filepath.Base(r.File),
		File: r.File, Line: r.Line, Severity: r.Severity, Techniques: r.Techniques,
	}
}

// Entries lists every rule, those that run and those that do not.
func (s *Set) Entries() []rules.Entry {
	var out []rules.Entry
	for _, r := range s.Rules {
		out = append(out, r.Entry())
	}
	return append(out, s.refused...)
}

// refuse keeps what is known of a rule that does not run.
func (s *Set) refuse(r *Rule, why error) {
	e := r.Entry()
	e.Refused = why.Error()
	s.refused = append(s.refused, e)
}

// event puts into e what the rule says.
func (r *Rule) event(e *event.Event) {
	e.Str(event.EventKind, "alert")
	e.Str(event.EventDataset, "saksi.alert")
	e.Str(event.EventCategory, "intrusion_detection")
	e.Str(event.EventType, "info")
	e.Int(event.EventSeverity, int64(r.Severity))
	e.Str(event.RuleID, r.ID)
	e.Str(event.RuleName, r.Title)
	e.Str(event.RuleDescription, r.Description)
	e.Str(event.RuleAuthor, r.Author)
	e.Str(event.RuleLicense, r.License)
	e.Str(event.RuleRuleset, filepath.Base(r.File))
	if len(r.References) > 0 {
		e.Str(event.RuleReference, r.References[0])
	}
	e.Str(event.SaksiRuleLanguage, rules.Sigma)
	e.Str(event.SaksiRuleDigest, r.Digest)
	if len(r.Techniques) > 0 {
		e.Str(event.ThreatFramework, "MITRE ATT&CK")
	}
	for _, t := range r.Techniques {
		e.Str(event.ThreatTechniqueID, t)
	}
	for _, t := range r.Tactics {
		e.Str(event.ThreatTacticID, t)
	}
}
