package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"saksi/framework"
	"saksi/framework/merge"
	"saksi/internal/document"
)

// National is the summary of a merge in one language.
type National struct {
	*merge.Merged
	Lang   string
	Public bool
	words  map[string]string
}

// NewNational makes the summary of a merge in "en" or "ms". With public it names
// no person, key or file.
func NewNational(m *merge.Merged, lang string, public bool) (*National, error) {
	words, err := labels(lang)
	if err != nil {
		return nil, err
	}
	if public {
		n := *m
		n.Agencies, n.Refused, n.LifeEvents = nil, nil, nil
		for _, a := range m.Agencies {
			a.Name, a.File, a.Person, a.Key = scrub(a.Name), "", "", ""
			n.Agencies = append(n.Agencies, a)
		}
		for range m.Refused {
			n.Refused = append(n.Refused, hidden)
		}
		for _, e := range m.LifeEvents {
			e.Name = scrub(e.Name)
			n.LifeEvents = append(n.LifeEvents, e)
		}
		n.Missing = slices.Clone(m.Missing)
		for i := range n.Missing {
			n.Missing[i] = scrub(n.Missing[i])
		}
		m = &n
	}
	return &National{m, lang, public, words}, nil
}

// Rows that the summary's one page has room for; the list below it and the CSV
// have all.
const (
	topEvents   = 6
	topAgencies = 7
	topControls = 5
	topNames    = 6
)

// HTML writes the summary: one page, and below it every agency.
func (n *National) HTML(w io.Writer) error {
	return execute(w, "national.html", n.Lang, n.words, n)
}

// Score is the share of all controls of all agencies that pass or are attested.
func (n *National) Score() float64 { return share(n.Passing, n.Controls) }

func share(a, b int) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// ShareOf is an agency's score.
func (n *National) ShareOf(a merge.Agency) float64 { return share(a.Passing, a.Controls) }

// ReceivedShare is the share of the agencies expected that sent one.
func (n *National) ReceivedShare() float64 { return share(len(n.Agencies), n.Expected) }

// Worst are the agencies that most fails in, then those of which least was seen.
func (n *National) Worst() []merge.Agency {
	list := slices.Clone(n.Agencies)
	slices.SortStableFunc(list, func(a, b merge.Agency) int {
		return cmp.Or(cmp.Compare(b.Counts[framework.Fail], a.Counts[framework.Fail]), cmp.Compare(share(a.Seen, a.InScope), share(b.Seen, b.InScope)), strings.Compare(a.Name, b.Name))
	})
	return list[:min(len(list), topAgencies)]
}

// Failing are the controls that fail in most agencies.
func (n *National) Failing() []merge.Control { return n.Weakest[:min(len(n.Weakest), topControls)] }

// Events are the life events with most severe findings.
func (n *National) Events() []merge.LifeEvent {
	list := slices.Clone(n.LifeEvents)
	slices.SortStableFunc(list, func(a, b merge.LifeEvent) int {
		return cmp.Or(cmp.Compare(b.Severe, a.Severe), cmp.Compare(b.Findings, a.Findings), strings.Compare(a.Name, b.Name))
	})
	return list[:min(len(list), topEvents)]
}

// NotHere names agencies that sent none, as far as the page has room.
func (n *National) NotHere() string { return some(n.Missing) }

// NotTaken names files that were refused, as far as the page has room.
func (n *National) NotTaken() string { return some(n.Refused) }

func first[T any](list []T, n int) []T { return list[:min(len(list), n)] }

// brief is a name that takes one line.
func brief(s string) string {
	r := []rune(plain(s))
	if len(r) > 40 {
		return string(r[:39]) + "\u2026"
	}
	return string(r)
}

func some(list []string) string {
	var out []string
	for _, s := range first(list, topNames) {
		out = append(out, brief(s))
	}
	s := strings.Join(out, ", ")
	if more := len(list) - len(out); more > 0 {
		s += fmt.Sprintf(", + %d", more)
	}
	return s
}

// CSV writes one line an agency, inert in a spreadsheet.
func (n *National) CSV(w io.Writer) error {
	head := []string{"agency", "as_of", "age_days", "passing", "controls", "coverage_state", "seen", "in_scope", "findings", "risks", "overdue", "clocks_overdue"}
	for _, s := range framework.States {
		head = append(head, strings.ReplaceAll(string(s), "-", "_"))
	}
	for _, c := range n.Components {
		head = append(head, c.ID)
	}
	head = append(head, "version", "uuid", "key", "person", "file", "sha256", "sent")
	rows := [][]string{head}
	for _, a := range n.Agencies {
		row := []string{a.Name, a.AsOf.UTC().Format("2006-01-02T15:04:05Z"), fmt.Sprint(a.AgeDays), fmt.Sprint(a.Passing), fmt.Sprint(a.Controls), string(a.Coverage), fmt.Sprint(a.Seen), fmt.Sprint(a.InScope), fmt.Sprint(a.Findings), fmt.Sprint(a.Risks), fmt.Sprint(a.Overdue), fmt.Sprint(a.Clocks)}
		for _, s := range framework.States {
			row = append(row, fmt.Sprint(a.Counts[s]))
		}
		for _, c := range n.Components {
			row = append(row, string(a.Components[c.ID]))
		}
		rows = append(rows, append(row, a.Version, a.UUID, a.Key, a.Person, a.File, a.SHA256, "true"))
	}
	for _, name := range n.Missing {
		row := make([]string, len(head))
		row[0], row[len(row)-1] = name, "false"
		rows = append(rows, row)
	}
	return writeCSV(w, rows)
}

