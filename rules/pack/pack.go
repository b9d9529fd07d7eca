// Package pack reads rule packs: folders with rules, samples, and what the
// rules must find in them (docs/packs.md). Load reads one, Test.Judge decides
// whether what was found is what was expected. Running the rules is the
// caller's part.
package pack

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"

	"gopkg.in/yaml.v3"

	"saksi/internal/infile"
)

// FileName is the name of the file that makes a folder a pack.
const FileName = "pack.yaml"

// Format is the version of the layout that is read.
const Format = 1

// maxFile bounds pack.yaml, in bytes.
const maxFile = 4 << 20

// Kinds of input, as tests name them. Without one the content decides; an
// image is never guessed.
const (
	Capture = "capture"
	Log     = "log"
	Plain   = "file"
	Image   = "image"
	Events  = "events"
)

// Pack is a rule pack. Its paths are joined with its folder.
type Pack struct {
	Folder                              string
	Name, Version                       string
	Title, Description, Author, License string
	Rules                               []string            // files and folders of rules
	Vars                                map[string]string   // of Suricata's rules
	Placeholders                        map[string][]string // of Sigma's rules
	Tests                               []Test
}

// Test is one input and what must be found in it.
type Test struct {
	Name  string
	Input string // a path
	As    string // kind of the input; empty: its content decides
	Year  int    // of the first record of a log without years; 0 is none
	// Expect are rules that must find something, Not those that must not.
	Expect []Expect
	Not    []string
	Only   bool // no rule but those of Expect finds anything
	Line   int  // in pack.yaml
}

// Expect is how often a rule must find something. Max below zero is no bound.
type Expect struct {
	Rule     string
	Min, Max int
}

// Error is what is wrong in a pack.yaml, and where.
type Error struct {
	File         string
	Line, Column int // 0 when it is about the whole file
	Text         string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Text
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Text)
}

// Is reports whether folder is a pack.
func Is(folder string) bool {
	st, err := os.Stat(filepath.Join(folder, FileName))
	return err == nil && st.Mode().IsRegular()
}

// Find gives the folders of the packs at and below path, in the order of their
// names. path may be a pack.yaml itself. A pack holds no other pack.
func Find(path string) ([]string, error) {
	if st, err := os.Stat(path); err == nil && !st.IsDir() && filepath.Base(path) == FileName {
		return []string{filepath.Dir(path)}, nil
	}
	var list []string
	err := filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || !Is(p) {
			return err
		}
		list = append(list, p)
		return fs.SkipDir
	})
	if err != nil {
		return nil, fmt.Errorf("looking for rule packs: %w", err)
	}
	sort.Strings(list)
	return list, nil
}

// document is pack.yaml as it stands.
type document struct {
	Pack         int                 `yaml:"pack"`
	Name         string              `yaml:"name"`
	Version      string              `yaml:"version"`
	Title        string              `yaml:"title"`
	Description  string              `yaml:"description"`
	Author       string              `yaml:"author"`
	License      string              `yaml:"license"`
	Rules        []string            `yaml:"rules"`
	Vars         map[string]string   `yaml:"vars"`
	Placeholders map[string][]string `yaml:"placeholders"`
	Tests        []yaml.Node         `yaml:"tests"`
}

type testDocument struct {
	Name   string `yaml:"name"`
	Input  string `yaml:"input"`
	As     string `yaml:"as"`
	Year   int    `yaml:"year"`
	Expect []struct {
		Rule  string `yaml:"rule"`
		Count *int   `yaml:"count"`
		Min   *int   `yaml:"min"`
		Max   *int   `yaml:"max"`
	} `yaml:"expect"`
	Not  []string `yaml:"not"`
	Only bool     `yaml:"only"`
}

var (
	nameForm = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)
	lineForm = regexp.MustCompile(`line ([0-9]+)`)
)

// Load reads the pack of a folder. The error of a file that is wrong is an
// *Error.
func Load(folder string) (*Pack, error) {
	path := filepath.Join(folder, FileName)
	text, err := infile.Read(path, maxFile)
	if err != nil {
		return nil, fmt.Errorf("reading a rule pack: %w", err)
	}
	var d document
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&d); err != nil {
		return nil, yamlError(path, err)
	}
	l := loader{path: path, p: &Pack{
		Folder: folder, Name: d.Name, Version: d.Version, Title: d.Title, Description: d.Description, Author: d.Author, License: d.License,
		Vars: d.Vars, Placeholders: d.Placeholders,
	}}
	switch {
	case d.Pack != Format:
		return nil, l.wrong(nil, "pack is %d; this version of saksi reads pack: %d", d.Pack, Format)
	case !nameForm.MatchString(d.Name):
		return nil, l.wrong(nil, "name is %q; expected at most 64 of a-z, 0-9 and -", d.Name)
	case d.Version == "":
		return nil, l.wrong(nil, "there is no version")
	}
	if len(d.Rules) == 0 {
		d.Rules = []string{"rules"}
	}
	for _, r := range d.Rules {
		r, err := l.inside(nil, "rules", r)
		if err != nil {
			return nil, err
		}
		l.p.Rules = append(l.p.Rules, r)
	}
	for i := range d.Tests {
		if err := l.test(&d.Tests[i]); err != nil {
			return nil, err
		}
	}
	return l.p, nil
}

