// Package libyara binds libyara (go-yara v4.2.4 over libyara 4.2) for
// saksi-worker, the only program it is linked into.
package libyara

// #cgo pkg-config: yara
// #include <yara.h>
// static const char *saksi_yara_version(void) { return YR_VERSION; }
import "C"

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	goyara "github.com/hillu/go-yara/v4"

	"saksi/rules"
	"saksi/rules/yara"
)

// Version is that of libyara.
func Version() string { return C.GoString(C.saksi_yara_version()) }

// noTryCatch tells libyara to install no handler for SIGSEGV, which would stay
// active inside Go. It serves mapped files only; ours are in memory.
// (SCAN_FLAGS_NO_TRYCATCH in yara/types.h)
const noTryCatch goyara.ScanFlags = 4

// externals are the variables rules may use, with values of the right type for
// compiling.
var externals = map[string]any{"filename": "", "filepath": "", "extension": "", "filetype": "", "owner": "", "exhibit": "", "filesize_external": 0}

// Rules is a compiled set. It is safe for concurrent use by one Scanner each.
type Rules struct {
	r *goyara.Rules
	n int
}

// Compile compiles files of rules. A wrong rule is left out and named in the
// problems with its file and line, and so is what depends on it; the rest
// runs. Include directives are refused. The error is for trouble that no rule
// is to blame for.
func Compile(sources []yara.Source) (*Rules, []rules.Problem, error) {
	named := make([]yara.Source, len(sources))
	seen := map[string]bool{}
	for i, s := range sources {
		// Two files of one name are two namespaces.
		ns := s.Namespace
		for n := i; seen[ns]; n++ {
			ns = fmt.Sprintf("%s#%d", s.Namespace, n+1)
		}
		seen[ns] = true
		// libyara takes a C string and would pass over in silence what follows
		// a zero byte; it complains of any other control byte.
		named[i] = yara.Source{Namespace: ns, Text: bytes.ReplaceAll(s.Text, []byte{0}, []byte{1})}
	}
	if r, err := together(named); err == nil {
		return r, nil, nil
	}
	// Something is wrong: find it file by file.
	var problems []rules.Problem
	for i := range named {
		text, found, err := weed(named[i])
		if err != nil {
			return nil, nil, err
		}
		problems = append(problems, found...)
		named[i].Text = text
	}
	r, err := together(named)
	return r, problems, err
}

// together compiles files into one set; none may have a wrong rule.
func together(sources []yara.Source) (*Rules, error) {
	c, err := newCompiler()
	if err != nil {
		return nil, err
	}
	defer c.Destroy()
	for _, s := range sources {
		if err := c.AddString(string(s.Text), s.Namespace); err != nil {
			return nil, fmt.Errorf("compiling %s: %w", s.Namespace, err)
		}
	}
	r, err := c.GetRules()
	if err != nil {
		return nil, fmt.Errorf("compiling the rules: %w", err)
	}
	return &Rules{r: r, n: len(r.GetRules())}, nil
}

func newCompiler() (*goyara.Compiler, error) {
	c, err := goyara.NewCompiler()
	if err != nil {
		return nil, fmt.Errorf("making a compiler: %w", err)
	}
	c.DisableIncludes()
	for name, v := range externals {
		if err := c.DefineVariable(name, v); err != nil {
			c.Destroy()
			return nil, fmt.Errorf("defining variable %s: %w", name, err)
		}
	}
	return c, nil
}

// carefulPasses is how many wrong rules of a file are taken out one at a time,
// which blames no rule for another's error. A file of more loses all the rules
// of a pass at once, so that time stays linear in practice.
const carefulPasses = 32

// imports finds the import of a module that libyara lacks.
var imports = regexp.MustCompile(`import[ \t]*"[^"\n]*"`)

