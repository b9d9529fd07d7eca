package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"saksi/internal/journal"
)

// resumeFlags let long work be taken up again that was ended at any moment.
type resumeFlags struct {
	path  string
	parts *journal.Parts
	to    string // of --to; what is written has another name until all is done
}

func (o *resumeFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&o.path, "resume", "", "keep what is done in this `file`, encrypted, and take up from it a run that was ended at any moment; it is removed when all is done")
}

// open opens the journal, if one is asked for. The output of --to is then written beside
// its place: a run that was killed leaves part of it, and the next one writes it anew.
func (o *resumeFlags) open(a *app) error {
	if o.path == "" {
		return nil
	}
	if a.to != "" {
		if _, err := os.Lstat(a.to); err == nil {
			return failHint(exitUsage, fmt.Errorf("opening the output: %s is there", a.to), "--to never overwrites a file; name a new one")
		}
	}
	key, err := stationSecret("journal.key", "the key of journals")
	if err != nil {
		return err
	}
	if o.parts, err = journal.OpenParts(o.path, key); err != nil {
		return fail(exitUsage, fmt.Errorf("%w: %w", journal.ErrResume, err))
	}
	if a.to == "" {
		return nil
	}
	part, err := filepath.Abs(a.to + ".part")
	if err != nil {
		return fail(exitUsage, err)
	}
	if o.parts.Has("output " + part) { // that of the run that was ended
		err = os.Remove(part)
	} else if _, serr := os.Lstat(part); serr == nil {
		return failHint(exitUsage, fmt.Errorf("opening the output: %s is there, and no run of this journal wrote it", part), "move it away")
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fail(exitUsage, fmt.Errorf("opening the output: %w", err))
	}
	if _, err := o.parts.Part("output "+part, nil, nil); err != nil {
		return fail(exitUsage, err)
	}
	o.to, a.to = a.to, part
	return nil
}

// give gives the output its name.
func (o *resumeFlags) give(a *app) error {
	part := a.to
	if o.to == "" {
		return nil
	}
	a.to = o.to
	err := os.Link(part, o.to) // never over another
	if err == nil {
		return os.Remove(part)
	}
	if !errors.Is(err, fs.ErrExist) { // the file system knows no second names
		if _, serr := os.Lstat(o.to); errors.Is(serr, fs.ErrNotExist) {
			err = os.Rename(part, o.to)
		}
	}
	if err != nil {
		return fmt.Errorf("naming the output, which is in %s: %w", part, err)
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
	var cerr error
	if done {
		if cerr = o.give(a); cerr != nil {
			done = false
		}
	}
	cerr = errors.Join(cerr, o.parts.Close(done))
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
