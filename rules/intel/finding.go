package intel

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"saksi/event"
	"saksi/rules"
)

// taken are fields that a finding takes over besides those of every language:
// what indicators are found in.
var taken = []event.Field{
	event.URLFull, event.TLSClientServerName, event.DNSResolvedIP, event.FileName, event.FileSize, event.FileHashMD5, event.FileHashSHA1, event.FileHashSHA256,
	event.SaksiFileVolume, event.SaksiFileStream, event.EmailFromAddress, event.EmailToAddress, event.EmailSubject,
}

// Finding makes f the finding that e, an event Match or MatchFlow was asked
// about, holds the indicator of h. Its texts are partly views of e's.
func (s *Set) Finding(f, e *event.Event, h *Hit) {
	a := s.about(h.record)
	f.Reset()
	rules.TakeOver(f, e)
	for _, field := range taken {
		for v := range e.Values(field) {
			f.Append(v)
		}
	}
	f.Str(event.EventKind, "alert")
	f.Str(event.EventDataset, "saksi.alert")
	f.Str(event.EventCategory, "threat")
	f.Str(event.EventType, "indicator")
	f.Int(event.EventSeverity, int64(a.Severity))
	s.rule(f, &a, h)
	a.indicator(f, h)
	for i := range h.fields.n {
		f.Str(event.SaksiIndicatorMatched, h.fields.f[i].Name())
	}
	_, judged := moment(e)
	switch {
	case a.From == 0 && a.Until == 0:
		f.Str(event.SaksiIndicatorValidity, "unlimited")
	case !judged:
		f.Str(event.SaksiIndicatorValidity, "not_judged")
	default:
		f.Str(event.SaksiIndicatorValidity, "valid")
	}
	if len(a.Techniques) > 0 {
		f.Str(event.ThreatFramework, "MITRE ATT&CK")
	}
	for _, t := range a.Techniques {
		f.Str(event.ThreatTechniqueID, t)
	}
}

// rule puts in who the indicator is as a rule.
func (s *Set) rule(f *event.Event, a *about, h *Hit) {
	pattern := "[" + comparison(h.Kind, Equal, h.text) + "]"
	if h.mixed >= 0 {
		m := &s.mixed[h.mixed]
		pattern = m.text()
		if !slices.ContainsFunc(m.terms, func(t Term) bool { return personal(t.Kind) }) {
			f.Str(event.SaksiRuleText, pattern)
		}
	}
	digest := digestOf(pattern)
	id, name := a.ID, a.Name
	if id == "" {
		id = madeID(digest)
	}
	if name == "" {
		name = h.Kind.String() + " " + h.text
		if personal(h.Kind) {
			name = h.Kind.String() + " of " + filepath.Base(a.src.file)
		}
	}
	f.Str(event.RuleID, id)
	f.Str(event.RuleName, name)
	f.Str(event.RuleDescription, a.Description)
	f.Str(event.RuleAuthor, a.src.provider)
	f.Str(event.RuleReference, a.reference())
	f.Str(event.RuleRuleset, filepath.Base(a.src.file))
	f.Str(event.SaksiRuleLanguage, rules.Intel)
	f.Str(event.SaksiRuleDigest, digest)
}

// personal reports whether values of a kind may hold personal data or
// credentials: then only fields that are masked before they are stored hold them.
func personal(k Kind) bool {
	switch k {
	case URL, BareURL, Email, Sender, Recipient, Subject, FileName, UserAgent, Path:
		return true
	}
	return false
}

func digestOf(pattern string) string {
	sum := sha256.Sum256([]byte(pattern))
	return hex.EncodeToString(sum[:])
}

// madeID is the rule.id of an indicator that has none: by the digest of its
// pattern.
func madeID(digest string) string { return "indicator-" + digest[:16] }

// RuleID is the rule.id of the findings of x.
func (x *Indicator) RuleID() string {
	if x.ID != "" || len(x.Patterns) == 0 {
		return x.ID
	}
	return madeID(digestOf((&mixed{terms: x.Patterns[0]}).text()))
}

func (a *about) reference() string {
	if a.Reference != "" {
		return a.Reference
	}
	return a.src.reference
}

// indicator puts in threat.indicator.* (ECS, threat fields).
func (a *about) indicator(f *event.Event, h *Hit) {
	f.Str(event.ThreatIndicatorType, typeName(h.Kind, h.text))
	f.Str(event.ThreatIndicatorName, h.text)
	f.Str(event.ThreatIndicatorID, a.ID)
	f.Str(event.ThreatIndicatorDescription, a.Description)
	f.Str(event.ThreatIndicatorProvider, a.src.provider)
	f.Str(event.ThreatIndicatorReference, a.reference())
	f.Str(event.ThreatFeedName, a.src.feed)
	f.Str(event.ThreatIndicatorConfidence, confidence(a.Confidence))
	if a.TLP != Unmarked {
		f.Str(event.ThreatIndicatorMarkingTlp, a.TLP.String())
		f.Str(event.ThreatIndicatorMarkingTlpVersion, "2.0")
	}
	if a.Modified != 0 {
		f.Time(event.ThreatIndicatorModifiedAt, a.Modified)
	}
	if a.From != 0 {
		f.Time(event.SaksiIndicatorValidFrom, a.From)
	}
	if a.Until != 0 {
		f.Time(event.SaksiIndicatorValidUntil, a.Until)
	}
	f.Str(event.SaksiIndicatorPlace, fmt.Sprintf("%s:%d", filepath.Base(a.src.file), h.line))
	switch h.Kind {
	case Address, Source, Destination:
		if ip, err := netip.ParseAddr(h.text); err == nil {
			f.Addr(event.ThreatIndicatorIP, ip)
		}
	case Domain, Tree, Below:
		f.Str(event.ThreatIndicatorURLDomain, h.text)
	case URL, BareURL:
		f.Str(event.ThreatIndicatorURLFull, h.text)
	case MD5:
		f.Str(event.ThreatIndicatorFileHashMD5, h.text)
	case SHA1:
		f.Str(event.ThreatIndicatorFileHashSHA1, h.text)
	case SHA256:
		f.Str(event.ThreatIndicatorFileHashSHA256, h.text)
	case FileName:
		f.Str(event.ThreatIndicatorFileName, h.text)
	case Email, Sender, Recipient:
		f.Str(event.ThreatIndicatorEmailAddress, h.text)
	case CertSerial:
		f.Str(event.ThreatIndicatorX509SerialNumber, h.text)
	}
}

func typeName(k Kind, text string) string {
	if n := kinds[k].ecs; n != "" {
		return n
	}
	return addressType(text)
}

// confidence is ECS's word for STIX's scale of 0 to 100 (STIX 2.1, appendix A,
// None / Low / Med / High).
func confidence(n int) string {
	switch {
	case n < 0:
		return ""
	case n == 0:
		return "None"
	case n < 30:
		return "Low"
	case n < 70:
		return "Medium"
	}
	return "High"
}

// text writes a pattern of several terms.
func (m *mixed) text() string {
	var parts []string
	for i := range m.terms {
		t := m.terms[i].text()
		if strings.Contains(t, " OR ") {
			t = "(" + t + ")"
		}
		parts = append(parts, t)
	}
	return "[" + strings.Join(parts, " AND ") + "]"
}
