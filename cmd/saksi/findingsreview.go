package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"saksi/casefile"
	"saksi/event"
	"saksi/findings"
	"saksi/findings/review"
)

// say stores documents of what a person says or is told of: masked, in the spool
// first, then in the index. What the index has already is not stored again, since
// who follows the spool would be told of it again.
func (o *indexFlags) say(ctx context.Context, list ...*event.Event) (err error) {
	for _, e := range list {
		if err := o.stamp(e); err != nil {
			return err
		}
	}
	st, err := o.write(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.close()) }()
	if _, err := st.follow(ctx); err != nil {
		return err
	}
	sink, err := stored(findings.SinkFunc(func(e *event.Event) error {
		e.AppendJSON(nil) // gives it its id
		id, _ := e.GetStr(event.EventID)
		switch _, err := st.ix.Get(ctx, id); {
		case err == nil:
			return nil
		case errors.Is(err, findings.ErrNotFound):
			return st.Emit(e)
		default:
			return indexError(err)
		}
	}), nil)
	if err != nil {
		return err
	}
	for _, e := range list {
		if err := sink.Emit(e); err != nil {
			return err
		}
	}
	_, err = st.follow(ctx)
	return err
}

// stamp says of which case a document is that is not of an exhibit.
func (o *indexFlags) stamp(e *event.Event) error {
	if o.caseID == "" {
		return nil
	}
	info, err := casefile.ReadInfo(o.caseID)
	if err != nil {
		return caseError(err)
	}
	e.Str(event.SaksiCase, info.ID)
	e.Str(event.OrganizationName, info.Agency)
	return nil
}

func findingsSet(a *app) *cobra.Command {
	o := &indexFlags{}
	r := review.Review{}
	c := &cobra.Command{
		Use:   "set ID...",
		Short: "Say what became of findings: status, owner, a note",
		Long: "Each ID is an id or the beginning of one. What is said is a document of its own, with who said it and when; nothing is changed or taken away,\n" +
			"and 'saksi findings show' lists all of it. A note is masked like everything else that is stored.",
		Example: "  saksi findings set 68106c68 --status false-positive --note 'scanner of the auditors, ticket 4711'\n  saksi findings set 68106c68 9b96cbd1 --owner Aminah",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ix, err := o.read(cmd.Context())
			if err != nil {
				return err
			}
			for _, arg := range args {
				e, err := lookup(cmd.Context(), ix, arg)
				if err != nil {
					return errors.Join(err, ix.Close())
				}
				id, _ := e.GetStr(event.EventID)
				r.Of = append(r.Of, id)
			}
			if err := ix.Close(); err != nil {
				return err
			}
			r.By, r.At = who(), time.Now().UTC()
			e, err := r.Event()
			if err != nil {
				return usage("%w", err)
			}
			if err := o.say(cmd.Context(), e); err != nil {
				return err
			}
			return a.printSaid(cmd.Context(), o, r.Of)
		},
	}
	o.add(c)
	f := c.Flags()
	f.StringVar(&r.Status, "status", "", "`status`: "+strings.Join(review.Statuses, ", "))
	f.StringVar(&r.Owner, "owner", "", "`name` of who looks after it; - for nobody")
	f.StringVar(&r.Note, "note", "", "`text` to add")
	_ = c.RegisterFlagCompletionFunc("status", cobra.FixedCompletions(review.Statuses, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// printSaid shows what holds of findings.
func (a *app) printSaid(ctx context.Context, o *indexFlags, ids []string) error {
	ix, err := o.read(ctx)
	if err != nil {
		return err
	}
	defer ix.Close()
	states, err := review.States(ctx, ix, ids)
	if err != nil {
		return err
	}
	r, err := a.rows("id", "status", "owner", "notes", "changed", "by")
	if err != nil {
		return err
	}
	for _, id := range ids {
		s := states[id]
		if s == nil {
			continue
		}
		last, notes := s.History[len(s.History)-1], 0
		for _, h := range s.History {
			if h.Note != "" {
				notes++
			}
		}
		if err := r.add(id[:idShown], s.Status, s.Owner, notes, last.At.Format(time.RFC3339), last.By); err != nil {
			return err
		}
	}
	return r.close()
}

func findingsSuppress(a *app) *cobra.Command {
	o := &indexFlags{}
	s := review.Suppression{}
	var days int
	var lift bool
	c := &cobra.Command{
		Use:   "suppress [RULE]",
		Short: "Do not show findings of a rule for a time, or list what is suppressed",
		Long: "RULE is the rule's id (rule.id). What is suppressed is stored and counted like everything; searches of findings leave it out and say how many.\n" +
			"A suppression has a reason and an end, and is a document of its own: --lift ends it. Without RULE those that hold are listed.",
		Example: "  saksi findings suppress 2027397 --host 192.0.2.40 --days 30 --why 'our own scanner'\n  saksi findings suppress 2027397 --host 192.0.2.40 --lift --why 'scanner is gone'",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.printSuppressed(cmd.Context(), o)
			}
			s.Rule, s.By, s.At = args[0], who(), time.Now().UTC()
			if s.Until = s.At; !lift {
				if days < 1 || days > 366 {
					return usage("--days %d: expected 1 to 366; a suppression has an end", days)
				}
				s.Until = s.At.AddDate(0, 0, days)
			}
			e, err := s.Event()
			if err != nil {
				return usage("%w", err)
			}
			if err := o.say(cmd.Context(), e); err != nil {
				return err
			}
			return a.printSuppressed(cmd.Context(), o)
		},
	}
	o.add(c)
	f := c.Flags()
	f.StringVar(&s.Host, "host", "", "only findings with this `address` or network at either end")
	f.IntVar(&days, "days", 30, "how many days it holds")
	f.StringVar(&s.Why, "why", "", "`reason`")
	f.BoolVar(&lift, "lift", false, "show them again from now on")
	return c
}

