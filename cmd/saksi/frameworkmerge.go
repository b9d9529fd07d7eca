package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"saksi/casefile"
	"saksi/evidence"
	"saksi/framework"
	"saksi/framework/merge"
	"saksi/framework/oscal"
	"saksi/framework/verify"
)

type bundleOptions struct{ key, trusted, trustDir string }

func frameworkBundle(a *app) *cobra.Command {
	o := &bundleOptions{}
	c := &cobra.Command{
		Use:   "bundle DIR --to FILE",
		Short: "Sign an agency's assessment and pack it for a merge",
		Long: "Verifies the assessment in DIR and packs it, signed, into one file that 'saksi framework merge' takes. The file holds assessment.json and\n" +
			"the catalog it was made with; all else is made from them. Where --to names a folder, the file is named after the agency and the time.",
		Example: "  saksi framework bundle audit --key agency.key --to .",
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), a, args[0]) },
	}
	f := c.Flags()
	f.StringVar(&o.key, "key", "", "signing key `file` of the agency (default: this station's own)")
	f.StringVar(&o.trusted, "signed-by", "", "public key `file` of who signed the assessment (default: this station's)")
	f.StringVar(&o.trustDir, "trust", "", "`folder` of public keys of who may have signed the assessment")
	return c
}

func (o *bundleOptions) run(ctx context.Context, a *app, dir string) error {
	to := a.to
	a.to = ""
	if to == "" {
		return failHint(exitUsage, fmt.Errorf("packing %s: no file was named for the bundle", dir), "name one, or a folder for it, by --to")
	}
	trust, err := signersTrust(o.trusted, o.trustDir)
	if err != nil {
		return err
	}
	r, err := verify.Folder(dir, verify.Options{Trust: trust})
	if err != nil {
		return failHint(exitFailed, err, "'saksi framework assess' writes one")
	}
	if len(r.Problems) > 0 {
		return a.printVerified(r)
	}
	as, err := readAssessment(dir)
	if err != nil {
		return err
	}
	raw, err := evidence.ReadRegular(filepath.Join(dir, verify.CatalogFile), maxAssessment)
	if err != nil {
		return fmt.Errorf("packing the assessment: %w", err)
	}
	frozen, err := framework.ParseFrozen(raw)
	if err != nil {
		return fmt.Errorf("packing the assessment: %w", err)
	}
	s, err := a.signer(o.key)
	if err != nil {
		return err
	}
	if st, err := os.Stat(to); err == nil && st.IsDir() {
		to = filepath.Join(to, fileWord(as.Agency)+"-"+as.AsOf.UTC().Format("20060102T150405Z")+merge.End)
	}
	if !strings.HasSuffix(to, merge.End) {
		return usage("--to %s: the file of a bundle ends in %s", to, merge.End)
	}
	var out bytes.Buffer
	if err := merge.Pack(ctx, &out, s, as, frozen); err != nil {
		return err
	}
	if err := evidence.WriteNew(to, out.Bytes(), 0o600); err != nil {
		return failHint(exitUsage, err, "a bundle is never overwritten; name a new file by --to")
	}
	t, err := a.rows("bundle", "agency", "framework", "as_of", "bytes", "sha256", "key_hint")
	if err != nil {
		return err
	}
	if err := t.add(to, as.Agency, as.Framework, as.AsOf.UTC().Format("2006-01-02T15:04:05Z"), out.Len(), evidence.SHA256(out.Bytes()), s.Public().Hint()); err != nil {
		return err
	}
	return t.close()
}

// fileWord is a name that may stand in the name of a file.
func fileWord(s string) string {
	w := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, s)
	w = strings.Trim(w, "-")
	if w == "" {
		return "agency"
	}
	return w[:min(len(w), 64)]
}

type mergeOptions struct {
	trustDir, register, key, previous string
	without                           bool
}

func frameworkMerge(a *app) *cobra.Command {
	o := &mergeOptions{}
	c := &cobra.Command{
		Use:   "merge BUNDLE... --trust DIR --to DIR",
		Short: "Merge the signed assessments of agencies into a national one",
		Long: "Takes bundles of 'saksi framework bundle', or folders of them, that keys of --trust signed and of which every number verifies. One that\n" +
			"does not is refused by name, and nothing is written, unless --without-refused leaves it out and says so. The new folder holds the sums,\n" +
			"signed, and the bundles, so that 'saksi framework verify' adds them up again. --register names the agencies that should be there.\n" +
			"Refused are also the same bundle twice, an older one beside a newer one of its agency or older than the merge of --previous has, two of one\n" +
			"agency by two persons' keys or at one time, and names that can be taken for another agency's (but for the one that the register names).",
		Example: "  saksi framework merge bundles/ --trust trust/ --to national\n  saksi framework report --assessment national --lang ms --to ringkasan.pdf",
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), a, args) },
	}
	f := c.Flags()
	f.StringVar(&o.trustDir, "trust", "", "`folder` of public keys of the agencies, with the register of keys")
	f.StringVar(&o.register, "register", "", "`file` of the register that names the agencies expected")
	f.StringVar(&o.key, "sign", "", "signing key `file` for the merge (default: this station's own)")
	f.StringVar(&o.previous, "previous", "", "`folder` of the merge before: nothing older than what it holds is taken")
	f.BoolVar(&o.without, "without-refused", false, "leave out bundles that are refused; the merge names them")
	cobra.CheckErr(c.MarkFlagRequired("trust"))
	return c
}

