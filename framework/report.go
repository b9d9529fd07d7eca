package framework

import (
	"embed"
	"encoding/csv"
	"fmt"
	"html/template"
	"io"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"
)

//go:embed report/report.html report/labels.yaml
var reportFiles embed.FS

// Languages of reports.
var Languages = []string{"en", "ms"}

// labels are the words of the report, by key and language.
func labels(lang string) (map[string]string, error) {
	b, err := reportFiles.ReadFile("report/labels.yaml")
	if err != nil {
		return nil, err
	}
	var all map[string]Text
	if err := yaml.Unmarshal(b, &all); err != nil {
		return nil, fmt.Errorf("reading the report's words: %w", err)
	}
	out := map[string]string{}
	for k, t := range all {
		out[k] = t.In(lang)
	}
	return out, nil
}

// HTML writes the assessment as one self-contained page in "en" or "ms".
// Everything in it that comes from findings is escaped and made inert.
func (a *Assessment) HTML(w io.Writer, lang string) error {
	if lang != "en" && lang != "ms" {
		return fmt.Errorf("writing a report: language %q; expected one of %s", lang, strings.Join(Languages, ", "))
	}
	words, err := labels(lang)
	if err != nil {
		return err
	}
	t, err := template.New("report.html").Funcs(template.FuncMap{
		"t": func(key string) (string, error) {
			s, ok := words[key]
			if !ok {
				return "", fmt.Errorf("no words for %q", key)
			}
			return s, nil
		},
		"known": func(how string) string { // a catalog may have words of its own
			if s, ok := words["known-"+strings.ReplaceAll(how, " ", "-")]; ok {
				return s
			}
			return how
		},
		"in":    func(x Text) string { return x.In(lang) },
		"lang":  func() string { return lang },
		"plain": plain,
		"bar":   bar,
	}).ParseFS(reportFiles, "report/report.html")
	if err != nil {
		return fmt.Errorf("writing a report: %w", err)
	}
	if err := t.Execute(w, a); err != nil {
		return fmt.Errorf("writing a report: %w", err)
	}
	return nil
}

// maxShown bounds a hostile text in the report, in characters.
const maxShown = 200

// plain shows control and bidirectional characters as what they are, and cuts
// what is too long to read.
func plain(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > maxShown {
			b.WriteString("\u2026")
			break
		}
		if unicode.IsPrint(r) && !unicode.Is(unicode.Bidi_Control, r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "\\u%04x", r)
		}
	}
	return b.String()
}

// segment is one part of a component's bar.
type segment struct {
	State State
	N     int
	X, W  float64
}

// bar lays a component's counts out on a width of 200.
func bar(counts map[State]int) []segment {
	total := 0
	for _, n := range counts {
		total += n
	}
	var out []segment
	x := 0.0
	for _, s := range []State{Fail, PartlyPass, AttestedPass, Pass, Stale, NoData, Unattested} {
		if counts[s] == 0 {
			continue
		}
		w := 200 * float64(counts[s]) / float64(total)
		out = append(out, segment{s, counts[s], x, w})
		x += w
	}
	return out
}

// CSV writes one line a control, inert in a spreadsheet.
func (a *Assessment) CSV(w io.Writer, lang string) error {
	c := csv.NewWriter(w)
	if err := c.Write([]string{"line", "control", "number", "title", "state", "findings", "value", "n", "title_confidence", "requirement_confidence"}); err != nil {
		return err
	}
	for _, o := range a.Outcomes {
		var value, n int64
		for _, ob := range o.Observations {
			value += ob.Value
			n += ob.N
		}
		row := []string{o.Line, o.Control.ID, o.Control.Number, o.Control.Title.In(lang), string(o.State), fmt.Sprint(o.Findings), fmt.Sprint(value), fmt.Sprint(n), o.Control.Confidence.Title, o.Control.Confidence.Requirement}
		for i, s := range row {
			if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
				row[i] = "'" + s
			}
		}
		if err := c.Write(row); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}
