package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"saksi/casefile"
	"saksi/evidence"
	"saksi/findings"
	"saksi/framework"
)

type assessOptions struct {
	indexFlags
	cases     []string
	framework string
	asOf      string
	key       string
	register  string
	scope     string
	sign      string
	words     string
	journal   string
	clocks    string // file of obligations
	trust     string
	previous  []string
	sample    int
	seed      string
}

func frameworkAssess(a *app) *cobra.Command {
	o := &assessOptions{}
	c := &cobra.Command{
		Use:   "assess --framework NAME --case DIR...",
		Short: "Decide every control from an index and cases",
		Long: "Writes assessment.json and OSCAL documents to a new folder. The same index, cases, files and --as-of give the same bytes.\n" +
			"Exhibits, statements and the custody log of each case are verified on the way. Without --index the cases' own indexes are asked.",
		Example: "  saksi framework assess --case kes-17 --as-of 2026-11-24T12:00:00Z --to audit\n  saksi framework assess --framework rakkssa --index watch --case kes-17 --case kes-18 --to audit",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), a) },
	}
	f := c.Flags()
	o.sources(f)
	f.StringVar(&o.framework, "framework", "rakkssa", "`name` of the framework")
	f.StringVar(&o.asOf, "as-of", "", "`time` (RFC 3339) after which nothing counts (default: now)")
	f.StringVar(&o.scope, "scope", "", "`id` of an agency of the register: only what its sensors and cases tell counts, with those below it")
	f.StringVar(&o.trust, "trust", "", "trust `folder` whose register says whose keys are good (default: this station's own)")
	f.IntVar(&o.sample, "sample", 0, "draw this `number` of findings of each control that has some, for an auditor to look at")
	f.StringVar(&o.seed, "seed", "", "`text` that the draw begins from; it stands in the assessment")
	f.StringVar(&o.key, "key", "", "public key `file` the cases must verify with (default: this station's)")
	f.StringVar(&o.sign, "sign", "", "signing key `file` for what is written (default: this station's own)")
	f.StringVar(&a.to, "dir", "", "the same as --to")
	cobra.CheckErr(f.MarkHidden("dir"))
	return c
}

// sources are the flags of what an assessment is made from.
func (o *assessOptions) sources(f *pflag.FlagSet) {
	f.StringVar(&o.index, "index", "", "`folder` of an index, or the URL of an Elasticsearch node (default: the cases')")
	f.StringVar(&o.ca, "index-ca", "", caHelp)
	f.StringArrayVar(&o.cases, "case", nil, "case `folder`; may be given several times")
	f.StringVar(&o.agency, "agency", "default", "`name` of the agency, for indexes that several share")
	f.StringVar(&o.register, "register", "", "`file` of the register of agencies and systems (default: register.yaml in the settings folder, if it is there)")
	f.StringVar(&o.words, "attestations", "", "`folder` of signed attestations and waivers, with their approvals")
	f.StringVar(&o.journal, "journal", "", "`folder` of the journal of incidents, for clocks and key figures")
	f.StringVar(&o.clocks, "obligations", "", "an agency's own `file` of obligations (default: those built in)")
	f.StringArrayVar(&o.previous, "previous", nil, "`folder` of an assessment before, for the trend and for when risks were opened; may be given several times")
}

// when reads --as-of; "" is now.
func when(asOf string) (time.Time, error) {
	if asOf == "" {
		return time.Now().UTC().Truncate(time.Second), nil
	}
	t, err := time.Parse(time.RFC3339, asOf)
	if err != nil {
		return t, usage("--as-of: %w", err)
	}
	return t.UTC(), nil
}

