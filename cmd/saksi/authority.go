package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"saksi/evidence"
)

// authorityFlag lets a command say on what authority it acts.
type authorityFlag struct{ path string }

func (o *authorityFlag) add(c *cobra.Command, what string) {
	c.Flags().StringVar(&o.path, "authority", "", "YAML `file` of the warrant, consent or instruction on which this is done; "+what)
}

// read reads the authority and checks that it allows the acts now, on each of
// the targets; nil without a file.
func (o *authorityFlag) read(targets []evidence.Target, acts ...evidence.Act) (*evidence.Authority, error) {
	if o.path == "" {
		return nil, nil
	}
	a, err := evidence.ReadAuthority(o.path)
	if err != nil {
		return nil, fail(exitUsage, err)
	}
	for i, act := range acts {
		if err := a.Check(act, time.Now()); err != nil {
			return nil, authorityError(err)
		}
		for k := range targets {
			if i > 0 { // the other acts are done to what comes of the first
				break
			}
			if err := a.CheckTarget(act, &targets[k]); err != nil {
				return nil, authorityError(err)
			}
		}
	}
	return a, nil
}

// authorityError says what to do about what an authority does not allow.
func authorityError(err error) error {
	if errors.Is(err, evidence.ErrAuthority) {
		return failHint(exitUsage, err, "nothing was done; an authority for it is needed, as the file of --authority says it")
	}
	return err
}
