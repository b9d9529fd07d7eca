package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"saksi/findings/spool"
)

func findingsDead(a *app) *cobra.Command {
	o := &indexFlags{}
	var replay bool
	c := &cobra.Command{
		Use:   "dead",
		Short: "List documents that an index refused for good, or put them again",
		Long: "A document that an index refuses for itself (a wrong field, an id that is there with another body) is kept beside the spool with the reason. --replay\n" +
			"puts them into the index of --index or --case again, when what was wrong there is mended; what it takes is no longer listed.",
		Example: "  saksi findings dead --case kes-17\n  saksi findings dead --replay --index https://es.example:9200 --agency jpn",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if !replay {
				_, dir, err := o.folder()
				if err != nil {
					return err
				}
				list, err := spool.Letters(dir)
				if err != nil {
					return err
				}
				r, err := a.rows("index", "id", "dataset", "time", "reason")
				if err != nil {
					return err
				}
				for _, l := range list {
					if err := r.add(l.Index, l.Doc.ID, l.Doc.Dataset, l.Doc.Time.Format("2006-01-02T15:04:05Z"), l.Reason); err != nil {
						return err
					}
				}
				return r.close()
			}
			s, err := o.write(cmd.Context())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.close()) }()
			d, err := spool.Replay(cmd.Context(), s.dir, s.name, s.ix)
			if err != nil {
				return indexError(err)
			}
			r, err := a.rows("sent", "stored", "duplicate", "dead")
			if err != nil {
				return err
			}
			if err := errors.Join(r.add(d.Sent, d.Stored, d.Duplicate, d.Dead), r.close()); err != nil {
				return err
			}
			if d.Dead > 0 {
				return fail(exitIncomplete, fmt.Errorf("%d documents were refused again", d.Dead))
			}
			return nil
		},
	}
	o.add(c)
	c.Flags().BoolVar(&replay, "replay", false, "put them again")
	return c
}

// prune removes what every index has of the spool. A case keeps all of it: its
// index can be rebuilt at any time.
func (o *indexFlags) prune(a *app, s *store) error {
	p, err := spool.Prune(s.dir)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "saksi: %d segments of %d bytes were removed from the spool; an index can no longer be rebuilt from it as a whole\n", p.Segments, p.Bytes)
	if p.Segments == 0 && p.Behind != "" {
		fmt.Fprintf(a.stderr, "saksi: index %s is still in the first of them, or there is but one\n", p.Behind)
	}
	return nil
}
