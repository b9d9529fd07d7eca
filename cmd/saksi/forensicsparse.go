package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"saksi/event"
	"saksi/findings"
	"saksi/forensics/artifact"
	"saksi/rules"
	"saksi/rules/intel"
	"saksi/rules/sigma"
)

// recordFields are the columns of records of artifacts, and of findings in
// them, as csv and as a table.
var recordFields = []event.Field{
	event.Timestamp, event.EventSeverity, event.RuleName, event.EventCode, event.EventProvider, event.HostName, event.UserName,
	event.ProcessExecutable, event.ProcessCommandLine,
}

type parseOptions struct {
	ruleFlags
	failOn string
	year   int
	kind   string
	offset int64
	keep   keepFlags
}

func forensicsParse(a *app, flags *forensicsFlags) *cobra.Command {
	o := &parseOptions{}
	c := &cobra.Command{
		Use:   "parse FILE...",
		Short: "Read event logs and other artifacts, and match Sigma rules and indicators",
		Long: "Read files in which a system keeps traces, by their content ('saksi forensics artifacts' lists which). json, ndjson and csv give\n" +
			"every record in the order of the file, and each finding right behind its record; the table gives the findings when there are rules.\n" +
			"A file that is damaged is read as far as it goes (exit code 3).",
		Example: "  saksi forensics parse Security.evtx -o ndjson\n  saksi forensics parse *.evtx --rules sigma/rules/windows --fail-on high\n  saksi forensics parse E3 --case kes-17 --rules sigma/",
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd, a, flags, args) },
	}
	f := c.Flags()
	o.add(c, "`file` or folder of Sigma rules (.yml) and indicators (.json, .csv, .txt)")
	addPlaceholders(c, &o.placeholders)
	o.strictness(c)
	f.IntVar(&o.year, "year", 0, "`year` of the first record of logs whose times have none, such as syslog of old; they are taken as UTC")
	f.StringVar(&o.kind, "kind", "", "read the files as this `artifact`, where content and name do not tell")
	f.Int64Var(&o.offset, "offset", -1, "give only the record at this `byte` of the file, as a finding names it")
	f.StringVar(&o.failOn, "fail-on", "", "exit with code 4 when a finding is of this `severity` or above: low, medium, high or critical")
	o.keep.add(c)
	return c
}

// parsing is a run of 'forensics parse'.
type parsing struct {
	a       *app
	set     *sigma.Set // nil without rules of Sigma
	intel   *intel.Set // nil without indicators
	cor     *sigma.Correlator
	sink    findings.Sink
	limit   rules.Severity
	year    int
	kind    string
	offset  int64
	stored  bool
	finding event.Event
	command func(r *artifact.Record, e *event.Event) string // that shows a record again
	untimed bool                                            // what has a time without a year is left out of the store, not an error
	skipped int                                             // records whose time has no year, which can't be stored
	found   int
	reached int // findings of at least limit

	failed error // of what takes the records: it ends the run
}

func (o *parseOptions) run(cmd *cobra.Command, a *app, flags *forensicsFlags, args []string) (err error) {
	p := &parsing{a: a, year: o.year, kind: o.kind, offset: o.offset, command: o.command}
	if err := checkKinds(o.kind); err != nil {
		return err
	}
	finish, args, err := p.begin(cmd, &o.ruleFlags, o.failOn, &o.keep, args, "parse its records")
	if err != nil {
		return err
	}
	broken, err := p.files(cmd.Context(), flags, args)
	return finish(broken, err)
}

// begin makes ready what takes the records: rules, the store and the output.
// It gives the paths of the inputs, and what ends the run with the number of
// problems and decides its exit code.
func (p *parsing) begin(cmd *cobra.Command, rf *ruleFlags, failOn string, keep *keepFlags, args []string, why string) (finish func(broken int, err error) error, paths []string, err error) {
	a := p.a
	if p.year != 0 && (p.year < 1970 || p.year > 2200) {
		return nil, nil, usage("--year is %d; expected a year from 1970", p.year)
	}
	if failOn != "" {
		var ok bool
		if p.limit, ok = rules.SeverityByName(failOn); !ok {
			return nil, nil, usage("--fail-on %s: expected low, medium, high or critical", failOn)
		}
	}
	if p.set, p.intel, err = loadRecordRules(a, rf); err != nil {
		return nil, nil, err
	}
	ev, err := a.events(recordFields...)
	if err != nil {
		return nil, nil, err
	}
	p.sink = findings.SinkFunc(func(e *event.Event) error {
		if kind, _ := e.GetStr(event.EventKind); a.format == "table" && len(rf.rules) > 0 && kind != "alert" {
			return nil
		}
		return ev.Emit(e)
	})
	kept, err := keep.keep(cmd, a, why, args, p.sink)
	if err != nil {
		return nil, nil, err
	}
	if kept != nil {
		p.sink, args, p.stored = kept.sink, kept.paths, true
	}
	if p.intel != nil {
		p.sink = indicatorFindings(p.intel, p.sink, p.count)
	}
	if p.set != nil {
		p.cor = p.set.NewCorrelator(p.alert)
	}
	return func(broken int, err error) error {
		if p.cor != nil {
			if p.failed == nil && cmd.Context().Err() == nil { // a file that can't be read keeps no finding of the others back
				err = errors.Join(err, p.cor.Close())
			}
			if p.cor.Dropped > 0 {
				broken++
				a.warn(fmt.Sprintf("correlations forgot %d groups, because there were too many at once", p.cor.Dropped))
			}
		}
		a.indicatorsLeft(p.intel)
		err = errors.Join(err, kept.close(cmd.Context()), ev.close())
		switch {
		case err != nil:
			return err
		case broken > 0:
			return fail(exitIncomplete, fmt.Errorf("not all of the input could be read: %d problems", broken))
		case p.reached > 0:
			return fail(exitFailOn, fmt.Errorf("%d findings of severity %s or above", p.reached, p.limit))
		}
		return nil
	}, args, nil
}

