// Package report writes an assessment for people: as one HTML file, as PDF and
// as CSV, in Malay and English, whole or as a public profile without hosts and
// persons. What comes from findings may be an attacker's: nothing in it runs,
// breaks the page or hides. Start with New.
package report

import (
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"saksi/framework"
)

//go:embed report.html national.html style.css labels.yaml
var files embed.FS

// Languages of reports.
var Languages = []string{"en", "ms"}

// Report is an assessment in one language.
type Report struct {
	*framework.Assessment
	Lang   string
	Public bool // hosts and persons are left out
	words  map[string]string
}

// New makes the report of an assessment in "en" or "ms". With public it shows no
// host and no person: see Redact.
func New(a *framework.Assessment, lang string, public bool) (*Report, error) {
	words, err := labels(lang)
	if err != nil {
		return nil, err
	}
	if public {
		a = Redact(a)
	}
	return &Report{Assessment: a, Lang: lang, Public: public, words: words}, nil
}

// Extend adds earlier assessments of the same framework to the trend, each once.
func Extend(a *framework.Assessment, before []*framework.Assessment) (*framework.Assessment, error) {
	n := *a
	n.Trend = slices.Clone(a.Trend)
	for _, b := range before {
		if b.Framework != a.Framework {
			return nil, fmt.Errorf("adding an assessment to the trend: it is of framework %q, not of %q", b.Framework, a.Framework)
		}
		if b.Agency != a.Agency {
			return nil, fmt.Errorf("adding an assessment to the trend: it is of agency %q, not of %q", b.Agency, a.Agency)
		}
		if b.UUID != a.UUID && !slices.ContainsFunc(n.Trend, func(p framework.TrendPoint) bool { return p.UUID == b.UUID }) {
			n.Trend = append(n.Trend, point(b))
		}
	}
	slices.SortStableFunc(n.Trend, func(x, y framework.TrendPoint) int { return x.AsOf.Compare(y.AsOf) })
	return &n, nil
}

func point(a *framework.Assessment) framework.TrendPoint {
	p := framework.TrendPoint{UUID: a.UUID, AsOf: a.AsOf, Counts: counts(a), Share: a.Coverage.Share, Risks: len(a.Risks), Findings: a.Findings}
	for _, x := range a.POAM {
		if x.Overdue {
			p.Overdue++
		}
	}
	return p
}

func counts(a *framework.Assessment) map[framework.State]int {
	m := map[framework.State]int{}
	for _, o := range a.Outcomes {
		m[o.State]++
	}
	return m
}

// HTML writes the report as one file that loads nothing and runs nothing.
func (r *Report) HTML(w io.Writer) error {
	return execute(w, "report.html", r.Lang, r.words, r)
}

func execute(w io.Writer, name, lang string, words map[string]string, data any) error {
	t, err := template.New(name).Funcs(funcs(lang, words)).ParseFS(files, name, "style.css")
	if err != nil {
		return fmt.Errorf("writing a report: %w", err)
	}
	if err := t.Execute(w, data); err != nil {
		return fmt.Errorf("writing a report: %w", err)
	}
	return nil
}

func funcs(lang string, words map[string]string) template.FuncMap {
	word := func(key string) (string, error) {
		s, ok := words[key]
		if !ok {
			return "", fmt.Errorf("no words for %q", key)
		}
		return s, nil
	}
	return template.FuncMap{
		"t":       word,
		"say":     func(prefix string, key any) string { return say(words, prefix+fmt.Sprint(key), fmt.Sprint(key)) },
		"known":   func(how string) string { return cmp.Or(words["known-"+strings.ReplaceAll(how, " ", "-")], how) },
		"in":      func(x framework.Text) string { return plain(x.In(lang)) },
		"other":   func(x framework.Text) string { return other(x, lang) },
		"olang":   func() string { return map[string]string{"en": "ms", "ms": "en"}[lang] },
		"lang":    func() string { return lang },
		"plain":   plain,
		"reason":  func(why string) string { return reason(words, why) },
		"brief":   brief,
		"upper":   strings.ToUpper,
		"count":   func(m map[framework.State]int, s string) int { return m[framework.State(s)] },
		"percent": percent,
		"when":    when,
		"day":     day,
		"left":    func(s int64) string { return left(s, words) },
		"measure": func(v *float64, unit string) string { return measure(v, unit, words) },
		"bar":     bar,
		"severe":  func(n int64) string { return words[fmt.Sprintf("severity-%d", min(max(n, 1), 4))] },
		"join":    strings.Join,
	}
}

// say is a word, or what there is no word for as it is.
func say(words map[string]string, key, value string) string {
	if w, ok := words[key]; ok {
		return w
	}
	return plain(value)
}

// Counts are the controls by state.
func (r *Report) Counts() map[framework.State]int { return counts(r.Assessment) }

// Passing is how many controls pass or are attested.
func (r *Report) Passing() int {
	c := r.Counts()
	return c[framework.Pass] + c[framework.AttestedPass]
}

// Partly is how many pass in part.
func (r *Report) Partly() int { return r.Counts()[framework.PartlyPass] }

// Failing is how many fail.
func (r *Report) Failing() int { return r.Counts()[framework.Fail] }

