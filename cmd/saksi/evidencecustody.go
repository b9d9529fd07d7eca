package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"rsc.io/qr"

	"saksi/casefile"
	"saksi/evidence"
)

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
			r, err := a.rows("seq", "time", "act", "who", "exhibit", "sha256", "where", "why", "tool", "released_by", "received_by", "authority")
			if err != nil {
				return err
			}
			for _, e := range entries {
				if err := r.add(e.Seq, e.Time, e.Act, e.Who, e.Exhibit, e.SHA256, e.Where, e.Why, e.Tool, e.From, e.To, e.Authority); err != nil {
					return err
				}
			}
			return errors.Join(caseError(broken), r.close())
		},
	}
}

// passFlags are the flags of acts by which an exhibit leaves its holder.
type passFlags struct {
	key, approve, register string
	e                      evidence.Entry
}

func (o *passFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.e.From, "released-by", "", "`name` of who gives the exhibits away")
	f.StringVar(&o.e.Why, "why", "", "`reason`")
	f.StringVar(&o.e.Where, "place", "", "`place`")
	f.StringVar(&o.e.Authority, "authority", "", "warrant, consent or instruction it rests on, as `text`")
	f.StringVar(&o.approve, "approve-key", "", "signing key `file` of the custodian or supervisor who approves it, another person of the register of keys")
	f.StringVar(&o.register, "register", "", "trust `folder` whose register binds keys to persons (default: this station's own)")
	f.StringVar(&o.key, "key", "", "signing key `file` of the case (default: this station's own)")
}

// approval signs an entry for an exhibit by the key that was named.
func (a *app) approval(cmd *cobra.Command, cs *casefile.Case, id string, o *passFlags, e *evidence.Entry) error {
	if o.approve == "" {
		return nil
	}
	dir, err := (&registerFlags{dir: o.register}).folder()
	if err != nil {
		return err
	}
	s, err := evidence.LoadSigner(o.approve, a.passphrase)
	if err != nil {
		return err
	}
	list, err := evidence.Register(dir)
	if err != nil {
		return err
	}
	for _, r := range list {
		if r.Hint == s.Public().Hint() {
			return cs.Approve(cmd.Context(), id, e, s, r)
		}
	}
	return fmt.Errorf("%w: the register of keys in %s does not bind %s to a person", evidence.ErrTrust, dir, o.approve)
}

// pass records an act on each exhibit named.
func (a *app) pass(cmd *cobra.Command, args []string, o *passFlags, act func(*casefile.Case, string, evidence.Entry) (int64, error)) (err error) {
	cs, err := a.openCase(cmd, args[0], o.key)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cs.Close()) }()
	r, err := a.rows("entry", "exhibit", "released_by", "received_by", "approved_by")
	if err != nil {
		return err
	}
	for _, id := range args[1:] {
		e := o.e
		err := a.approval(cmd, cs, id, o, &e)
		var seq int64
		if err == nil {
			seq, err = act(cs, id, e)
		}
		if err != nil {
			return caseError(errors.Join(err, r.close()))
		}
		if err := r.add(seq, id, e.From, e.To, e.Detail["approved_by"]); err != nil {
			return err
		}
	}
	return r.close()
}

func evidenceTransfer(a *app) *cobra.Command {
	o := &passFlags{e: evidence.Entry{Act: casefile.ActTransfer}}
	c := &cobra.Command{
		Use:   "transfer DIR EXHIBIT... --released-by NAME --received-by NAME",
		Short: "Record that exhibits changed hands",
		Long: "Records who released and who received each exhibit, why, where and on whose authority. Who releases must be who last received it;\n" +
			"nobody receives from, or approves for, himself. Give the receiver a receipt: 'saksi evidence receipt'.",
		Example: "  saksi evidence transfer kes-17 E1 --released-by Aminah --received-by 'Lab 2, Ravi' --why 'second examination' --approve-key tan.key",
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case o.e.From == "" || o.e.To == "":
				return usage("--released-by and --received-by are needed")
			case casefile.SameName(o.e.From, o.e.To):
				return usage("--released-by and --received-by name the same person")
			}
			return a.pass(cmd, args, o, func(cs *casefile.Case, id string, e evidence.Entry) (int64, error) {
				return cs.Transfer(cmd.Context(), id, e)
			})
		},
	}
	o.add(c)
	c.Flags().StringVar(&o.e.To, "received-by", "", "`name` of who takes them")
	return c
}

func evidenceDispose(a *app) *cobra.Command {
	o := &passFlags{e: evidence.Entry{Act: casefile.ActDispose}}
	c := &cobra.Command{
		Use:   "dispose DIR EXHIBIT... --released-by NAME --why TEXT --approve-key KEY",
		Short: "Record that custody of exhibits ended: returned, destroyed or handed over for good",
		Long: "A custodian or supervisor of the register of keys, who takes no other part in it, approves it. The bytes in the case stay, so that what was\n" +
			"examined can be checked ever after; the exhibit is opened no more.",
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.e.From == "" || o.e.Why == "" || o.approve == "" {
				return usage("--released-by, --why and --approve-key are needed")
			}
			return a.pass(cmd, args, o, func(cs *casefile.Case, id string, e evidence.Entry) (int64, error) {
				return cs.Dispose(cmd.Context(), id, e)
			})
		},
	}
	o.add(c)
	return c
}

