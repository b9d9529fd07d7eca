package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"saksi/casefile"
	"saksi/evidence"
	"saksi/framework"
	"saksi/framework/merge"
	"saksi/framework/verify"
)

type verifyAssessmentOptions struct {
	assessOptions
	trustDir string
}

func frameworkVerify(a *app) *cobra.Command {
	o := &verifyAssessmentOptions{}
	c := &cobra.Command{
		Use:   "verify DIR",
		Short: "Verify an assessment or a merge: signatures, ids, references, and every number",
		Long: "Checks the form of each document, its signature, that every id is there once and every reference leads to something, and computes\n" +
			"every number again: the assessment from the answers frozen in it, the OSCAL documents from the assessment, a merge from its bundles. With\n" +
			"--index or --case it is computed again from the evidence itself, and the digests of the exhibits are too. All problems are named.\n" +
			"Without --key or --trust the documents must be signed by this station. Nothing is written.",
		Example: "  saksi framework verify audit\n  saksi framework verify audit --trust trust/ --case kes-17 -o json",
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), a, args[0]) },
	}
	f := c.Flags()
	f.StringVar(&o.key, "key", "", "public key `file` of who signed (default: this station's)")
	f.StringVar(&o.trustDir, "trust", "", "`folder` of public keys of who may have signed")
	o.sources(f)
	return c
}

// signersTrust are the keys that are named, or this station's own.
func signersTrust(key, dir string) (*evidence.Trust, error) {
	if key != "" && dir != "" {
		return nil, usage("--key and --trust say the same: name one of them")
	}
	if dir != "" {
		t, err := evidence.LoadTrust(dir)
		return t, evidenceError(err)
	}
	if key == "" {
		station, err := stationKey()
		if err != nil {
			return nil, err
		}
		key = strings.TrimSuffix(station, ".key") + ".pub"
	}
	p, err := evidence.LoadPublic(key)
	if err != nil {
		return nil, failHint(exitTrust, err, "name the key of who signed by --key, or a folder of keys by --trust")
	}
	return evidence.TrustKey(p), nil
}

func (o *verifyAssessmentOptions) run(ctx context.Context, a *app, dir string) error {
	trust, err := signersTrust(o.key, o.trustDir)
	if err != nil {
		return err
	}
	if exists(filepath.Join(dir, merge.File)) {
		if o.index != "" || len(o.cases) > 0 {
			return usage("%w", errNotForMerge)
		}
		r, err := merge.Verify(dir, trust, runtime.GOMAXPROCS(0), casefile.Classifications)
		if err != nil {
			return err
		}
		return a.printVerified(r)
	}
	v := verify.Options{Trust: trust}
	if len(o.cases) > 0 {
		if v.Exhibits, err = exhibitDigests(ctx, a, o.cases); err != nil {
			return err
		}
	}
	if o.index != "" || len(o.cases) > 0 {
		as, err := readAssessment(dir)
		if err != nil {
			return err
		}
		if v.Again, err = o.again(ctx, a, as, trust); err != nil {
			return err
		}
	}
	r, err := verify.Folder(dir, v)
	if err != nil {
		return failHint(exitFailed, err, "'saksi framework assess' writes one")
	}
	return a.printVerified(r)
}

