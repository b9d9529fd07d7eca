package scan

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"saksi/internal/infile"
	"saksi/internal/worker"
	"saksi/rules/yara"
)

// maxRuleFile bounds one file of rules, in bytes: it crosses to the worker in
// one frame.
const maxRuleFile = worker.MaxFrame - 4096

// Errors that callers branch on.
var (
	// ErrNoRules is returned when a folder holds no rules, or none compiles.
	ErrNoRules = errors.New("no YARA rules (*.yar, *.yara)")
	// ErrRules is returned when rules can't be read.
	ErrRules = errors.New("reading rules")
	// ErrSearch is returned for keywords or expressions that can't be looked for.
	ErrSearch = errors.New("reading what to search for")
	// ErrStrict is returned under Config.Strict when rules do not run.
	ErrStrict = errors.New("rules do not run, so nothing was done")
)

// LoadRules reads YARA files, and those of folders, in the order of their
// paths; one that is named twice is read once. Nothing is compiled here.
func LoadRules(paths []string) ([]yara.Source, error) {
	var files []string
	for _, p := range paths {
		st, err := os.Stat(p)
		if err == nil && st.Mode()&os.ModeNamedPipe != 0 { // nobody may ever write to it
			err = fmt.Errorf("%s is a pipe; name a file", p)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRules, err)
		}
		if !st.IsDir() {
			files = append(files, p)
			continue
		}
		var found []string
		err = filepath.WalkDir(p, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if ext := strings.ToLower(filepath.Ext(path)); d.Type().IsRegular() && (ext == ".yar" || ext == ".yara") {
				found = append(found, path)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRules, err)
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("%w: %w in %s", ErrRules, ErrNoRules, p)
		}
		sort.Strings(found)
		files = append(files, found...)
	}
	var out []yara.Source
	seen := map[string]bool{}
	for _, path := range files {
		if path = filepath.Clean(path); seen[path] {
			continue
		}
		seen[path] = true
		text, err := infile.Read(path, maxRuleFile)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRules, err)
		}
		out = append(out, yara.Source{Namespace: path, Text: text})
	}
	return out, nil
}

// names are the variables by which a rule depends on where content lies.
var names = [][]byte{[]byte("filename"), []byte("filepath"), []byte("extension"), []byte("filetype"), []byte("owner")}

// asksNames reports whether a rule may ask for names of files.
func asksNames(sources []yara.Source) bool {
	for i := range sources {
		for _, n := range names {
			if bytes.Contains(sources[i].Text, n) {
				return true
			}
		}
	}
	return false
}
