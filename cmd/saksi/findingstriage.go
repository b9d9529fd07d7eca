package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/review"
	"saksi/findings/triage"
)

// triageMost is how many findings the view holds; the query narrows them.
const triageMost = 1000

func findingsTriage(a *app) *cobra.Command {
	o := &indexFlags{}
	c := &cobra.Command{
		Use:   "triage [QUERY]",
		Short: "Look through findings on the terminal, by keys, and say what became of them",
		Long: "Shows the findings of a query, the most severe first, in a view that keys drive: enter shows one, c confirms, f marks a false positive (with a reason),\n" +
			"x closes, o opens again, m makes it yours, n adds a note, s suppresses the rule for 30 days (with a reason), / changes the query, q leaves.\n" +
			"What is said is stored as by 'saksi findings set' and 'suppress'. Suppressed findings are left out.",
		Example: "  saksi findings triage --case kes-17\n  saksi findings triage 'event.severity:>=3 AND NOT source.ip:192.0.2.40'",
		Args:    cobra.MaximumNArgs(1), ValidArgsFunction: completeQuery,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !term.IsTerminal(int(os.Stdin.Fd())) || !term.IsTerminal(int(os.Stdout.Fd())) {
				return failHint(exitUsage, errors.New("triage needs a terminal"), "'saksi findings search' and 'saksi findings set' do the same without one")
			}
			q, err := queryOf(args)
			if err != nil {
				return err
			}
			t := &triageSource{a: a, o: o}
			if _, _, err := t.Load(cmd.Context(), q); err != nil { // what is wrong is said before the screen changes
				return queryError(err)
			}
			return triage.Run(cmd.Context(), t, q, who(), os.Stdin, os.Stdout)
		},
	}
	o.add(c)
	return c
}

// triageSource reads and writes for the view. The index is open only meanwhile,
// so that others can write to it.
type triageSource struct {
	a *app
	o *indexFlags
}

// Load implements triage.Source.
func (t *triageSource) Load(ctx context.Context, q string) (list []triage.Item, total int64, err error) {
	ix, err := t.o.read(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer ix.Close()
	hush := suppressFlag{text: "hide"}
	if err := hush.load(ctx, ix); err != nil {
		return nil, 0, err
	}
	if q != "" {
		q = "(" + q + ") AND "
	}
	p, err := ix.Search(ctx, findings.Request{Query: q + "event.kind:alert", Size: triageMost, Sort: []findings.Sort{{Field: "event.severity", Desc: true}, {Field: "@timestamp", Desc: true}}})
	if err != nil {
		return nil, 0, err
	}
	if err := t.o.look(ctx, t.a, ix, "triage", q+"event.kind:alert", min(p.Total, triageMost)); err != nil {
		return nil, 0, err
	}
	states, err := statesOf(ctx, ix, p.Docs)
	if err != nil {
		return nil, 0, err
	}
	for _, d := range p.Docs {
		e, err := event.Parse(d.Body)
		if err != nil {
			return nil, 0, err
		}
		if hush.skip(e) {
			continue
		}
		at, _ := e.GetTime(event.Timestamp)
		n, _ := e.GetInt(event.EventSeverity)
		rule, _ := e.GetStr(event.RuleID)
		x := triage.Item{ID: d.ID, Time: time.Unix(0, at), Severity: n, Rule: rule, What: what(e), Where: place(e)}
		if s := states[d.ID]; s != nil {
			x.Status, x.Owner = s.Status, s.Owner
		}
		list = append(list, x)
	}
	return list, p.Total - hush.hidden, nil
}

// Show implements triage.Source: no exhibit is opened for it.
func (t *triageSource) Show(ctx context.Context, id string) ([]string, error) {
	ix, err := t.o.read(ctx)
	if err != nil {
		return nil, err
	}
	defer ix.Close()
	e, err := lookup(ctx, ix, id)
	if err != nil {
		return nil, err
	}
	full, _ := e.GetStr(event.EventID)
	if err := t.o.look(ctx, t.a, ix, "show", full, 1); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	s := &shower{w: &b, e: e, where: t.o.words()}
	if s.said, err = saidOf(ctx, ix, e); err != nil {
		return nil, err
	}
	if err := s.show(ctx); err != nil {
		return nil, err
	}
	return strings.Split(b.String(), "\n"), nil
}

// Say implements triage.Source.
func (t *triageSource) Say(ctx context.Context, r review.Review) error {
	r.By, r.At = who(), time.Now().UTC()
	e, err := r.Event()
	if err != nil {
		return err
	}
	return t.o.say(ctx, e)
}

// Suppress implements triage.Source.
func (t *triageSource) Suppress(ctx context.Context, rule, why string) error {
	now := time.Now().UTC()
	s := review.Suppression{Rule: rule, Until: now.AddDate(0, 0, 30), Why: why, By: who(), At: now}
	e, err := s.Event()
	if err != nil {
		return err
	}
	return t.o.say(ctx, e)
}