// again assesses the same anew, from the evidence that is named; nil when the
// index that was asked is not.
func (o *verifyAssessmentOptions) again(ctx context.Context, a *app, as *framework.Assessment, trust *evidence.Trust) (*framework.Assessment, error) {
	if o.index == "" && strings.HasPrefix(as.Where, "--index") {
		a.warn("the assessment was made from an index; name it by --index to have it computed again from the evidence")
		return nil, nil
	}
	if err := o.same(as); err != nil {
		return nil, err
	}
	o.framework, o.scope, o.trust = as.Framework, as.Scope, o.trustDir
	for _, x := range as.Samples {
		o.seed, o.sample = x.Seed, max(o.sample, len(x.Drawn))
	}
	ix, done, err := o.indexes(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	in := framework.Inputs{Framework: as.Framework, AsOf: as.AsOf, Where: as.Where}
	if in.Catalog, err = library().Load(as.Framework); err != nil {
		return nil, err
	}
	if in.Register, err = readRegister(o.register); err != nil {
		return nil, err
	}
	if err := o.more(a, &in); err != nil {
		return nil, err
	}
	var pub *evidence.Public
	for _, c := range o.cases {
		info, err := casefile.ReadInfo(c)
		if err != nil {
			return nil, caseError(err)
		}
		if k := trust.Key(info.Key); k != nil {
			pub = k
		}
	}
	if pub == nil && len(o.cases) > 0 {
		pub = trust.Keys[0]
	}
	grown, err := grownCases(as, o.cases)
	if err != nil {
		return nil, err
	}
	if grown != "" {
		a.warn(fmt.Sprintf("the custody log of case %s goes on from where it was assessed: what was verified of the cases then is taken as it is frozen; 'saksi evidence verify' checks them now", printable(grown)))
		in.Cases, in.Sources, in.Facts = as.Inputs.Cases, as.Sources, as.FrozenFacts()
		in.Agency, in.Classification, in.Assessor, in.Tool = as.Agency, as.Classification, as.Assessor, as.Tool
		return framework.Assess(ctx, ix, in)
	}
	in.Cases = as.Inputs.Cases
	again, err := assessCases(ctx, ix, in, o.cases, pub)
	return again, caseError(err)
}

// grownCases names the cases whose custody log has more entries than when they
// were assessed and is else the same; "" when there are none, or when one of
// them is not what was assessed.
func grownCases(as *framework.Assessment, dirs []string) (string, error) {
	var names []string
	for _, dir := range dirs {
		info, err := casefile.ReadInfo(dir)
		if err != nil {
			return "", caseError(err)
		}
		for _, k := range as.Inputs.Cases {
			if k.ID != info.ID {
				continue
			}
			now, err := casefile.LogRoot(dir)
			if err != nil {
				return "", nil // assessing it again tells what is wrong
			}
			then, err := casefile.LogRootAt(dir, k.Entries)
			if err != nil || then != k.LogRoot {
				return "", nil
			}
			if now != then {
				names = append(names, k.ID)
			}
		}
	}
	return strings.Join(names, ", "), nil
}

// same says what an assessment was made from and is not named.
func (o *verifyAssessmentOptions) same(as *framework.Assessment) error {
	for _, x := range []struct {
		flag     string
		had, has bool
	}{
		{"case", len(as.Inputs.Cases) > 0, len(o.cases) > 0},
		{"attestations", len(as.Inputs.Attestations)+len(as.Inputs.Waivers) > 0, o.words != ""},
		{"journal", as.Inputs.Journal != nil, o.journal != ""},
		{"previous", len(as.Inputs.Previous) > 0, len(o.previous) > 0},
	} {
		if x.had && !x.has {
			return usage("the assessment was made from more than is named here: name it by --%s too", x.flag)
		}
	}
	return nil
}

// exhibitDigests hashes the exhibits of cases; "" is one without a file.
func exhibitDigests(ctx context.Context, a *app, dirs []string) (map[[2]string]string, error) {
	out := map[[2]string]string{}
	bar := a.progress("hashing exhibits", "B")
	defer bar.finish()
	for _, dir := range dirs {
		info, err := casefile.ReadInfo(dir)
		if err != nil {
			return nil, caseError(err)
		}
		list, err := casefile.Exhibits(dir)
		if err != nil {
			return nil, caseError(err)
		}
		for _, x := range list {
			path := x.Path
			if x.Copied {
				path = filepath.Join(dir, filepath.FromSlash(x.Path))
			}
			f, err := evidence.OpenRegular(path)
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, evidence.ErrFile) {
				out[[2]string{info.ID, x.ID}] = ""
				continue
			}
			if err != nil {
				return nil, err
			}
			sum, _, err := evidence.SHA256Reader(ctx, f, func(n int64) { bar.update(n, 0) })
			if err = errors.Join(err, f.Close()); err != nil {
				return nil, fmt.Errorf("hashing exhibit %s: %w", x.ID, err)
			}
			out[[2]string{info.ID, x.ID}] = sum
		}
	}
	return out, nil
}

func (a *app) printVerified(r *verify.Result) error {
	if a.format == "json" {
		w, done, err := a.open()
		if err != nil {
			return err
		}
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		if err := errors.Join(e.Encode(r), done()); err != nil {
			return err
		}
		return verified(r)
	}
	t, err := a.rows("item", "kind", "expected", "found")
	if err != nil {
		return err
	}
	for _, p := range r.Problems {
		if err := t.add(p.Item, p.Kind, p.Expected, p.Found); err != nil {
			return err
		}
	}
	if a.format == "table" && len(r.Problems) == 0 {
		if _, err := fmt.Fprintf(t.w, "%s verifies: %d documents, %d signatures, %d references, %d values%s\n", printable(r.Folder), r.Documents, r.Signatures, r.References, r.Values, fromEvidence(r)); err != nil {
			return err
		}
		t.columns, t.right = nil, nil
	}
	if r.More > 0 {
		a.warn(fmt.Sprintf("%d more problems are not named", r.More))
	}
	if err := t.close(); err != nil {
		return err
	}
	return verified(r)
}

func fromEvidence(r *verify.Result) string {
	if r.Evidence {
		return ", computed again from the evidence"
	}
	return ", computed again from what is frozen"
}

// verified is the exit code of a verification.
func verified(r *verify.Result) error {
	switch {
	case len(r.Problems) == 0:
		return nil
	case r.Sound():
		return failHint(exitTrust, fmt.Errorf("%s: signed with a key that is not trusted", r.Folder), "name the key of who signed by --key, or a folder of keys by --trust")
	}
	return fail(exitDigest, fmt.Errorf("%s does not verify: %d problems", r.Folder, len(r.Problems)+r.More))
}
