package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"saksi/evidence"
)

func evidenceKey(a *app) *cobra.Command {
	return noun("key", "Signing keys and the register of who holds them",
		evidenceKeyNew(a), evidenceKeyPublic(a), evidenceKeyList(a), evidenceKeyExport(a), evidenceKeyRotate(a), evidenceKeyRevoke(a))
}

// registerFlags say whose a key is.
type registerFlags struct {
	dir, person, role string
}

func (o *registerFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&o.dir, "register", "", "trust `folder` whose register binds keys to persons (default: this station's own)")
}

func (o *registerFlags) addPerson(c *cobra.Command) {
	o.add(c)
	c.Flags().StringVar(&o.person, "person", "", "`name` of the person who holds the key")
	c.Flags().StringVar(&o.role, "role", "", "role of the person: "+strings.Join(evidence.Roles, ", "))
}

// checkPerson looks at the flags before any key is made.
func (o *registerFlags) checkPerson() error {
	switch {
	case (o.person == "") != (o.role == ""):
		return usage("--person and --role go together")
	case o.role != "" && !slices.Contains(evidence.Roles, o.role):
		return usage("--role %q: expected one of %s", o.role, strings.Join(evidence.Roles, ", "))
	}
	return nil
}

func (o *registerFlags) folder() (string, error) {
	if o.dir != "" {
		return o.dir, nil
	}
	station, err := stationKey()
	if err != nil {
		return "", err
	}
	return filepath.Join(filepath.Dir(filepath.Dir(station)), "trust"), nil
}

func evidenceKeyNew(a *app) *cobra.Command {
	o := &registerFlags{}
	var kind string
	c := &cobra.Command{
		Use:   "new [FILE]",
		Short: "Make a signing key, encrypted by a pass phrase",
		Long: "FILE (saksi.key if none is given), or FILE.key, holds the private key, FILE.pub the public one.\n" +
			"Makes a signing key (ECDSA P-256, which every verifier takes; Ed25519 or RSA of 3072 bits by --type), encrypted as cosign does it.\n" +
			"The pass phrase is asked for, or taken from SAKSI_PASSPHRASE or --passphrase-fd. With --person and --role the key is entered in the register of keys.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"saksi.key"}
			}
			if args[0] == "" || strings.HasSuffix(args[0], ".pub") {
				return usage("%q: expected a name for the private key; .pub is the end of a public key's", args[0])
			}
			if err := o.checkPerson(); err != nil {
				return err
			}
			p, err := a.newKey(args[0], kind)
			if err != nil {
				return err
			}
			if o.person != "" {
				if err := o.enroll(p, ""); err != nil {
					return err
				}
			}
			r, err := a.rows("key", "public", "fingerprint", "hint")
			if err != nil {
				return err
			}
			return errors.Join(r.add(args[0], publicOf(args[0]), p.Fingerprint(), p.Hint()), r.close())
		},
	}
	c.Flags().StringVar(&kind, "type", evidence.KeyECDSA, "kind of key: ecdsa, ed25519 or rsa")
	o.addPerson(c)
	return c
}

func evidenceKeyPublic(a *app) *cobra.Command {
	o := &registerFlags{}
	c := &cobra.Command{
		Use:   "public KEY",
		Short: "Write the public half of a key, one on a token too",
		Long: "KEY is a key file, or the address of a key on a PKCS #11 token (RFC 7512), whose PIN is asked for as a pass phrase:\n" +
			"pkcs11:token=LAB;object=aminah?module-path=/usr/lib/softhsm/libsofthsm2.so. Wherever a signing key is named, so can one on a token be.\n" +
			"With --person and --role the key is entered in the register of keys.",
		Example: "  saksi evidence key public 'pkcs11:token=LAB;object=aminah?module-path=/usr/lib/softhsm/libsofthsm2.so' --person Aminah --role examiner --to aminah.pub",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := o.checkPerson(); err != nil {
				return err
			}
			s, err := a.signer(args[0])
			if err != nil {
				return err
			}
			if o.person != "" {
				if err := o.enroll(s.Public(), ""); err != nil {
					return err
				}
			}
			b, err := s.Public().PEM()
			if err != nil {
				return err
			}
			w, done, err := a.open()
			if err != nil {
				return err
			}
			if _, err := w.Write(b); err != nil {
				return err
			}
			return done()
		},
	}
	o.addPerson(c)
	return c
}

