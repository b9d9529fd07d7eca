// Package sigma matches Sigma rules (Sigma specification 2.0, sigma-rules and
// sigma-modifiers appendix) on events. Start with Load; Set.Match gives the
// rules an event meets, Rule.Finding the finding of one.
//
// A rule that can't be honored exactly (another log source than ours, a field
// we have no counterpart for, correlation, expand) is refused with its reason
// and never half-run.
package sigma

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"gopkg.in/yaml.v3"

	"saksi/event"
	"saksi/rules"
)

// maxFile bounds one file of rules, in bytes.
const maxFile = 4 << 20

// Rule is one compiled rule.
type Rule struct {
	ID, Title   string
	Description string
	Author      string
	License     string
	References  []string
	Severity    rules.Severity
	Techniques  []string
	Tactics     []string
	File        string
	Line        int
	Digest      string // SHA-256 of the text of its file
	datasets    []string
	cond        cond
}

// Set is a set of compiled rules. It is safe for concurrent use.
type Set struct {
	Rules     []*Rule
	byDataset map[string][]*Rule
}

// Load reads rules from files and from folders (*.yml, *.yaml, in the order of
// their paths). What does not run is in the problems, with its place.
func Load(paths []string) (*Set, []rules.Problem, error) {
	s := &Set{byDataset: map[string][]*Rule{}}
	var problems []rules.Problem
	for _, p := range paths {
		files, err := ruleFiles(p)
		if err != nil {
			return nil, nil, fmt.Errorf("reading Sigma rules: %w", err)
		}
		for _, f := range files {
			b, err := readBounded(f)
			if err != nil {
				return nil, nil, fmt.Errorf("reading Sigma rules: %w", err)
			}
			list, found := Parse(f, b)
			problems = append(problems, found...)
			s.Rules = append(s.Rules, list...)
		}
	}
	for _, r := range s.Rules {
		for _, d := range r.datasets {
			s.byDataset[d] = append(s.byDataset[d], r)
		}
	}
	return s, problems, nil
}

func ruleFiles(path string) ([]string, error) {
	st, err := os.Stat(path)
	if err != nil || !st.IsDir() {
		return []string{path}, err
	}
	var list []string
	err = filepath.WalkDir(path, func(p string, d os.DirEntry, err error) error {
		if ext := strings.ToLower(filepath.Ext(p)); err == nil && d.Type().IsRegular() && (ext == ".yml" || ext == ".yaml") {
			list = append(list, p)
		}
		return err
	})
	sort.Strings(list)
	return list, err
}

func readBounded(path string) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.Size() > maxFile {
		return nil, fmt.Errorf("%s has %d bytes; a file of rules has at most %d", path, st.Size(), maxFile)
	}
	return os.ReadFile(path)
}

// problem is an error with its place.
type problem struct {
	line, column int
	level        rules.Level
	reason, msg  string
	expected     string
}

func (p *problem) Error() string { return p.msg }

func wrong(n *yaml.Node, reason, expected, format string, args ...any) error {
	return &problem{n.Line, n.Column, rules.Wrong, "sigma: " + reason, fmt.Sprintf(format, args...), expected}
}

func refused(n *yaml.Node, reason, format string, args ...any) error {
	return &problem{n.Line, n.Column, rules.Refused, "sigma: " + reason, fmt.Sprintf(format, args...), ""}
}

// Parse compiles the rules of one file (YAML documents).
func Parse(file string, text []byte) ([]*Rule, []rules.Problem) {
	var list []*Rule
	var problems []rules.Problem
	sum := sha256.Sum256(text)
	d := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var doc yaml.Node
		err := d.Decode(&doc)
		if err != nil {
			if err.Error() != "EOF" {
				line := 0
				if _, after, ok := strings.Cut(err.Error(), "line "); ok {
					_, _ = fmt.Sscan(after, &line) // no line: the whole file's
				}
				problems = append(problems, rules.Problem{File: file, Line: line, Level: rules.Wrong, Reason: "sigma: not YAML", Message: err.Error(), Expected: "a YAML document"})
			}
			return list, problems
		}
		r := &Rule{File: file, Digest: hex.EncodeToString(sum[:])}
		if err := r.parse(&doc); err != nil {
			var p *problem
			if !errors.As(err, &p) {
				p = &problem{level: rules.Wrong, reason: "sigma: error", msg: err.Error()}
			}
			problems = append(problems, rules.Problem{File: file, Line: p.line, Column: p.column, Level: p.level, Rule: r.ID, Reason: p.reason, Message: p.msg, Expected: p.expected})
			continue
		}
		list = append(list, r)
	}
}

