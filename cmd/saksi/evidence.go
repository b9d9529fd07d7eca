package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"saksi/evidence"
)

func evidenceCommand(a *app) *cobra.Command {
	return noun("evidence", "Sign, verify and trace evidence",
		evidenceKey(a),
		evidenceSign(a), evidenceVerify(a), evidenceLog(a), evidenceSeal(a), evidenceTimestamp(a), evidenceTransfer(a), evidenceDispose(a), evidenceReceipt(a), evidenceWitness(a), evidenceForm(a), evidenceExport(a), evidenceStore(a))
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
			// A device or a pipe may have no end, and nobody could check it again.
			if st, err := os.Stat(args[0]); err == nil && !st.Mode().IsRegular() {
				return fail(exitFailed, fmt.Errorf("signing %s: it is no regular file (%s)", args[0], st.Mode().Type()))
			}
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
