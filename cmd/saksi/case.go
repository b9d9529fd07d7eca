package main

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"saksi/casefile"
	"saksi/evidence"
)

func caseCommand(a *app) *cobra.Command {
	return noun("case", "Keep cases: exhibits, custody, statements", caseNew(a), caseAdd(a), caseSign(a), caseShow(a), caseNote(a), caseNotes(a), caseReview(a), caseReport(a), caseRestore(a), caseLock(a), caseUnlock(a))
}

func caseNew(a *app) *cobra.Command {
	var o casefile.Options
	var key string
	c := &cobra.Command{
		Use:     "new DIR --id ID --agency NAME",
		Short:   "Make a case in a new folder",
		Example: "  saksi case new kes-17 --id JPN-2026-017 --agency 'Jabatan Contoh'",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.ID == "" || o.Agency == "" || args[0] == "" {
				return usage("--id, --agency and the folder must not be empty")
			}
			if o.Classification != "" && !slices.Contains(casefile.Classifications, o.Classification) {
				return usage("--classification %q: expected one of %s", o.Classification, strings.Join(casefile.Classifications, ", "))
			}
			s, err := a.signer(key)
			if err != nil {
				return err
			}
			o.Signer, o.Who, o.Tool = s, who(), toolName()
			if err := a.actor(&o); err != nil {
				return err
			}
			if !cmd.Flags().Changed("bind-roles") {
				o.Bound = o.ActorRole() != ""
				if !o.Bound && len(o.Register) > 0 {
					a.warn("this case binds no roles: the key that opens it is nobody's in the register of keys; open it by --as with a person's key, or by --bind-roles (docs/roles.md)")
				}
			}
			cs, err := casefile.Create(cmd.Context(), args[0], o)
			if errors.Is(err, casefile.ErrExists) {
				return failHint(exitFailed, err, "'saksi case add %s FILE' adds exhibits to it", args[0])
			}
			if err != nil {
				return caseError(err)
			}
			return errors.Join(a.caseRow(args[0], cs), cs.Close())
		},
	}
	f := c.Flags()
	f.StringVar(&o.ID, "id", "", "`id` of the case")
	f.StringVar(&o.Agency, "agency", "", "`name` of the agency")
	f.StringVar(&o.Classification, "classification", "", "mark: Rahsia Besar, Rahsia, Sulit, Terhad or Terbuka (default Sulit)")
	f.StringVar(&key, "key", "", "signing key `file` (default: this station's own)")
	f.BoolVar(&o.Bound, "bind-roles", false, "let nobody act in the case but by a key that a register binds to a role (docs/roles.md); it can't be undone (default: as the key that opens the case is bound to one)")
	cobra.CheckErr(c.MarkFlagRequired("id"))
	cobra.CheckErr(c.MarkFlagRequired("agency"))
	return c
}

func (a *app) caseRow(dir string, c *casefile.Case) error {
	r, err := a.rows("folder", "id", "agency", "classification", "created", "key_hint", "exhibits")
	if err != nil {
		return err
	}
	if err := r.add(dir, c.Info.ID, c.Info.Agency, c.Info.Classification, c.Info.Created, c.Info.Key, len(c.Exhibits)); err != nil {
		return err
	}
	return r.close()
}

func caseAdd(a *app) *cobra.Command {
	var key string
	var reference bool
	c := &cobra.Command{
		Use:   "add DIR FILE...",
		Short: "Take files under custody as exhibits",
		Long: "Each file is hashed (SHA-256) in one read, copied into the case meanwhile, and entered in the custody log.\n" +
			"With --reference it stays where it is. The files themselves are only read.",
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			cs, err := a.openCase(cmd, args[0], key)
			if err != nil {
				return err
			}
			r, err := a.rows("exhibit", "name", "bytes", "sha256", "source_key", "custody_entry")
			if err != nil {
				return errors.Join(err, cs.Close())
			}
			var first error
			for _, path := range args[1:] {
				bar := a.progress("hashing "+path, "B")
				x, err := cs.AddExhibit(cmd.Context(), path, reference, func(n int64) { bar.update(n, 0) })
				bar.finish()
				if err == nil {
					err = r.add(x.ID, x.Name, x.Size, x.SHA256, x.SourceKey, x.Seq)
				}
				if err != nil {
					first = err
					break
				}
			}
			return caseError(errors.Join(first, r.close(), cs.Close()))
		},
	}
	c.Flags().BoolVar(&reference, "reference", false, "leave the files where they are instead of copying them")
	c.Flags().StringVar(&key, "key", "", "signing key `file` of the case (default: this station's own)")
	return c
}

