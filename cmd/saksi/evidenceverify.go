package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"saksi/casefile"
	"saksi/evidence"
)

func evidenceVerify(a *app) *cobra.Command {
	var key, bundle, trustDir string
	var receipts, checkpoints []string
	c := &cobra.Command{
		Use:   "verify DIR|FILE --key KEY.pub | --trust DIR",
		Short: "Verify a case, or a file by its statement",
		Long: `A case, sealed or not: every exhibit, statement and custody entry, its seal and time stamp, against a public key that you got from
outside the case, or a folder of them: the keys (.pub), the roots of time-stamp authorities (.pem, .crt) and the register keys.json
that binds keys to persons, roles and revocations. All problems are named, not only the first. Nothing is written. Without --key or
--trust only integrity is checked, which proves nothing against one who could write to the case (exit code 12).
A custody log that was set back to an earlier state looks whole: only a receipt, an earlier checkpoint or a witness shows it.
A file: with --bundle, its statement.`,
		Example: "  saksi evidence verify kes-17 --key sealed-by.pub\n  saksi evidence verify kes-17 --trust trust/ --receipt receipt.txt -o json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := verifyOptions(key, trustDir, receipts, checkpoints)
			if err != nil {
				return evidenceError(err)
			}
			if bundle != "" {
				return a.verifyFile(cmd, args[0], bundle, o.Trust)
			}
			if st, err := os.Stat(args[0]); err == nil && st.Mode().IsRegular() {
				return failHint(exitNoCase, fmt.Errorf("%s: %w", args[0], casefile.ErrNoCase), "to verify a file name its statement by --bundle")
			}
			bar := a.progress("verifying", "B")
			o.Progress = func(n int64) { bar.update(n, 0) }
			v, err := casefile.Verify(cmd.Context(), args[0], o)
			bar.finish()
			if err != nil {
				return caseError(err)
			}
			if err := a.printVerification(v); err != nil {
				return err
			}
			return verdict(v)
		},
	}
	f := c.Flags()
	f.StringVar(&key, "key", "", "public key `file`, from outside the case")
	f.StringVar(&trustDir, "trust", "", "`folder` of public keys, roots of time-stamp authorities and a register of keys, from outside the case")
	f.StringArrayVar(&receipts, "receipt", nil, "receipt `file` that somebody kept; may be given several times")
	f.StringArrayVar(&checkpoints, "checkpoint", nil, "`file` with an earlier checkpoint of the custody log; may be given several times")
	f.StringVar(&bundle, "bundle", "", "statement `file` (sigstore bundle) over a single file")
	c.MarkFlagsMutuallyExclusive("key", "trust")
	return c
}

// verifyOptions reads what a verifier brings along.
func verifyOptions(key, trustDir string, receipts, checkpoints []string) (o casefile.VerifyOptions, err error) {
	switch {
	case key != "":
		p, err := evidence.LoadPublic(key)
		if err != nil {
			return o, err
		}
		o.Trust = evidence.TrustKey(p)
	case trustDir != "":
		if o.Trust, err = evidence.LoadTrust(trustDir); err != nil {
			return o, err
		}
	}
	if o.Receipts, err = readKept(receipts); err != nil {
		return o, err
	}
	o.Checkpoints, err = readKept(checkpoints)
	return o, err
}

func readKept(paths []string) ([]casefile.Kept, error) {
	var list []casefile.Kept
	for _, p := range paths {
		b, err := evidence.ReadRegular(p, evidence.MaxReceipt)
		if err != nil {
			return nil, fmt.Errorf("reading the receipt or checkpoint: %w", err)
		}
		list = append(list, casefile.Kept{Name: p, Bytes: b})
	}
	return list, nil
}

