package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"saksi/casefile"
	"saksi/evidence"
)

func evidenceCommand(a *app) *cobra.Command {
	return noun("evidence", "Sign, verify and trace evidence",
		noun("key", "Signing keys", evidenceKeyNew(a)), evidenceSign(a), evidenceVerify(a), evidenceLog(a))
}

func evidenceKeyNew(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "new FILE.key",
		Short: "Make a signing key (ECDSA P-256), encrypted by a pass phrase",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if !strings.HasSuffix(args[0], ".key") {
				return usage("%s: a key file ends in .key; its public half gets .pub", args[0])
			}
			pub, err := evidence.GenerateKey(args[0], a.passphrase)
			if errors.Is(err, errNoPassphrase) {
				return fail(exitTrust, err)
			}
			if err != nil {
				return err
			}
			p, err := evidence.LoadPublic(pub)
			if err != nil {
				return evidenceError(err)
			}
			r, err := a.rows("key", "public", "fingerprint", "hint")
			if err != nil {
				return err
			}
			if err := r.add(args[0], pub, p.Fingerprint(), p.Hint()); err != nil {
				return err
			}
			return r.close()
		},
	}
}

// filePredicate is what a statement over a single file says.
type filePredicate struct {
	Signer string `json:"signer"`
	Tool   string `json:"tool"`
	Bytes  int64  `json:"bytes"`
}

func evidenceSign(a *app) *cobra.Command {
	var key, to string
	c := &cobra.Command{
		Use:   "sign FILE",
		Short: "Sign a statement over a file",
		Long:  "The statement (in-toto, in a sigstore bundle) names the file's SHA-256; cosign verifies it too.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.signer(key)
			if err != nil {
				return err
			}
			bar := a.progress("hashing", "B")
			sum, n, err := evidence.SHA256File(cmd.Context(), args[0], func(n int64) { bar.update(n, 0) })
			bar.finish()
			if err != nil {
				return err
			}
			b, err := evidence.Sign(cmd.Context(), s, evidence.PredicateFile, filePredicate{who(), toolName(), n}, []evidence.Subject{{Name: filepath.Base(args[0]), Digest: map[string]string{"sha256": sum}}})
			if err != nil {
				return err
			}
			if to == "" {
				to = args[0] + ".sigstore.json"
			}
			f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if err != nil {
				return fmt.Errorf("writing the statement: %w", err)
			}
			_, err = f.Write(b)
			if cerr := f.Close(); err == nil {
				err = cerr
			}
			if err != nil {
				return fmt.Errorf("writing the statement: %w", err)
			}
			r, err := a.rows("file", "sha256", "statement", "key_hint")
			if err != nil {
				return err
			}
			if err := r.add(args[0], sum, to, s.Public().Hint()); err != nil {
				return err
			}
			return r.close()
		},
	}
	c.Flags().StringVar(&key, "key", "", "signing key `file` (default: this station's own)")
	c.Flags().StringVar(&to, "bundle", "", "`file` for the statement (default: FILE.sigstore.json)")
	return c
}

func evidenceVerify(a *app) *cobra.Command {
	var key, bundle string
	c := &cobra.Command{
		Use:   "verify DIR|FILE --key KEY.pub",
		Short: "Verify a case, or a file by its statement",
		Long: "A case: every exhibit, statement and custody entry against a public key that you got from outside the case.\n" +
			"All problems are named, not only the first. Nothing is written. Without --key only integrity is checked, which\n" +
			"proves nothing against one who could write to the case (exit code 12).\n" +
			"A file: with --bundle, its statement.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var pub *evidence.Public
			if key != "" {
				var err error
				if pub, err = evidence.LoadPublic(key); err != nil {
					return evidenceError(err)
				}
			}
			if bundle != "" {
				return a.verifyFile(cmd, args[0], bundle, pub)
			}
			if st, err := os.Stat(args[0]); err == nil && st.Mode().IsRegular() {
				return failHint(exitNoCase, fmt.Errorf("%s: %w", args[0], casefile.ErrNoCase), "to verify a file name its statement by --bundle")
			}
			bar := a.progress("verifying", "B")
			v, err := casefile.Verify(cmd.Context(), args[0], pub, func(n int64) { bar.update(n, 0) })
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
	c.Flags().StringVar(&key, "key", "", "public key `file`, from outside the case")
	c.Flags().StringVar(&bundle, "bundle", "", "statement `file` (sigstore bundle) over a single file")
	return c
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
		if _, err := fmt.Fprintf(r.w, "case %s verifies: %d exhibits, %d statements, %d custody entries, %s hashed\n", printable(v.Case), v.Exhibits, v.Statements, v.Entries, size(v.Bytes, "B")); err != nil {
			return err
		}
		r.columns, r.right = nil, nil
	}
	if v.Unfinished > 0 {
		a.warn(fmt.Sprintf("the custody log ends in %d bytes of an entry that was interrupted; the next entry will record that", v.Unfinished))
	}
	if v.KeyGiven && len(v.Problems) == 0 {
		a.warn("freshness is not established: nothing here shows whether later entries were rolled back")
	}
	return r.close()
}

// verdict is the exit code of a verification: broken evidence before a broken
// log before missing trust.
func verdict(v *casefile.Verification) error {
	code := exitOK
	for _, p := range v.Problems {
		switch p.Kind {
		case casefile.KindTrust:
			if code == exitOK {
				code = exitTrust
			}
		case casefile.KindCustody:
			if code != exitDigest {
				code = exitCustody
			}
		default:
			code = exitDigest
		}
	}
	if code == exitOK {
		return nil
	}
	return fail(code, fmt.Errorf("case %s does not verify: %d problems", v.Case, len(v.Problems)))
}

func (a *app) verifyFile(cmd *cobra.Command, path, bundle string, pub *evidence.Public) error {
	if pub == nil {
		return failHint(exitTrust, fmt.Errorf("verifying %s: no public key was given", path), "name one you got from outside by --key")
	}
	b, err := evidence.ReadRegular(bundle, maxBundle)
	if err != nil {
		return fmt.Errorf("reading the statement: %w", err)
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

func evidenceLog(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "log DIR",
		Short: "Show the custody log of a case",
		Long: "Shows the entries of the custody log. A log that contradicts itself is shown as far as it can be read (exit code 11). Who signed it\n" +
			"is not checked here: 'saksi evidence verify' does that, with a key.",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			entries, broken := casefile.ReadLog(args[0])
			if broken != nil && len(entries) == 0 {
				return caseError(broken)
			}
			r, err := a.rows("seq", "time", "act", "who", "exhibit", "sha256", "where", "why", "tool")
			if err != nil {
				return err
			}
			for _, e := range entries {
				if err := r.add(e.Seq, e.Time, e.Act, e.Who, e.Exhibit, e.SHA256, e.Where, e.Why, e.Tool); err != nil {
					return err
				}
			}
			return errors.Join(caseError(broken), r.close())
		},
	}
}
