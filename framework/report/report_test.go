package report

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"saksi/event"
	"saksi/framework"
	"saksi/framework/frameworktest"
)

const evil = frameworktest.Hostile

// attacked is an assessment in which whatever can be is an attacker's text.
func attacked(t testing.TB) *framework.Assessment {
	t.Helper()
	in := frameworktest.Inputs()
	in.Agency, in.Assessor, in.Tool, in.Where = evil, evil, evil, evil
	in.Cases[0].ID, in.Cases[0].Dir = evil, evil
	in.Sources[0].Name = evil
	in.Facts["evidence"] = framework.Fact{N: 1, Problems: []string{evil}}
	a, _ := frameworktest.Assess(t, in, append(frameworktest.Attack(),
		frameworktest.Alert(event.RuleName, "=cmd()"+evil, event.EventSeverity, 4, event.ThreatTechniqueID, "T1190", event.FilePath, strings.Repeat(evil, 100), event.FileInode, "1", event.SaksiEvidenceKey, "key"))...)
	more(a)
	return a
}

// more fills in what the sample's inputs do not give.
func more(a *framework.Assessment) {
	day := func(n int) time.Time { return a.AsOf.AddDate(0, 0, -n) }
	half, full := 0.5, 1.0
	a.Systems = []framework.System{
		{UUID: framework.UUID("s1"), ID: evil, Title: evil, Agency: evil, LifeEvent: evil, Owner: evil, Supplier: evil, Findings: 3, Severe: 1, Seen: true, Inherited: []framework.Inherited{{Control: "rk-1.1", Provider: evil, State: framework.Fail}}},
		{UUID: framework.UUID("s2"), ID: "b", Title: "b"},
	}
	a.Attestations = []framework.Attestation{{UUID: framework.UUID("t"), Control: "rk-1.1", Text: evil, Author: evil, Approver: evil, Expires: a.AsOf.Format(time.RFC3339), State: framework.InDate, Why: evil}}
	a.Waivers = []framework.Waiver{{UUID: framework.UUID("w"), Control: "rk-1.1", Text: evil, Author: evil, Approver: evil, Expires: a.AsOf.Format(time.RFC3339), State: framework.Expired}}
	a.Clocks = []framework.Clock{
		{UUID: framework.UUID("c1"), Title: framework.Text{MS: "Pemberitahuan 6 jam", EN: "Notice within 6 hours"}, Source: "Act 854", Incident: evil, Started: day(1).Format(time.RFC3339), Due: a.AsOf.Format(time.RFC3339), LeftS: -7300, State: framework.ClockOverdue},
		{UUID: framework.UUID("c2"), Title: framework.Text{MS: "Laporan 14 hari", EN: "Report within 14 days"}, Source: "Act 854", Started: day(1).Format(time.RFC3339), Due: day(-13).Format(time.RFC3339), LeftS: 13 * 86400, State: framework.ClockRunning},
	}
	a.KPIs = []framework.KPI{{ID: "coverage", Title: framework.Text{MS: "Liputan", EN: "Coverage"}, Scope: "agency", Name: evil, Unit: "share", Value: &half, Target: &full, N: 4, State: framework.Fail}, {ID: "mttd", Title: framework.Text{MS: "Masa mengesan", EN: "Time to detect"}, Scope: "shift", Name: evil, Unit: "seconds", State: framework.NoData}}
	a.Samples = []framework.Sample{{UUID: framework.UUID("p"), Control: "rk-1.1", Seed: evil, Population: 2, Drawn: []string{evil}}}
	for i := 3; i > 0; i-- {
		a.Trend = append(a.Trend, framework.TrendPoint{UUID: framework.UUID(fmt.Sprint(i)), AsOf: day(30 * i), Counts: map[framework.State]int{framework.Pass: 10 * (4 - i), framework.Fail: 10 * i, framework.NoData: 5}, Share: 1 - float64(i)/5, Risks: i})
	}
}

