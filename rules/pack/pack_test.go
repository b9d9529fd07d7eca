package pack

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, folder, text string) string {
	t.Helper()
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, FileName), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

// TestLoad proves that every key of the layout is read.
func TestLoad(t *testing.T) {
	folder := write(t, filepath.Join(t.TempDir(), "p"), `pack: 1
name: portal
version: "3"
title: T
rules: [rules, more/x.yar]
vars: {HOME_NET: 10.0.0.0/8}
placeholders: {Admins: [a, b]}
tests:
  - input: samples/a.pcap
    expect: [{rule: 1200002, count: 2}, {rule: x, min: 2}, {rule: y, max: 3}, {rule: z}]
    not: [5]
  - {name: quiet, input: b.log, as: log, year: 2024, only: true}
`)
	p, err := Load(folder)
	if err != nil {
		t.Fatal(err)
	}
	if p.Name != "portal" || p.Version != "3" || len(p.Rules) != 2 || p.Rules[1] != filepath.Join(folder, "more/x.yar") || p.Vars["HOME_NET"] == "" || len(p.Placeholders["Admins"]) != 2 {
		t.Errorf("%+v", p)
	}
	a := p.Tests[0]
	if a.Name != "samples/a.pcap" || a.Input != filepath.Join(folder, "samples/a.pcap") || a.Line != 9 || len(a.Not) != 1 || a.Not[0] != "5" {
		t.Errorf("%+v", a)
	}
	want := []Expect{{"1200002", 2, 2}, {"x", 2, -1}, {"y", 1, 3}, {"z", 1, -1}}
	for i, w := range want {
		if a.Expect[i] != w {
			t.Errorf("%+v, expected %+v", a.Expect[i], w)
		}
	}
	if b := p.Tests[1]; b.Name != "quiet" || b.As != Log || b.Year != 2024 || !b.Only {
		t.Errorf("%+v", b)
	}
	if list, err := Find(filepath.Dir(folder)); err != nil || len(list) != 1 || list[0] != folder {
		t.Errorf("found %v, %v", list, err)
	}
}

// TestLoadWrong proves that what is wrong in a pack.yaml is named with its
// place.
func TestLoadWrong(t *testing.T) {
	const head = "pack: 1\nname: p\nversion: 1\n"
	for _, c := range []struct{ text, want string }{
		{"", "the file is empty"},
		{"pack: 2\nname: p\nversion: 1\n", "pack is 2; this version of saksi reads pack: 1"},
		{"pack: 1\nname: P\nversion: 1\n", `name is "P"; expected at most 64 of a-z, 0-9 and -`},
		{"pack: 1\nname: p\n", "there is no version"},
		{head + "test: []\n", "pack.yaml:4:1: "},
		{head + "rules: [../x]\n", `"../x" is no path below the pack's folder`},
		{head + "tests: [{input: /etc/passwd, only: true}]\n", "no path below"},
		{head + "tests: [{only: true}]\n", "no path below"},
		{head + "tests:\n  - {input: a, only: true, expects: []}\n", "pack.yaml:5:5: test 1: the test: field expects not found"},
		{head + "tests: [{input: a}]\n", `the test "a" expects nothing`},
		{head + "tests: [{input: a, only: true}, {input: a, only: true}]\n", `two tests are called "a"`},
		{head + "tests: [{input: a, as: disk, only: true}]\n", `as is "disk"`},
		{head + "tests: [{input: a, year: 1, only: true}]\n", "year is 1"},
		{head + "tests: [{input: a, expect: [{rule: x, count: 0}]}]\n", "name it under not"},
		{head + "tests: [{input: a, expect: [{rule: x, count: 1, max: 2}]}]\n", "give count, or min and max"},
		{head + "tests: [{input: a, expect: [{count: 1}]}]\n", "without saying which"},
		{head + "tests: [{input: a, expect: [{rule: x}], not: [x]}]\n", "rule x stands twice"},
		{head + "tests: {\n", "pack.yaml:"},
	} {
		_, err := Load(write(t, t.TempDir(), c.text))
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, expected %q", c.text, err, c.want)
		}
	}
	if _, err := Load(t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no pack: %v", err)
	}
}

