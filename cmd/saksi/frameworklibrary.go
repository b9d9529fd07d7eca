package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"saksi/evidence"
	"saksi/framework"
)

// library is where catalogs come from: those built in, and the user's.
func library() framework.Library {
	dir, err := configDir()
	if err != nil {
		return framework.Library{}
	}
	return framework.Library{Dir: filepath.Join(dir, "frameworks")}
}

// keepFramework writes a file into the library's folder; none is overwritten.
func keepFramework(name string, b []byte) (string, error) {
	dir := library().Dir
	if dir == "" {
		return "", failHint(exitFailed, fmt.Errorf("there is no folder for settings"), "set HOME or XDG_CONFIG_HOME")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("keeping a framework: %w", err)
	}
	p := filepath.Join(dir, name)
	if err := evidence.WriteNew(p, b, 0o600); err != nil {
		return "", failHint(exitFailed, fmt.Errorf("keeping a framework: %w", err), "a catalog is never overwritten; remove %s first, or give another name", p)
	}
	return p, nil
}

func frameworkImport(a *app) *cobra.Command {
	var name, like, catalog string
	c := &cobra.Command{
		Use:   "import FILE --name NAME",
		Short: "Import an OSCAL catalog or profile, or a catalog of ours, as a framework",
		Long: "FILE is an OSCAL catalog, or a profile with the catalog that it imports beside it or named by --catalog (JSON, YAML or XML), or a\n" +
			"catalog in our own form (YAML). It is checked and kept in the settings folder. Of a profile, and of profiles that it imports, selection,\n" +
			"parameters and alterations are applied; those that name nothing in what is selected are counted.",
		Example: "  saksi framework import agency-catalog.json --name agency --like nist-800-53r5",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			b, err := evidence.ReadRegular(args[0], framework.MaxOSCAL)
			if err != nil {
				return fail(exitFailed, fmt.Errorf("importing a framework: %w", err))
			}
			for _, n := range framework.Names() {
				if n == name {
					return usage("--name %s: that framework is built in", name)
				}
			}
			var im *framework.Imported
			if own, err := framework.Parse(args[0], b); err == nil {
				im = &framework.Imported{Catalog: own, YAML: b}
				if name != "" && name != own.ID {
					return usage("--name %s: the catalog's own id is %s", name, own.ID)
				}
			} else {
				if looksOurs(b) {
					return fail(exitFailed, err)
				}
				if name == "" {
					return usage("--name is needed for a document of OSCAL")
				}
				if im, err = framework.Import(args[0], b, name, like, besides(args[0], catalog)); err != nil {
					return fail(exitFailed, err)
				}
			}
			p, err := keepFramework(im.Catalog.ID+".yaml", im.YAML)
			if err != nil {
				return err
			}
			if _, err := library().Load(im.Catalog.ID); err != nil {
				return fail(exitFailed, fmt.Errorf("%w (undone: %w)", err, os.Remove(p)))
			}
			if im.Unapplied > 0 {
				a.warn(fmt.Sprintf("%d parameters and alterations of the profile name nothing in what it selects", im.Unapplied))
			}
			r, err := a.rows("framework", "version", "controls", "withdrawn", "cut_texts", "file")
			if err != nil {
				return err
			}
			if err := r.add(im.Catalog.ID, im.Catalog.Version, len(im.Catalog.Controls), im.Withdrawn, im.Cut, p); err != nil {
				return err
			}
			return r.close()
		},
	}
	c.Flags().StringVar(&name, "name", "", "`name` of the framework here: a-z, 0-9, . and -")
	c.Flags().StringVar(&like, "like", "", "`framework` whose checks decide controls of the same id, such as nist-800-53r5")
	c.Flags().StringVar(&catalog, "catalog", "", "`file` of the catalog that a profile imports")
	return c
}

// looksOurs reports whether a file that is wrong was meant to be a catalog of
// our own form.
func looksOurs(b []byte) bool {
	for _, l := range strings.Split(string(b[:min(len(b), 4096)]), "\n") {
		if strings.HasPrefix(l, "id:") {
			return true
		}
	}
	return false
}

// besides reads what a profile imports: the file that is named, or one in the
// profile's own folder.
func besides(profile, catalog string) func(string) (string, []byte, error) {
	return func(href string) (string, []byte, error) {
		p := catalog
		if p == "" {
			base := filepath.Base(filepath.FromSlash(href))
			if base == "." || strings.HasPrefix(href, "#") {
				return "", nil, fmt.Errorf("the profile imports %q; name the catalog by --catalog", href)
			}
			p = filepath.Join(filepath.Dir(profile), base)
		}
		b, err := evidence.ReadRegular(p, framework.MaxOSCAL)
		if err != nil {
			return "", nil, fmt.Errorf("the profile imports %q; name the catalog by --catalog: %w", href, err)
		}
		return p, b, nil
	}
}

func exists(p string) bool {
	_, err := os.Lstat(p)
	return err == nil
}

func frameworkOverlay(a *app) *cobra.Command {
	var name string
	c := &cobra.Command{
		Use:   "overlay FILE --name NAME",
		Short: "Keep an agency's own file over a framework: checks, modes and controls of its own",
		Long:  "The overlay (docs/framework.md) is checked against its framework and kept in the settings folder. It takes no control away.",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			b, err := evidence.ReadRegular(args[0], 8<<20)
			if err != nil {
				return fail(exitFailed, fmt.Errorf("reading an overlay: %w", err))
			}
			if name == "" || strings.ContainsAny(name, "/\\.") {
				return usage("--name %q: expected a name without dots and slashes", name)
			}
			if p := filepath.Join(library().Dir, name+".overlay.yaml"); exists(p) {
				return failHint(exitFailed, fmt.Errorf("there is an overlay %s already; it is never overwritten", p), "remove it first, or give another name")
			}
			o, k, err := library().Overlaid(args[0], b)
			if err != nil {
				return fail(exitFailed, err)
			}
			p, err := keepFramework(name+".overlay.yaml", b)
			if err != nil {
				return err
			}
			r, err := a.rows("framework", "version", "agency", "changed", "file")
			if err != nil {
				return err
			}
			if err := r.add(k.ID, k.Version, o.Agency, len(o.Controls), p); err != nil {
				return err
			}
			return r.close()
		},
	}
	c.Flags().StringVar(&name, "name", "", "`name` of the overlay here")
	return c
}
