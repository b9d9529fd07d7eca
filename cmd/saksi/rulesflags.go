package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"saksi/internal/worker"
	"saksi/rules"
)

// ruleFlags say which rules are used, and how they are read.
type ruleFlags struct {
	rules        []string
	placeholders string
	vars         []string
	strict       bool
	suricata     suricataFlags
	bundle       string // folder of an installed bundle whose rules and settings are used besides; "" for none
}

// add adds the flag that names rules; what says of which languages.
func (o *ruleFlags) add(c *cobra.Command, what string) {
	c.Flags().StringArrayVar(&o.rules, "rules", nil, what+"; may be given several times")
}

// settings adds what the rules of Suricata and Sigma leave to those who run
// them.
func (o *ruleFlags) settings(c *cobra.Command) {
	addPlaceholders(c, &o.placeholders)
	o.suricata.add(c)
	c.Flags().StringArrayVar(&o.vars, "var", nil, "`NAME=VALUE` of a variable in rules of Suricata, such as HOME_NET=10.0.0.0/8; may be given several times")
}

// strictness adds the flag that refuses to run when a rule does not.
func (o *ruleFlags) strictness(c *cobra.Command) {
	c.Flags().BoolVar(&o.strict, "strict", false, "do nothing when a rule is wrong or refused, instead of running the others")
}

// find sorts the files of rules by language and reads the settings.
func (o *ruleFlags) find(paths []string) (rulePaths, error) {
	p, err := findRules(paths)
	if err != nil {
		return p, err
	}
	if p.placeholders, err = readPlaceholders(o.placeholders); err != nil {
		return p, err
	}
	if p.beside, err = o.suricata.config(); err != nil {
		return p, err
	}
	p.vars, err = readVars(o.vars)
	return p, err
}

// readVars reads NAME=VALUE pairs.
func readVars(list []string) (map[string]string, error) {
	vars := map[string]string{}
	for _, v := range list {
		name, value, ok := strings.Cut(v, "=")
		name = strings.TrimPrefix(name, "$")
		if !ok || name == "" || value == "" {
			return nil, usage("--var %s: expected NAME=VALUE, such as HOME_NET=10.0.0.0/8", v)
		}
		vars[name] = value
	}
	return vars, nil
}

// compile compiles the rules that the flags name and says what is wrong with
// them. The caller MUST call close.
func (o *ruleFlags) compile(ctx context.Context, a *app) (*ruleSets, error) {
	o, err := o.withBundle()
	if err != nil {
		return nil, err
	}
	paths, err := o.find(o.rules)
	if err != nil {
		return nil, err
	}
	paths.cache, paths.warn = a.yaraCache(), a.warn
	sets, err := paths.compile(ctx, worker.Config{Path: a.worker, Version: version})
	if err != nil {
		return nil, err
	}
	if err := o.told(a, sets.problems); err != nil {
		return nil, errors.Join(err, sets.close())
	}
	return sets, nil
}

// told says what is wrong with rules; under --strict it is an error.
func (o *ruleFlags) told(a *app, problems []rules.Problem) error {
	a.ruleProblems(problems)
	n := 0
	for i := range problems {
		if problems[i].Level != rules.Advice {
			n++
		}
	}
	if o.strict && n > 0 {
		return failHint(exitFailed, fmt.Errorf("--strict: %d rules do not run, so nothing was done", n), "'saksi rules check' lists them")
	}
	return nil
}
