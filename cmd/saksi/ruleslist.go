package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"saksi/forensics/scan"
	"saksi/framework"
	"saksi/internal/worker"
	"saksi/rules"
	"saksi/rules/yara"
)

type rulesListOptions struct {
	ruleFlags
	technique string
	control   string
	severity  string
	language  string
	refused   bool
	by        string
	framework string
}

func rulesList(a *app) *cobra.Command {
	o := &rulesListOptions{}
	c := &cobra.Command{
		Use:   "list PATH...",
		Short: "List rules of every language in one catalog, or what they cover",
		Long: "Lists rules of Suricata, Sigma and YARA, and indicators, given as files or folders: id, name, severity, ATT&CK techniques, the framework's controls that\n" +
			"their findings bear on, place, and why a rule does not run (of YARA the worker knows that: 'saksi rules check'). --by counts the rules that\n" +
			"run by technique, control, severity or language instead; controls without a rule are shown with 0.",
		Example: "  saksi rules list rules/ --technique T1059 --severity high\n  saksi rules list rules/ --by control",
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), a, args) },
	}
	f := c.Flags()
	f.StringVar(&o.technique, "technique", "", "only rules of this ATT&CK `technique`, or its sub-techniques")
	f.StringVar(&o.control, "control", "", "only rules whose findings bear on this `control`")
	f.StringVar(&o.severity, "severity", "", "only rules of this `severity` or above: low, medium, high or critical")
	f.StringVar(&o.language, "language", "", "only rules of this `language`: suricata, sigma, yara or intel")
	f.BoolVar(&o.refused, "refused", false, "only rules that do not run")
	f.StringVar(&o.by, "by", "", "count by `what`: technique, control, severity or language")
	f.StringVar(&o.framework, "framework", "rakkssa", "`name` of the framework whose controls are told")
	o.settings(c)
	return c
}

// listedRule is a rule with its controls.
type listedRule struct {
	rules.Entry
	controls []string
}

func (o *rulesListOptions) run(ctx context.Context, a *app, args []string) error {
	keep, err := o.filter()
	if err != nil {
		return err
	}
	controls, err := framework.Controls(o.framework)
	if err != nil {
		return fail(exitUsage, err)
	}
	paths, err := o.find(args)
	if err != nil {
		return err
	}
	if o.by != "" {
		return o.count(ctx, a, &paths, controls, keep)
	}
	r, err := a.rows("language", "id", "severity", "name", "techniques", "controls", "file", "line", "refused")
	if err != nil {
		return err
	}
	err = paths.each(ctx, func(e *rules.Entry) error {
		l := listedRule{*e, controls(e.Techniques, e.Language)}
		if !keep(&l) {
			return nil
		}
		severity := ""
		if e.Severity > 0 {
			severity = e.Severity.String()
		}
		return r.add(e.Language, e.ID, severity, e.Name, e.Techniques, l.controls, e.File, e.Line, e.Refused)
	})
	return errors.Join(err, r.close())
}

// filter gives what decides whether a rule is listed.
func (o *rulesListOptions) filter() (func(r *listedRule) bool, error) {
	technique, ok := rules.Technique(o.technique)
	if o.technique != "" && !ok {
		return nil, usage("--technique is %q; expected one of ATT&CK, such as T1059 or T1059.001", o.technique)
	}
	least := rules.Severity(0)
	if o.severity != "" {
		if least, ok = rules.SeverityByName(o.severity); !ok {
			return nil, usage("--severity is %q; expected low, medium, high or critical", o.severity)
		}
	}
	if o.control != "" {
		c, err := framework.Load(o.framework)
		if err != nil {
			return nil, fail(exitUsage, err)
		}
		if _, err := c.Control(o.control); err != nil {
			return nil, fail(exitUsage, fmt.Errorf("--control: %w", err))
		}
	}
	if o.language != "" && !slices.Contains([]string{rules.Suricata, rules.Sigma, rules.YARA, rules.Intel}, o.language) {
		return nil, usage("--language is %q; expected suricata, sigma, yara or intel", o.language)
	}
	if o.by != "" && !slices.Contains([]string{"technique", "control", "severity", "language"}, o.by) {
		return nil, usage("--by is %q; expected technique, control, severity or language", o.by)
	}
	return func(r *listedRule) bool {
		return (technique == "" || slices.ContainsFunc(r.Techniques, func(t string) bool { return t == technique || strings.HasPrefix(t, technique+".") })) &&
			(o.control == "" || slices.Contains(r.controls, o.control)) && r.Severity >= least &&
			(o.language == "" || r.Language == o.language) && (!o.refused || r.Refused != "")
	}, nil
}

// count prints how many rules run by what --by names.
func (o *rulesListOptions) count(ctx context.Context, a *app, paths *rulePaths, controls func(techniques []string, language string) []string, keep func(r *listedRule) bool) error {
	type counts struct {
		by       map[string]int // language
		all      int
		severity rules.Severity // the highest
	}
	groups := map[string]*counts{}
	names := map[string]string{}
	group := func(key string) *counts {
		if groups[key] == nil {
			groups[key] = &counts{by: map[string]int{}}
		}
		return groups[key]
	}
	if o.by == "control" {
		c, err := framework.Load(o.framework)
		if err != nil {
			return fail(exitUsage, err)
		}
		for _, k := range c.Controls {
			group(k.ID)
			names[k.ID] = k.Title.EN
		}
	}
	err := paths.each(ctx, func(e *rules.Entry) error {
		r := &listedRule{*e, controls(e.Techniques, e.Language)}
		if r.Refused != "" || !keep(r) {
			return nil
		}
		var keys []string
		switch o.by {
		case "technique":
			keys = r.Techniques
			if len(keys) == 0 {
				keys = []string{"none"}
			}
		case "control":
			keys = r.controls
		case "severity":
			keys = []string{r.Severity.String()}
		default:
			keys = []string{r.Language}
		}
		for _, key := range keys {
			g := group(key)
			g.all++
			g.by[r.Language]++
			g.severity = max(g.severity, r.Severity)
		}
		return nil
	})
	if err != nil {
		return err
	}
	r, err := a.rows(o.by, "rules", rules.Suricata, rules.Sigma, rules.YARA, rules.Intel, "highest", "title")
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		g := groups[key]
		highest := ""
		if g.all > 0 {
			highest = g.severity.String()
		}
		if err := r.add(key, g.all, g.by[rules.Suricata], g.by[rules.Sigma], g.by[rules.YARA], g.by[rules.Intel], highest, names[key]); err != nil {
			return errors.Join(err, r.close())
		}
	}
	return r.close()
}

// each gives f the catalog of the rules, without compiling those of YARA, and of
// the indicators.
func (p *rulePaths) each(ctx context.Context, f func(e *rules.Entry) error) error {
	s, err := (&rulePaths{suricata: p.suricata, sigma: p.sigma, placeholders: p.placeholders, vars: p.vars, beside: p.beside}).compile(ctx, worker.Config{})
	if err != nil {
		return err
	}
	var list []rules.Entry
	if s.suricata != nil {
		list = s.suricata.Entries()
	}
	if s.sigma != nil {
		list = append(list, s.sigma.Entries()...)
	}
	sources, err := scan.LoadRules(p.yara)
	if err != nil {
		return fail(exitUsage, err)
	}
	for _, src := range sources {
		list = append(list, yara.Entries(src)...)
	}
	for i := range list {
		if err := f(&list[i]); err != nil {
			return err
		}
	}
	return eachIndicator(p.intel, f)
}
