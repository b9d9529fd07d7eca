package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"saksi/casefile"
	"saksi/evidence"
	"saksi/internal/infile"
)

// stampFlags are the flags of commands that ask for time stamps.
type stampFlags struct {
	url, root string
}

func (o *stampFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&o.url, "tsa", "", "`URL` of a time-stamp authority (RFC 3161); the signature's digest is sent to it, nothing else")
	c.Flags().StringVar(&o.root, "tsa-root", "", "PEM `file` with the root certificate of the authority, to check it and to travel in the case")
}

// options completes the options of a seal.
func (o *stampFlags) options(s *casefile.SealOptions) error {
	if o.root != "" {
		b, err := infile.Read(o.root, maxCA)
		if err != nil {
			return fmt.Errorf("reading the root of the time-stamp authority: %w", err)
		}
		if s.Roots, err = evidence.ParseCertificates(b); err != nil {
			return evidenceError(fmt.Errorf("%s: %w", o.root, err))
		}
		if len(s.Roots) == 0 {
			return fail(exitTrust, fmt.Errorf("%s holds no certificate", o.root))
		}
	}
	if o.url != "" {
		s.Authority = o.url
		s.Stamp = func(ctx context.Context, sig []byte) ([]byte, error) {
			return evidence.RequestTimestamp(ctx, o.url, sig)
		}
	}
	return nil
}

func evidenceSeal(a *app) *cobra.Command {
	var key, caseKey string
	stamp := &stampFlags{}
	c := &cobra.Command{
		Use:   "seal DIR --key KEY",
		Short: "Seal a case: everything in it under one signature",
		Long: `Makes the case a BagIt bag where it stands: manifests over everything in data/, each byte read once; metadata in CASE and DFXML; and
beside them the seal, a signed statement over the manifests and the custody log, its signature as openssl takes it, a time stamp, the
public keys, and the custody log as tiles. sha256sum, openssl and cosign check all of it without saksi, see docs/verify-without-saksi.md.
The seal is an entry of the custody log. Afterwards nothing is added to the case; transfers are still recorded.
--key is the key of the person who seals; the custody log goes on under the key the case was made with.
Without --tsa the seal has no trusted time; 'saksi evidence timestamp' adds it later.`,
		Example: "  saksi evidence seal kes-17 --key aminah.key --tsa https://tsa.example/ --tsa-root tsa.pem",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if key == "" {
				return usage("--key is needed: the key of the person who seals ('saksi evidence key new' makes one)")
			}
			s, err := a.signer(key)
			if err != nil {
				return err
			}
			o := casefile.SealOptions{Signer: s}
			if err := stamp.options(&o); err != nil {
				return err
			}
			info, err := casefile.ReadInfo(args[0])
			if err != nil {
				return caseError(err)
			}
			if caseKey == "" && info.Key == s.Public().Hint() {
				caseKey = key
			}
			cs, err := a.openCase(cmd, args[0], caseKey)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, cs.Close()) }()
			bar := a.progress("sealing", "B")
			o.Progress = func(n int64) { bar.update(n, 0) }
			out, err := cs.Seal(cmd.Context(), o)
			bar.finish()
			switch {
			case errors.Is(err, evidence.ErrTimestamp):
				return failHint(exitTrust, err, "seal without --tsa, and stamp it later by 'saksi evidence timestamp'")
			case err != nil:
				return caseError(err)
			case out.Finished:
				a.warn("the case was sealed already and the sealing interrupted at its end; it is finished now")
			}
			r, err := a.rows("case", "seal", "files", "bytes", "key_hint", "timestamp", "authority")
			if err != nil {
				return err
			}
			at, who := stampText(out.Stamp)
			return errors.Join(r.add(info.ID, out.Bundle, out.Files, out.Bytes, s.Public().Hint(), at, who), r.close())
		},
	}
	c.Flags().StringVar(&key, "key", "", "signing key `file` of the person who seals")
	c.Flags().StringVar(&caseKey, "case-key", "", "signing key `file` of the case's custody log (default: --key if the case was made with it, else this station's own)")
	stamp.add(c)
	return c
}

func stampText(ts *evidence.Timestamp) (at, who string) {
	if ts == nil {
		return "", ""
	}
	return ts.Time.Format(time.RFC3339), ts.Authority
}

func evidenceTimestamp(a *app) *cobra.Command {
	var caseKey, response string
	stamp := &stampFlags{}
	c := &cobra.Command{
		Use:   "timestamp DIR --tsa URL | --response FILE",
		Short: "Add a time stamp to a seal that has none",
		Long: "For laboratories without a network: carry seal/seal.sig to a machine that has one, ask an authority there\n" +
			"(openssl ts -query -data seal.sig -sha256 -cert), and bring its response back by --response.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if (stamp.url == "") == (response == "") {
				return usage("one of --tsa and --response is needed")
			}
			o := casefile.SealOptions{}
			if err := stamp.options(&o); err != nil {
				return err
			}
			if response != "" {
				o.Stamp = func(context.Context, []byte) ([]byte, error) {
					return evidence.ReadRegular(response, evidence.MaxTimestamp)
				}
			}
			cs, err := a.openCase(cmd, args[0], caseKey)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, cs.Close()) }()
			ts, err := cs.Timestamp(cmd.Context(), o)
			if errors.Is(err, evidence.ErrTimestamp) {
				return fail(exitTrust, err)
			}
			if err != nil {
				return caseError(err)
			}
			r, err := a.rows("case", "timestamp", "authority")
			if err != nil {
				return err
			}
			at, who := stampText(ts)
			return errors.Join(r.add(cs.Info.ID, at, who), r.close())
		},
	}
	c.Flags().StringVar(&caseKey, "case-key", "", "signing key `file` of the case's custody log (default: this station's own)")
	c.Flags().StringVar(&response, "response", "", "`file` with the authority's response (TimeStampResp, DER)")
	stamp.add(c)
	return c
}
