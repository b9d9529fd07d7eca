package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"saksi/findings/retain"
)

// retainFlags are the retention of a sensor's own spool and index.
type retainFlags struct {
	file, why string
	policy    *retain.Policy // nil: all is kept
	last      time.Time
}

// retainEach is how often a sensor removes what is due.
const retainEach = 24 * time.Hour

func (o *retainFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&o.file, "retain", "", "once a day remove documents whose time is over by this policy `file`, as 'findings retain' does")
	c.Flags().StringVar(&o.why, "retain-why", "", "`reason` on record for it, such as the rule of law that the policy follows")
}

func (o *retainFlags) read() (err error) {
	switch {
	case o.file == "" && o.why == "":
		return nil
	case o.file == "" || o.why == "":
		return usage("--retain and --retain-why go together: a removal is on record with its reason")
	}
	o.policy, err = readPolicy(o.file)
	return err
}

// retain removes what is due, once a day, from the index and the spool that this capture
// writes. The record of it goes past the queue: it is never shed.
func (f *follower) retain(ctx context.Context) {
	select {
	case <-f.end: // nothing is begun that the end would cut off
		return
	default:
	}
	o := &f.r.o.retain
	w := f.r.queue.Writer()
	if o.policy == nil || w == nil || f.r.queue.Counts().Low || time.Since(o.last) < retainEach {
		return
	}
	o.last = time.Now()
	if err := f.remove(ctx, &store{Writer: w, dir: f.dir, name: f.name, ix: f.ix, count: f.count}); err != nil {
		fmt.Fprintf(f.r.a.stderr, "saksi: retention: %s; capture goes on, and it is tried again tomorrow\n", printable(err.Error()))
	}
}

func (f *follower) remove(ctx context.Context, s *store) error {
	o := &retainOptions{indexFlags: f.r.o.indexFlags, why: f.r.o.retain.why}
	sink, err := stored(s, nil)
	if err != nil {
		return err
	}
	// First what waits in the spool: a hold may be among it.
	if _, err := s.follow(ctx); err != nil {
		return err
	}
	p := f.r.o.retain.policy
	var removed, held int64
	err = o.runSteps(ctx, f.r.a, s, sink, p.Plan(time.Now().UTC(), o.own()), func(run *retain.Run) error {
		removed, held = removed+run.Removed, held+run.Held
		return nil
	}, p.Digest)
	var coded *exitError
	if errors.As(err, &coded) && coded.code == exitIncomplete { // an index that is behind is no failure of this one
		fmt.Fprintf(f.r.a.stderr, "saksi: retention: %s\n", printable(err.Error()))
		err = nil
	}
	fmt.Fprintf(f.r.a.stderr, "saksi: retention: %d documents removed, %d are held\n", removed, held)
	return err
}
