package rules

import (
	"slices"
	"strings"
)

// Severity is Saksi's one scale: 1 low, 2 medium, 3 high, 4 critical. Zero is
// unknown.
type Severity uint8

// Severities.
const (
	Low Severity = 1 + iota
	Medium
	High
	Critical
)

func (s Severity) String() string {
	return [...]string{"unknown", "low", "medium", "high", "critical"}[min(s, 4)]
}

// SeverityByName reads a level word of any of the languages.
func SeverityByName(s string) (Severity, bool) {
	switch strings.ToLower(s) {
	case "informational", "info", "low", "minor":
		return Low, true
	case "medium", "major":
		return Medium, true
	case "high":
		return High, true
	case "critical":
		return Critical, true
	}
	return 0, false
}

// SeverityByPriority reads Suricata's priority: 1 is the most severe.
func SeverityByPriority(p int) Severity {
	switch {
	case p <= 0:
		return 0
	case p == 1:
		return High
	case p == 2:
		return Medium
	}
	return Low
}

// Technique returns s as an ATT&CK technique id in its usual form (T1059 or
// T1059.001), or false when it is none. Prefixes and case are forgiven.
func Technique(s string) (string, bool) {
	s = strings.ToUpper(strings.TrimSpace(s))
	s = strings.TrimPrefix(s, "ATTACK.")
	s = strings.ReplaceAll(s, "_", ".")
	if len(s) != 5 && len(s) != 9 || s[0] != 'T' {
		return "", false
	}
	for i := 1; i < len(s); i++ {
		if i == 5 {
			if s[i] != '.' {
				return "", false
			}
			continue
		}
		if s[i] < '0' || s[i] > '9' {
			return "", false
		}
	}
	return s, true
}

// AddTechnique adds s to list when it is a technique that is not there yet.
func AddTechnique(list []string, s string) []string {
	t, ok := Technique(s)
	if !ok || slices.Contains(list, t) {
		return list
	}
	return append(list, t)
}

// Tactics of ATT&CK for Enterprise by the name Sigma tags use.
var tactics = map[string]string{
	"reconnaissance": "TA0043", "resource-development": "TA0042", "initial-access": "TA0001",
	"execution": "TA0002", "persistence": "TA0003", "privilege-escalation": "TA0004",
	"defense-evasion": "TA0005", "credential-access": "TA0006", "discovery": "TA0007",
	"lateral-movement": "TA0008", "collection": "TA0009", "command-and-control": "TA0011",
	"exfiltration": "TA0010", "impact": "TA0040",
}

// Tactic returns the id of an ATT&CK tactic from its id or name.
func Tactic(s string) (string, bool) {
	s = strings.TrimPrefix(strings.ToLower(strings.TrimSpace(s)), "attack.")
	if len(s) == 6 && strings.HasPrefix(s, "ta") {
		return strings.ToUpper(s), true
	}
	id, ok := tactics[strings.ReplaceAll(s, "_", "-")]
	return id, ok
}
