package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"saksi/evidence"
	"saksi/evidence/bundle"
)

type packOptions struct {
	name, made, key string
	serial          int64
}

func rulesPack(a *app) *cobra.Command {
	o := &packOptions{}
	c := &cobra.Command{
		Use:   "pack FOLDER --name NAME --serial N --to FILE",
		Short: "Pack rules, hash sets, an ASN table and settings into one signed file",
		Long: "Pack what stands in FOLDER below rules/, hashes/, asn/ and settings/ into a signed bundle for sites without a network, where\n" +
			"'saksi rules import' installs it, and for sensors that follow one ('sensor run --bundle'). A site never goes back to a lower serial of a name: the date works well as a serial.\n" +
			"Where --to names a folder, the bundle is put there as saksi-bundle-NAME-SERIAL.tar.gz.",
		Example: "  saksi rules pack content/ --name national --serial 2026013101 --key release.key --to .",
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), a, args[0]) },
	}
	f := c.Flags()
	f.StringVar(&o.name, "name", "", "`name` of the bundle: a-z, 0-9 and -")
	f.Int64Var(&o.serial, "serial", 0, "`number` higher than that of every earlier bundle of the name")
	f.StringVar(&o.made, "made", "", "`time` the content is of, RFC 3339 (default: now)")
	f.StringVar(&o.key, "key", "", "signing key `file` (default: this station's own)")
	_ = c.MarkFlagRequired("name")
	_ = c.MarkFlagRequired("serial")
	return c
}

func (o *packOptions) run(ctx context.Context, a *app, folder string) error {
	to := a.to
	a.to = "" // --to is the bundle; what is said of it goes to standard output
	if to == "" {
		return failHint(exitUsage, fmt.Errorf("packing %s: no file was named for the bundle", folder), "name one, or a folder for it, by --to")
	}
	made := time.Now()
	if o.made != "" {
		var err error
		if made, err = time.Parse(time.RFC3339, o.made); err != nil {
			return usage("--made is %q; expected RFC 3339, as 2026-01-31T08:00:00Z", o.made)
		}
	}
	if st, err := os.Stat(to); err == nil && st.IsDir() {
		to = filepath.Join(to, (&bundle.Manifest{Name: o.name, Serial: o.serial}).FileName())
	}
	s, err := a.signer(o.key)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return failHint(exitUsage, fmt.Errorf("writing the bundle: %w", err), "a bundle is never overwritten; name a new file by --to")
	}
	bar := a.progress("packing", "B")
	m, err := bundle.Pack(ctx, f, folder, o.name, o.serial, made, s, func(n int64) { bar.update(n, 0) })
	bar.finish()
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		err = errors.Join(err, os.Remove(to))
		if errors.Is(err, bundle.ErrContent) {
			return failHint(exitUsage, err, "a bundle is made of plain files below %s/", strings.Join(bundle.Folders, "/, "))
		}
		return err
	}
	r, err := a.rows("bundle", "name", "serial", "made", "files", "bytes", "key_hint")
	if err != nil {
		return err
	}
	if err := r.add(to, m.Name, m.Serial, m.Made, len(m.Files), m.Size(), s.Public().Hint()); err != nil {
		return err
	}
	return r.close()
}

func rulesImport(a *app) *cobra.Command {
	var key string
	c := &cobra.Command{
		Use:   "import BUNDLE --key KEY.pub",
		Short: "Verify a bundle of 'rules pack' and install it",
		Long: "Verify every byte of a bundle against a public key that you got by another way than the bundle, and install it in\n" +
			"the data folder as bundles/NAME, in place of an older one of its name. What does not verify (exit code 10), is signed by\n" +
			"another key (12), or is older than what is or was installed (1) changes nothing.",
		Example: "  saksi rules import saksi-bundle-national-2026013101.tar.gz --key release.pub",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if key == "" {
				return failHint(exitTrust, fmt.Errorf("importing %s: no public key was given", args[0]), "name one that you got by another way than the bundle, by --key")
			}
			if st, err := os.Stat(args[0]); err == nil && !st.Mode().IsRegular() {
				return usage("importing %s: it is a folder, a pipe or a device; name a file", args[0])
			}
			pub, err := evidence.LoadPublic(key)
			if err != nil {
				return evidenceError(err)
			}
			dir, err := dataDir()
			if err != nil {
				return err
			}
			bar := a.progress("verifying", "B")
			res, err := bundle.Install(cmd.Context(), args[0], filepath.Join(dir, "bundles"), pub, func(n int64) { bar.update(n, 0) })
			bar.finish()
			if err != nil {
				return bundleError(err)
			}
			return a.printBundle(res)
		},
	}
	c.Flags().StringVar(&key, "key", "", "public key `file` of who makes the bundles")
	return c
}

// bundleError gives errors of a bundle their exit codes.
func bundleError(err error) error {
	switch {
	case errors.Is(err, bundle.ErrDamaged):
		return failHint(exitDigest, err, "nothing was installed; copy the bundle again from where it was made")
	case errors.Is(err, bundle.ErrDowngrade):
		return failHint(exitFailed, err, "nothing was installed; to go back on purpose, have the older content packed under a higher serial")
	case errors.Is(err, bundle.ErrLocked):
		return fail(exitLocked, err)
	}
	return evidenceError(err)
}

func (a *app) printBundle(res *bundle.Result) error {
	r, err := a.rows("name", "serial", "made", "status", "previous", "files", "bytes", "folder", "manifest_sha256")
	if err != nil {
		return err
	}
	var previous any
	if res.Previous > 0 {
		previous = res.Previous
	}
	if err := r.add(res.Name, res.Serial, res.Made, res.Status, previous, len(res.Files), res.Size(), res.Folder, res.SHA256); err != nil {
		return err
	}
	return r.close()
}