func render(t testing.TB, a *framework.Assessment, lang string, public bool, form string) []byte {
	t.Helper()
	r, err := New(a, lang, public)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := map[string]func(io.Writer) error{"html": r.HTML, "pdf": r.PDF, "csv": r.CSV}[form](&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestNoCase proves that a report says so when it is of no case and no agency.
func TestNoCase(t *testing.T) {
	in := frameworktest.Inputs()
	in.Agency, in.Cases = "", nil
	a, _ := frameworktest.Assess(t, in, frameworktest.Attack()...)
	page := string(render(t, a, "en", false, "html"))
	for _, want := range []string{"<dt>Case</dt><dd>none</dd>", "<dt>Agency</dt><dd>none</dd>"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s", want)
		}
	}
	if title, _, _ := strings.Cut(page, "</title>"); strings.Contains(title, "()") {
		t.Errorf("the title is %s", title[strings.LastIndexByte(title, '>')+1:])
	}
}

// TestReport proves that a report is the same each time, whole in both
// languages, refers to nothing outside, and that hostile text is inert in it.
func TestReport(t *testing.T) {
	for _, lang := range Languages {
		for _, public := range []bool{false, true} {
			for _, form := range []string{"html", "pdf", "csv"} {
				one, two := render(t, attacked(t), lang, public, form), render(t, attacked(t), lang, public, form)
				if !bytes.Equal(one, two) {
					t.Errorf("%s %s: two runs differ", lang, form)
				}
				if form != "html" {
					continue
				}
				page := string(one)
				for _, bad := range []string{"<script", "\u202e", "\x1b", "src=", "url(", "@import", "<link", "<no value>", "ZgotmplZ", "http:", "https:"} {
					if strings.Contains(page, bad) {
						t.Errorf("%s: the page holds %q", lang, bad)
					}
				}
				ids := map[string]bool{}
				for _, m := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(page, -1) {
					if ids[m[1]] {
						t.Errorf("%s: id %s twice", lang, m[1])
					}
					ids[m[1]] = true
				}
				for _, m := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(page, -1) {
					if !strings.HasPrefix(m[1], "#") || !ids[m[1][1:]] {
						t.Errorf("%s: a link to %q", lang, m[1])
					}
				}
				for _, o := range attacked(t).Outcomes {
					if !ids[o.Line] {
						t.Errorf("%s: line %s of %s is missing", lang, o.Line, o.Control.ID)
					}
				}
			}
		}
	}
	if _, err := New(attacked(t), "xx", false); err == nil {
		t.Error("an unknown language was taken")
	}
}

// TestWords proves that every word is there in both languages, and that the two
// are not the same page.
func TestWords(t *testing.T) {
	en, err := labels("en")
	if err != nil {
		t.Fatal(err)
	}
	ms, err := labels("ms")
	if err != nil {
		t.Fatal(err)
	}
	for k := range en {
		if en[k] == "" || ms[k] == "" {
			t.Errorf("%s: %q, %q", k, en[k], ms[k])
		}
	}
}

// TestCSV proves that no cell begins a formula and that no line is cut.
func TestCSV(t *testing.T) {
	a := attacked(t)
	a.Outcomes[0].Control.Number = "=cmd()"
	rows, err := csv.NewReader(bytes.NewReader(render(t, a, "en", false, "csv"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(a.Outcomes)+1 {
		t.Errorf("%d rows for %d controls", len(rows), len(a.Outcomes))
	}
	for _, r := range rows {
		for _, c := range r {
			if c != "" && strings.ContainsRune("=+-@\t\r\n", rune(c[0])) {
				t.Errorf("a cell is %q", c)
			}
		}
	}
	if rows[1][2] != "'=cmd()" {
		t.Errorf("%q", rows[1][2])
	}
}

// shown are the fields whose texts a public profile may show as they are: those
// of the framework, states and dates.
var shown = regexp.MustCompile(`^(\.UUID|\.Framework|\.Version|\.Classification|\.Components\.\d+\.(ID|Number|Line|State|Counts)|\.Outcomes\.\d+\.(Line|State|Qualified|Risks\.\d+)|\.Outcomes\.\d+\.Control\.(ID|Number|Component|Mode|Confidence\.\w+|Maps)|\.Outcomes\.\d+\.Observations\.\d+\.(UUID|State|Check\.ID)|\.Risks\.\d+\.(UUID|Control|Check|Treatment)|\.POAM\.\d+\.(UUID|Risk|Control)|\.Clocks\.\d+\.(UUID|Obligation|State)|\.KPIs\.\d+\.(ID|Scope|Unit|State)|\.Coverage\.State|\.Systems\.\d+\.Inherited.*|\.Trend\.\d+\.(UUID|SHA256|Counts)|\.Inputs\..*)`)

// seed writes an identifier of a host or a person into every text that is not
// shown.
func seed(v reflect.Value, path string, n *int) {
	if shown.MatchString(path) && v.Kind() == reflect.String && !strings.HasPrefix(path, ".Inputs") {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			seed(v.Elem(), path, n)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeOf(time.Time{}) {
			return
		}
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				seed(v.Field(i), path+"."+v.Type().Field(i).Name, n)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			seed(v.Index(i), fmt.Sprintf("%s.%d", path, i), n)
		}
	case reflect.String:
		if v.Type() == reflect.TypeOf(framework.State("")) || shown.MatchString(path) && !strings.HasPrefix(path, ".Inputs") {
			return
		}
		*n++
		v.SetString([]string{
			fmt.Sprintf("the host seeded%d.jabatan.example was attacked", *n), fmt.Sprintf("from 10.77.%d.%d", *n/250, *n%250+1), fmt.Sprintf("mail of seeded%d@jabatan.example", *n),
			fmt.Sprintf("2001:db8:7777::%x", *n), fmt.Sprintf("card 7654%08d", *n),
		}[*n%5])
	}
}

// leaks are what the seeds look like.
var leaks = regexp.MustCompile(`seeded\d+|10\.77\.\d+\.\d+|2001:db8:7777|7654\d{8}`)

// TestPublic proves that none of the identifiers that are put into every text of
// an assessment stands in its public profile, in any form.
func TestPublic(t *testing.T) {
	a := attacked(t)
	n := 0
	seed(reflect.ValueOf(a).Elem(), "", &n)
	if n < 300 {
		t.Fatalf("only %d identifiers were seeded", n)
	}
	whole := string(render(t, a, "en", false, "html"))
	if found := leaks.FindAllString(whole, -1); len(found) < 100 {
		t.Errorf("the whole report shows %d of %d: the test would see nothing", len(found), n)
	}
	for _, lang := range Languages {
		for _, form := range []string{"html", "csv"} {
			if found := leaks.FindAllString(string(render(t, a, lang, true, form)), -1); len(found) > 0 {
				t.Errorf("%s %s: %d of %d identifiers, such as %q", lang, form, len(found), n, found)
			}
		}
		r, err := New(a, lang, true)
		if err != nil {
			t.Fatal(err)
		}
		if found := leaks.FindAllString(fmt.Sprintf("%+v", r.document()), -1); len(found) > 0 { // what the PDF is made of
			t.Errorf("%s PDF: %d of %d identifiers, such as %s", lang, len(found), n, found[0])
		}
		var parts strings.Builder
		for _, p := range r.document().Parts {
			fmt.Fprintf(&parts, "%+v %+v", p, p.Table)
		}
		if found := leaks.FindAllString(parts.String(), -1); len(found) > 0 {
			t.Errorf("%s PDF: %d of %d identifiers, such as %s", lang, len(found), n, found[0])
		}
	}
}

// TestExtend proves that earlier assessments stand in the trend once, in their
// order, and that one of another framework or agency is refused.
func TestExtend(t *testing.T) {
	a, _ := frameworktest.Assess(t, frameworktest.Inputs(), frameworktest.Attack()...)
	in := frameworktest.Inputs()
	in.AsOf = in.AsOf.AddDate(0, -1, 0)
	b, _ := frameworktest.Assess(t, in, frameworktest.Attack()...)
	n, err := Extend(a, []*framework.Assessment{b, b, a})
	if err != nil || len(n.Trend) != 1 || n.Trend[0].UUID != b.UUID || len(a.Trend) != 0 {
		t.Errorf("%+v, %v", n.Trend, err)
	}
	if page := string(render(t, n, "en", false, "html")); !strings.Contains(page, "<polyline") || strings.Count(page, "2026-10-24") < 2 {
		t.Error("the trend is not shown")
	}
	in.Agency = "another"
	c, _ := frameworktest.Assess(t, in, frameworktest.Attack()...)
	if _, err := Extend(a, []*framework.Assessment{c}); err == nil {
		t.Error("another agency's assessment was taken")
	}
}
