package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadme proves that every command the README shows works, in its order, in
// an empty folder beside testdata, and that its make targets exist.
func TestReadme(t *testing.T) {
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(b)
	if n := strings.Count(readme, "\n"); n > 150 {
		t.Errorf("the README has %d lines; at most 150 are read", n)
	}
	var commands []string
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(readme, -1) {
		commands = append(commands, block[1])
	}
	all := strings.Join(commands, "")
	if n := strings.Count(all, "saksi "); n < 25 {
		t.Fatalf("only %d commands", n)
	}
	dir := t.TempDir()
	script := "symlink testdata -> $TESTDATA\nenv XDG_DATA_HOME=\nenv SAKSI_PASSPHRASE=ujian-sahaja\nexec sh -ex run.sh\n-- run.sh --\n" + all
	if err := os.WriteFile(filepath.Join(dir, "readme.txtar"), []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	scripts(t, dir, nil)

	mk, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range regexp.MustCompile("make ([a-z]+)").FindAllStringSubmatch(readme, -1) {
		if !strings.Contains(string(mk), "\n"+target[1]+":") {
			t.Errorf("there is no target %s in the Makefile", target[1])
		}
	}
	for _, path := range regexp.MustCompile("`((?:docs|scripts|testdata)/[a-z./]+)`").FindAllStringSubmatch(readme, -1) {
		if _, err := os.Stat(filepath.Join("../..", path[1])); err != nil {
			t.Errorf("the README names %s: %v", path[1], err)
		}
	}
}
