package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"saksi/forensics/scan"
	"saksi/internal/magic"
	"saksi/internal/worker"
	"saksi/rules"
	"saksi/rules/intel"
	"saksi/rules/pack"
	"saksi/rules/sigma"
	"saksi/rules/suricata"
	"saksi/rules/yara"
	"saksi/sensor"
)

func rulesCommand(a *app) *cobra.Command {
	return noun("rules", "Look after detection rules", rulesCheck(a), rulesList(a), rulesTest(a), rulesExplain(a), rulesProfile(a), rulesPack(a), rulesImport(a), rulesTaxii(a))
}

// rulePaths are files of rules by their language.
type rulePaths struct {
	suricata, sigma, yara []string
	intel                 []string
	placeholders          map[string][]string // of Sigma
	vars                  map[string]string   // of Suricata
	beside                suricata.Config     // of Suricata: thresholds, data, reputation
	trace                 *sigma.Trace        // of a rule of Sigma; nil for none
	public                bool                // no rule of YARA is private
	cache                 yara.Cache          // of compiled rules of YARA; nil for none
	warn                  func(string)        // nil: to nobody
}

// ruleLanguages tells a language by how its files end.
var ruleLanguages = map[string]string{".rules": rules.Suricata, ".yml": rules.Sigma, ".yaml": rules.Sigma, ".yar": rules.YARA, ".yara": rules.YARA, ".json": rules.Intel, ".csv": rules.Intel, ".txt": rules.Intel}

// findRules sorts files of rules, and those in folders, by their language. A
// file that is named twice counts once.
func findRules(paths []string) (rulePaths, error) {
	var found rulePaths
	paths, err := ownPacks(paths)
	if err != nil {
		return found, err
	}
	seen := map[string]bool{}
	add := func(path string, inFolder bool) bool {
		if path = filepath.Clean(path); seen[path] {
			return true
		}
		seen[path] = true
		language := ruleLanguages[strings.ToLower(filepath.Ext(path))]
		if language == rules.Intel && inFolder && !isIndicators(path) {
			return false
		}
		switch language {
		case rules.Intel:
			found.intel = append(found.intel, path)
		case rules.Suricata:
			found.suricata = append(found.suricata, path)
		case rules.Sigma:
			found.sigma = append(found.sigma, path)
		case rules.YARA:
			found.yara = append(found.yara, path)
		default:
			return false
		}
		return true
	}
	const expected = "rules of Suricata end in .rules, of Sigma in .yml, of YARA in .yar, indicators in .json, .csv or .txt"
	for _, p := range paths {
		st, err := os.Stat(p)
		if err != nil {
			return found, fail(exitUsage, fmt.Errorf("reading rules: %w", err))
		}
		if !st.IsDir() && !st.Mode().IsRegular() {
			return found, fail(exitUsage, fmt.Errorf("reading rules: %s is a pipe or a device; name a file or a folder", p))
		}
		if !st.IsDir() {
			if !add(p, false) {
				return found, failHint(exitUsage, fmt.Errorf("reading rules: the name %s tells no language", p), expected)
			}
			continue
		}
		n := 0
		err = filepath.WalkDir(p, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && pack.Is(path): // of a pack its rules alone, never its samples
				p, err := pack.Load(path)
				if err != nil {
					return err
				}
				in, err := findRules(p.Rules)
				if err != nil {
					return err
				}
				for _, file := range in.all() {
					add(file, false)
					n++
				}
				return fs.SkipDir
			case d.Type().IsRegular() && add(path, true):
				n++
			}
			return nil
		})
		if err != nil {
			return found, fail(exitUsage, fmt.Errorf("reading rules: %w", err))
		}
		if n == 0 {
			return found, failHint(exitUsage, fmt.Errorf("reading rules: there are none in %s", p), expected)
		}
	}
	return found, nil
}

// all are the files of every language.
func (p *rulePaths) all() []string { return slices.Concat(p.suricata, p.sigma, p.yara, p.intel) }

// ruleSets are compiled rules; what was not given is nil.
type ruleSets struct {
	paths    *rulePaths
	suricata *suricata.Set
	sigma    *sigma.Set
	intel    *intel.Set
	yara     *yara.Pool
	files    sensor.FileScanner // is given carved files instead of yara; nil for none
	exhibits map[string]string  // ids by source key, for rules of YARA that ask
	problems []rules.Problem
	magic    *magic.Client // names files, once a rule of Suricata asks; nil before
}