// yamlError is an error of the YAML reader with its line.
func yamlError(path string, err error) error {
	e := &Error{File: path, Text: strings.TrimPrefix(err.Error(), "yaml: ")}
	if errors.Is(err, io.EOF) {
		e.Text = "the file is empty"
	}
	if m := lineForm.FindStringSubmatch(e.Text); m != nil {
		_, _ = fmt.Sscan(m[1], &e.Line) // digits only
		e.Column = 1
	}
	return e
}

type loader struct {
	path string
	p    *Pack
}

func (l *loader) wrong(n *yaml.Node, format string, args ...any) error {
	e := &Error{File: l.path, Text: fmt.Sprintf(format, args...)}
	if n != nil {
		e.Line, e.Column = n.Line, n.Column
	}
	return e
}

// inside joins a path with the folder; it must not lead out of it.
func (l *loader) inside(n *yaml.Node, key, path string) (string, error) {
	if !filepath.IsLocal(path) {
		return "", l.wrong(n, "%s: %q is no path below the pack's folder", key, path)
	}
	return filepath.Join(l.p.Folder, path), nil
}

func (l *loader) test(n *yaml.Node) error {
	// Fields that are unknown are errors here, too.
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	if err := errors.Join(enc.Encode(n), enc.Close()); err != nil {
		return l.wrong(n, "%v", err)
	}
	dec := yaml.NewDecoder(&b)
	dec.KnownFields(true)
	var d testDocument
	if err := dec.Decode(&d); err != nil {
		text := strings.TrimPrefix(err.Error(), "yaml: unmarshal errors:\n  ")
		return l.wrong(n, "test %d: %s", len(l.p.Tests)+1, lineForm.ReplaceAllString(text, "the test"))
	}
	t := Test{Name: d.Name, As: d.As, Year: d.Year, Not: d.Not, Only: d.Only, Line: n.Line}
	if t.Name == "" {
		t.Name = d.Input
	}
	var err error
	if t.Input, err = l.inside(n, "input", d.Input); err != nil {
		return err
	}
	switch {
	case d.Input == "":
		return l.wrong(n, "the test has no input")
	case !slices.Contains([]string{"", Capture, Log, Plain, Image, Events}, d.As):
		return l.wrong(n, "as is %q; expected %s, %s, %s, %s or %s", d.As, Capture, Log, Plain, Image, Events)
	case d.Year != 0 && (d.Year < 1970 || d.Year > 2200):
		return l.wrong(n, "year is %d; expected a year from 1970", d.Year)
	case len(d.Expect) == 0 && len(d.Not) == 0 && !d.Only:
		return l.wrong(n, "the test %q expects nothing; give expect, not or only", t.Name)
	case slices.ContainsFunc(l.p.Tests, func(o Test) bool { return o.Name == t.Name }):
		return l.wrong(n, "two tests are called %q", t.Name)
	}
	for _, x := range d.Expect {
		e := Expect{Rule: x.Rule, Min: 1, Max: -1}
		switch {
		case x.Count != nil && (x.Min != nil || x.Max != nil):
			return l.wrong(n, "rule %s: give count, or min and max", x.Rule)
		case x.Count != nil:
			e.Min, e.Max = *x.Count, *x.Count
		case x.Min != nil:
			e.Min = *x.Min
		}
		if x.Max != nil {
			e.Max = *x.Max
		}
		switch {
		case x.Rule == "":
			return l.wrong(n, "the test %q expects a rule without saying which", t.Name)
		case e.Min < 1 || e.Max >= 0 && e.Max < e.Min:
			return l.wrong(n, "rule %s: a rule that is expected finds something; name it under not when it must not", x.Rule)
		case slices.Contains(d.Not, x.Rule) || slices.ContainsFunc(t.Expect, func(o Expect) bool { return o.Rule == x.Rule }):
			return l.wrong(n, "rule %s stands twice in the test %q", x.Rule, t.Name)
		}
		t.Expect = append(t.Expect, e)
	}
	if slices.Contains(d.Not, "") {
		return l.wrong(n, "not names a rule without saying which")
	}
	l.p.Tests = append(l.p.Tests, t)
	return nil
}
