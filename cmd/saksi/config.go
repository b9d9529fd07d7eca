package main

import (
	"errors"
	"fmt"
	"io/fs"
	"sort"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"

	"saksi/internal/infile"
)

// settings maps the keys of a settings file to the environment variable that
// overrules them ("" for none). A key is the name of the flag it sets.
var settings = map[string]*envVar{
	"index":    &envIndex,
	"index-ca": &envIndexCA,
	"case":     &envCase,
	"output":   &envOutput,
	"worker":   &envWorker,
	"workers":  nil,
	"agency":   nil,

	"placeholders": nil,
}

// maxConfig bounds a settings file, in bytes; a real one is a few lines.
const maxConfig = 1 << 20

// applySettings fills the flags that were not given: from SAKSI_*, then from
// the file named by --config or SAKSI_CONFIG, else from the user's and the
// system's.
func (a *app) applySettings(cmd *cobra.Command) error {
	files := configFiles()
	named := a.config
	if named == "" {
		named = envConfig.get()
	}
	if named != "" {
		files = []string{named}
	}
	values := map[string]string{}
	for i := len(files) - 1; i >= 0; i-- {
		v, err := readConfig(files[i])
		if errors.Is(err, fs.ErrNotExist) && named == "" {
			continue
		}
		if err != nil {
			return fail(exitUsage, err)
		}
		for k, s := range v {
			values[k] = s
		}
	}
	for k, env := range settings {
		if env != nil && env.get() != "" {
			values[k] = env.get()
		}
	}
	var first error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		v, ok := values[f.Name]
		if !ok || f.Changed || first != nil {
			return
		}
		if err := f.Value.Set(v); err != nil {
			first = usage("setting %s: %w", f.Name, err)
		}
	})
	return first
}

// readConfig reads a settings file: one mapping of known keys to scalars.
func readConfig(path string) (map[string]string, error) {
	data, err := infile.Read(path, maxConfig)
	if err != nil {
		return nil, fmt.Errorf("reading settings: %w", err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("reading settings: %s: %w", path, err)
	}
	if len(doc.Content) == 0 {
		return nil, nil
	}
	m := doc.Content[0]
	if m.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("reading settings: %s:%d:%d: expected keys with values", path, m.Line, m.Column)
	}
	out := map[string]string{}
	for i := 0; i+1 < len(m.Content); i += 2 {
		k, v := m.Content[i], m.Content[i+1]
		if _, ok := settings[k.Value]; !ok {
			return nil, fmt.Errorf("reading settings: %s:%d:%d: unknown key %q; expected one of %s", path, k.Line, k.Column, k.Value, strings.Join(settingNames(), ", "))
		}
		if v.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("reading settings: %s:%d:%d: %s takes one value", path, v.Line, v.Column, k.Value)
		}
		out[k.Value] = v.Value
	}
	return out, nil
}

func settingNames() []string {
	names := make([]string, 0, len(settings))
	for k := range settings {
		names = append(names, k)
	}
	sort.Strings(names)
	return names
}
