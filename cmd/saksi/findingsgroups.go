package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"saksi/event"
	"saksi/findings/review"
)

func findingsGroups(a *app) *cobra.Command {
	o := &indexFlags{}
	var by []string
	var size int
	var hush suppressFlag
	c := &cobra.Command{
		Use:   "groups [QUERY]",
		Short: "Gather findings that are alike: how many, first and last",
		Long: "Findings are gathered by rule, source and destination, or by what --by names. A group tells how many findings it has, the first and the last of them,\n" +
			"and the id of the newest; none is lost. The most severe stand first.",
		Example: "  saksi findings groups\n  saksi findings groups 'event.severity:>=3' --by technique,source",
		Args:    cobra.MaximumNArgs(1), ValidArgsFunction: completeQuery,
		RunE: func(cmd *cobra.Command, args []string) error {
			var keys []event.Field
			columns := []string{"severity", "findings", "first", "last"}
			for _, name := range by {
				i := slices.IndexFunc(review.Keys, func(k struct {
					Name  string
					Field event.Field
				},
				) bool {
					return k.Name == name
				})
				if i < 0 {
					return usage("--by %s: expected some of %s", name, strings.Join(review.KeyNames(), ", "))
				}
				keys, columns = append(keys, review.Keys[i].Field), append(columns, name)
			}
			if len(keys) == 0 || size < 0 {
				return usage("--by names nothing, or --size is below 0")
			}
			q, err := queryOf(args)
			if err != nil {
				return err
			}
			ix, err := o.read(cmd.Context())
			if err != nil {
				return err
			}
			defer ix.Close()
			if err := hush.load(cmd.Context(), ix); err != nil {
				return err
			}
			list, rest, _, err := review.Groups(cmd.Context(), ix, q, keys, hush.skip)
			if err != nil {
				return queryError(err)
			}
			if err := o.look(cmd.Context(), a, ix, "groups", q, 0); err != nil {
				return err
			}
			r, err := a.rows(append(columns, "name", "newest")...)
			if err != nil {
				return err
			}
			shown := list
			if size > 0 {
				shown = list[:min(len(list), size)]
			}
			for _, g := range shown {
				row := []any{g.Severity, g.N, g.First.Format(time.RFC3339), g.Last.Format(time.RFC3339)}
				for _, v := range g.Values {
					row = append(row, v)
				}
				if err := r.add(append(row, g.Name, g.Newest[:idShown])...); err != nil {
					return err
				}
			}
			if err := r.close(); err != nil {
				return err
			}
			hush.tell(a)
			if len(shown) < len(list) {
				a.warn(fmt.Sprintf("%d of %d groups shown; --size 0 shows all", len(shown), len(list)))
			}
			if rest > 0 {
				return fail(exitIncomplete, fmt.Errorf("%d findings belong to further groups, which were too many to hold; narrow the query", rest))
			}
			return nil
		},
	}
	o.add(c)
	c.Flags().StringSliceVar(&by, "by", []string{"rule", "source", "destination"}, "`what` they have in common: "+strings.Join(review.KeyNames(), ", "))
	c.Flags().IntVar(&size, "size", 100, "most groups to print; 0 for all")
	hush.add(c)
	return c
}
