// Package libyara binds libyara (go-yara v4.2.4 over libyara 4.2) for
// saksi-worker, the only program it is linked into.
package libyara

// #cgo pkg-config: yara
// #include <yara.h>
// static const char *saksi_yara_version(void) { return YR_VERSION; }
import "C"

import (
	"errors"
	"fmt"
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
	var problems []rules.Problem
	all, err := newCompiler()
	if err != nil {
		return nil, nil, err
	}
	defer func() { all.Destroy() }()
	var good []yara.Source
	for i, s := range sources {
		// Two files of one name are two namespaces.
		ns := s.Namespace
		for slices.ContainsFunc(good, func(o yara.Source) bool { return o.Namespace == ns }) {
			ns = fmt.Sprintf("%s#%d", s.Namespace, i+1)
		}
		text, found, err := weed(yara.Source{Namespace: ns, Text: s.Text})
		if err != nil {
			return nil, nil, err
		}
		problems = append(problems, found...)
		good = append(good, yara.Source{Namespace: ns, Text: text})
	}
	for _, s := range good {
		if err := all.AddString(string(s.Text), s.Namespace); err != nil {
			return nil, problems, fmt.Errorf("compiling %s again: %w", s.Namespace, err)
		}
	}
	r, err := all.GetRules()
	if err != nil {
		return nil, problems, fmt.Errorf("compiling the rules: %w", err)
	}
	return &Rules{r: r, n: len(r.GetRules())}, problems, nil
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

// weed compiles one file alone and blanks the rules libyara complains of until
// it has no complaint left.
func weed(s yara.Source) ([]byte, []rules.Problem, error) {
	text := slices.Clone(s.Text)
	var problems []rules.Problem
	spans := yara.Split(text)
	for {
		c, err := newCompiler()
		if err != nil {
			return nil, nil, err
		}
		err = c.AddString(string(text), s.Namespace)
		messages := slices.Clone(c.Errors)
		c.Destroy()
		if err == nil {
			return text, problems, nil
		}
		if len(messages) == 0 {
			messages = []goyara.CompilerMessage{{Text: err.Error()}}
		}
		first := messages[0]
		p := rules.Problem{File: s.Namespace, Line: first.Line, Level: rules.Wrong, Reason: "yara: " + reason(first.Text), Message: first.Text}
		i := slices.IndexFunc(spans, func(sp yara.Span) bool {
			return first.Line >= sp.Line && first.Line <= sp.Line+strings.Count(string(s.Text[sp.Start:sp.End]), "\n")
		})
		if i < 0 {
			// Outside every rule (an import, an include): nothing of the file runs.
			problems = append(problems, p)
			for _, sp := range spans {
				problems = append(problems, rules.Problem{File: s.Namespace, Line: sp.Line, Level: rules.Wrong, Rule: sp.Name, Reason: "yara: its file does not compile", Message: "not run: its file does not compile"})
			}
			return nil, problems, nil
		}
		p.Rule = spans[i].Name
		problems = append(problems, p)
		yara.Blank(text, spans[i])
		spans = slices.Delete(spans, i, i+1)
	}
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

// Scan scans data. path is the content's name, for rules that ask for it.
func (s *Scanner) Scan(data []byte, path string, limit time.Duration) ([]yara.Match, error) {
	name := path[strings.LastIndexByte(path, '/')+1:]
	ext := ""
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		ext = name[i:]
	}
	for k, v := range map[string]string{"filename": name, "filepath": path, "extension": ext} {
		if err := s.s.DefineVariable(k, strings.ReplaceAll(v, "\x00", "")); err != nil {
			return nil, fmt.Errorf("setting variable %s: %w", k, err)
		}
	}
	var c collector
	s.s.SetTimeout(limit)
	s.s.SetCallback(&c)
	if err := s.s.ScanMem(data); err != nil {
		var e goyara.Error
		if errors.As(err, &e) && int(e) == C.ERROR_SCAN_TIMEOUT {
			return nil, ErrTimeout
		}
		return nil, err
	}
	return c.out, nil
}

// collector takes a match as libyara reports it.
type collector struct{ out []yara.Match }

// RuleMatching keeps one rule that matched.
func (c *collector) RuleMatching(sc *goyara.ScanContext, r *goyara.Rule) (bool, error) {
	m := yara.Match{Rule: r.Identifier(), Namespace: r.Namespace(), Tags: r.Tags()}
	for _, x := range r.Metas() {
		m.Metas = append(m.Metas, yara.Meta{Name: x.Identifier, Value: metaText(x.Value)})
	}
	for _, s := range r.Strings() {
		for _, at := range s.Matches(sc) {
			if len(m.Strings) == yara.MaxStrings {
				m.More = true
				break
			}
			data := at.Data()
			m.Strings = append(m.Strings, yara.String{
				Name: s.Identifier(), Offset: at.Base() + at.Offset(), Length: len(data), Data: slices.Clone(data[:min(len(data), yara.MaxData)]),
			})
		}
	}
	slices.SortStableFunc(m.Strings, func(a, b yara.String) int { return int(a.Offset - b.Offset) })
	c.out = append(c.out, m)
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