// PDF writes the summary on one page, with as many rows as that has room for;
// the same merge gives the same bytes.
func (n *National) PDF(w io.Writer) error {
	for rows := max(topEvents, topAgencies, topControls); ; rows-- {
		var b bytes.Buffer
		if err := n.document(rows).WritePDF(&b); err != nil {
			return err
		}
		if rows > 0 && bytes.Count(b.Bytes(), []byte("/Type /Page\n")) > 1 {
			continue
		}
		if _, err := w.Write(b.Bytes()); err != nil {
			return fmt.Errorf("writing a report: %w", err)
		}
		return nil
	}
}

// document is the summary with at most so many rows a table.
func (n *National) document(most int) *document.Document {
	t := n.words
	at := n.AsOf.UTC().Format("2006-01-02 15:04 UTC")
	d := &document.Document{
		Lang: n.Lang, Title: t["national"] + ": " + plain(n.Title.In(n.Lang)), Mark: n.Classification, Page: t["page"], Time: n.AsOf.UTC(),
		Foot: fmt.Sprintf(t["foot_national"], at, n.UUID),
	}
	received := fmt.Sprintf("%d %s %d (%s)", len(n.Agencies), t["of"], n.Expected, percent(n.ReceivedShare()))
	if s := n.NotHere(); s != "" {
		received += ". " + t["missing"] + ": " + s
	}
	if s := n.NotTaken(); s != "" {
		received += ". " + t["refused"] + ": " + s
	}
	facts := []document.Fact{
		fact(t["agencies"], received),
		fact(t["score"], fmt.Sprintf("%d %s %d (%s); %s %d, %s %d", n.Passing, t["of"], n.Controls, percent(n.Score()), t["partly"], n.Counts[framework.PartlyPass], t["fail"], n.Counts[framework.Fail])),
		fact(t["coverage"], fmt.Sprintf("%d %s %d (%s); %d %s %d %s", n.Coverage.Seen, t["of"], n.Coverage.InScope, percent(n.Coverage.Share), n.Coverage.Enough, t["of"], len(n.Agencies), t["agencies_enough"])),
		fact(t["risks"], fmt.Sprintf("%d %s, %d %s, %d %s; %s", n.Risks.Open, t["treat-open"], n.Risks.Accepted, t["treat-accepted"], n.Risks.Overdue, t["overdue"], n.severities())),
	}
	if len(n.Clocks) > 0 {
		facts = append(facts, fact(t["clocks"], n.clocks()))
	}
	for _, k := range n.KPIs {
		facts = append(facts, fact(plain(k.Title.In(n.Lang)), fmt.Sprintf("%s; %d %s %d %s", measure(k.Mean, k.Unit, t), k.Meet, t["of"], k.Agencies, t["meet"])))
	}
	d.Parts = []document.Part{{Facts: facts}, {Bars: n.bars()}}
	var rows [][]string
	for _, e := range first(n.Events(), most) {
		rows = append(rows, []string{brief(e.Name), fmt.Sprint(e.Agencies), fmt.Sprintf("%d %s %d", e.Seen, t["of"], e.Systems), fmt.Sprint(e.Findings), fmt.Sprint(e.Severe)})
	}
	table(d, []string{t["life_event"], t["agencies"], t["seen_of"], t["findings"], t["severe"]}, []float64{0.4, 0.15, 0.17, 0.14, 0.14}, rows)
	rows = nil
	for _, a := range first(n.Worst(), most) {
		rows = append(rows, []string{brief(a.Name), fmt.Sprint(a.Counts[framework.Fail]), fmt.Sprintf("%d %s %d", a.Passing, t["of"], a.Controls), fmt.Sprintf("%d %s %d", a.Seen, t["of"], a.InScope), fmt.Sprint(a.Overdue), a.AsOf.UTC().Format("2006-01-02")})
	}
	table(d, []string{t["agency_most"], t["fail"], t["pass"], t["coverage"], t["overdue"], t["asof"]}, []float64{0.36, 0.1, 0.14, 0.14, 0.11, 0.15}, rows)
	rows = nil
	for _, k := range first(n.Failing(), most) {
		rows = append(rows, []string{brief(k.Title.In(n.Lang)), brief(k.ID), fmt.Sprint(k.States[framework.Fail]), fmt.Sprint(k.States[framework.NoData] + k.States[framework.Stale] + k.States[framework.Unattested])})
	}
	table(d, []string{t["control_most"], "id", t["fail"], t["open"]}, []float64{0.5, 0.2, 0.15, 0.15}, rows)
	return d
}

func (n *National) severities() string {
	var out []string
	for i := 4; i > 0; i-- {
		out = append(out, fmt.Sprintf("%s %d", n.words[fmt.Sprintf("severity-%d", i)], n.Risks.Severity[fmt.Sprint(i)]))
	}
	return strings.Join(out, ", ")
}

func (n *National) clocks() string {
	var out []string
	for _, s := range []string{framework.ClockRunning, framework.ClockMet, framework.ClockLate, framework.ClockOverdue} {
		out = append(out, fmt.Sprintf("%s %d", n.words["clock-"+s], n.Merged.Clocks[s]))
	}
	return strings.Join(out, ", ")
}

// Severities and ClockWords say them in words.
func (n *National) Severities() string { return n.severities() }
func (n *National) ClockWords() string { return n.clocks() }

func (n *National) bars() []document.Bar {
	var list []document.Bar
	for _, c := range n.Components {
		b := document.Bar{Name: plain(c.Title.In(n.Lang))}
		var note []string
		for _, s := range bar(c.Counts) {
			b.Segments = append(b.Segments, document.Segment{Share: s.W / 200, Color: colors[s.State]})
			note = append(note, fmt.Sprintf("%s %d", n.words[string(s.State)], s.N))
		}
		b.Note = strings.Join(note, ", ")
		list = append(list, b)
	}
	return list
}