// Score is the share of the controls that pass or are attested.
func (r *Report) Score() float64 {
	if len(r.Outcomes) == 0 {
		return 0
	}
	return float64(r.Passing()) / float64(len(r.Outcomes))
}

// Decided are the controls that something was observed of, or attested.
func (r *Report) Decided() []framework.Outcome { return r.outcomes(true) }

// Undecided are the others.
func (r *Report) Undecided() []framework.Outcome { return r.outcomes(false) }

func (r *Report) outcomes(decided bool) []framework.Outcome {
	var list []framework.Outcome
	for _, o := range r.Outcomes {
		if (len(o.Observations) > 0 || o.Attestation != "") == decided {
			list = append(list, o)
		}
	}
	return list
}

// RiskOf is the risk that a POA&M item is about.
func (r *Report) RiskOf(uuid string) *framework.Risk {
	for i := range r.Risks {
		if r.Risks[i].UUID == uuid {
			return &r.Risks[i]
		}
	}
	return &framework.Risk{}
}

// LineOfControl is the line of a control in the report.
func (r *Report) LineOfControl(id string) string {
	for _, o := range r.Outcomes {
		if o.Control.ID == id {
			return o.Line
		}
	}
	return ""
}

// Group is the systems of one life event.
type Group struct {
	Name    string
	Systems []framework.System
}

// LifeEvents are the systems by their life event, those without one last.
func (r *Report) LifeEvents() []Group {
	by := map[string]*Group{}
	var list []*Group
	for _, s := range r.Systems {
		g := by[s.LifeEvent]
		if g == nil {
			g = &Group{Name: s.LifeEvent}
			by[s.LifeEvent] = g
			list = append(list, g)
		}
		g.Systems = append(g.Systems, s)
	}
	slices.SortFunc(list, func(a, b *Group) int {
		if (a.Name == "") != (b.Name == "") {
			return strings.Compare(b.Name, a.Name)
		}
		return strings.Compare(a.Name, b.Name)
	})
	out := make([]Group, len(list))
	for i, g := range list {
		out[i] = *g
	}
	return out
}

// Findings is the sum over the group's systems.
func (g Group) Findings() (n int64) {
	for _, s := range g.Systems {
		n += s.Findings
	}
	return n
}

// Severe is the sum over the group's systems.
func (g Group) Severe() (n int64) {
	for _, s := range g.Systems {
		n += s.Severe
	}
	return n
}

// Seen is how many of the group's systems were seen.
func (g Group) Seen() (n int) {
	for _, s := range g.Systems {
		if s.Seen {
			n++
		}
	}
	return n
}

// Checked is the command by which a check is computed again.
func (r *Report) Checked(c *framework.Check) string {
	switch {
	case c.Bad != "":
		return fmt.Sprintf("saksi findings search %s '%s'", plain(r.Where), strings.ReplaceAll(c.Bad, "'", `'\''`))
	case (c.Fact == "evidence" || c.Fact == "custody") && r.CaseDir != "":
		return fmt.Sprintf("saksi evidence verify %s --key STATION.pub", plain(r.CaseDir))
	}
	return fmt.Sprintf("saksi framework verify DIR %s", plain(r.Where))
}

// maxShown bounds a hostile text in the report, in characters.
const maxShown = 200

// plain shows control and bidirectional characters as what they are, and cuts
// what is too long to read.
func plain(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		if n++; n > maxShown {
			b.WriteString("\u2026")
			break
		}
		if unicode.IsPrint(r) && !unicode.Is(unicode.Bidi_Control, r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "\\u{%X}", r)
		}
	}
	return b.String()
}

// other is a title in the other language, "" when it is the same.
func other(x framework.Text, lang string) string {
	o := x.EN
	if lang == "en" {
		o = x.MS
	}
	if o == x.In(lang) {
		return ""
	}
	return plain(o)
}

func percent(f float64) string {
	s := fmt.Sprintf("%.1f", 100*f)
	return strings.TrimSuffix(s, ".0") + "\u00a0%"
}

// when shows a time, day the day of one; what is none is shown as it is.
func when(s string) string { return layout(s, "2006-01-02 15:04 UTC") }
func day(s string) string  { return layout(s, "2006-01-02") }

func layout(s, form string) string {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return plain(s)
	}
	return t.UTC().Format(form)
}

// left shows a time that is left, or by which something is late.
func left(seconds int64, words map[string]string) string {
	sign := ""
	if seconds < 0 {
		sign, seconds = "\u2212", -seconds
	}
	d, h, m := seconds/86400, seconds%86400/3600, seconds%3600/60
	switch {
	case d > 0:
		return fmt.Sprintf("%s%d %s %d %s", sign, d, words["days"], h, words["hours"])
	case h > 0:
		return fmt.Sprintf("%s%d %s %d %s", sign, h, words["hours"], m, words["minutes"])
	}
	return fmt.Sprintf("%s%d %s", sign, m, words["minutes"])
}

// measure shows the value of a KPI.
func measure(v *float64, unit string, words map[string]string) string {
	switch {
	case v == nil:
		return "\u2013"
	case unit == "seconds":
		return left(int64(*v), words)
	case unit == "share":
		return percent(*v)
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", *v), ".0")
}
