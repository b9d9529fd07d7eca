package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"

	"saksi/event"
	"saksi/evidence"
	"saksi/findings/query"
	"saksi/internal/infile"
)

// savedFile holds a person's searches by name, below the user's settings.
const savedFile = "searches.yaml"

const maxSaved = 1 << 20 // bytes of the file

var savedName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

func savedPath() (string, error) {
	dir, err := configDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, savedFile), nil
}

func loadSaved() (map[string]string, error) {
	path, err := savedPath()
	if err != nil {
		return nil, err
	}
	b, err := infile.Read(path, maxSaved)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]string{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading saved searches: %w", err)
	}
	m := map[string]string{}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(&m); err != nil {
		return nil, fmt.Errorf("reading saved searches from %s: %w", path, err)
	}
	return m, nil
}

func saveSaved(m map[string]string) error {
	path, err := savedPath()
	if err != nil {
		return err
	}
	b, err := yaml.Marshal(m)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o700)
	}
	if err == nil {
		err = evidence.Replace(path, b, 0o600)
	}
	if err != nil {
		return fmt.Errorf("saving searches: %w", err)
	}
	return nil
}

// queryOf gives the query that an argument is: @NAME stands for a saved one.
func queryOf(args []string) (string, error) {
	q := strings.Join(args, "")
	name, ok := strings.CutPrefix(q, "@")
	if !ok || !savedName.MatchString(name) { // fields such as @timestamp have more behind them
		return q, nil
	}
	m, err := loadSaved()
	if err != nil {
		return "", err
	}
	if saved, ok := m[name]; ok {
		return saved, nil
	}
	return "", failHint(exitUsage, fmt.Errorf("there is no saved search %q", name), "'saksi findings save' lists them")
}

func findingsSave(a *app) *cobra.Command {
	var remove bool
	c := &cobra.Command{
		Use:   "save [NAME [QUERY]]",
		Short: "Save a search under a name, or list those that are saved",
		Long: "A saved search is given as @NAME wherever a command of findings takes a QUERY. Without NAME all are listed; with NAME alone that one is shown.\n" +
			"They stand in " + savedFile + " below the user's settings.",
		Example: "  saksi findings save berat 'event.severity:>=3 AND NOT source.ip:192.0.2.40'\n  saksi findings search @berat --case kes-17",
		Args:    cobra.MaximumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			m, err := loadSaved()
			if err != nil {
				return err
			}
			show := slices.Sorted(maps.Keys(m))
			if len(args) > 0 {
				name := args[0]
				if !savedName.MatchString(name) {
					return usage("a name has a-z, 0-9 and -, at most 64 of them")
				}
				_, known := m[name]
				switch {
				case remove && len(args) == 2:
					return usage("--remove takes no query")
				case len(args) == 1 && !known:
					return failHint(exitFailed, fmt.Errorf("there is no saved search %q", name), "'saksi findings save' lists them")
				case remove:
					delete(m, name)
					return saveSaved(m)
				case len(args) == 2:
					if _, err := query.Parse(args[1]); err != nil {
						return queryError(err)
					}
					m[name] = args[1]
					if err := saveSaved(m); err != nil {
						return err
					}
				}
				show = []string{name}
			}
			r, err := a.rows("name", "query")
			if err != nil {
				return err
			}
			for _, name := range show {
				if err := r.add(name, m[name]); err != nil {
					return err
				}
			}
			return r.close()
		},
	}
	c.Flags().BoolVar(&remove, "remove", false, "forget it")
	return c
}

// completeQuery completes the last word of a query: fields, and saved searches.
func completeQuery(_ *cobra.Command, args []string, part string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	i := strings.LastIndexAny(part, " (!") + 1
	before, word := part[:i], part[i:]
	if strings.ContainsAny(word, ":\"") {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var list []string
	if saved, err := loadSaved(); err == nil && before == "" && strings.HasPrefix(word, "@") {
		for _, name := range slices.Sorted(maps.Keys(saved)) {
			if strings.HasPrefix("@"+name, word) {
				list = append(list, "@"+name+"\t"+oneLine(saved[name]))
			}
		}
	}
	for _, f := range event.AllFields() {
		if strings.HasPrefix(f.Name(), word) {
			list = append(list, before+f.Name()+":\t"+f.Type().String())
		}
	}
	return list, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}
