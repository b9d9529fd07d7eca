package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"saksi/evidence"
	"saksi/framework"
)

type wordOptions struct {
	framework, agency, text, until, at string
	check                              string
	key, trust                         string
	notMet                             bool
	approve                            bool
	files                              []string
}

func (o *wordOptions) add(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.framework, "framework", "rakkssa", "`name` of the framework")
	f.StringVar(&o.agency, "agency", "", "`name` of the agency it is for, as assessments have it")
	f.StringVar(&o.text, "text", "", "what is said, and why")
	f.StringVar(&o.until, "until", "", "`day` or time (RFC 3339) at which it ends, a year from now at most")
	f.StringVar(&o.at, "at", "", "`time` (RFC 3339) at which it is made (default: now)")
	f.StringArrayVar(&o.files, "evidence", nil, "`file` that it rests on; its digest is signed. May be given several times")
	f.StringVar(&o.key, "key", "", "`file` of the signing key of the author or, with --approve, of the approver")
	f.StringVar(&o.trust, "trust", "", "trust `folder` whose register says who holds the key (default: this station's own)")
	f.BoolVar(&o.approve, "approve", false, "approve what another person signed: the argument is its file")
	cobra.CheckErr(c.MarkFlagRequired("key"))
}

const wordLong = "\n\nThe author signs first (--to FILE" + framework.WordEnd + "); then another person, a supervisor or an auditor by the register of keys, approves the\n" +
	"file by --approve, which writes FILE" + framework.ApprovalEnd + " beside it. It counts from then on, until its end: 'framework assess --attestations FOLDER'."

func frameworkAttest(a *app) *cobra.Command {
	o := &wordOptions{}
	c := &cobra.Command{
		Use:     "attest CONTROL|FILE",
		Short:   "Attest a control that no machine decides, signed and approved",
		Long:    "Signs that a control is met, or by --not-met that it is not." + wordLong,
		Example: "  saksi framework attest rk-1.2 --agency \"Jabatan Contoh\" --text \"Committee meets monthly\" --until 2027-06-30 --key aminah.key --to kata/rk-1.2.sigstore.json\n  saksi framework attest --approve kata/rk-1.2.sigstore.json --key siti.key",
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd, a, args[0], false) },
	}
	o.add(c)
	c.Flags().BoolVar(&o.notMet, "not-met", false, "attest that the control is not met")
	return c
}

func frameworkWaive(a *app) *cobra.Command {
	o := &wordOptions{}
	c := &cobra.Command{
		Use:     "waive CONTROL|FILE",
		Short:   "Accept the risk of a control that fails, for a time, signed and approved",
		Long:    "A waiver changes how a risk is treated, never that the control fails." + wordLong,
		Example: "  saksi framework waive rk-2-rangkaian --agency \"Jabatan Contoh\" --text \"Replaced in March\" --until 2027-03-31 --key aminah.key --to kata/w-1.sigstore.json",
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd, a, args[0], true) },
	}
	o.add(c)
	c.Flags().StringVar(&o.check, "check", "", "`id` of one check of the control (default: all)")
	return c
}

func (o *wordOptions) run(cmd *cobra.Command, a *app, arg string, waiver bool) error {
	trust, err := trustOf(o.trust)
	if err != nil {
		return err
	}
	signer, err := a.signer(o.key)
	if err != nil {
		return err
	}
	if o.approve {
		return o.approval(cmd, a, arg, signer, trust)
	}
	if !strings.HasSuffix(a.to, framework.WordEnd) || strings.HasSuffix(a.to, framework.ApprovalEnd) {
		return usage("--to %q: name a new file that ends in %s", a.to, framework.WordEnd)
	}
	k, err := o.control(arg)
	if err != nil {
		return err
	}
	r, ok := trust.Records[signer.Public().Hint()]
	if !ok {
		return failHint(exitTrust, fmt.Errorf("the register binds the key %s to nobody", signer.Public().Hint()), "'saksi evidence key enroll' enters it")
	}
	made, err := when(o.at)
	if err != nil {
		return err
	}
	until, err := dayOrTime(o.until)
	if err != nil {
		return err
	}
	w := &framework.Word{
		Framework: o.framework, Control: k.ID, Check: o.check, Agency: o.agency, Text: o.text, Met: !waiver && !o.notMet, Author: r.Person,
		Made: made.Format(time.RFC3339), Expires: until.Format(time.RFC3339),
	}
	var files []evidence.Subject
	for _, f := range o.files {
		sum, _, err := evidence.SHA256File(cmd.Context(), f, nil)
		if err != nil {
			return fmt.Errorf("reading what it rests on: %w", err)
		}
		files = append(files, evidence.Subject{Name: filepath.Base(f), Digest: map[string]string{"sha256": sum}})
	}
	b, err := framework.SignWord(cmd.Context(), signer, w, waiver, files)
	if err != nil {
		return fail(exitUsage, err)
	}
	if err := evidence.WriteNew(a.to, b, 0o600); err != nil {
		return failHint(exitFailed, err, "name a new file by --to")
	}
	fmt.Fprintf(a.stderr, "saksi: written to %s; it counts when another person has approved it: 'saksi framework %s --approve %s --key KEY'\n", a.to, cmd.Name(), shellWord(a.to))
	return nil
}

// control is the control of the framework, with the check if one is named.
func (o *wordOptions) control(id string) (*framework.Control, error) {
	c, err := library().Load(o.framework)
	if err != nil {
		return nil, fail(exitUsage, err)
	}
	k, err := c.Control(id)
	if err != nil {
		return nil, fail(exitUsage, err)
	}
	for _, x := range k.Checks {
		if x.ID == o.check {
			return k, nil
		}
	}
	if o.check != "" {
		return nil, usage("--check %s: control %s has no such check; 'saksi framework show %s' lists them", o.check, id, id)
	}
	return k, nil
}

func (o *wordOptions) approval(cmd *cobra.Command, a *app, file string, signer *evidence.Signer, trust *evidence.Trust) error {
	b, err := evidence.ReadRegular(file, evidence.MaxBundle)
	if err != nil {
		return fail(exitFailed, err)
	}
	now, err := when(o.at)
	if err != nil {
		return err
	}
	out, err := framework.SignApproval(cmd.Context(), signer, file, b, trust, now)
	if errors.Is(err, framework.ErrDuty) {
		return fail(exitTrust, err)
	}
	if err != nil {
		return evidenceError(err)
	}
	to := strings.TrimSuffix(file, framework.WordEnd) + framework.ApprovalEnd
	if err := evidence.WriteNew(to, out, 0o600); err != nil {
		return failHint(exitFailed, err, "it is approved already")
	}
	fmt.Fprintf(a.stderr, "saksi: written to %s\n", to)
	return nil
}

// dayOrTime reads a day, which counts to its end, or a time.
func dayOrTime(s string) (time.Time, error) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t.Add(24 * time.Hour), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, usage("--until %q: expected a day such as 2027-06-30, or a time (RFC 3339)", s)
	}
	return t.UTC(), nil
}
