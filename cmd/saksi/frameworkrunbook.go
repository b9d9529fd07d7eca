package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"saksi/framework"
)

const booksHelp = "an agency's `file` of runbooks and escalations, or builtin for the examples that come with saksi"

// runbooks reads a file of runbooks; nil for none.
func runbooks(path string) (*framework.Runbooks, error) {
	if path == "" {
		return nil, nil
	}
	return framework.ReadRunbooks(path)
}

func frameworkHandover(a *app) *cobra.Command {
	var o journalFlags
	var asOf, shift, unit, agency, file, books string
	var optional []string
	c := &cobra.Command{
		Use:   "handover",
		Short: "Write what a shift hands over: open incidents and the clocks that run",
		Long: "One line an open clock of each open incident, the one due first first; an incident without clocks has a line of its own.\n" +
			"With --runbooks each line names the incident's runbooks and who is to be told next, and by when.",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			j, err := o.read(a)
			if err != nil {
				return err
			}
			t, err := when(asOf)
			if err != nil {
				return err
			}
			obs, err := obligations(file)
			if err != nil {
				return err
			}
			rb, err := runbooks(books)
			if err != nil {
				return err
			}
			columns := []string{"incident", "agency", "unit", "shift", "severity", "owner", "stage", "obligation", "due", "left", "state", "title"}
			if rb != nil {
				columns = append(columns, "runbooks", "escalate_to", "escalate_by", "escalation")
			}
			r, err := a.rows(columns...)
			if err != nil {
				return err
			}
			for _, l := range framework.Handover(j, obs, t, optional) {
				if shift != "" && l.Incident.Shift != shift || unit != "" && l.Incident.Unit != unit || agency != "" && l.Incident.Agency != agency {
					continue
				}
				i := l.Incident
				row := []any{i.ID, i.Agency, i.Unit, i.Shift, i.Severity, i.Acknowledged.By, l.Stage, l.Clock.Obligation, l.Clock.Due, l.Left, l.Clock.State, i.Title}
				if rb != nil {
					row = append(row, escalation(rb, i, t)...)
				}
				if err := r.add(row...); err != nil {
					return err
				}
			}
			return r.close()
		},
	}
	o.add(c)
	f := c.Flags()
	f.StringVar(&o.key, "key", "", "public key `file` of the journal (default: this station's)")
	f.StringVar(&asOf, "as-of", "", "`time` (RFC 3339) of the handover (default: now)")
	f.StringVar(&shift, "shift", "", "`name` of one shift (default: all)")
	f.StringVar(&unit, "unit", "", "`name` of one unit (default: all)")
	f.StringVar(&agency, "agency", "", "`name` of one agency (default: all)")
	f.StringVar(&file, "obligations", "", "an agency's own `file` of obligations (default: those built in)")
	f.StringVar(&books, "runbooks", "", booksHelp)
	f.StringArrayVar(&optional, "with", nil, "optional `obligation` that applies, such as pdpa; may be given several times")
	return c
}

// escalation is what a line of a handover says of an incident's runbooks.
func escalation(rb *framework.Runbooks, i *framework.Incident, asOf time.Time) []any {
	ids, by := []string{}, ""
	for _, b := range rb.For(i) {
		ids = append(ids, b.ID)
	}
	next, ok := rb.Next(i, asOf)
	if ok {
		by = next.Due.Format(time.RFC3339)
	}
	return []any{ids, next.To, by, next.State}
}

func frameworkRunbook(a *app) *cobra.Command {
	var o journalFlags
	var asOf, file string
	c := &cobra.Command{
		Use:     "runbook INCIDENT",
		Short:   "The steps of an incident's runbooks, and whom its escalations tell, by when",
		Long:    "Runbooks are an agency's own (docs/framework.md) or, without any, examples. A runbook applies by kind, agency, unit and severity of the incident; escalations run from when a person knew.",
		Example: "  saksi framework runbook I-7\n  saksi framework runbook I-7 --runbooks runbooks.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			rb, err := framework.ReadRunbooks(file)
			if err != nil {
				return err
			}
			j, err := o.read(a)
			if err != nil {
				return err
			}
			t, err := when(asOf)
			if err != nil {
				return err
			}
			for _, i := range j.Incidents(t) {
				if i.ID == args[0] {
					return a.printRunbook(rb, i, t)
				}
			}
			return fmt.Errorf("there is no incident %s in the journal as of %s", args[0], t.Format(time.RFC3339))
		},
	}
	o.add(c)
	f := c.Flags()
	f.StringVar(&o.key, "key", "", "public key `file` of the journal (default: this station's)")
	f.StringVar(&asOf, "as-of", "", "`time` (RFC 3339) to tell the state of (default: now)")
	f.StringVar(&file, "runbooks", framework.BuiltInRunbooks, booksHelp)
	return c
}

func (a *app) printRunbook(rb *framework.Runbooks, i *framework.Incident, asOf time.Time) error {
	r, err := a.rows("runbook", "part", "number", "by", "what_en", "what_ms", "command", "due", "state")
	if err != nil {
		return err
	}
	for _, b := range rb.For(i) {
		for n, s := range b.Steps {
			if err := r.add(b.ID, "step", n+1, s.By, s.Do.EN, s.Do.MS, s.Command, "", ""); err != nil {
				return err
			}
		}
	}
	for n, e := range rb.Escalations(i, asOf) {
		if err := r.add(e.Runbook, "escalation", n+1, e.To, "unless "+e.Unless, "", "", e.Due.Format(time.RFC3339), e.State); err != nil {
			return err
		}
	}
	return r.close()
}