// compile compiles rules of every language. The caller MUST call close.
func (p *rulePaths) compile(ctx context.Context, w worker.Config) (sets *ruleSets, err error) {
	s := &ruleSets{paths: p, exhibits: map[string]string{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if len(p.suricata) > 0 {
		cfg := p.beside
		cfg.Vars, cfg.Offer = p.vars, sensor.Offer()
		cfg.Magic = func() (func([]byte) string, error) {
			client, err := magic.Open(ctx, w)
			if err != nil {
				return nil, err
			}
			s.magic = client
			return client.Name, nil
		}
		set, problems, err := suricata.LoadFiles(p.suricata, cfg)
		if err != nil {
			return nil, fail(exitUsage, err)
		}
		s.suricata, s.problems = set, problems
	}
	if len(p.sigma) > 0 {
		set, problems, err := sigma.Load(p.sigma, sigma.Config{Placeholders: p.placeholders, Trace: p.trace})
		if err != nil {
			return nil, fail(exitUsage, err)
		}
		s.sigma, s.problems = set, append(s.problems, problems...)
	}
	if len(p.intel) > 0 {
		set, problems, err := intel.Load(p.intel)
		if err != nil {
			return nil, fail(exitUsage, err)
		}
		s.intel, s.problems = set, append(s.problems, problems...)
	}
	if len(p.yara) > 0 {
		sources, err := scan.LoadRules(p.yara)
		if err != nil {
			return nil, fail(exitUsage, err)
		}
		if p.public {
			sources = yara.Public(sources)
		}
		client, err := yara.NewPool(ctx, w, sources, p.cache, runtime.GOMAXPROCS(0))
		if err != nil {
			return nil, err
		}
		s.yara, s.problems = client, append(s.problems, client.Problems()...)
	}
	rules.SortProblems(s.problems)
	return s, nil
}

// discard ends the worker of YARA; what it tells then matters no more.
func (s *ruleSets) discard() *yara.Pool {
	if s.yara != nil {
		_ = s.yara.Close()
	}
	return nil
}

func (s *ruleSets) close() error {
	var err error
	if s.yara != nil {
		err = s.yara.Close()
	}
	if s.magic != nil {
		if n := s.magic.Failed(); n > 0 && s.paths.warn != nil {
			s.paths.warn(fmt.Sprintf("libmagic could not name %d files; rules with file.magic did not see them", n))
		}
		err = errors.Join(err, s.magic.Close())
	}
	return err
}

// forSensor are the rules as the sensor takes them.
func (s *ruleSets) forSensor() sensor.RuleSet {
	r := sensor.RuleSet{Suricata: s.suricata, Sigma: s.sigma, Intel: s.intel}
	switch {
	case s.files != nil:
		r.Files = append(r.Files, s.files)
	case s.yara != nil:
		r.Files = append(r.Files, &yaraFiles{scanner: s.yara, exhibits: s.exhibits})
	}
	return r
}

// running is the number of rules that run.
func (s *ruleSets) running() int {
	n := 0
	if s.suricata != nil {
		n += s.suricata.Len()
	}
	if s.sigma != nil {
		n += len(s.sigma.Rules)
	}
	if s.intel != nil {
		n += s.intel.Len()
	}
	if s.yara != nil {
		n += s.yara.Rules()
	}
	return n
}

// ids are the ids of the rules that run, and why the others do not.
func (s *ruleSets) ids() (running map[string]bool, refused map[string]string, err error) {
	running, refused = map[string]bool{}, map[string]string{}
	for i := range s.problems {
		if p := &s.problems[i]; p.Level != rules.Advice && p.Rule != "" {
			refused[p.Rule] = p.Message
		}
	}
	if s.suricata != nil {
		for _, r := range s.suricata.Rules() {
			running[r.Entry().ID] = true
		}
	}
	if s.sigma != nil {
		for _, r := range s.sigma.Rules {
			if r.Silent {
				refused[r.ID] = "correlations alone tell of its matches"
			} else {
				running[r.ID] = true
			}
		}
	}
	if _, err := intel.Each(s.paths.intel, func(_ string, x *intel.Indicator) error {
		running[x.RuleID()] = true
		return nil
	}); err != nil {
		return nil, nil, fail(exitUsage, err)
	}
	sources, err := scan.LoadRules(s.paths.yara)
	if err != nil {
		return nil, nil, fail(exitUsage, err)
	}
	for _, src := range sources {
		lost := slices.IndexFunc(s.problems, func(p rules.Problem) bool { // a file of which nothing runs
			return p.File == src.Namespace && p.Level == rules.Wrong && p.Rule == ""
		})
		for _, span := range yara.Split(src.Text) {
			switch _, bad := refused[span.Name]; {
			case bad:
			case lost >= 0:
				refused[span.Name] = s.problems[lost].Message
			case span.Private:
				refused[span.Name] = "it is private: other rules alone see its matches"
			default:
				running[span.Name] = true
			}
		}
	}
	return running, refused, nil
}