// weed compiles one file alone and blanks the rules libyara complains of until
// it has no complaint left. A module that this libyara lacks costs the rules
// that use it.
func weed(s yara.Source) ([]byte, []rules.Problem, error) {
	text := slices.Clone(s.Text)
	var problems []rules.Problem
	lacking := map[string]bool{} // modules
	spans := yara.Split(text)
	for pass := 0; ; pass++ {
		messages, err := complaints(s.Namespace, text)
		if err != nil || len(messages) == 0 {
			return text, problems, err
		}
		if pass < carefulPasses {
			messages = messages[:1]
		}
		blanked := false
		for _, m := range messages {
			p := problemOf(&s, m)
			i := slices.IndexFunc(spans, func(sp yara.Span) bool {
				return m.Line >= sp.Line && m.Line <= sp.Line+bytes.Count(s.Text[sp.Start:sp.End], []byte{'\n'})
			})
			if i < 0 {
				if blankImport(text, m) {
					lacking[quoted(m.Text)] = true
					p.Level, p.Hint = rules.Refused, "the rules that use the module do not run; a libyara built with it would run them"
					problems, blanked = append(problems, p), true
				}
				continue
			}
			p.Rule = spans[i].Name
			if lacking[quoted(m.Text)] && strings.HasPrefix(m.Text, "undefined identifier") {
				p.Level, p.Reason = rules.Refused, "yara: module that libyara lacks"
				p.Message = fmt.Sprintf("the rule uses the module %q, which this libyara lacks", quoted(m.Text))
				p.Hint = "a libyara built with the module would run the rule"
			}
			problems, blanked = append(problems, p), true
			yara.Blank(text, spans[i])
			spans = slices.Delete(spans, i, i+1)
		}
		if blanked {
			continue
		}
		// Outside every rule (an include, stray text): nothing of the file runs.
		first := messages[0]
		problems = append(problems, problemOf(&s, first))
		for _, sp := range spans {
			problems = append(problems, rules.Problem{
				File: s.Namespace, Line: sp.Line, Column: 1, Level: rules.Wrong, Rule: sp.Name, Reason: "yara: its file does not compile",
				Message: "not run: its file does not compile", Hint: "put right what is wrong in the file outside of rules",
			})
		}
		return nil, problems, nil
	}
}

// complaints compiles text alone and returns what is wrong with it.
func complaints(namespace string, text []byte) ([]goyara.CompilerMessage, error) {
	c, err := newCompiler()
	if err != nil {
		return nil, err
	}
	defer c.Destroy()
	if err := c.AddString(string(text), namespace); err != nil {
		if len(c.Errors) == 0 {
			return []goyara.CompilerMessage{{Text: err.Error()}}, nil
		}
		return slices.Clone(c.Errors), nil
	}
	return nil, nil
}

// blankImport takes out the import that m complains of, if it is one.
func blankImport(text []byte, m goyara.CompilerMessage) bool {
	if !strings.HasPrefix(m.Text, "unknown module") {
		return false
	}
	start := 0
	for n := 1; n < m.Line; n++ {
		i := bytes.IndexByte(text[start:], '\n')
		if i < 0 {
			return false
		}
		start += i + 1
	}
	end := len(text)
	if i := bytes.IndexByte(text[start:], '\n'); i >= 0 {
		end = start + i
	}
	at := imports.FindIndex(text[start:end])
	if at == nil {
		return false
	}
	yara.Blank(text, yara.Span{Start: start + at[0], End: start + at[1]})
	return true
}

// reason is a message without the names in it.
func reason(msg string) string {
	if i := strings.IndexByte(msg, '"'); i > 0 {
		msg = msg[:i]
	}
	return strings.TrimSpace(msg)
}

// Len is the number of rules.
func (r *Rules) Len() int { return r.n }

// Scanner scans with a set; not safe for concurrent use.
type Scanner struct {
	s *goyara.Scanner
}

// NewScanner makes a scanner.
func (r *Rules) NewScanner() (*Scanner, error) {
	s, err := goyara.NewScanner(r.r)
	if err != nil {
		return nil, fmt.Errorf("making a scanner: %w", err)
	}
	s.SetFlags(noTryCatch)
	return &Scanner{s: s}, nil
}

// ErrTimeout is returned when a scan took longer than its limit; what matched
// until then is not known.
var ErrTimeout = errors.New("yara took longer than its limit")

// Scan scans a content.
func (s *Scanner) Scan(in *yara.Content, limit time.Duration) ([]yara.Match, error) {
	var c collector
	err := s.scan(in, limit, &c)
	if err != nil {
		return nil, err
	}
	return c.out, nil
}

