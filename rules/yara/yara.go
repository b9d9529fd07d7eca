// Package yara is the YARA side of detection: what a match is, how it becomes
// a finding, and the interface of a scanner. libyara itself runs only in
// saksi-worker (internal/libyara); Client reaches it there.
package yara

import (
	"context"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"

	"saksi/event"
	"saksi/rules"
)

// Source is the text of one file of rules.
type Source struct {
	Namespace string // the file's path
	Text      []byte
}

// Meta is one meta line of a rule; numbers and booleans are in words.
type Meta struct{ Name, Value string }

// String is one place where a string of a rule matched.
type String struct {
	Name   string
	Offset int64 // in the scanned content
	Length int
	Data   []byte // at most MaxData bytes
}

// Bounds of a match.
const (
	MaxData    = 64  // bytes kept of a matched string
	MaxStrings = 256 // places kept of one rule
)

// Match is one rule that matched.
type Match struct {
	Rule, Namespace string
	Tags            []string
	Metas           []Meta
	Strings         []String
	More            bool // more than MaxStrings places
}

// Content is what is scanned. Rules see its names and sizes as the variables
// filename, filepath, extension, exhibit and filesize_external, besides
// YARA's own filesize, which is that of Data.
type Content struct {
	Path    string // its name, as where it was found has it
	Exhibit string // id of the exhibit it is from; may be empty
	Size    int64  // of the whole content, when Data is a part of it; 0: that of Data
	Data    []byte
}

// Scanner scans content by rules that were compiled before.
type Scanner interface {
	Scan(ctx context.Context, c *Content) ([]Match, error)
}

// Event puts into e what the rule says: its name, ruleset, severity (from meta
// severity or score, else medium), ATT&CK techniques (from meta attack, mitre,
// technique and tags) and the matched pieces as Saksi.evidence.match.
func (m *Match) Event(e *event.Event) {
	e.Str(event.RuleID, m.Rule)
	e.Str(event.RuleName, m.Rule)
	e.Str(event.RuleRuleset, filepath.Base(m.Namespace))
	e.Str(event.SaksiRuleLanguage, rules.YARA)
	severity, techniques := rank(m.Metas, m.Tags)
	for _, meta := range m.Metas {
		switch strings.ToLower(meta.Name) {
		case "description":
			e.Str(event.RuleDescription, meta.Value)
		case "author":
			e.Str(event.RuleAuthor, meta.Value)
		case "reference":
			e.Str(event.RuleReference, meta.Value)
		case "license":
			e.Str(event.RuleLicense, meta.Value)
		}
	}
	for _, tag := range m.Tags {
		e.Str(event.Tags, tag)
	}
	e.Int(event.EventSeverity, int64(severity))
	if len(techniques) > 0 {
		e.Str(event.ThreatFramework, "MITRE ATT&CK")
	}
	for _, t := range techniques {
		e.Str(event.ThreatTechniqueID, t)
	}
	for _, s := range m.Strings {
		e.Str(event.SaksiEvidenceMatch, fmt.Sprintf("%s@%d+%d:%s", s.Name, s.Offset, s.Length, hex.EncodeToString(s.Data)))
	}
	if m.More {
		e.Str(event.SaksiTruncated, event.SaksiEvidenceMatch.Name())
	}
}