func (a *app) printSuppressed(ctx context.Context, o *indexFlags) error {
	ix, err := o.read(ctx)
	if err != nil {
		return err
	}
	defer ix.Close()
	s, err := review.Suppressions(ctx, ix, time.Now())
	if err != nil {
		return err
	}
	r, err := a.rows("rule", "host", "until", "why", "by", "since")
	if err != nil {
		return err
	}
	for _, x := range s.List {
		if err := r.add(x.Rule, x.Host, x.Until.Format(time.RFC3339), x.Why, x.By, x.At.Format(time.RFC3339)); err != nil {
			return err
		}
	}
	return r.close()
}

// suppressFlag says what is done with suppressed findings.
type suppressFlag struct {
	text   string
	list   *review.Suppressed
	hidden int64
}

func (s *suppressFlag) add(c *cobra.Command) {
	c.Flags().StringVar(&s.text, "suppressed", "hide", "`what` to do with suppressed findings: hide, show or only")
	_ = c.RegisterFlagCompletionFunc("suppressed", cobra.FixedCompletions([]string{"hide", "show", "only"}, cobra.ShellCompDirectiveNoFileComp))
}

// load reads what holds now.
func (s *suppressFlag) load(ctx context.Context, ix findings.Searcher) (err error) {
	switch s.text {
	case "show":
		return nil
	case "hide", "only":
	default:
		return usage("--suppressed %s: expected hide, show or only", s.text)
	}
	s.list, err = review.Suppressions(ctx, ix, time.Now())
	return err
}

// skip reports whether a document is left out.
func (s *suppressFlag) skip(e *event.Event) bool {
	if s.text == "show" || s.list.Match(e) == (s.text == "only") {
		return false
	}
	if s.text == "hide" {
		s.hidden++
	}
	return true
}

// tell says how many were left out.
func (s *suppressFlag) tell(a *app) {
	if s.hidden > 0 {
		a.warn(fmt.Sprintf("%d findings are suppressed; --suppressed show gives them, 'saksi findings suppress' says which rules", s.hidden))
	}
}