func publicOf(key string) string { return strings.TrimSuffix(key, ".key") + ".pub" }

func (a *app) newKey(path, kind string) (*evidence.Public, error) {
	pub, err := evidence.GenerateKey(path, kind, a.passphrase)
	if errors.Is(err, errNoPassphrase) {
		return nil, fail(exitTrust, err)
	}
	if err != nil {
		return nil, evidenceError(err)
	}
	p, err := evidence.LoadPublic(pub)
	return p, evidenceError(err)
}

func (o *registerFlags) enroll(p *evidence.Public, replaces string) error {
	dir, err := o.folder()
	if err != nil {
		return err
	}
	_, err = evidence.Enroll(dir, p, o.person, o.role, replaces, time.Now())
	return evidenceError(err)
}

func evidenceKeyList(a *app) *cobra.Command {
	o := &registerFlags{}
	c := &cobra.Command{
		Use:   "list",
		Short: "List the register of keys: who holds which, in which role, since and until when",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			dir, err := o.folder()
			if err != nil {
				return err
			}
			list, err := evidence.Register(dir)
			if err != nil {
				return evidenceError(err)
			}
			r, err := a.rows("person", "role", "valid_from", "revoked_at", "reason", "key_hint", "file")
			if err != nil {
				return err
			}
			for _, k := range list {
				if err := r.add(k.Person, k.Role, k.From, k.RevokedAt, k.Reason, k.Hint, k.File); err != nil {
					return err
				}
			}
			return r.close()
		},
	}
	o.add(c)
	return c
}

func evidenceKeyExport(a *app) *cobra.Command {
	o := &registerFlags{}
	c := &cobra.Command{
		Use:   "export FOLDER",
		Short: "Write the register and its public keys as a trust folder for others",
		Long:  "Whoever gets the folder, by a way to be trusted, verifies by 'saksi evidence verify CASE --trust FOLDER'. Add the roots of time-stamp authorities as .pem files.",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir, err := o.folder()
			if err != nil {
				return err
			}
			list, err := evidence.Register(dir)
			if err != nil {
				return evidenceError(err)
			}
			if len(list) == 0 {
				return failHint(exitTrust, fmt.Errorf("the register of keys in %s is empty", dir), "'saksi evidence key new FILE --person NAME --role ROLE' enters one")
			}
			if err := os.Mkdir(args[0], 0o755); err != nil {
				return fmt.Errorf("exporting keys: %w", err)
			}
			r, err := a.rows("file", "person", "role", "key_hint")
			if err != nil {
				return err
			}
			for _, k := range list {
				p, err := evidence.LoadPublic(filepath.Join(dir, filepath.Base(k.File)))
				if err != nil {
					return evidenceError(err)
				}
				if p.Hint() != k.Hint {
					return fail(exitTrust, fmt.Errorf("%s in %s is key %s; the register says %s", k.File, dir, p.Hint(), k.Hint))
				}
				b, err := p.PEM()
				if err != nil {
					return err
				}
				if err := evidence.WriteNew(filepath.Join(args[0], filepath.Base(k.File)), b, 0o644); err != nil {
					return err
				}
				if err := r.add(k.File, k.Person, k.Role, k.Hint); err != nil {
					return err
				}
			}
			b, err := json.MarshalIndent(list, "", "  ")
			if err != nil {
				return err
			}
			return errors.Join(evidence.WriteNew(filepath.Join(args[0], evidence.RegisterFile), append(b, '\n'), 0o644), r.close())
		},
	}
	o.add(c)
	return c
}

