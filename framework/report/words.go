package report

import (
	"fmt"
	"regexp"
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

// reasons are the sentences in which an assessment says why a check or the
// coverage does not pass, by the key of their words.
var reasons = []struct {
	key  string
	form *regexp.Regexp
}{
	{"why-few", regexp.MustCompile(`^(\d+) seen; at least (\d+) are needed$`)},
	{"why-old", regexp.MustCompile(`^the newest is (\d+) days old; at most (\d+) are allowed$`)},
	{"why-scope", regexp.MustCompile(`^no sensor and no exhibit is in scope; name a case or a register$`)},
	{"why-coverage", regexp.MustCompile(`^(\d+) of (\d+) sensors and exhibits in scope were seen; (\S+) % are needed$`)},
	{"why-drops", regexp.MustCompile(`^(\S+) % of the packets were dropped; (\S+) % are allowed$`)},
}

// reason is why in the words of the report's language; as it stands where it
// has none.
func reason(words map[string]string, why string) string {
	for _, r := range reasons {
		m := r.form.FindStringSubmatch(why)
		if m == nil {
			continue
		}
		out := words[r.key]
		for i, v := range m[1:] {
			out = strings.ReplaceAll(out, fmt.Sprintf("{%d}", i+1), v)
		}
		return out
	}
	return why
}