// TestJudge proves what passes and what does not, and that it is said why.
func TestJudge(t *testing.T) {
	running := map[string]bool{"a": true, "b": true, "c": true}
	refused := map[string]string{"r": "no such buffer"}
	for _, c := range []struct {
		test  Test
		found map[string]int
		why   string // empty: passes
	}{
		{Test{Expect: []Expect{{"a", 1, -1}}}, map[string]int{"a": 7, "b": 1}, ""},
		{Test{Expect: []Expect{{"a", 2, 2}}}, map[string]int{"a": 2}, ""},
		{Test{Expect: []Expect{{"a", 2, 2}}}, map[string]int{"a": 3}, "rule a found 3, expected 2"},
		{Test{Expect: []Expect{{"a", 1, -1}}}, nil, "rule a found 0, expected at least 1"},
		{Test{Expect: []Expect{{"a", 2, 3}}}, map[string]int{"a": 4}, "rule a found 4, expected 2 to 3"},
		{Test{Not: []string{"a"}}, map[string]int{"b": 1}, ""},
		{Test{Not: []string{"a"}}, map[string]int{"a": 1}, "rule a found 1, expected none"},
		{Test{Only: true}, nil, ""},
		{Test{Only: true, Expect: []Expect{{"a", 1, -1}}}, map[string]int{"a": 1, "b": 2}, "rule b found 2, expected nothing else"},
		{Test{Not: []string{"r"}}, nil, "rule r: it does not run: no such buffer"},
		{Test{Expect: []Expect{{"x", 1, -1}}}, nil, "rule x: there is no such rule in the pack"},
	} {
		v := c.test.Judge(c.found, running, refused)
		if got := strings.Join(v.Why, "; "); got != c.why || v.Pass != (c.why == "") {
			t.Errorf("%+v with %v: %q, expected %q", c.test, c.found, got, c.why)
		}
	}
	p := Pack{Tests: []Test{{Expect: []Expect{{"a", 1, -1}}, Only: true}, {Not: []string{"a"}}}}
	if found, left := p.Covered(running); !found["a"] || found["b"] || !left["a"] || !left["b"] {
		t.Errorf("covered: %v, %v", found, left)
	}
}

// FuzzLoad proves that no pack.yaml panics, and that what loads has paths below
// its folder, tests that expect something, and a verdict.
func FuzzLoad(f *testing.F) {
	f.Add("pack: 1\nname: p\nversion: 1\ntests: [{input: a, expect: [{rule: x, count: 2}], not: [y], only: true}]\n")
	f.Add("pack: 1\nname: p\nversion: 1\nrules: [a/../../b]\n")
	f.Add("pack: 1\nname: &a p\nversion: *a\ntests: [&t {input: a, only: true}, *t]\n")
	f.Add("pack: [1]\n? {}\n: !!binary x\n")
	folder := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(filepath.Join(folder, FileName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := Load(folder)
		if err != nil {
			return
		}
		for _, path := range p.Rules {
			if rel, err := filepath.Rel(folder, path); err != nil || !filepath.IsLocal(rel) {
				t.Fatalf("%q leads out of the pack", path)
			}
		}
		for i := range p.Tests {
			x := &p.Tests[i]
			if rel, err := filepath.Rel(folder, x.Input); err != nil || !filepath.IsLocal(rel) || len(x.Expect)+len(x.Not) == 0 && !x.Only {
				t.Fatalf("%+v", x)
			}
			if v := x.Judge(nil, nil, nil); v.Pass == (len(v.Why) > 0) {
				t.Fatalf("%+v", v)
			}
		}
	})
}
