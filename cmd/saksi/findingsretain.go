package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/retain"
	"saksi/internal/infile"
)

type retainOptions struct {
	indexFlags
	apply bool
	why   string
	at    string
}

func findingsRetain(a *app) *cobra.Command {
	o := &retainOptions{}
	c := &cobra.Command{
		Use:   "retain POLICY",
		Short: "Remove documents whose time is over, but none under a legal hold",
		Long: "POLICY is a file of YAML: 'retention: 1', then under 'keep:' rules with days and any of dataset, agency and case. Of a document the first rule that fits\n" +
			"decides; what none fits is kept, and so is what 'days: 0' says. A document of a case goes only by a rule that names the case (* for any). Without --apply\n" +
			"nothing is removed and what would be is counted. What a legal hold keeps ('saksi findings hold') is counted and stays. A removal is on record in\n" +
			"saksi.retention with who, why and how many, before it begins and after it ends. On Elasticsearch months of which all goes are dropped as a whole.\n" +
			"What goes is taken out of the spool, too, once every index that follows it has passed it. While a sensor runs, its spool and index are its own: it does the\n" +
			"same itself once a day by 'sensor run --retain'.",
		Example: "  saksi findings retain policy.yaml\n  saksi findings retain policy.yaml --apply --why 'circular 4/2026' --index https://es.example:9200 --agency jpn",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			at := time.Now().UTC()
			if o.at != "" {
				var err error
				if at, err = time.Parse(time.RFC3339, o.at); err != nil {
					return usage("--at %s: expected a time as 2026-11-24T08:30:00Z", o.at)
				}
				if o.apply && at.After(time.Now()) {
					return usage("--at %s: with --apply it may not lie ahead: what is not due yet would go", o.at)
				}
			}
			if o.apply && o.why == "" {
				return usage("--apply needs --why: the removal is on record with its reason")
			}
			p, err := readPolicy(args[0])
			if err != nil {
				return err
			}
			if o.apply {
				return o.remove(cmd.Context(), a, p, at)
			}
			return o.count(cmd.Context(), a, p, at)
		},
	}
	o.indexFlags.add(c)
	f := c.Flags()
	f.BoolVar(&o.apply, "apply", false, "remove them")
	f.StringVar(&o.why, "why", "", "`reason`, such as the rule of law that the policy follows")
	f.StringVar(&o.at, "at", "", "`time` from which days are counted back (default: now)")
	return c
}

func readPolicy(path string) (*retain.Policy, error) {
	b, err := infile.Read(path, retain.MaxPolicy)
	if err != nil {
		return nil, fail(exitUsage, fmt.Errorf("reading the retention policy: %w", err))
	}
	p, err := retain.Parse(b)
	if err != nil {
		return nil, fail(exitUsage, fmt.Errorf("reading the retention policy: %s: %w", path, err))
	}
	return p, nil
}

// own is the agency whose documents alone an index holds; "" if it is not known.
func (o *indexFlags) own() string {
	if where, _, err := o.folder(); err == nil && isURL(where) {
		return o.agency
	}
	return ""
}

// heldNow is the query of what legal holds keep at present.
func heldNow(ix findings.Searcher) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		list, err := retain.Holds(ctx, ix)
		return retain.Held(list), err
	}
}

// due counts what a step would remove, and what of it is held.
func due(ctx context.Context, ix findings.Searcher, s retain.Step) (all, held int64, err error) {
	all, err = dueUnder(ctx, ix, findings.Removal{Query: s.Query, Before: s.Before})
	if err != nil {
		return 0, 0, err
	}
	free, err := dueUnder(ctx, ix, findings.Removal{Query: s.Query, Before: s.Before, Held: heldNow(ix)})
	return all, all - free, err
}

func dueUnder(ctx context.Context, ix findings.Searcher, r findings.Removal) (int64, error) {
	q, err := r.Gone(ctx)
	if err != nil {
		return 0, err
	}
	p, err := ix.Search(ctx, findings.Request{Query: q, Size: 1})
	return p.Total, err
}

var retainColumns = []string{"rule", "keeps", "days", "before", "due", "held", "removed"}