// maxCode is what one QR code of the lowest correction takes, in bytes (ISO/IEC
// 18004, version 40-L: 2953).
const maxCode = 2900

// codes writes a receipt as QR codes: their texts, one behind the other, are it.
func (a *app) codes(path string, text []byte) error {
	parts := slices.Collect(slices.Chunk(text, maxCode))
	for i, part := range parts {
		q, err := qr.Encode(string(part), qr.L)
		if err != nil {
			return fmt.Errorf("writing a receipt of %d bytes as QR code: %w", len(text), err)
		}
		q.Scale = 4
		name := path
		if len(parts) > 1 {
			ext := filepath.Ext(path)
			name = fmt.Sprintf("%s-%d%s", strings.TrimSuffix(path, ext), i+1, ext)
		}
		if err := evidence.WriteNew(name, q.PNG(), 0o600); err != nil {
			return err
		}
	}
	if len(parts) > 1 {
		a.warn(fmt.Sprintf("the receipt of %d bytes is %d QR codes; what they say is joined in the order of their numbers", len(text), len(parts)))
	}
	return nil
}

func evidenceReceipt(a *app) *cobra.Command {
	var entry int64
	var key, code string
	state := &stateFlags{}
	c := &cobra.Command{
		Use:   "receipt DIR",
		Short: "Write a receipt for an entry of the custody log",
		Long: "A receipt proves that an entry stands in the custody log under its signed checkpoint, in C2SP's form of a proof. Whoever keeps it,\n" +
			"on paper if need be, can later show that the log was set back or rewritten: 'saksi evidence verify DIR --key KEY.pub --receipt FILE'.",
		Example: "  saksi evidence receipt kes-17 --to receipt.txt\n  saksi evidence receipt kes-17 --entry 4 --qr receipt.png --to receipt.txt",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var pub *evidence.Public
			if key != "" {
				var err error
				if pub, err = evidence.LoadPublic(key); err != nil {
					return evidenceError(err)
				}
			}
			rc, err := casefile.Receipt(args[0], entry, pub)
			if err != nil {
				return caseError(err)
			}
			text := rc.Marshal()
			if code != "" {
				if err := a.codes(code, text); err != nil {
					return err
				}
			}
			return a.signed(cmd, state, text, evidence.PredicateCustody, custodyStatement(args[0], rc))
		},
	}
	state.add(c)
	f := c.Flags()
	f.Int64Var(&entry, "entry", -1, "`number` of the entry; negative ones count from the end")
	f.StringVar(&key, "key", "", "public key `file` that the log's checkpoint must be signed by")
	f.StringVar(&code, "qr", "", "PNG `file` for the receipt as QR code; one that is too long for a code becomes several, FILE-1, FILE-2 ..., whose texts are joined")
	return c
}

func evidenceWitness(a *app) *cobra.Command {
	var key, caseKey string
	c := &cobra.Command{
		Use:   "witness DIR --key WITNESS.key --case-key CASE.pub",
		Short: "Cosign a custody log as witness",
		Long: "A witness, another machine or agency, cosigns the checkpoint of a custody log if it goes on from what it cosigned before, which it keeps in\n" +
			"its own folder of settings. Verifying with the witness's public key then shows whether the log was set back.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if key == "" || caseKey == "" {
				return usage("--key and --case-key are needed")
			}
			pub, err := evidence.LoadPublic(caseKey)
			if err != nil {
				return evidenceError(err)
			}
			s, err := a.signer(key)
			if err != nil {
				return err
			}
			info, err := casefile.ReadInfo(args[0])
			if err != nil {
				return caseError(err)
			}
			kept, err := witnessState(s, info.ID)
			if err != nil {
				return err
			}
			size, err := witness(cmd.Context(), args[0], kept, s, pub)
			if err != nil {
				return caseError(err)
			}
			r, err := a.rows("case", "entries", "witness_key_hint", "kept")
			if err != nil {
				return err
			}
			return errors.Join(r.add(info.ID, size, s.Public().Hint(), kept), r.close())
		},
	}
	c.Flags().StringVar(&key, "key", "", "signing key `file` of the witness")
	c.Flags().StringVar(&caseKey, "case-key", "", "public key `file` that signs the custody log (trust/case.pub of a sealed case, got from outside)")
	return c
}

// witness cosigns and keeps what was cosigned.
func witness(ctx context.Context, dir, kept string, s *evidence.Signer, pub *evidence.Public) (int64, error) {
	last, err := os.ReadFile(kept)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("reading what was cosigned before: %w", err)
	}
	now, err := casefile.Witness(ctx, dir, s, pub, last)
	if err != nil {
		return 0, err
	}
	if err := evidence.Replace(kept, now, 0o600); err != nil {
		return 0, err
	}
	cp, err := evidence.ParseCheckpoint(now)
	if err != nil {
		return 0, err
	}
	return cp.Size, nil
}

// witnessState is the file in which a witness keeps the last checkpoint of a
// case's log that it cosigned.
func witnessState(s *evidence.Signer, id string) (string, error) {
	station, err := stationKey()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(filepath.Dir(station), "witness", s.Public().Fingerprint()[:16])
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("keeping what was cosigned: %w", err)
	}
	return filepath.Join(dir, evidence.SHA256([]byte(evidence.Origin(id)))[:32]), nil
}
