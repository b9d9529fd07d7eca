package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"saksi/framework"
)

// CSV writes one line a control, inert in a spreadsheet.
func (r *Report) CSV(w io.Writer) error {
	list := [][]string{{
		"line", "control", "number", "title", "state", "findings", "value", "n", "title_confidence", "requirement_confidence", "component", "qualified", "why",
		"newest", "risks", "due", "overdue", "treatment", "attestation", "coverage_state", "coverage_share", "as_of", "classification",
	}}
	for i := range r.Outcomes {
		o := &r.Outcomes[i]
		var value, n int64
		var why []string
		newest := ""
		for _, ob := range o.Observations {
			value += ob.Value
			n += ob.N
			newest = max(newest, ob.Newest)
			if ob.Why != "" {
				why = append(why, reason(r.words, ob.Why))
			}
		}
		due, overdue, treatment := r.treatment(o)
		list = append(list, []string{
			o.Line, o.Control.ID, o.Control.Number, o.Control.Title.In(r.Lang), string(o.State), fmt.Sprint(o.Findings), fmt.Sprint(value), fmt.Sprint(n),
			o.Control.Confidence.Title, o.Control.Confidence.Requirement, o.Control.Component, o.Qualified, strings.Join(why, "; "),
			newest, fmt.Sprint(len(o.Risks)), due, overdue, treatment, o.Attestation, string(r.Coverage.State), fmt.Sprintf("%.4f", r.Coverage.Share), r.AsOf.UTC().Format("2006-01-02T15:04:05Z"), r.Classification,
		})
	}
	return writeCSV(w, list)
}

// treatment is what is done about a control's risks: the first date, whether one
// is past it, and how the risks are treated.
func (r *Report) treatment(o *framework.Outcome) (due, overdue, treatment string) {
	for _, u := range o.Risks {
		treatment = r.RiskOf(u).Treatment
		for _, p := range r.POAM {
			if p.Risk != u {
				continue
			}
			if due == "" || p.Due < due {
				due = p.Due
			}
			if overdue == "" || p.Overdue {
				overdue = fmt.Sprint(p.Overdue)
			}
		}
	}
	return due, overdue, treatment
}

// writeCSV writes rows of which no cell is a formula and none hides anything.
func writeCSV(w io.Writer, list [][]string) error {
	c := csv.NewWriter(w)
	for _, row := range list {
		for i, s := range row {
			row[i] = inert(s)
		}
		if err := c.Write(row); err != nil {
			return fmt.Errorf("writing a report: %w", err)
		}
	}
	c.Flush()
	if err := c.Error(); err != nil {
		return fmt.Errorf("writing a report: %w", err)
	}
	return nil
}

// inert is a cell that a spreadsheet takes for text.
func inert(s string) string {
	s = plain(s)
	if r, _ := utf8.DecodeRuneInString(s); s != "" && strings.ContainsRune("=+-@\uFF1D\uFF0B\uFF0D\uFF20", r) { // and their wide forms
		return "'" + s
	}
	return s
}
