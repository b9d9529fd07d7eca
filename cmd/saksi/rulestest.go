package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"saksi/event"
	"saksi/findings"
	"saksi/internal/worker"
	"saksi/rules"
	"saksi/rules/pack"
	"saksi/sensor"
)

type rulesTestOptions struct {
	only   string
	strict bool
}

func rulesTest(a *app) *cobra.Command {
	o := &rulesTestOptions{}
	c := &cobra.Command{
		Use:   "test PACK...",
		Short: "Run the rules of a pack on its samples and compare",
		Long: "Runs the rules of rule packs (a folder with pack.yaml, or folders above such) on the captures, logs, files and images that pack.yaml\n" +
			"names, and compares what each found with what it must find. One test that fails ends with exit code 1. docs/packs.md shows the layout.",
		Example: "  saksi rules test packs/portal\n  saksi rules test packs/ --strict -o json",
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), a, args) },
	}
	f := c.Flags()
	f.StringVar(&o.only, "only", "", "run only tests whose name holds this `text`")
	f.BoolVar(&o.strict, "strict", false, "fail, too, when a rule is wrong or refused, or has no sample that it finds and one that it must leave alone")
	return c
}

// rulesTested is what a run of 'rules test' counts.
type rulesTested struct {
	tests, failed            int
	rules, found, left, weak int
	problems                 int
}

func (o *rulesTestOptions) run(ctx context.Context, a *app, args []string) error {
	var packs []*pack.Pack
	args, err := ownPacks(args)
	if err != nil {
		return err
	}
	for _, arg := range args {
		if _, err := os.Stat(arg); err != nil {
			return fail(exitUsage, fmt.Errorf("looking for rule packs: %w", err))
		}
		folders, err := pack.Find(arg)
		if err != nil {
			return fail(exitUsage, err)
		}
		if len(folders) == 0 {
			return failHint(exitUsage, fmt.Errorf("looking for rule packs: there is no %s in or below %s", pack.FileName, arg), "docs/packs.md shows how a pack is laid out")
		}
		for _, folder := range folders {
			p, err := pack.Load(folder)
			if err != nil {
				return fail(exitUsage, err)
			}
			packs = append(packs, p)
		}
	}
	r, err := a.rows("result", "pack", "test", "input", "expected", "found", "why")
	if err != nil {
		return err
	}
	var sum rulesTested
	for _, p := range packs {
		if err := o.pack(ctx, a, r, p, &sum); err != nil {
			return errors.Join(err, r.close())
		}
	}
	if err := r.close(); err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "saksi: %d of %d tests pass; of %d rules %d have a sample that they must find, %d one that they must leave alone\n",
		sum.tests-sum.failed, sum.tests, sum.rules, sum.found, sum.left)
	switch {
	case sum.failed > 0:
		return fail(exitFailed, fmt.Errorf("%d tests failed", sum.failed))
	case sum.tests == 0:
		return fail(exitUsage, fmt.Errorf("there are no tests to run"))
	case o.strict && sum.problems+sum.weak > 0:
		return fail(exitFailed, fmt.Errorf("%d rules do not run, %d lack a sample that they find or one that they leave alone", sum.problems, sum.weak))
	}
	return nil
}

// pack runs the tests of one pack.
func (o *rulesTestOptions) pack(ctx context.Context, a *app, r *rows, p *pack.Pack, sum *rulesTested) error {
	paths, err := findRules(p.Rules)
	if err != nil {
		return err
	}
	paths.placeholders, paths.vars, paths.cache = p.Placeholders, p.Vars, a.yaraCache()
	w := worker.Config{Path: a.worker, Version: version}
	sets, err := paths.compile(ctx, w)
	if err != nil {
		return err
	}
	running, refused, err := sets.ids()
	if err != nil {
		return errors.Join(err, sets.close())
	}
	a.ruleProblems(sets.problems)
	for i := range sets.problems {
		if sets.problems[i].Level != rules.Advice {
			sum.problems++
		}
	}
	found, left := p.Covered(running)
	for id := range running {
		sum.rules++
		if found[id] {
			sum.found++
		}
		if left[id] {
			sum.left++
		}
		if !found[id] || !left[id] {
			sum.weak++
			if o.strict {
				a.warn(fmt.Sprintf("%s: rule %s has no sample that it %s", p.Name, id, missing(found[id], left[id])))
			}
		}
	}
	for i := range p.Tests {
		t := &p.Tests[i]
		if !strings.Contains(t.Name, o.only) {
			continue
		}
		counts := map[string]int{}
		err := sets.run(ctx, w, &ruleInput{path: t.Input, kind: t.As, year: t.Year}, findings.SinkFunc(func(e *event.Event) error {
			id, _ := e.GetStr(event.RuleID)
			counts[strings.Clone(id)]++ // an event is valid only until here
			return nil
		}))
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), sets.close())
		}
		v := t.Judge(counts, running, refused)
		if err != nil {
			v.Why = append(v.Why, oneLine(err.Error()))
			v.Pass = v.Pass && errors.Is(err, sensor.ErrIncomplete) // a damaged sample may be meant
		}
		result := "pass"
		sum.tests++
		if !v.Pass {
			result = "fail"
			sum.failed++
		}
		if err := r.add(result, p.Name, t.Name, t.Input, listed(a, v.Expected), listed(a, v.Found), listed(a, v.Why)); err != nil {
			return errors.Join(err, sets.close())
		}
	}
	return sets.close()
}

// missing says which kind of sample a rule has not.
func missing(found, left bool) string {
	switch {
	case !found && !left:
		return "must find, and none that it must leave alone"
	case !found:
		return "must find"
	}
	return "must leave alone"
}

// listed is a list as a cell: what a program reads stays a list.
func listed(a *app, list []string) any {
	if a.format == "table" || a.format == "csv" {
		return strings.Join(list, ", ")
	}
	return list
}
