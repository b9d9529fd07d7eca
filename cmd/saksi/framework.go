package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"saksi/casefile"
	"saksi/evidence"
	"saksi/framework"
)

func frameworkCommand(a *app) *cobra.Command {
	return noun("framework", "Assess the security framework from evidence", frameworkList(a), frameworkShow(a), frameworkAssess(a), frameworkReport(a))
}

func frameworkList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "list [COMPONENT]",
		Short: "List controls",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			type row struct {
				framework string
				framework.Control
			}
			var found []row
			for _, name := range framework.Names() {
				c, err := framework.Load(name)
				if err != nil {
					return err
				}
				for _, k := range c.Controls {
					if len(args) == 1 && k.Component != args[0] && k.ID != args[0] {
						continue
					}
					found = append(found, row{c.ID, k})
				}
			}
			if len(found) == 0 {
				return failHint(exitFailed, fmt.Errorf("there is no component %q", args[0]), "'saksi framework list' shows all")
			}
			r, err := a.rows("framework", "control", "component", "title_ms", "title_en", "mode", "checks", "title_confidence", "requirement_confidence")
			if err != nil {
				return err
			}
			for _, k := range found {
				if err := r.add(k.framework, k.ID, k.Component, k.Title.MS, k.Title.EN, k.Mode, len(k.Checks), k.Confidence.Title, k.Confidence.Requirement); err != nil {
					return err
				}
			}
			return r.close()
		},
	}
}

func frameworkShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show CONTROL",
		Short: "Show a control: titles, requirement, what decides it, how it is known",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			for _, name := range framework.Names() {
				c, err := framework.Load(name)
				if err != nil {
					return err
				}
				k, err := c.Control(args[0])
				if errors.Is(err, framework.ErrUnknown) {
					continue
				}
				return a.printControl(k)
			}
			return failHint(exitFailed, fmt.Errorf("control %q is in no catalog", args[0]), "'saksi framework list' shows all")
		},
	}
}

func (a *app) printControl(k *framework.Control) error {
	r, err := a.rows("field", "value")
	if err != nil {
		return err
	}
	lines := [][2]string{
		{"control", k.ID},
		{"number", k.Number},
		{"component", k.Component},
		{"title_ms", k.Title.MS},
		{"title_en", k.Title.EN},
		{"requirement", k.Requirement},
		{"mode", k.Mode},
		{"title_confidence", k.Confidence.Title},
		{"requirement_confidence", k.Confidence.Requirement},
		{"source", k.Source},
	}
	for _, m := range []string{"nist_800_53r5", "nist_csf_2_0", "iso27001_2022"} {
		lines = append(lines, [2]string{m, strings.Join(k.Maps[m], " ")})
	}
	for _, c := range k.Checks {
		lines = append(lines, [2]string{"check " + c.ID, c.What.EN})
		if c.Fact != "" {
			lines = append(lines, [2]string{"  by", "the case's own verification (" + c.Fact + ")"})
			continue
		}
		lines = append(lines, [2]string{"  against it", c.Bad}, [2]string{"  of all", c.Of}, [2]string{"  allowed share", fmt.Sprint(c.Allowed)}, [2]string{"  decided from", fmt.Sprint(c.Min)})
	}
	for _, l := range lines {
		if err := r.add(l[0], l[1]); err != nil {
			return err
		}
	}
	return r.close()
}

type assessOptions struct {
	indexFlags
	framework string
	asOf      string
	dir       string
	key       string
}

func frameworkAssess(a *app) *cobra.Command {
	o := &assessOptions{}
	c := &cobra.Command{
		Use:   "assess --case DIR",
		Short: "Decide every control from an index and a case",
		Long: "Writes assessment.json and OSCAL assessment results to a folder. The same index, case and --as-of give the same bytes.\n" +
			"Exhibits, statements and the custody log of the case are verified on the way.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), a) },
	}
	o.add(c)
	f := c.Flags()
	f.StringVar(&o.framework, "framework", "rakkssa", "`name` of the framework")
	f.StringVar(&o.asOf, "as-of", "", "`time` (RFC 3339) after which nothing counts (default: now)")
	f.StringVar(&o.dir, "dir", "", "new `folder` for the assessment (default: below the case's reports)")
	f.StringVar(&o.key, "key", "", "public key `file` the case must verify with (default: this station's)")
	return c
}

func (o *assessOptions) run(ctx context.Context, a *app) error {
	if o.caseID == "" {
		return usage("an assessment needs a case: name it by --case")
	}
	asOf := time.Now().UTC().Truncate(time.Second)
	if o.asOf != "" {
		t, err := time.Parse(time.RFC3339, o.asOf)
		if err != nil {
			return usage("--as-of: %w", err)
		}
		asOf = t.UTC()
	}
	if o.key == "" {
		station, err := stationKey()
		if err != nil {
			return err
		}
		o.key = strings.TrimSuffix(station, ".key") + ".pub"
	}
	pub, err := evidence.LoadPublic(o.key)
	if err != nil {
		return evidenceError(err)
	}
	ix, err := o.read(ctx)
	if err != nil {
		return err
	}
	defer ix.Close()
	if o.dir == "" {
		o.dir = filepath.Join(o.caseID, casefile.ReportsDir, o.framework+"-"+asOf.Format("20060102T150405Z"))
	}
	as, err := assessCase(ctx, ix, o.framework, o.caseID, pub, asOf)
	if errors.Is(err, framework.ErrUnknown) {
		return fail(exitUsage, err)
	}
	if err != nil {
		return caseError(err)
	}
	if err := writeAssessment(o.dir, as); err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "saksi: written to %s\n", o.dir)
	return a.printAssessment(as)
}