func evidenceKeyRotate(a *app) *cobra.Command {
	o := &registerFlags{}
	var kind string
	c := &cobra.Command{
		Use:   "rotate OLD.key NEW.key",
		Short: "Replace a key in the register by a new one of the same person and role",
		Long:  "The old key signs a statement over the new public key (NEW.pub.sigstore.json), so that who trusts the old one can go on; then it is revoked.",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.HasSuffix(args[1], ".pub") {
				return usage("%s: .pub is the end of a public key's name", args[1])
			}
			dir, err := o.folder()
			if err != nil {
				return err
			}
			old, err := evidence.LoadSigner(args[0], a.passphrase)
			if err != nil {
				return evidenceError(err)
			}
			list, err := evidence.Register(dir)
			if err != nil {
				return evidenceError(err)
			}
			for _, k := range list {
				if k.Hint == old.Public().Hint() && k.RevokedAt == "" {
					o.person, o.role = k.Person, k.Role
				}
			}
			if o.person == "" {
				return fail(exitTrust, fmt.Errorf("the register of keys in %s has no valid key %s", dir, old.Public().Hint()))
			}
			p, err := a.newKey(args[1], kind)
			if err != nil {
				return err
			}
			pub := publicOf(args[1])
			b, err := os.ReadFile(pub)
			if err != nil {
				return err
			}
			st, err := evidence.Sign(cmd.Context(), old, evidence.PredicateFile, filePredicate{who(), toolName(), int64(len(b))},
				[]evidence.Subject{{Name: filepath.Base(pub), Digest: map[string]string{"sha256": evidence.SHA256(b)}}})
			if err != nil {
				return err
			}
			if err := evidence.WriteNew(pub+".sigstore.json", st, 0o644); err != nil {
				return err
			}
			if err := o.enroll(p, old.Public().Hint()); err != nil {
				return err
			}
			if err := evidence.Revoke(dir, old.Public().Hint(), "replaced by "+p.Hint(), time.Now()); err != nil {
				return evidenceError(err)
			}
			r, err := a.rows("person", "role", "old_key_hint", "new_key_hint", "statement")
			if err != nil {
				return err
			}
			return errors.Join(r.add(o.person, o.role, old.Public().Hint(), p.Hint(), pub+".sigstore.json"), r.close())
		},
	}
	c.Flags().StringVar(&kind, "type", evidence.KeyECDSA, "kind of the new key: ecdsa, ed25519 or rsa")
	o.add(c)
	return c
}

func evidenceKeyRevoke(a *app) *cobra.Command {
	o := &registerFlags{}
	var reason, at string
	c := &cobra.Command{
		Use:   "revoke FILE.pub --reason TEXT",
		Short: "Revoke a key in the register, from a time on",
		Long:  "What the key signed before that time stays good where a trusted time stamp shows that it was before.",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if reason == "" {
				return usage("--reason is needed")
			}
			when := time.Now()
			if at != "" {
				var err error
				if when, err = time.Parse(time.RFC3339, at); err != nil {
					return usage("--at %q: expected a time such as 2026-11-28T08:00:00Z", at)
				}
			}
			p, err := evidence.LoadPublic(args[0])
			if err != nil {
				return evidenceError(err)
			}
			dir, err := o.folder()
			if err != nil {
				return err
			}
			if err := evidence.Revoke(dir, p.Hint(), reason, when); err != nil {
				return evidenceError(err)
			}
			r, err := a.rows("key_hint", "revoked_at", "reason")
			if err != nil {
				return err
			}
			return errors.Join(r.add(p.Hint(), when.UTC().Format(time.RFC3339), reason), r.close())
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "`reason`, such as lost, left or replaced")
	c.Flags().StringVar(&at, "at", "", "`time` from which it is revoked (default: now)")
	o.add(c)
	return c
}