// count shows what would be removed.
func (o *retainOptions) count(ctx context.Context, a *app, p *retain.Policy, at time.Time) error {
	ix, err := o.read(ctx)
	if err != nil {
		return err
	}
	defer ix.Close()
	r, err := a.rows(retainColumns...)
	if err != nil {
		return err
	}
	var free int64
	for _, s := range p.Plan(at, o.own()) {
		all, held, err := due(ctx, ix, s)
		if err != nil {
			return queryError(err)
		}
		free += all - held
		if err := r.add(s.Number, s.Rule.String(), s.Rule.Days, s.Before.Format(time.RFC3339), all, held, 0); err != nil {
			return err
		}
	}
	if err := r.close(); err != nil {
		return err
	}
	a.warn(fmt.Sprintf("nothing was removed: --apply --why REASON removes %d documents", free))
	return nil
}

// remove removes what is due.
func (o *retainOptions) remove(ctx context.Context, a *app, p *retain.Policy, at time.Time) (err error) {
	s, err := o.write(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	// First what waits in the spool: a hold may be among it.
	if _, err := s.follow(ctx); err != nil {
		return err
	}
	sink, err := stored(s, nil)
	if err != nil {
		return err
	}
	r, err := a.rows(retainColumns...)
	if err != nil {
		return err
	}
	err = o.runSteps(ctx, a, s, sink, p.Plan(at, o.own()), func(run *retain.Run) error {
		return r.add(run.Number, run.Rule.String(), run.Rule.Days, run.Before.Format(time.RFC3339), run.Due, run.Held, run.Removed)
	}, p.Digest)
	return errors.Join(err, r.close())
}

// runSteps runs the steps of a policy and tells of each.
func (o *retainOptions) runSteps(ctx context.Context, a *app, s *store, sink findings.Sink, steps []retain.Step, tell func(*retain.Run) error, policy string) error {
	var removed int64
	for _, step := range steps {
		run := retain.Run{Step: step, Policy: policy, By: who(), Why: o.why}
		if err := o.step(ctx, s, sink, &run); err != nil {
			return indexError(err)
		}
		removed += run.Removed
		if err := tell(&run); err != nil {
			return err
		}
	}
	if c, ok := s.ix.(interface{ Compact(context.Context) error }); ok && removed > 0 {
		if err := c.Compact(ctx); err != nil {
			return fmt.Errorf("the documents are removed, the room they took is not free yet: %w", err)
		}
	}
	return o.expire(ctx, a, s, steps)
}

// step runs one step; that it begins is on record before anything goes.
func (o *retainOptions) step(ctx context.Context, s *store, sink findings.Sink, run *retain.Run) (err error) {
	if run.Due, run.Held, err = due(ctx, s.ix, run.Step); err != nil || run.Due == run.Held {
		return err
	}
	record := func(ctx context.Context) error {
		run.At = time.Now().UTC()
		e := run.Event()
		if err := o.stamp(e); err != nil {
			return err
		}
		if err := sink.Emit(e); err != nil {
			return err
		}
		_, err := s.follow(ctx)
		return err
	}
	if err := record(ctx); err != nil {
		return err
	}
	gone, err := s.ix.Remove(ctx, findings.Removal{Query: run.Query, Before: run.Before, Held: heldNow(s.ix)})
	run.Done, run.Removed, run.Indices = true, gone.Documents, gone.Indices
	return errors.Join(err, record(context.WithoutCancel(ctx)))
}

// expire takes what was due out of the spool.
func (o *retainOptions) expire(ctx context.Context, a *app, s *store, steps []retain.Step) error {
	held, err := heldNow(s.ix)(ctx)
	if err != nil {
		return err
	}
	gone, err := retain.Gone(steps, held)
	if err != nil {
		return err
	}
	x, err := s.Expire(ctx, func(d findings.Doc) (bool, error) {
		e, err := event.Parse(d.Body)
		if err != nil {
			return false, err
		}
		return gone(e), nil
	})
	if x.Documents > 0 {
		fmt.Fprintf(a.stderr, "saksi: %d documents were taken out of the spool, which is %d bytes smaller\n", x.Documents, x.Bytes)
	}
	if err != nil {
		return err
	}
	if x.Left > 0 {
		return failHint(exitIncomplete, fmt.Errorf("%d documents whose time is over are still in the spool: index %s has not got them yet", x.Left, x.Behind), "bring it up by 'saksi findings push', then run this again; for an index that is no more remove its cursor- file in %s", s.dir)
	}
	return nil
}
