package export

import (
	"net/netip"
	"strings"

	"saksi/event"
)

// Kinds of things that a finding names.
const (
	thingIP     = "ip"
	thingDomain = "domain"
	thingURL    = "url"
	thingSHA256 = "sha256"
	thingSHA1   = "sha1"
	thingMD5    = "md5"
	thingFile   = "filename"
	thingJA3    = "ja3"
	thingMail   = "mail"
	thingUser   = "user"
	thingHost   = "hostname"
)

// thing is one observable of a finding.
type thing struct {
	kind, value string
	role        string // "source" or "destination", of addresses
}

// thingFields say where observables stand, in the order in which they are given.
var thingFields = []struct {
	field      event.Field
	kind, role string
}{
	{event.SourceIP, thingIP, "source"},
	{event.DestinationIP, thingIP, "destination"},
	{event.DNSQuestionName, thingDomain, ""},
	{event.TLSClientServerName, thingDomain, ""},
	{event.URLDomain, thingDomain, ""},
	{event.URLFull, thingURL, ""},
	{event.FileHashSHA256, thingSHA256, ""},
	{event.FileHashSHA1, thingSHA1, ""},
	{event.FileHashMD5, thingMD5, ""},
	{event.FileName, thingFile, ""},
	{event.TLSClientJA3, thingJA3, ""},
	{event.EmailFromAddress, thingMail, ""},
	{event.UserName, thingUser, ""},
	{event.HostName, thingHost, ""},
}

// things lists what a finding names, each once. A name that is an address
// counts as one.
func things(e *event.Event) (list []thing) {
	seen := map[thing]bool{}
	for _, f := range thingFields {
		for _, v := range texts(e, f.field) {
			t := thing{f.kind, v, f.role}
			switch t.kind {
			case thingDomain, thingHost:
				if _, err := netip.ParseAddr(v); err == nil {
					t = thing{thingIP, v, ""}
				} else if t.value = strings.ToLower(strings.TrimSuffix(v, ".")); t.kind == thingDomain && !isDomain(t.value) {
					continue
				}
			case thingFile:
				t.value = v[strings.LastIndexAny(v, `/\`)+1:]
			}
			key := thing{t.kind, t.value, ""}
			if t.value == "" || seen[key] {
				continue
			}
			seen[key] = true
			list = append(list, t)
		}
	}
	return list
}

// isDomain reports whether s is a name that others can look up: letters, digits
// and hyphens in labels of at most 63 (RFC 1035, 2.3.1; underscores as they are
// used), in ASCII as it is on the wire.
func isDomain(s string) bool {
	if len(s) > 253 || !strings.Contains(s, ".") {
		return false
	}
	for l := range strings.SplitSeq(s, ".") {
		if l == "" || len(l) > 63 {
			return false
		}
		for _, c := range []byte(l) {
			if c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
				return false
			}
		}
	}
	return true
}

// tlpOf is the marking of a finding, lower case without its prefix.
func tlpOf(e *event.Event) string {
	return strings.ToLower(strings.TrimPrefix(strings.ToUpper(str(e, event.ThreatIndicatorMarkingTlp)), "TLP:"))
}

// rule is what a finding says of its rule.
type rule struct {
	id, name, text, language, digest string
}

func ruleOf(e *event.Event) rule {
	return rule{str(e, event.RuleID), str(e, event.RuleName), str(e, event.SaksiRuleText), str(e, event.SaksiRuleLanguage), str(e, event.SaksiRuleDigest)}
}

// techniqueOf pairs the techniques of a finding with their names.
func techniquesOf(e *event.Event) (list [][2]string) {
	for _, f := range [][2]event.Field{{event.ThreatTechniqueID, event.ThreatTechniqueName}, {event.ThreatTechniqueSubtechniqueID, event.ThreatTechniqueSubtechniqueName}} {
		ids, names := texts(e, f[0]), texts(e, f[1])
		for i, id := range ids {
			name := ""
			if len(names) == len(ids) {
				name = names[i]
			}
			list = append(list, [2]string{id, name})
		}
	}
	return list
}
