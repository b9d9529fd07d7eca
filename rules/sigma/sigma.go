// Package sigma matches Sigma rules (Sigma specification 2.x: rules 2.0,
// modifiers appendix 2.1) on records of logs. Start with Load; Set.MatchEvent
// gives the rules an event of ours meets, Set.Match those of any other Record,
// Rule.Finding the finding of one.
//
// All rules are compiled together. A record is looked at once, and only rules
// of its log source of which a needed value was seen are tried, so that a
// record costs microseconds whatever the number of rules.
//
// A rule that can't be honored exactly (a field of our events we have no
// counterpart for, a placeholder without a setting) is refused with its reason
// and never half-run.
package sigma

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"

	"gopkg.in/yaml.v3"

	"saksi/internal/infile"
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
	Name        string // by which correlations and filters may name it
	Source      Source
	cond        node
	// Silent is set when correlations alone tell of its matches: no finding is
	// made of them.
	Silent bool

	index       int          // in the set
	rank        int32        // among the ids of the set
	correlation *correlation // of a correlation rule, which has no condition
	feeds       []*feed      // correlations that refer to it
	needs       []int32      // fields of which these need the values
}

// Set is a set of compiled rules. It is safe for concurrent use.
type Set struct {
	Rules    []*Rule
	names    map[string]int32
	atoms    []atom
	groups   map[Source]*group
	datasets map[string]*dataset
	pool     sync.Pool
	refused  []rules.Entry
	trace    *Trace // nil: nobody asks
	costs    []cost // by rule; nil: nobody asks
}

// Config is what rules leave to those who run them.
type Config struct {
	// Placeholders gives the values of each %name% that the modifier expand
	// fills in; a rule that names another is refused.
	Placeholders map[string][]string
	// Trace asks about one rule; nil for none.
	Trace *Trace
}

// File is one file of rules.
type File struct {
	Name string
	Text []byte
}

// Load reads rules from files and from folders (*.yml, *.yaml, in the order of
// their paths) and compiles them. What does not run is in the problems, with
// its place.
func Load(paths []string, cfg Config) (*Set, []rules.Problem, error) {
	var files []File
	for _, p := range paths {
		names, err := ruleFiles(p)
		if err != nil {
			return nil, nil, fmt.Errorf("reading Sigma rules: %w", err)
		}
		for _, name := range names {
			text, err := infile.Read(name, maxFile)
			if err != nil {
				return nil, nil, fmt.Errorf("reading Sigma rules: %w", err)
			}
			files = append(files, File{name, text})
		}
	}
	set, problems := Compile(files, cfg)
	return set, problems, nil
}

// Compile compiles rules together. A Set finds the same whatever the order of
// the files.
func Compile(files []File, cfg Config) (*Set, []rules.Problem) {
	c := &compiler{cfg: cfg, names: map[string]int32{}, ids: map[string]atomRef{}}
	s := &Set{}
	var problems []rules.Problem
	for f := range parseAll(files) {
		list, found := c.file(f, s)
		problems = append(problems, found...)
		s.Rules = append(s.Rules, list...)
	}
	for _, r := range s.Rules {
		if r.correlation != nil {
			continue
		}
		problems = append(problems, c.filtered(r)...)
		if !r.Source.isRead() {
			problems = append(problems, rules.Problem{
				File: r.File, Line: r.Line, Level: rules.Advice, Rule: r.ID, Reason: "sigma: log source that is not read",
				Message: "the rule runs, but no log of its source (" + r.Source.String() + ") is read",
			})
		}
	}
	for _, f := range c.filters {
		if !f.met && !f.all {
			problems = append(problems, rules.Problem{File: f.file, Line: f.at.Line, Column: f.at.Column, Level: rules.Advice, Reason: "sigma: filter without a rule", Message: "the filter names no rule that runs"})
		}
	}
	var unlinked []linkProblem
	s.Rules, unlinked = c.link(s.Rules)
	for _, u := range unlinked {
		s.refuse(u.rule, u.err)
		problems = append(problems, problemOf(u.rule.File, u.rule.ID, u.err))
	}
	byID := slices.Clone(s.Rules)
	slices.SortStableFunc(byID, func(a, b *Rule) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Title, b.Title), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	for i, r := range byID {
		r.rank = int32(i)
	}
	for i, r := range s.Rules {
		r.index = i
	}
	if t := cfg.Trace; t != nil {
		for _, r := range s.Rules {
			if t.of(r) {
				t.rule = r
				if r.correlation != nil {
					r.correlation.trace = t
				}
			}
		}
		s.trace = t
	}
	s.names, s.atoms = c.names, c.atoms
	s.groups, s.datasets = c.groups(s.Rules), c.datasets()
	s.pool.New = func() any { return newScratch(s) }
	return s, problems
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

// file compiles the rules of one file (YAML documents).
func (c *compiler) file(f *parsed, s *Set) ([]*Rule, []rules.Problem) {
	var list []*Rule
	var problems []rules.Problem
	for i := range f.docs {
		r := &Rule{File: f.name, Digest: f.digest}
		n := len(c.filters)
		if err := c.rule(r, &f.docs[i]); err != nil {
			s.refuse(r, err)
			problems = append(problems, problemOf(f.name, r.ID, err))
		} else if len(c.filters) > n {
			c.filters[n].file = f.name
		} else {
			list = append(list, r)
		}
	}
	if f.err != nil {
		line := 0
		if _, after, ok := strings.Cut(f.err.Error(), "line "); ok {
			_, _ = fmt.Sscan(after, &line) // no line: the whole file's
		}
		problems = append(problems, rules.Problem{File: f.name, Line: line, Column: min(line, 1), Level: rules.Wrong, Reason: "sigma: not YAML", Message: f.err.Error(), Expected: "a YAML document"})
	}
	return list, problems
}

// problemOf is an error of a rule with its place.
func problemOf(file, id string, err error) rules.Problem {
	var p *problem
	if !errors.As(err, &p) {
		p = &problem{level: rules.Wrong, reason: "sigma: error", msg: err.Error()}
	}
	return rules.Problem{File: file, Line: p.line, Column: p.column, Level: p.level, Rule: id, Reason: p.reason, Message: p.msg, Expected: p.expected}
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

// rule compiles one document.
func (c *compiler) rule(r *Rule, doc *yaml.Node) error {
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
	r.Author, r.License, r.Name = text(get(m, "author")), text(get(m, "license")), text(get(m, "name"))
	if r.Title == "" {
		return wrong(m, "no title", "title", "the rule has no title")
	}
	if get(m, "filter") != nil {
		return c.filter(m)
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
	if get(m, "correlation") != nil {
		return c.correlation(r, m)
	}
	c.label = c.cfg.Trace.of(r)
	defer func() { c.label = false }()
	src := get(m, "logsource")
	if src == nil {
		return wrong(m, "no logsource", "logsource", "the rule has no logsource")
	}
	var err error
	if r.Source, err = sourceOf(src); err != nil {
		return err
	}
	if n := get(m, "taxonomy"); n != nil {
		switch t := text(n); {
		case t == "sigma", t == "ecs" && fieldsOf(r.Source) != nil: // our events have ECS's names besides
		default:
			return refused(n, "taxonomy", "the taxonomy %q of log source %s is not known here", t, r.Source.String())
		}
	}
	det := get(m, "detection")
	if det == nil || det.Kind != yaml.MappingNode {
		return wrong(m, "no detection", "detection with a condition", "the rule has no detection")
	}
	r.cond, err = c.detection(det, fieldsOf(r.Source))
	return err
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
