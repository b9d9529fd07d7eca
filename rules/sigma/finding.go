package sigma

import (
	"path/filepath"

	"saksi/event"
	"saksi/rules"
)

// taken are the fields a finding takes over from the event it rests on.
var taken = []event.Field{
	event.Timestamp, event.SourceIP, event.SourcePort, event.DestinationIP, event.DestinationPort, event.NetworkTransport, event.NetworkProtocol,
	event.NetworkCommunityID, event.SaksiFlowID, event.SaksiEvidenceKey, event.SaksiEvidenceName, event.SaksiEvidencePacket, event.SaksiEvidenceOffset,
	event.SaksiEvidenceRuns, event.SaksiEvidenceCommand, event.URLOriginal, event.URLDomain, event.DNSQuestionName, event.UserAgentOriginal,
	event.FilePath, event.FileInode, event.SaksiFileDeleted, event.SaksiCase, event.SaksiExhibit, event.OrganizationName,
	event.EventCode, event.EventProvider, event.EventSequence, event.HostName, event.UserName, event.UserDomain, event.UserID, event.ProcessExecutable,
	event.ProcessName, event.ProcessPID, event.ProcessCommandLine, event.ProcessParentExecutable, event.ProcessParentCommandLine, event.RegistryPath,
	event.ServiceName, event.SaksiWindowsChannel,
}

// Finding makes f the finding that r matched e. Its texts are views of e's.
func (r *Rule) Finding(f, e *event.Event) {
	f.Reset()
	for _, field := range taken {
		for v := range e.Values(field) {
			f.Append(v)
		}
	}
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