// Explain scans a content and tells of every rule, whether it matched or not, where
// its strings are.
func (s *Scanner) Explain(in *yara.Content, limit time.Duration) ([]yara.Verdict, error) {
	var c judge
	if err := s.scan(in, limit, &c); err != nil {
		return nil, err
	}
	return c.out, nil
}

func (s *Scanner) scan(in *yara.Content, limit time.Duration, callback goyara.ScanCallback) error {
	path := in.Path
	name := path[strings.LastIndexByte(path, '/')+1:]
	ext := ""
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		ext = name[i:]
	}
	for k, v := range map[string]string{"filename": name, "filepath": path, "extension": ext, "exhibit": in.Exhibit} {
		if err := s.s.DefineVariable(k, strings.ReplaceAll(v, "\x00", "")); err != nil {
			return fmt.Errorf("setting variable %s: %w", k, err)
		}
	}
	size := in.Size
	if size == 0 {
		size = int64(len(in.Data))
	}
	if err := s.s.DefineVariable("filesize_external", size); err != nil {
		return fmt.Errorf("setting variable filesize_external: %w", err)
	}
	s.s.SetTimeout(limit)
	s.s.SetCallback(callback)
	if err := s.s.ScanMem(in.Data); err != nil {
		var e goyara.Error
		if errors.As(err, &e) && int(e) == C.ERROR_SCAN_TIMEOUT {
			return ErrTimeout
		}
		return err
	}
	return nil
}

// collector takes a match as libyara reports it.
type collector struct{ out []yara.Match }

// RuleMatching keeps one rule that matched.
func (c *collector) RuleMatching(sc *goyara.ScanContext, r *goyara.Rule) (bool, error) {
	m := matchOf(sc, r)
	for _, s := range r.Strings() {
		m.Strings, m.More = appendPlaces(m.Strings, m.More, sc, &s)
	}
	slices.SortStableFunc(m.Strings, func(a, b yara.String) int { return int(a.Offset - b.Offset) })
	c.out = append(c.out, m)
	return false, nil
}

func matchOf(sc *goyara.ScanContext, r *goyara.Rule) yara.Match {
	m := yara.Match{Rule: r.Identifier(), Namespace: r.Namespace(), Tags: r.Tags()}
	for _, x := range r.Metas() {
		m.Metas = append(m.Metas, yara.Meta{Name: x.Identifier, Value: metaText(x.Value)})
	}
	return m
}

// appendPlaces adds where a string is, at most to MaxStrings places in all.
func appendPlaces(list []yara.String, more bool, sc *goyara.ScanContext, s *goyara.String) ([]yara.String, bool) {
	for _, at := range s.Matches(sc) {
		if len(list) == yara.MaxStrings {
			return list, true
		}
		data := at.Data()
		list = append(list, yara.String{
			Name: s.Identifier(), Offset: at.Base() + at.Offset(), Length: len(data), Data: slices.Clone(data[:min(len(data), yara.MaxData)]),
		})
	}
	return list, more
}

// judge takes every rule as libyara decides it.
type judge struct{ out []yara.Verdict }

// RuleMatching keeps one rule that matched.
func (c *judge) RuleMatching(sc *goyara.ScanContext, r *goyara.Rule) (bool, error) {
	return c.decided(sc, r, true)
}

// RuleNotMatching keeps one rule that did not.
func (c *judge) RuleNotMatching(sc *goyara.ScanContext, r *goyara.Rule) (bool, error) {
	return c.decided(sc, r, false)
}

func (c *judge) decided(sc *goyara.ScanContext, r *goyara.Rule, matched bool) (bool, error) {
	v := yara.Verdict{Rule: r.Identifier(), Namespace: r.Namespace(), Matched: matched, Global: r.IsGlobal()}
	for _, s := range r.Strings() {
		p := yara.Places{Name: s.Identifier()}
		p.At, p.More = appendPlaces(nil, false, sc, &s)
		v.Strings = append(v.Strings, p)
	}
	c.out = append(c.out, v)
	return false, nil
}

func metaText(v any) string {
	switch x := v.(type) {
	case string:
		return x
	case bool:
		return strconv.FormatBool(x)
	}
	return fmt.Sprint(v)
}

// Close frees the scanner.
func (s *Scanner) Close() { s.s.Destroy() }

// Close frees the set.
func (r *Rules) Close() { r.r.Destroy() }