func (a *app) printAssessment(as *framework.Assessment) error {
	r, err := a.rows("component", "title_ms", "title_en", "state", "fail", "partly", "pass", "no_data", "to_attest")
	if err != nil {
		return err
	}
	for _, c := range as.Components {
		n := c.Counts
		if err := r.add(c.ID, c.Title.MS, c.Title.EN, string(c.State), n[framework.Fail], n[framework.PartlyPass], n[framework.Pass], n[framework.NoData], n[framework.Unattested]); err != nil {
			return err
		}
	}
	return r.close()
}

// assessCase verifies a case and assesses a framework from it and its index.
func assessCase(ctx context.Context, ix framework.Index, name, dir string, pub *evidence.Public, asOf time.Time) (*framework.Assessment, error) {
	info, err := casefile.ReadInfo(dir)
	if err != nil {
		return nil, err
	}
	o := casefile.VerifyOptions{}
	if pub != nil {
		o.Trust = evidence.TrustKey(pub)
	}
	v, err := casefile.Verify(ctx, dir, o)
	if err != nil {
		return nil, err
	}
	exhibits, err := casefile.Exhibits(dir)
	if err != nil {
		return nil, err
	}
	in := framework.Inputs{
		Framework: name, AsOf: asOf, Case: info.ID, Agency: info.Agency, Classification: info.Classification, Assessor: who(), Tool: toolName(), CaseDir: dir,
		Facts: facts(v),
	}
	for _, x := range exhibits {
		in.Sources = append(in.Sources, framework.Source{Exhibit: x.ID, Name: x.Name, SHA256: x.SHA256, SourceKey: x.SourceKey, CustodyEntry: x.Seq})
	}
	return framework.Assess(ctx, ix, in)
}

// facts turns a verification into what the catalog's checks ask for.
func facts(v *casefile.Verification) map[string]framework.Fact {
	ev := framework.Fact{N: int64(v.Exhibits + v.Statements)}
	cu := framework.Fact{N: v.Entries}
	for _, p := range v.Problems {
		line := fmt.Sprintf("%s: %s: expected %s, found %s", p.Item, p.Kind, p.Expected, p.Found)
		if p.Kind == casefile.KindCustody {
			cu.Problems = append(cu.Problems, line)
		} else {
			ev.Problems = append(ev.Problems, line)
		}
	}
	return map[string]framework.Fact{"evidence": ev, "custody": cu}
}

const (
	assessmentFile = "assessment.json"
	oscalFile      = "assessment-results.oscal.json"
)

// writeAssessment writes assessment.json and the OSCAL results to a new folder.
func writeAssessment(dir string, as *framework.Assessment) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return fmt.Errorf("writing the assessment: %w", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return failHint(exitFailed, fmt.Errorf("writing the assessment: %w", err), "name a new folder by --dir; an assessment is never overwritten")
	}
	b, err := json.MarshalIndent(as, "", "  ")
	if err != nil {
		return err
	}
	o, err := as.OSCAL()
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{assessmentFile: append(b, '\n'), oscalFile: o} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return fmt.Errorf("writing the assessment: %w", err)
		}
	}
	return nil
}

// maxAssessment bounds assessment.json on reading, in bytes.
const maxAssessment = 256 << 20

func readAssessment(dir string) (*framework.Assessment, error) {
	path := filepath.Join(dir, assessmentFile)
	st, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading the assessment: %w", err)
	}
	if st.Size() > maxAssessment {
		return nil, fmt.Errorf("reading the assessment: %s has %d bytes; at most %d are read", path, st.Size(), maxAssessment)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the assessment: %w", err)
	}
	var as framework.Assessment
	if err := json.Unmarshal(b, &as); err != nil {
		return nil, fmt.Errorf("reading the assessment %s: %w", path, err)
	}
	if as.Format != 1 {
		return nil, fmt.Errorf("reading the assessment %s: format %d; this saksi reads 1", path, as.Format)
	}
	return &as, nil
}

func frameworkReport(a *app) *cobra.Command {
	var dir, lang, format string
	c := &cobra.Command{
		Use:     "report --assessment DIR --to FILE",
		Short:   "Write the report of an assessment",
		Example: "  saksi framework report --assessment kes-17/data/reports/rakkssa-20261124T080000Z --lang ms --to laporan.html",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			as, err := readAssessment(dir)
			if err != nil {
				return err
			}
			var write func(io.Writer, string) error
			switch format {
			case "html":
				write = as.HTML
			case "csv":
				write = as.CSV
			default:
				return usage("--format %s: expected html or csv", format)
			}
			if lang != "en" && lang != "ms" {
				return usage("--lang %s: expected en or ms", lang)
			}
			w, done, err := a.open()
			if err != nil {
				return err
			}
			return errors.Join(write(w, lang), done())
		},
	}
	c.Flags().StringVar(&dir, "assessment", "", "`folder` of an assessment")
	c.Flags().StringVar(&lang, "lang", "en", "language: en or ms")
	c.Flags().StringVar(&format, "format", "html", "form: html or csv")
	cobra.CheckErr(c.MarkFlagRequired("assessment"))
	return c
}