// checkKinds refuses names of artifacts that there are not.
func checkKinds(kinds ...string) error {
	for _, k := range kinds {
		if k != "" && !slices.ContainsFunc(artifact.Formats(), func(f artifact.Format) bool { return f.Name == k }) {
			return usage("--kind %s: there is no such artifact; 'saksi forensics artifacts' lists them", k)
		}
	}
	return nil
}

// command is what shows a record of a file again.
func (o *parseOptions) command(r *artifact.Record, e *event.Event) string {
	name, _ := e.GetStr(event.SaksiEvidenceName)
	command := fmt.Sprintf("saksi forensics parse %s --offset %d -o json", shellWord(name), r.Offset)
	if o.year != 0 {
		command += fmt.Sprintf(" --year %d", o.year)
	}
	if o.kind != "" {
		command += " --kind " + o.kind
	}
	return command
}

// loadRecordRules compiles the rules; what is not named is nil.
func loadRecordRules(a *app, o *ruleFlags) (*sigma.Set, *intel.Set, error) {
	if len(o.rules) == 0 {
		return nil, nil, nil
	}
	paths, err := o.find(o.rules)
	if err != nil {
		return nil, nil, err
	}
	if len(paths.sigma)+len(paths.intel) == 0 {
		return nil, nil, usage("--rules: there are no rules of Sigma (.yml) and no indicators, which alone look at records")
	}
	indicators, err := o.indicators(a, paths.intel)
	if err != nil || len(paths.sigma) == 0 {
		return nil, indicators, err
	}
	set, problems, err := sigma.Load(paths.sigma, sigma.Config{Placeholders: paths.placeholders})
	if err != nil {
		return nil, nil, fail(exitUsage, err)
	}
	rules.SortProblems(problems)
	return set, indicators, o.told(a, problems)
}

// files reads all files. It returns the number of problems; one file that
// can't be read does not keep the others from it.
func (p *parsing) files(ctx context.Context, flags *forensicsFlags, paths []string) (broken int, err error) {
	var failed []error
	for _, path := range paths {
		found := p.found
		sum, err := artifact.Read(ctx, path, artifact.Options{Worker: flags.worker(p.a), Year: p.year, Kind: p.kind}, func(r *artifact.Record, e *event.Event) error {
			p.failed = p.record(r, e)
			return p.failed
		})
		for _, x := range sum.Problems[:min(len(sum.Problems), 10)] {
			p.a.warn(fmt.Sprintf("%s: offset %d: %s", path, x.Offset, x.Text))
		}
		if sum.Broken > 10 {
			p.a.warn(fmt.Sprintf("%s: %d more problems", path, sum.Broken-10))
		}
		broken += sum.Broken
		if sum.Format != "" {
			fmt.Fprintf(p.a.stderr, "saksi: %s: %s, %d records, %d findings\n", oneLine(path), sum.Format, sum.Records, p.found-found)
		}
		switch {
		case ctx.Err() != nil:
			return broken, ctx.Err()
		case p.failed != nil:
			return broken, err
		case err != nil && sum.Records > 0:
			p.a.warn(err.Error())
			broken++
		case err != nil:
			failed = append(failed, imageError(err))
		}
	}
	if len(failed) == 1 {
		return broken, failed[0]
	}
	return broken, errors.Join(failed...)
}

// record emits a record and what rules find in it.
func (p *parsing) record(r *artifact.Record, e *event.Event) error {
	if p.offset >= 0 && r.Offset != p.offset {
		return nil
	}
	e.Str(event.SaksiEvidenceCommand, p.command(r, e))
	if r.Time == 0 && p.stored && r.Yearless() {
		if p.untimed {
			p.skipped++
			return nil
		}
		return failHint(exitUsage, fmt.Errorf("storing the record at offset %d: it has no year, and so no time", r.Offset), "say the year of the first record by --year")
	}
	if !e.Has(event.Timestamp) && !r.Yearless() { // as of entries without a time: the same on every run, and said
		e.Time(event.Timestamp, 0)
		e.Str(event.SaksiAssumed, event.NoTime)
	}
	if err := p.sink.Emit(e); err != nil || p.set == nil {
		return err
	}
	for _, rule := range p.set.Match(r) {
		if !rule.Silent {
			if err := p.alert(rule, e); err != nil {
				return err
			}
		}
		if rule.Feeds() {
			h := p.set.HitRecord(rule, r, r.Time)
			if err := p.cor.Add(&h, e); err != nil {
				return err
			}
		}
	}
	return nil
}

// alert emits the finding of a rule that e met.
func (p *parsing) alert(r *sigma.Rule, e *event.Event) error {
	r.Finding(&p.finding, e)
	p.count(&p.finding)
	return p.sink.Emit(&p.finding)
}

// count counts a finding.
func (p *parsing) count(f *event.Event) {
	p.found++
	if n, _ := f.GetInt(event.EventSeverity); p.limit > 0 && n >= int64(p.limit) {
		p.reached++
	}
}
