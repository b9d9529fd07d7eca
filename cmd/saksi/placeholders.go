package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"

	"saksi/internal/infile"
)

// addPlaceholders adds the flag that names the file of placeholders.
func addPlaceholders(c *cobra.Command, to *string) {
	c.Flags().StringVar(to, "placeholders", "", "YAML `file` with the values of %name% in Sigma rules: a text or a list of texts by name")
}

// readPlaceholders reads the values of placeholders; without a file there are
// none.
func readPlaceholders(path string) (map[string][]string, error) {
	if path == "" {
		return nil, nil
	}
	b, err := infile.Read(path, maxConfig)
	if err != nil {
		return nil, fail(exitUsage, fmt.Errorf("reading placeholders: %w", err))
	}
	var doc map[string]yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return nil, fail(exitUsage, fmt.Errorf("reading placeholders: %s: %w", path, err))
	}
	out := map[string][]string{}
	for name, n := range doc {
		values := []*yaml.Node{&n}
		if n.Kind == yaml.SequenceNode {
			values = n.Content
		}
		for _, v := range values {
			if v.Kind != yaml.ScalarNode {
				return nil, fail(exitUsage, fmt.Errorf("reading placeholders: %s:%d:%d: %s takes a text or a list of texts", path, v.Line, v.Column, name))
			}
			out[name] = append(out[name], v.Value)
		}
	}
	return out, nil
}
