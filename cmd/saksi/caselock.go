package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"saksi/casefile"
	"saksi/internal/infile"
)

// lockFlags say who can open a case that is locked.
type lockFlags struct {
	identity, key, why string
}

func (o *lockFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.identity, "identity", "", "`file` with the age identity that opens it (default: by a pass phrase)")
	f.StringVar(&o.why, "why", "", "`reason`, for the custody log")
	f.StringVar(&o.key, "key", "", "signing key `file` of the case (default: this station's own)")
}

func caseLock(a *app) *cobra.Command {
	o := &lockFlags{}
	var recipients []string
	c := &cobra.Command{
		Use:   "lock DIR",
		Short: "Encrypt a case where it rests: its folder becomes one file, DIR.age",
		Long: "Encrypts everything in the case, its index and spool too, by age, into DIR.age, reads that back, and removes the folder. It is opened again by\n" +
			"'saksi case unlock DIR'; age and tar open it, too. Both are entries of the custody log. Nothing is lost if it is interrupted; the same command\n" +
			"ends it. It needs as much room again as the case has. The removed files are not overwritten: on a disk that is not encrypted itself their blocks\n" +
			"may be found for a time. Exhibits that stand outside the case stay as they are, and are named.",
		Example: "  saksi case lock kes-17\n  saksi case lock kes-17 --identity aminah.txt --recipient age1...",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if left, err := casefile.FinishLock(args[0]); err != nil || left {
				return a.lockedRow(args[0], &casefile.Locked{Path: args[0] + ".age", Finished: true}, caseError(err))
			}
			cs, err := a.openCase(cmd, args[0], o.key)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, cs.Close()) }()
			cipher, err := a.cipher(o.identity, recipients)
			if err != nil {
				return err
			}
			bar := a.progress("encrypting", "B")
			out, err := cs.Lock(cmd.Context(), *cipher, o.why, func(n int64) { bar.update(n, 0) })
			bar.finish()
			return a.lockedRow(args[0], out, caseError(err))
		},
	}
	o.add(c)
	c.Flags().StringArrayVar(&recipients, "recipient", nil, "another age `recipient` (age1...) who can open it; may be given several times, with --identity")
	return c
}

// lockedRow prints what was locked or unlocked.
func (a *app) lockedRow(dir string, l *casefile.Locked, err error) error {
	if err != nil {
		return err
	}
	if l.Finished {
		a.warn("it had been interrupted at its end, and is finished now")
	}
	if len(l.Outside) > 0 {
		a.warn(fmt.Sprintf("not encrypted, because they stand outside the case: %s", strings.Join(l.Outside, ", ")))
	}
	r, err := a.rows("case", "file", "sha256")
	if err != nil {
		return err
	}
	return errors.Join(r.add(dir, l.Path, l.SHA256), r.close())
}

func caseUnlock(a *app) *cobra.Command {
	o := &lockFlags{}
	c := &cobra.Command{
		Use:   "unlock DIR",
		Short: "Make the folder of a locked case again out of DIR.age",
		Long: "Opens what 'saksi case lock' made, records that in the custody log, and removes DIR.age. Nothing else is verified: 'saksi evidence verify DIR'\n" +
			"does that. Without the signing key of the case 'saksi case restore DIR.age FOLDER' makes a copy, and the case stays locked.",
		Example: "  saksi case unlock kes-17 --why 'second examination'",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts, err := a.caseOptions(o.key)
			if err != nil {
				return err
			}
			bar := a.progress("decrypting", "B")
			out, err := casefile.Unlock(cmd.Context(), args[0], func(r io.Reader) (io.Reader, error) {
				r, err := a.decrypt(r, o.identity)
				return r, fail(exitTrust, err)
			}, *opts, o.why, func(n int64) { bar.update(n, 0) })
			bar.finish()
			return a.lockedRow(args[0], out, caseError(err))
		},
	}
	o.add(c)
	return c
}

// cipher is by an identity, and for who else is named, or by a pass phrase.
func (a *app) cipher(identity string, recipients []string) (*casefile.Cipher, error) {
	if identity == "" {
		if len(recipients) > 0 {
			return nil, usage("--recipient: name by --identity what you open it with yourself; what was encrypted is read back before the folder is removed")
		}
		p, err := a.casePhrase(true)
		if err != nil {
			return nil, fail(exitTrust, err)
		}
		to, err := age.NewScryptRecipient(string(p))
		if err != nil {
			return nil, fail(exitTrust, err)
		}
		from, err := age.NewScryptIdentity(string(p))
		if err != nil {
			return nil, fail(exitTrust, err)
		}
		return ageCipher([]age.Recipient{to}, []age.Identity{from}, "pass phrase"), nil
	}
	own, err := identities(identity)
	if err != nil {
		return nil, fail(exitTrust, err)
	}
	to, names, err := a.ageRecipients(recipients, false)
	if err != nil {
		return nil, err
	}
	for _, id := range own {
		x, ok := id.(*age.X25519Identity)
		if !ok {
			return nil, fail(exitTrust, fmt.Errorf("%s holds an identity of another kind (%T); expected one that begins with AGE-SECRET-KEY-1", identity, id))
		}
		to, names = append(to, x.Recipient()), append(names, x.Recipient().String())
	}
	return ageCipher(to, own, strings.Join(names, " ")), nil
}

func ageCipher(to []age.Recipient, from []age.Identity, who string) *casefile.Cipher {
	return &casefile.Cipher{
		Encrypt: func(w io.Writer) (io.WriteCloser, error) { return age.Encrypt(w, to...) },
		Decrypt: func(r io.Reader) (io.Reader, error) { return age.Decrypt(r, from...) },
		For:     who,
	}
}

// identities reads a file of age identities, which may be a pipe.
func identities(path string) ([]age.Identity, error) {
	b, err := infile.Read(path, maxIdentities)
	if err != nil {
		return nil, fmt.Errorf("reading the identity: %w", err)
	}
	ids, err := age.ParseIdentities(bytes.NewReader(b))
	if err != nil {
		// The library's error may hold a line of the file.
		return nil, fmt.Errorf("%s holds no age identity", path)
	}
	return ids, nil
}

// maxIdentities bounds a file of identities, in bytes.
const maxIdentities = 1 << 20