func (a *app) printVerification(v *casefile.Verification) error {
	if a.format == "json" {
		w, done, err := a.open()
		if err != nil {
			return err
		}
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		if err := e.Encode(v); err != nil {
			return err
		}
		return done()
	}
	r, err := a.rows("item", "kind", "expected", "found")
	if err != nil {
		return err
	}
	for _, p := range v.Problems {
		if err := r.add(p.Item, p.Kind, p.Expected, p.Found); err != nil {
			return err
		}
	}
	if a.format == "table" && len(v.Problems) == 0 {
		if _, err := fmt.Fprintf(r.w, "case %s verifies: %d exhibits, %d statements, %d custody entries, %s hashed\n%s", printable(v.Case), v.Exhibits, v.Statements, v.Entries, size(v.Bytes, "B"), sealText(v)); err != nil {
			return err
		}
		r.columns, r.right = nil, nil
	}
	if v.More > 0 {
		a.warn(fmt.Sprintf("problems that are not listed: %d more", v.More))
	}
	if v.Unfinished > 0 {
		a.warn(fmt.Sprintf("the custody log ends in %d bytes of an entry that was interrupted; the next entry will record that", v.Unfinished))
	}
	if v.Unchecked > 0 {
		a.warn(fmt.Sprintf("signatures of persons over approvals and acts that are not checked: %d; give their keys, with their register, by --trust", v.Unchecked))
	}
	if v.KeyGiven && v.Unbound > 0 {
		a.warn(fmt.Sprintf("roles were not bound in %d of %d custody entries: no register that was given says in which role the key that wrote them acts (--trust)", v.Unbound, v.Entries))
	}
	if v.Seal != nil && v.Seal.Vouched {
		a.warn("the seal's key was not given from outside the case: that it is " + printable(v.Seal.SealedBy) + "'s, the custody log says, whose key was given")
	}
	if v.Seal != nil && len(v.Outside) > 0 {
		a.warn(fmt.Sprintf("%s: no part of what was sealed; 'saksi evidence export' leaves it out", strings.Join(v.Outside, ", ")))
	}
	if v.KeyGiven && len(v.Problems) == 0 {
		if v.Fresh == 0 {
			a.warn("freshness is not established: nothing here shows whether later entries were rolled back; --receipt, --checkpoint or a witness would")
		}
		if s := v.Seal; s != nil && s.Stamp == "" {
			a.warn("the seal has no time stamp: only the sealing machine's clock says when it was made")
		} else if s != nil && !s.StampTrusted {
			a.warn("who made the time stamp is not established: give the root of its authority by --trust")
		}
	}
	return r.close()
}

// sealText says in words what the seal of a case that verifies is.
func sealText(v *casefile.Verification) string {
	var b strings.Builder
	if s := v.Seal; s != nil {
		fmt.Fprintf(&b, "sealed by %s with key %s in custody entry %d: %d files\n", printable(s.SealedBy), s.Key, s.Entry, s.Files)
		if s.Stamp != "" {
			fmt.Fprintf(&b, "time stamp %s by %s\n", s.Stamp, printable(s.Authority))
		}
	}
	if v.Fresh > 0 {
		fmt.Fprintf(&b, "the custody log is known to be whole up to entry %d\n", v.Fresh-1)
	}
	return b.String()
}

// verdict is the exit code of a verification: broken evidence before a broken
// log before missing trust.
func verdict(v *casefile.Verification) error {
	codes := map[string]exitCode{casefile.KindDigest: exitDigest, casefile.KindCustody: exitCustody, casefile.KindTrust: exitTrust}
	worst := v.Worst()
	if worst == "" {
		return nil
	}
	return fail(codes[worst], fmt.Errorf("case %s does not verify: %d problems", v.Case, int64(len(v.Problems))+v.More))
}

func (a *app) verifyFile(cmd *cobra.Command, path, bundle string, trust *evidence.Trust) error {
	if trust == nil {
		return failHint(exitTrust, fmt.Errorf("verifying %s: no public key was given", path), "name one you got from outside by --key")
	}
	b, err := evidence.ReadRegular(bundle, maxBundle)
	if err != nil {
		return fmt.Errorf("reading the statement: %w", err)
	}
	pub := trust.Keys[0]
	if _, _, hint, err := evidence.Parts(b); err == nil && trust.Key(hint) != nil {
		pub = trust.Key(hint)
	}
	st, err := evidence.Open(b, pub)
	if err != nil {
		return evidenceError(fmt.Errorf("%s: %w", bundle, err))
	}
	sum, _, err := evidence.SHA256File(cmd.Context(), path, nil)
	if err != nil {
		return err
	}
	for _, s := range st.Subject {
		if s.Digest["sha256"] == sum {
			r, err := a.rows("file", "sha256", "subject", "predicate_type")
			if err != nil {
				return err
			}
			if err := r.add(path, sum, s.Name, st.PredicateType); err != nil {
				return err
			}
			return r.close()
		}
	}
	return fail(exitDigest, fmt.Errorf("%s has SHA-256 %s; the statement speaks of %s with %s", path, sum, st.Subject[0].Name, st.Subject[0].Digest["sha256"]))
}

// maxBundle bounds a statement's file, in bytes.
const maxBundle = 64 << 20
