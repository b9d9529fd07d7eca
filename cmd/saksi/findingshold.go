package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"saksi/casefile"
	"saksi/findings/retain"
)

func findingsHold(a *app) *cobra.Command {
	o := &indexFlags{}
	h := retain.Hold{}
	var ofCase, ofAgency, ofDataset, q string
	var all bool
	c := &cobra.Command{
		Use:   "hold [NAME]",
		Short: "Place or release a legal hold, or list them",
		Long: "What a hold speaks of is never removed by 'saksi findings retain', whatever its policy says. Its scope is what fits each of --of-case, --of-agency, --of-dataset\n" +
			"and --query, or --all; with --case and none of them it is that case. The data set alert takes along what people said of findings. A hold is a document of its own, with\n" +
			"who placed or released it, when and why; without NAME all are listed, released ones too.",
		Example: "  saksi findings hold court-17 --of-case 2026/17 --why 'order of the High Court, 24 November'\n  saksi findings hold court-17 --release --why 'appeal over'",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.printHolds(cmd.Context(), o)
			}
			h.Name, h.By = args[0], who()
			if err := o.hold(cmd.Context(), &h, func() (string, error) {
				scoped := ofCase != "" || ofAgency != "" || ofDataset != "" || q != ""
				switch {
				case all && scoped:
					return "", usage("--all: a hold of all has no other scope")
				case !all && !scoped && o.caseID == "":
					return "", usage("expected what is held: --of-case, --of-agency, --of-dataset, --query or --all")
				case !all && !scoped:
					info, err := casefile.ReadInfo(o.caseID)
					if err != nil {
						return "", caseError(err)
					}
					ofCase = info.ID
				}
				return retain.ScopeOf(ofCase, ofAgency, ofDataset, q, o.own())
			}); err != nil {
				return err
			}
			return a.printHolds(cmd.Context(), o)
		},
	}
	o.add(c)
	f := c.Flags()
	f.StringVar(&ofCase, "of-case", "", "hold documents of the case with this `id`")
	f.StringVar(&ofAgency, "of-agency", "", "hold documents of the organization with this id or `name`")
	f.StringVar(&ofDataset, "of-dataset", "", "hold documents of this data set, as `name` flow or alert")
	f.StringVar(&q, "query", "", "hold documents that match this `query`")
	f.BoolVar(&all, "all", false, "hold everything")
	f.StringVar(&h.Why, "why", "", "`reason`")
	f.BoolVar(&h.Released, "release", false, "release the hold")
	return c
}

// hold stores what is said of a hold. One that holds is not placed again, for a
// narrower scope would let documents go unseen.
func (o *indexFlags) hold(ctx context.Context, h *retain.Hold, scope func() (string, error)) error {
	st, err := o.write(ctx) // so that what waits in the spool counts
	if err != nil {
		return err
	}
	_, err = st.follow(ctx)
	var list []retain.Hold
	if err == nil {
		list, err = retain.Holds(ctx, st.ix)
	}
	if cerr := st.close(); err == nil {
		err = cerr
	}
	if err != nil {
		return queryError(err)
	}
	i := slices.IndexFunc(list, func(x retain.Hold) bool { return x.Name == h.Name && !x.Released })
	switch {
	case h.Released && i < 0:
		return failHint(exitFailed, fmt.Errorf("there is no hold %q to release", h.Name), "'saksi findings hold' lists them")
	case h.Released:
		h.Scope = list[i].Scope
	case i >= 0:
		return failHint(exitFailed, fmt.Errorf("hold %q holds already", h.Name), "give another one a name of its own; a hold is released by --release")
	default:
		if h.Scope, err = scope(); err != nil {
			return queryError(err)
		}
	}
	h.At = time.Now().UTC()
	e, err := h.Event()
	if err != nil {
		return usage("%w", err)
	}
	return o.say(ctx, e)
}

func (a *app) printHolds(ctx context.Context, o *indexFlags) error {
	ix, err := o.read(ctx)
	if err != nil {
		return err
	}
	defer ix.Close()
	list, err := retain.Holds(ctx, ix)
	if err != nil {
		return queryError(err)
	}
	r, err := a.rows("name", "state", "scope", "why", "by", "since")
	if err != nil {
		return err
	}
	for _, h := range list {
		state := "holds"
		if h.Released {
			state = "released"
		}
		if err := r.add(h.Name, state, h.Scope, h.Why, h.By, h.At.Format(time.RFC3339)); err != nil {
			return err
		}
	}
	return r.close()
}
