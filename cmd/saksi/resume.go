package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"saksi/internal/journal"
)

// resumeFlags let long work be taken up again that was ended at any moment.
type resumeFlags struct {
	path  string
	parts *journal.Parts
}

func (o *resumeFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&o.path, "resume", "", "keep what is done in this `file`, encrypted, and take up from it a run that was ended at any moment; it is removed when all is done")
}

// open opens the journal, if one is asked for.
func (o *resumeFlags) open() error {
	if o.path == "" {
		return nil
	}
	key, err := stationSecret("journal.key", "the key of journals")
	if err != nil {
		return err
	}
	if o.parts, err = journal.OpenParts(o.path, key); err != nil {
		return fail(exitUsage, fmt.Errorf("%w: %w", journal.ErrResume, err))
	}
	return nil
}

// part is where a work of the command keeps what it has done; nil for nowhere.
func (o *resumeFlags) part(name string) *journal.Resume {
	if o.parts == nil {
		return nil
	}
	return &journal.Resume{In: o.parts, Name: name, Version: version}
}

// partOf is the part of a work on one image.
func (o *resumeFlags) partOf(name, image string) *journal.Resume {
	if abs, err := filepath.Abs(image); err == nil {
		image = abs
	}
	return o.part(name + " " + image)
}

// close removes the journal when all was done that the command had to do; else it says
// where what was done is kept. It returns err, with its own.
func (o *resumeFlags) close(ctx context.Context, a *app, err error) error {
	if o.parts == nil {
		return err
	}
	code := codeOf(err)
	done := ctx.Err() == nil && (err == nil || code == exitIncomplete || code == exitFailOn)
	if !done {
		fmt.Fprintf(a.stderr, "saksi: what was done is kept in %s; the same command takes it up\n", o.path)
	}
	cerr := o.parts.Close(done)
	o.parts = nil
	if err == nil {
		return cerr
	}
	if cerr != nil {
		a.warn(cerr.Error())
	}
	return err
}

// resumeError gives an error of a journal its code.
func resumeError(err error) error {
	if errors.Is(err, journal.ErrResume) {
		return fail(exitUsage, err)
	}
	return imageError(err)
}