func (o *assessOptions) run(ctx context.Context, a *app) error {
	if len(o.cases) == 0 && o.index == "" {
		return usage("an assessment needs a case or an index: name it by --case or --index")
	}
	asOf, err := when(o.asOf)
	if err != nil {
		return err
	}
	dir := a.to
	a.to = "" // the table goes to standard output
	if dir == "" && len(o.cases) != 1 {
		return usage("an assessment needs a new folder: name it by --to")
	}
	if dir == "" {
		dir = filepath.Join(o.cases[0], casefile.ReportsDir, o.framework+"-"+asOf.Format("20060102T150405Z"))
	}
	var pub *evidence.Public
	if len(o.cases) > 0 {
		if pub, err = o.public(); err != nil {
			return err
		}
	}
	ix, done, err := o.indexes(ctx)
	if err != nil {
		return err
	}
	defer done()
	in := framework.Inputs{Framework: o.framework, AsOf: asOf, Where: o.where()}
	if in.Catalog, err = library().Load(o.framework); errors.Is(err, framework.ErrUnknown) {
		return fail(exitUsage, err)
	} else if err != nil {
		return fail(exitFailed, err)
	}
	if in.Register, err = readRegister(o.register); err != nil {
		return err
	}
	if err := o.more(a, &in); err != nil {
		return err
	}
	as, err := assessCases(ctx, ix, in, o.cases, pub)
	if errors.Is(err, framework.ErrUnknown) || errors.Is(err, framework.ErrScope) || errors.Is(err, framework.ErrPrevious) {
		return fail(exitUsage, err)
	}
	if err != nil {
		return caseError(err)
	}
	if err := o.looked(ctx, a, dir); err != nil {
		return err
	}
	if err := a.writeAssessment(ctx, dir, as, in.Catalog, o.sign); err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "saksi: written to %s\n", dir)
	later, err := ix.Search(ctx, findings.Request{Query: fmt.Sprintf(`@timestamp:>"%s" AND NOT file.inode:* AND NOT Saksi.artifact.inode:*`, asOf.UTC().Format(time.RFC3339Nano)), Size: 1})
	if err != nil {
		return fail(exitFailed, fmt.Errorf("counting what is later than the assessment: %w", err))
	}
	if later.Total > 0 {
		a.warn(fmt.Sprintf("%d documents are later than %s and do not count", later.Total, asOf.UTC().Format(time.RFC3339)))
	}
	return a.printAssessment(as)
}

// looked puts on record, in each index that was asked, that it was assessed. It comes after
// the asking, which it would else be part of.
func (o *assessOptions) looked(ctx context.Context, a *app, dir string) error {
	form := *a
	form.format, form.to = "assessment", dir
	own := o.indexFlags
	own.caseID = ""
	where := []indexFlags{own}
	if o.index == "" {
		where = nil
		for _, c := range o.cases {
			where = append(where, indexFlags{caseID: c})
		}
	}
	for _, f := range where {
		ix, err := f.read(ctx)
		if err != nil {
			return err
		}
		if err := errors.Join(f.look(ctx, &form, ix, "assess", o.framework, -1), ix.Close()); err != nil {
			return err
		}
	}
	return nil
}

// more reads what an assessment may have besides.
func (o *assessOptions) more(a *app, in *framework.Inputs) error {
	in.Scope, in.Sample, in.Seed = o.scope, o.sample, o.seed
	if o.sample < 0 || o.sample > 10000 || o.sample > 0 && o.seed == "" {
		return usage("--sample %d: expected 1 to 10000, and a --seed", o.sample)
	}
	if o.words != "" {
		trust, err := trustOf(o.trust)
		if err != nil {
			return err
		}
		if in.Words, err = framework.ReadWords(o.words, trust); err != nil {
			return fail(exitFailed, err)
		}
	}
	var err error
	if in.Obligations, err = obligations(o.clocks); err != nil {
		return err
	}
	if o.journal != "" {
		if in.Journal, err = (&journalFlags{dir: o.journal, key: o.key}).read(a); err != nil {
			return err
		}
	}
	for _, dir := range o.previous {
		as, err := readAssessment(dir)
		if err != nil {
			return err
		}
		in.Previous = append(in.Previous, as)
	}
	return nil
}

// trustOf reads a trust folder, or this station's own.
func trustOf(dir string) (*evidence.Trust, error) {
	dir, err := (&registerFlags{dir: dir}).folder()
	if err != nil {
		return nil, err
	}
	t, err := evidence.LoadTrust(dir)
	return t, evidenceError(err)
}

// readRegister reads the register that is named, or the user's; nil when there
// is none.
func readRegister(path string) (*framework.Register, error) {
	if path == "" {
		dir, err := configDir()
		if err != nil {
			return nil, nil
		}
		if path = filepath.Join(dir, "register.yaml"); !exists(path) {
			return nil, nil
		}
	}
	r, err := framework.ReadRegister(path)
	return r, fail(exitUsage, err)
}

// public is the key that the cases must verify with.
func (o *assessOptions) public() (*evidence.Public, error) {
	if o.key == "" {
		station, err := stationKey()
		if err != nil {
			return nil, err
		}
		o.key = strings.TrimSuffix(station, ".key") + ".pub"
	}
	pub, err := evidence.LoadPublic(o.key)
	return pub, evidenceError(err)
}

// where are the flags that name what is asked, as the report's commands take
// them.
func (o *assessOptions) where() string {
	if o.index != "" {
		w := "--index " + shellWord(o.index)
		if isURL(o.index) {
			w += " --agency " + shellWord(o.agency)
		}
		return w
	}
	if len(o.cases) == 1 {
		return "--case " + shellWord(o.cases[0])
	}
	return "--case DIR"
}