func (o *mergeOptions) run(ctx context.Context, a *app, args []string) error {
	dir := a.to
	a.to = ""
	if dir == "" {
		return usage("a merge needs a new folder: name it by --to")
	}
	if exists(dir) {
		return failHint(exitFailed, fmt.Errorf("writing a merge: %s exists", dir), "name a new folder by --to; a merge is never overwritten")
	}
	trust, err := evidence.LoadTrust(o.trustDir)
	if err != nil {
		return evidenceError(err)
	}
	paths, err := bundlePaths(args)
	if err != nil {
		return err
	}
	var expected []string
	if o.register != "" {
		r, err := readRegister(o.register)
		if err != nil {
			return err
		}
		for _, x := range r.Agencies {
			expected = append(expected, x.Name)
		}
	}
	s, err := a.signer(o.key)
	if err != nil {
		return err
	}
	before, err := o.before(trust)
	if err != nil {
		return err
	}
	x := &merging{a: a, trust: trust, expected: expected, before: before, drop: map[string]bool{}, said: map[verify.Problem]bool{}}
	for x.again = true; x.again; { // what must not stand beside a later one is left out from the beginning
		if err := x.read(ctx, paths); err != nil {
			return err
		}
	}
	g, problems, taken := x.g, x.problems, x.taken
	for _, w := range x.told {
		a.warn(printable(w))
	}
	if len(problems) > 0 && (!o.without || len(taken) == 0) {
		return a.printRefused(problems)
	}
	m := g.Merged()
	for _, n := range g.Unexpected() {
		a.warn(fmt.Sprintf("%s: the register does not name this agency", printable(n)))
	}
	if err := writeMerge(ctx, s, dir, m, taken); err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "saksi: written to %s\n", dir)
	if err := a.printMerged(m); err != nil {
		return err
	}
	if len(problems) > 0 {
		for _, p := range problems {
			a.warn(fmt.Sprintf("refused: %s: %s: expected %s, found %s", printable(p.Item), p.Kind, printable(p.Expected), printable(p.Found)))
		}
		return fail(exitIncomplete, fmt.Errorf("%d bundles were refused and are left out", len(m.Refused)))
	}
	return nil
}

// before reads the merge of --previous, which a key of --trust or this station's
// must have signed; nil without one.
func (o *mergeOptions) before(trust *evidence.Trust) (*merge.Merged, error) {
	if o.previous == "" {
		return nil, nil
	}
	own, err := signersTrust("", "")
	if err != nil {
		return nil, err
	}
	both := *trust
	both.Keys = append(slices.Clone(trust.Keys), own.Keys...)
	m, problems, err := merge.Signed(o.previous, &both)
	if err != nil {
		return nil, fail(exitUsage, fmt.Errorf("--previous: %w", err))
	}
	if len(problems) > 0 {
		p := problems[0]
		code := exitDigest
		if p.Kind == verify.KindKey {
			code = exitTrust
		}
		return nil, fail(code, fmt.Errorf("--previous %s: %s: %s: expected %s, found %s", o.previous, p.Item, p.Kind, p.Expected, p.Found))
	}
	return m, nil
}

// merging is one reading of bundles after the other, until none is left out that
// was added before.
type merging struct {
	a        *app
	trust    *evidence.Trust
	expected []string
	before   *merge.Merged
	drop     map[string]bool // digests of bundles that are left out
	said     map[verify.Problem]bool
	problems []verify.Problem
	g        *merge.Merger
	taken    []string
	told     []string
	again    bool
}

func (x *merging) read(ctx context.Context, paths []string) error {
	x.g, x.taken, x.told, x.again = merge.New(toolName(), x.expected, casefile.Classifications), nil, nil, false
	bar := x.a.progress("verifying bundles", "")
	defer bar.finish()
	n := 0
	added := map[string]bool{}
	return merge.Read(paths, x.trust, runtime.GOMAXPROCS(0), func(b *merge.Bundle) error {
		path := paths[n]
		n++
		bar.update(int64(n), int64(len(paths)))
		if x.drop[b.SHA256] {
			x.g.Refuse(b.File)
			return ctx.Err()
		}
		list := b.Problems
		if len(list) == 0 {
			list = x.beside(b, added)
		}
		for _, p := range list {
			if !x.said[p] {
				x.said[p] = true
				x.problems = append(x.problems, p)
			}
		}
		if len(list) > 0 {
			x.g.Refuse(b.File)
			return ctx.Err()
		}
		added[b.SHA256] = true
		x.taken = append(x.taken, path)
		return ctx.Err()
	})
}

