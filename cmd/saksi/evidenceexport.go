package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"saksi/casefile"
	"saksi/evidence"
	"saksi/internal/infile"
)

// closed are the marks of cases that leave a laboratory encrypted only.
var closed = map[string]bool{"Rahsia Besar": true, "Rahsia": true, "Sulit": true}

func evidenceExport(a *app) *cobra.Command {
	var key string
	var recipients []string
	var phrase bool
	e := evidence.Entry{Act: casefile.ActExport}
	c := &cobra.Command{
		Use:   "export DIR --to FILE",
		Short: "Copy a case into one archive, encrypted for who receives it",
		Long: "Writes the case, sealed or not, as a tar archive, encrypted by age for each --recipient or by a pass phrase; the index and the spool are left out.\n" +
			"What is marked Sulit or higher leaves encrypted only. The export, its digest and who it is for are recorded in the custody log.\n" +
			"'saksi case restore' unpacks it; so do age and tar.",
		Example: "  saksi evidence export kes-17 --recipient age1... --why 'to the prosecutor' --to kes-17.tar.age",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if a.to == "" {
				return usage("--to is needed: an archive goes into a file")
			}
			to, names, err := a.ageRecipients(recipients, phrase)
			if err != nil {
				return err
			}
			cs, err := a.openCase(cmd, args[0], key)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, cs.Close()) }()
			if err := cs.MayAct(casefile.ActExport); err != nil {
				return err
			}
			if len(to) == 0 && closed[cs.Info.Classification] {
				return failHint(exitUsage, fmt.Errorf("case %s is marked %s and leaves encrypted only", cs.Info.ID, cs.Info.Classification), "name who receives it by --recipient, or use --with-passphrase")
			}
			if where := cs.Where(a.to); !filepath.IsAbs(where) {
				return usage("--to %s lies in the case itself; name a file outside of it", a.to)
			}
			w, done, err := a.open()
			if err != nil {
				return err
			}
			h := sha256.New()
			err = a.writeArchive(cmd, args[0], io.MultiWriter(w, h), to)
			if err = errors.Join(err, done()); err != nil {
				return errors.Join(err, os.Remove(a.to))
			}
			if e.Where, err = filepath.Abs(a.to); err != nil {
				return err
			}
			e.SHA256, e.Detail = hex.EncodeToString(h.Sum(nil)), map[string]string{"recipients": strings.Join(names, " ")}
			err = cs.Record(cmd.Context(), e)
			if err != nil && !errors.Is(err, evidence.ErrUnfinished) {
				err = errors.Join(err, os.Remove(a.to)) // nothing leaves unrecorded
			}
			return caseError(err)
		},
	}
	f := c.Flags()
	f.StringArrayVar(&recipients, "recipient", nil, "age `recipient` (age1...) who can open it; may be given several times")
	f.BoolVar(&phrase, "with-passphrase", false, "encrypt by a pass phrase, asked for as that of a key")
	f.StringVar(&e.Why, "why", "", "`reason`")
	f.StringVar(&e.Authority, "authority", "", "warrant, consent or instruction it rests on, as `text`")
	f.StringVar(&key, "key", "", "signing key `file` of the case (default: this station's own)")
	c.MarkFlagsMutuallyExclusive("recipient", "with-passphrase")
	return c
}

func (a *app) ageRecipients(list []string, phrase bool) (to []age.Recipient, names []string, err error) {
	for _, s := range list {
		r, err := age.ParseX25519Recipient(s)
		if err != nil {
			return nil, nil, usage("--recipient %q: expected an age recipient (age1...)", s)
		}
		to, names = append(to, r), append(names, s)
	}
	if phrase {
		p, err := a.casePhrase(true)
		if err != nil {
			return nil, nil, fail(exitTrust, err)
		}
		r, err := age.NewScryptRecipient(string(p))
		if err != nil {
			return nil, nil, fail(exitTrust, err)
		}
		to, names = []age.Recipient{r}, []string{"pass phrase"}
	}
	return to, names, nil
}

func (a *app) writeArchive(cmd *cobra.Command, dir string, w io.Writer, to []age.Recipient) error {
	bar := a.progress("exporting", "B")
	defer bar.finish()
	progress := func(n int64) { bar.update(n, 0) }
	if len(to) == 0 {
		return casefile.WriteArchive(cmd.Context(), dir, w, progress)
	}
	enc, err := age.Encrypt(w, to...)
	if err != nil {
		return fmt.Errorf("encrypting the archive: %w", err)
	}
	return errors.Join(casefile.WriteArchive(cmd.Context(), dir, enc, progress), enc.Close())
}

// maxWorkFactor is how hard a pass phrase of an archive may be to try, as a power
// of two: 1 GiB of memory. What saksi and age write takes 18.
const maxWorkFactor = 20

// ageMagic begins what age encrypted.
const ageMagic = "age-encryption.org/v1\n"

func caseRestore(a *app) *cobra.Command {
	var identity string
	c := &cobra.Command{
		Use:     "restore ARCHIVE DIR",
		Short:   "Unpack an exported case into a new folder",
		Long:    "Unpacks an archive of 'saksi evidence export'. Nothing is verified: 'saksi evidence verify DIR' does that, with a key that you have from elsewhere.",
		Example: "  saksi case restore kes-17.tar.age kes-17 --identity key.txt",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := infile.OpenStream(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			r := bufio.NewReaderSize(f, 1<<20)
			in := io.Reader(r)
			if head, err := r.Peek(len(ageMagic)); err == nil && string(head) == ageMagic {
				if in, err = a.decrypt(r, identity); err != nil {
					return fail(exitTrust, fmt.Errorf("opening %s: %w", args[0], err))
				}
			}
			bar := a.progress("unpacking", "B")
			err = casefile.ReadArchive(cmd.Context(), in, args[1], func(n int64) { bar.update(n, 0) })
			bar.finish()
			if err != nil {
				return err
			}
			info, err := casefile.ReadInfo(args[1])
			if err != nil {
				return caseError(err)
			}
			rows, err := a.rows("folder", "id", "agency", "classification", "key_hint")
			if err != nil {
				return err
			}
			return errors.Join(rows.add(args[1], info.ID, info.Agency, info.Classification, info.Key), rows.close())
		},
	}
	c.Flags().StringVar(&identity, "identity", "", "`file` with the age identity that opens it (default: by a pass phrase)")
	return c
}

func (a *app) decrypt(r io.Reader, identity string) (io.Reader, error) {
	var ids []age.Identity
	if identity == "" {
		p, err := a.casePhrase(false)
		if err != nil {
			return nil, err
		}
		id, err := age.NewScryptIdentity(string(p))
		if err != nil {
			return nil, err
		}
		id.SetMaxWorkFactor(maxWorkFactor) // a hostile archive could ask for 4 GiB
		ids = []age.Identity{id}
	} else {
		var err error
		if ids, err = identities(identity); err != nil {
			return nil, err
		}
	}
	out, err := age.Decrypt(r, ids...)
	var none *age.NoIdentityMatchError
	switch {
	case errors.As(err, &none):
		return nil, errors.New("it was encrypted for others: by another pass phrase or for another identity")
	case err != nil:
		return nil, fmt.Errorf("it can't be opened: %w", err)
	}
	return out, nil
}
