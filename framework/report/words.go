package report

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"saksi/framework"
)

// labels are the words of a report, by key, in one language.
func labels(lang string) (map[string]string, error) {
	if !slices.Contains(Languages, lang) {
		return nil, fmt.Errorf("writing a report: language %q; expected one of %s", lang, strings.Join(Languages, ", "))
	}
	b, err := files.ReadFile("labels.yaml")
	if err != nil {
		return nil, err
	}
	var all map[string]framework.Text
	if err := yaml.Unmarshal(b, &all); err != nil {
		return nil, fmt.Errorf("reading the report's words: %w", err)
	}
	out := map[string]string{}
	for k, t := range all {
		out[k] = t.In(lang)
	}
	return out, nil
}