// indexes opens the index that is named, or those of the cases as one.
func (o *assessOptions) indexes(ctx context.Context) (framework.Index, func(), error) {
	if o.index != "" {
		f := o.indexFlags
		f.caseID = ""
		ix, err := f.read(ctx)
		if err != nil {
			return nil, nil, err
		}
		o.index, o.login = f.index, f.login
		return ix, func() { ix.Close() }, nil
	}
	var list []framework.Index
	var closers []func() error
	done := func() {
		for _, c := range closers {
			c()
		}
	}
	for _, dir := range o.cases {
		f := indexFlags{caseID: dir}
		ix, err := f.read(ctx)
		if err != nil {
			done()
			return nil, nil, err
		}
		list, closers = append(list, ix), append(closers, ix.Close)
	}
	return framework.Join(list...), done, nil
}

func (a *app) printAssessment(as *framework.Assessment) error {
	r, err := a.rows("component", "title_ms", "title_en", "state", "fail", "stale", "no_data", "to_attest", "partly", "attested", "pass")
	if err != nil {
		return err
	}
	for _, c := range as.Components {
		row := []any{c.ID, c.Title.MS, c.Title.EN, string(c.State)}
		for _, s := range framework.States {
			row = append(row, c.Counts[s])
		}
		if err := r.add(row...); err != nil {
			return err
		}
	}
	return r.close()
}

// assessCases verifies cases and assesses a framework from them and an index.
func assessCases(ctx context.Context, ix framework.Index, in framework.Inputs, dirs []string, pub *evidence.Public) (*framework.Assessment, error) {
	in.Assessor, in.Tool, in.Facts = who(), toolName(), map[string]framework.Fact{}
	named := in.Cases // by an assessment that is made again: a copy of a case has another folder
	in.Cases = nil
	var agencies []string
	for _, dir := range dirs {
		info, err := casefile.ReadInfo(dir)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(in.Cases, func(k framework.CaseInput) bool { return k.ID == info.ID }) {
			return nil, usage("--case %s: its id %s is that of a case before; each counts once", dir, info.ID)
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
		root, err := casefile.LogRoot(dir)
		if err != nil {
			root = "" // Verify has told what is wrong with it
		}
		k := framework.CaseInput{ID: info.ID, Dir: dir, Agency: info.Agency, Classification: info.Classification, Exhibits: len(exhibits), Entries: v.Entries, LogRoot: root, Sealed: v.Seal != nil}
		for _, n := range named {
			if n.ID == k.ID {
				k.Dir = n.Dir
			}
		}
		k.Problems = facts(v, in.Facts)
		in.Cases = append(in.Cases, k)
		for _, x := range exhibits {
			in.Sources = append(in.Sources, framework.Source{Case: info.ID, Exhibit: x.ID, Name: x.Name, SHA256: x.SHA256, SourceKey: x.SourceKey, CustodyEntry: x.Seq})
		}
		agencies = addOnce(agencies, info.Agency)
		in.Classification = stricter(in.Classification, info.Classification)
	}
	if in.Agency == "" && len(agencies) == 0 && in.Register != nil {
		agencies = in.Register.Roots()
	}
	if in.Agency == "" {
		in.Agency = strings.Join(agencies, ", ")
	}
	if in.Classification == "" {
		in.Classification = casefile.Classifications[2]
	}
	return framework.Assess(ctx, ix, in)
}

func addOnce(list []string, s string) []string {
	for _, x := range list {
		if x == s {
			return list
		}
	}
	return append(list, s)
}

// stricter is the higher of two classifications; one that is not known is
// taken for the highest.
func stricter(a, b string) string {
	if a == "" {
		return b
	}
	for _, c := range casefile.Classifications {
		if a == c || b == c {
			return c
		}
	}
	return casefile.Classifications[0]
}

// facts adds a verification to what the catalog's checks ask for, and returns
// what did not verify.
func facts(v *casefile.Verification, m map[string]framework.Fact) (problems []string) {
	ev, cu := m["evidence"], m["custody"]
	ev.N += int64(v.Exhibits + v.Statements)
	cu.N += v.Entries
	for _, p := range v.Problems {
		line := fmt.Sprintf("%s: %s: expected %s, found %s", p.Item, p.Kind, p.Expected, p.Found)
		problems = append(problems, line)
		if p.Kind == casefile.KindCustody {
			cu.Problems = append(cu.Problems, line)
		} else {
			ev.Problems = append(ev.Problems, line)
		}
	}
	m["evidence"], m["custody"] = ev, cu
	return problems
}
