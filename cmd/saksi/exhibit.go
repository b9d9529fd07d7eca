package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"saksi/casefile"
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
		a.unrecorded(input)
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
func openExhibit(ctx context.Context, c *casefile.Case, dir, input, act, why string) (*casefile.Exhibit, error) {
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

// unrecorded says which inputs are exhibits that are read without their case
// being named, so that its custody log does not know.
func (a *app) unrecorded(inputs ...string) {
	for _, in := range inputs {
		if dir := caseAround(in); dir != "" {
			a.warn(fmt.Sprintf("%s lies in the case %s, and that it is read is not recorded; copy it out by 'saksi evidence export', or name the case by --case %s where that is a flag", in, dir, shellWord(dir)))
		}
	}
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