func caseSign(a *app) *cobra.Command {
	o := &indexFlags{}
	var key string
	c := &cobra.Command{
		Use:   "sign DIR",
		Short: "Write the findings into a case and sign a statement over all of it",
		Long: "Writes the findings of the case's index as NDJSON into its folder, and signs a statement that names the digests of the\n" +
			"exhibits, the findings and the reports. What was signed before stays.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			o.caseID = args[0]
			ix, err := o.read(cmd.Context())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, ix.Close()) }()
			cs, err := a.openCase(cmd, args[0], key)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, cs.Close()) }()
			if err := cs.Unsealed(); err != nil {
				return caseError(err)
			}
			name := filepath.Join(casefile.FindingsDir, "findings-"+time.Now().UTC().Format("20060102T150405Z")+".ndjson")
			n, err := exportFindings(cmd.Context(), ix, filepath.Join(args[0], name))
			if err != nil {
				return err
			}
			statement, err := cs.SignExamination(cmd.Context(), n)
			if err != nil {
				return caseError(err)
			}
			r, err := a.rows("statement", "findings", "file")
			if err != nil {
				return err
			}
			return errors.Join(r.add(statement, n, name), r.close())
		},
	}
	f := c.Flags()
	f.StringVar(&o.index, "index", "", "`URL` of the Elasticsearch node that holds the findings (default: the case's own index)")
	f.StringVar(&o.ca, "index-ca", "", caHelp)
	f.StringVar(&o.agency, "agency", "default", "`name` of the agency, for indexes that several share")
	f.StringVar(&key, "key", "", "signing key `file` of the case (default: this station's own)")
	return c
}

func (a *app) openCase(cmd *cobra.Command, dir, key string) (*casefile.Case, error) {
	if _, err := casefile.ReadInfo(dir); err != nil {
		return nil, caseError(err)
	}
	o, err := a.caseOptions(key)
	if err != nil {
		return nil, err
	}
	cs, err := casefile.Open(cmd.Context(), dir, *o)
	return cs, caseError(err)
}

// caseOptions are with whose keys a case is worked in.
func (a *app) caseOptions(key string) (*casefile.Options, error) {
	s, err := a.signer(key)
	if err != nil {
		return nil, err
	}
	o := &casefile.Options{Signer: s, Who: who(), Tool: toolName()}
	return o, a.actor(o)
}

// actor says who acts in a case: the person of --as, in the role that this
// station's register of keys binds the key to.
func (a *app) actor(o *casefile.Options) error {
	dir, err := (&registerFlags{}).folder()
	if err != nil {
		return err
	}
	if o.Register, err = evidence.Register(dir); err != nil {
		return evidenceError(err)
	}
	if a.as != "" {
		o.Actor, err = a.signer(a.as)
	}
	return err
}

func caseShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show DIR",
		Short: "Show the exhibits of a case",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			list, err := casefile.Exhibits(args[0])
			if err != nil {
				return caseError(err)
			}
			r, err := a.rows("exhibit", "name", "bytes", "sha256", "source_key", "custody_entry", "path")
			if err != nil {
				return err
			}
			for _, x := range list {
				if err := r.add(x.ID, x.Name, x.Size, x.SHA256, x.SourceKey, x.Seq, x.Path); err != nil {
					return err
				}
			}
			return r.close()
		},
	}
}