// beside adds a bundle that verifies; what speaks against it, or against one that
// was added before, is returned.
func (x *merging) beside(b *merge.Bundle, added map[string]bool) []verify.Problem {
	if x.before != nil {
		p, told := x.before.Behind(b)
		if p != nil {
			return []verify.Problem{*p}
		}
		if told != "" {
			x.told = append(x.told, told)
		}
	}
	c := x.g.Add(b)
	if c == nil {
		return nil
	}
	for _, sum := range c.Drop {
		x.drop[sum] = true
		x.again = x.again || added[sum]
	}
	return c.Problems
}

// bundlePaths are the bundles that are named, and those in folders that are.
func bundlePaths(args []string) ([]string, error) {
	var paths []string
	for _, p := range args {
		st, err := os.Stat(p)
		if err != nil {
			return nil, fmt.Errorf("reading bundles: %w", err)
		}
		if !st.IsDir() {
			paths = append(paths, p)
			continue
		}
		list, err := merge.Files(p)
		if err != nil {
			return nil, err
		}
		if len(list) == 0 {
			return nil, usage("%s holds no bundle (*%s)", p, merge.End)
		}
		paths = append(paths, list...)
	}
	return paths, nil
}

// printRefused names the bundles that do not verify.
func (a *app) printRefused(problems []verify.Problem) error {
	t, err := a.rows("item", "kind", "expected", "found")
	if err != nil {
		return err
	}
	keys := true
	for _, p := range problems {
		keys = keys && p.Kind == verify.KindKey
		if err := t.add(p.Item, p.Kind, p.Expected, p.Found); err != nil {
			return err
		}
	}
	if err := t.close(); err != nil {
		return err
	}
	code := exitDigest
	if keys {
		code = exitTrust
	}
	return failHint(code, fmt.Errorf("bundles are refused: %d problems; nothing was written", len(problems)), "have them sent again, or leave them out by --without-refused")
}

// writeMerge writes a merge, signed, with its bundles.
func writeMerge(ctx context.Context, s *evidence.Signer, dir string, m *merge.Merged, paths []string) error {
	doc, err := m.JSON()
	if err != nil {
		return err
	}
	if err := writeSigned(ctx, s, dir, "a merge", []oscal.Document{{Name: merge.File, JSON: doc}}); err != nil {
		return err
	}
	to := filepath.Join(dir, merge.BundlesDir)
	if err := os.Mkdir(to, 0o700); err != nil {
		return fmt.Errorf("writing a merge: %w", err)
	}
	wanted := map[string]string{}
	for _, x := range m.Agencies {
		wanted[x.SHA256] = x.File
	}
	for _, p := range paths {
		b, err := evidence.ReadRegular(p, merge.MaxBundle)
		if err != nil {
			return fmt.Errorf("writing a merge: %w", err)
		}
		sum := evidence.SHA256(b)
		if wanted[sum] == "" {
			return fail(exitDigest, fmt.Errorf("writing a merge: %s was changed meanwhile", p))
		}
		if err := evidence.WriteNew(filepath.Join(to, sum[:16]+merge.End), b, 0o600); err != nil {
			return fmt.Errorf("writing a merge: %w", err)
		}
	}
	return nil
}

func (a *app) printMerged(m *merge.Merged) error {
	t, err := a.rows("agency", "as_of", "passing", "controls", "fail", "no_data", "seen", "in_scope", "coverage", "risks", "overdue")
	if err != nil {
		return err
	}
	for _, x := range m.Agencies {
		if err := t.add(x.Name, x.AsOf.UTC().Format("2006-01-02"), x.Passing, x.Controls, x.Counts[framework.Fail], x.Counts[framework.NoData], x.Seen, x.InScope, string(x.Coverage), x.Risks, x.Overdue); err != nil {
			return err
		}
	}
	for _, name := range m.Missing {
		if err := t.add(name, "", 0, 0, 0, 0, 0, 0, "not sent", 0, 0); err != nil {
			return err
		}
	}
	return t.close()
}

// readMerge reads the merge in a folder; nil when there is none.
func readMerge(dir string) (*merge.Merged, error) {
	path := filepath.Join(dir, merge.File)
	if !exists(path) {
		return nil, nil
	}
	b, err := evidence.ReadRegular(path, maxAssessment)
	if err != nil {
		return nil, fmt.Errorf("reading the merge: %w", err)
	}
	var m merge.Merged
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("reading the merge %s: %w", path, err)
	}
	if m.Format != merge.Format {
		return nil, fmt.Errorf("reading the merge %s: format %d; this saksi reads %d", path, m.Format, merge.Format)
	}
	return &m, nil
}

var errNotForMerge = errors.New("a merge is made of bundles: name neither cases nor an index")
