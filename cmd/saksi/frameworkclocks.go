package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"saksi/event"
	"saksi/framework"
)

type clocksOptions struct {
	journalFlags
	ix           indexFlags
	asOf, file   string
	books        string
	optional     []string
	within       time.Duration
	all          bool
	store, fails bool
}

func frameworkClocks(a *app) *cobra.Command {
	o := &clocksOptions{}
	c := &cobra.Command{
		Use:   "clocks",
		Short: "Tell which clocks run out or are overdue, and make findings of it",
		Long: "Clocks are those of the journal of incidents (docs/framework.md). One is told of while less than --within is left of it, or less than a tenth of its time where that is\n" +
			"more, and from then on that it is overdue, until the journal tells that it was met. --store keeps that as findings (rule.id saksi-clock) in --index, of which\n" +
			"'findings notify' tells people by mail and webhook: one as it runs out, then one a day while it is overdue, however often this is run.\n" +
			"'findings set ID --owner NAME', or a status, acknowledges it: a clock that is acknowledged as overdue is told of no more. Run it by a timer.\n" +
			"With --runbooks the escalations of runbooks are clocks, too (escalate:RUNBOOK:ROLE), told of from when they are due until the incident has come to its stage.",
		Example: "  saksi framework clocks\n  saksi framework clocks --store --index watch && saksi findings notify --index watch --smtp mel.agensi.example:587 --from saksi@agensi.example --to-mail csirt@agensi.example --once\n  saksi framework clocks --runbooks builtin --store --index watch && saksi findings notify 'Saksi.clock.obligation:escalate*ICTSO' --index watch --smtp mel.agensi.example:587 --from saksi@agensi.example --to-mail ictso@agensi.example --once",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), a) },
	}
	o.add(c)
	o.ix.add(c)
	f := c.Flags()
	f.StringVar(&o.key, "key", "", "public key `file` of the journal (default: this station's)")
	f.StringVar(&o.asOf, "as-of", "", "`time` (RFC 3339) after which nothing counts (default: now)")
	f.StringVar(&o.file, "obligations", "", "an agency's own `file` of obligations (default: those built in)")
	f.StringVar(&o.books, "runbooks", "", booksHelp)
	f.StringArrayVar(&o.optional, "with", nil, "optional `obligation` that applies, such as pdpa; may be given several times")
	f.DurationVar(&o.within, "within", 2*time.Hour, "tell of a clock of which less than this is left")
	f.BoolVar(&o.all, "all", false, "also list clocks that run, and are not told of yet")
	f.BoolVar(&o.store, "store", false, "keep what is told of as findings")
	f.BoolVar(&o.fails, "fail", false, "exit with code 4 if a clock is overdue and nobody acknowledged it")
	return c
}

func (o *clocksOptions) run(ctx context.Context, a *app) error {
	if o.within <= 0 {
		return usage("--within %s: expected more than nothing, as 2h", o.within)
	}
	j, err := o.read(a)
	if err != nil {
		return err
	}
	t, err := when(o.asOf)
	if err != nil {
		return err
	}
	obs, err := obligations(o.file)
	if err != nil {
		return err
	}
	rb, err := runbooks(o.books)
	if err != nil {
		return err
	}
	clocks := append(obs.Clocks(j, t, o.optional), rb.Clocks(j, t)...)
	alerts, err := framework.ClockAlerts(clocks, t, o.within)
	if err != nil {
		return fail(exitFailed, err)
	}
	if o.store || o.ix.index != "" || o.ix.caseID != "" {
		if err := o.tell(ctx, alerts); err != nil {
			return err
		}
	}
	return o.print(a, clocks, alerts)
}

// tell finds out who acknowledged what, and stores what nobody did.
func (o *clocksOptions) tell(ctx context.Context, alerts []framework.ClockAlert) error {
	where, _, err := o.ix.folder()
	if err != nil {
		return err
	}
	if !o.store || isURL(where) || exists(where) { // the first finding makes a new index
		if err := o.acknowledged(ctx, alerts); err != nil || !o.store {
			return err
		}
	}
	var list []*event.Event
	for i := range alerts {
		if alerts[i].By != "" {
			continue
		}
		e, err := alerts[i].Event()
		if err != nil {
			return err
		}
		list = append(list, e)
	}
	if len(list) == 0 {
		return nil
	}
	return o.ix.say(ctx, list...)
}

func (o *clocksOptions) acknowledged(ctx context.Context, alerts []framework.ClockAlert) error {
	ix, err := o.ix.read(ctx)
	if err != nil {
		return err
	}
	for i := range alerts {
		if err := alerts[i].Acknowledged(ctx, ix); err != nil {
			return errors.Join(queryError(err), ix.Close())
		}
	}
	return ix.Close()
}

func (o *clocksOptions) print(a *app, clocks []framework.Clock, alerts []framework.ClockAlert) error {
	r, err := a.rows("state", "obligation", "incident", "agency", "due", "left", "acknowledged_by", "source", "title")
	if err != nil {
		return err
	}
	told := map[string]bool{}
	overdue := 0
	add := func(state, by string, c *framework.Clock) error {
		left := ""
		if c.Due != "" {
			left = (time.Duration(c.LeftS) * time.Second).String()
		}
		return r.add(state, c.Obligation, c.Incident, c.Agency, c.Due, left, by, c.Source, c.Title.EN)
	}
	for i := range alerts {
		x := &alerts[i]
		told[x.UUID] = true
		if x.Alert == framework.AlertOverdue && x.By == "" {
			overdue++
		}
		if err := add(x.Alert, x.By, &x.Clock); err != nil {
			return err
		}
	}
	for i := range clocks {
		if c := &clocks[i]; o.all && c.State == framework.ClockRunning && !told[c.UUID] {
			if err := add(c.State, "", c); err != nil {
				return err
			}
		}
	}
	if err := r.close(); err != nil {
		return err
	}
	if o.fails && overdue > 0 {
		return fail(exitFailOn, fmt.Errorf("%d clocks are overdue and nobody acknowledged them", overdue))
	}
	return nil
}