// get finds a key of a mapping.
func get(m *yaml.Node, key string) *yaml.Node {
	if m == nil || m.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			return m.Content[i+1]
		}
	}
	return nil
}

func text(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode {
		return ""
	}
	return n.Value
}

func (r *Rule) parse(doc *yaml.Node) error {
	if len(doc.Content) == 0 {
		return wrong(doc, "empty document", "a rule", "the document is empty")
	}
	m := doc.Content[0]
	if m.Kind != yaml.MappingNode {
		return wrong(m, "no mapping", "keys with values", "a rule is a mapping")
	}
	if err := noAliases(m, 0); err != nil {
		return err
	}
	r.Line = m.Line
	r.ID, r.Title, r.Description = text(get(m, "id")), text(get(m, "title")), text(get(m, "description"))
	r.Author, r.License = text(get(m, "author")), text(get(m, "license"))
	if r.Title == "" {
		return wrong(m, "no title", "title", "the rule has no title")
	}
	if get(m, "correlation") != nil {
		return refused(get(m, "correlation"), "correlation rule", "correlation rules are not run yet")
	}
	if n := get(m, "references"); n != nil {
		for _, x := range n.Content {
			r.References = append(r.References, x.Value)
		}
	}
	if s := text(get(m, "level")); s != "" {
		v, ok := rules.SeverityByName(s)
		if !ok {
			return wrong(get(m, "level"), "unknown level", "informational, low, medium, high or critical", "level %q is none", s)
		}
		r.Severity = v
	} else {
		r.Severity = rules.Medium
	}
	if n := get(m, "tags"); n != nil {
		for _, x := range n.Content {
			r.Techniques = rules.AddTechnique(r.Techniques, x.Value)
			if id, ok := rules.Tactic(x.Value); ok {
				r.Tactics = append(r.Tactics, id)
			}
		}
	}
	src := get(m, "logsource")
	if src == nil {
		return wrong(m, "no logsource", "logsource", "the rule has no logsource")
	}
	source, err := sourceOf(src)
	if err != nil {
		return err
	}
	r.datasets = source.datasets
	det := get(m, "detection")
	if det == nil || det.Kind != yaml.MappingNode {
		return wrong(m, "no detection", "detection with a condition", "the rule has no detection")
	}
	c, err := compile(det, source)
	if err != nil {
		return err
	}
	r.cond = c
	return nil
}

// noAliases refuses YAML aliases, whose expansion can be made to explode, and
// nesting without end.
func noAliases(n *yaml.Node, depth int) error {
	if n.Kind == yaml.AliasNode {
		return wrong(n, "alias", "plain values", "aliases are no part of Sigma")
	}
	if depth > 32 {
		return wrong(n, "nesting", "at most 32 levels", "nested deeper than any rule")
	}
	for _, c := range n.Content {
		if err := noAliases(c, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// Match returns the rules that match e, in the order of the set.
func (s *Set) Match(e *event.Event) []*Rule {
	dataset, _ := e.GetStr(event.EventDataset)
	var hits []*Rule
	for _, r := range s.byDataset[dataset] {
		if r.cond.match(e) {
			hits = append(hits, r)
		}
	}
	return hits
}

// taken are the fields a finding takes over from the event it rests on.
var taken = []event.Field{
	event.Timestamp, event.SourceIP, event.SourcePort, event.DestinationIP, event.DestinationPort, event.NetworkTransport, event.NetworkProtocol,
	event.NetworkCommunityID, event.SaksiFlowID, event.SaksiEvidenceKey, event.SaksiEvidenceName, event.SaksiEvidencePacket, event.SaksiEvidenceOffset,
	event.SaksiEvidenceRuns, event.SaksiEvidenceCommand, event.URLOriginal, event.URLDomain, event.DNSQuestionName, event.UserAgentOriginal,
	event.FilePath, event.FileInode, event.SaksiFileDeleted, event.SaksiCase, event.SaksiExhibit, event.OrganizationName,
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
