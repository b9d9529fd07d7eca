package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"saksi/casefile"
	"saksi/evidence"
	"saksi/forensics/disk"
)

// exhibitFlags let a command that only reads be about an exhibit of a case.
type exhibitFlags struct{ caseID, key string }

func (o *exhibitFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&o.caseID, "case", "", "case `folder` whose exhibit the image is (E1, or its path); that it is opened, and why, is recorded")
	c.Flags().StringVar(&o.key, "key", "", "signing key `file` of the case (default: this station's own)")
}

// open gives the path of an image. With a case it must be an exhibit of it, and
// the act is in the custody log before the first byte is read.
func (o *exhibitFlags) open(cmd *cobra.Command, a *app, input, act, why string) (path string, err error) {
	if o.caseID == "" {
		a.recordAround(cmd, o.key, act, why, input)
		return input, nil
	}
	c, err := a.openCase(cmd, o.caseID, o.key)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	x, err := openExhibit(cmd.Context(), c, o.caseID, input, act, why)
	if err != nil {
		return "", err
	}
	return c.PathOf(x), nil
}

// openExhibit records an act on the exhibit that an input, its id or its path,
// is. The caller reads it by its path in ctx, where the file that was checked is
// held (evidence.Held).
//
// Disks that are opened with it (--with) are exhibits, too: the act is recorded
// on each, and where an id was given its path stands in ctx from now on.
func openExhibit(ctx context.Context, c *casefile.Case, dir, input, act, why string) (*casefile.Exhibit, error) {
	others := disk.Others(ctx)
	for i, other := range others {
		x, err := openOne(ctx, c, dir, other, act, why+"; opened together with "+input)
		if err != nil {
			return nil, err
		}
		others[i] = c.PathOf(x)
	}
	return openOne(ctx, c, dir, input, act, why)
}

func openOne(ctx context.Context, c *casefile.Case, dir, input, act, why string) (*casefile.Exhibit, error) {
	x, err := findExhibit(c, input)
	if err != nil {
		return nil, err
	}
	if x == nil {
		return nil, failHint(exitUsage, fmt.Errorf("%s is no exhibit of case %s", input, c.Info.ID), "'saksi case add %s %s' takes it under custody first; 'saksi case show' lists exhibits", shellWord(dir), shellWord(input))
	}
	if disk.HasSecrets(ctx) {
		why += "; encrypted volumes in it are opened by a pass phrase or a key file"
	}
	f, x, err := c.OpenExhibit(ctx, x.ID, act, why)
	if err != nil {
		return nil, caseError(err)
	}
	return x, f.Close()
}

// recordAround records an act on inputs that are exhibits of a case which was not
// named, if the case is this station's; else it says that the custody log does not
// know. Reading a file is in nobody's power to refuse, so it goes on.
func (a *app) recordAround(cmd *cobra.Command, key, act, why string, inputs ...string) {
	for _, in := range append(inputs, disk.Others(cmd.Context())...) {
		dir := caseAround(in)
		if dir == "" {
			continue
		}
		if err := a.recordIn(cmd, dir, key, in, act, why); err != nil {
			a.warn(fmt.Sprintf("%s lies in the case %s, and that it is read is not recorded: %v", in, dir, err))
			continue
		}
		a.warn(fmt.Sprintf("%s lies in the case %s; that it is read is recorded in its custody log", in, dir))
	}
}

func (a *app) recordIn(cmd *cobra.Command, dir, key, input, act, why string) (err error) {
	info, err := casefile.ReadInfo(dir)
	if err != nil {
		return err
	}
	if key == "" {
		// A station that has no key yet does not make one to read a stranger's case.
		station, err := stationKey()
		if err != nil {
			return err
		}
		if p, err := evidence.LoadPublic(publicOf(station)); err != nil || p.Hint() != info.Key {
			return fmt.Errorf("the case is not this station's (its log is signed by key %s)", info.Key)
		}
	}
	c, err := a.openCase(cmd, dir, key)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	_, err = openOne(cmd.Context(), c, dir, input, act, why)
	return err
}

// caseAround is the folder of the case that a file lies in, "" for none.
func caseAround(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return ""
	}
	dir := filepath.Dir(filepath.Dir(filepath.Dir(abs))) // CASE/data/exhibits/FILE
	rel, err := filepath.Rel(dir, abs)
	if err != nil || filepath.Dir(rel) != filepath.FromSlash(casefile.ExhibitsDir) {
		return ""
	}
	if _, err := os.Lstat(filepath.Join(dir, "case.json")); err != nil {
		return ""
	}
	return dir
}
