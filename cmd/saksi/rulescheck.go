package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"saksi/internal/worker"
	"saksi/rules"
)

func rulesCheck(a *app) *cobra.Command {
	o := &ruleFlags{}
	c := &cobra.Command{
		Use:   "check PATH...",
		Short: "Say which rules do not run, where and why",
		Long: "Compiles rules of Suricata (.rules), Sigma (.yml) and YARA (.yar), and indicators (STIX 2.1 and MISP in .json, .csv, plain lists\n" +
			"in .txt), given as files or folders, and lists each problem with its file, line and column. 'error' is a rule that is wrong in its language (exit code 1), 'refused' one that is right but cannot be\n" +
			"honored exactly here (exit code 3): neither runs, and all others do.",
		Example: "  saksi rules check local.rules rules/",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			paths, err := o.find(args)
			if err != nil {
				return err
			}
			s, err := paths.compile(cmd.Context(), worker.Config{Path: a.worker, Version: version})
			if err != nil {
				return err
			}
			r, err := a.rows("file", "line", "column", "level", "rule", "problem", "expected", "hint")
			if err != nil {
				return errors.Join(err, s.close())
			}
			var count [rules.Advice + 1]int
			for _, p := range s.problems {
				count[p.Level]++
				if err := r.add(p.File, p.Line, p.Column, p.Level.String(), p.Rule, p.Message, p.Expected, p.Advice()); err != nil {
					return errors.Join(err, s.close())
				}
			}
			if err := errors.Join(r.close(), s.close()); err != nil {
				return err
			}
			passed := ""
			if s.suricata != nil && s.suricata.Passed() > 0 {
				passed = fmt.Sprintf(", %d are passed over as their requires asks", s.suricata.Passed())
			}
			fmt.Fprintf(a.stderr, "saksi: %d rules run, %d are wrong, %d are refused%s\n", s.running(), count[rules.Wrong], count[rules.Refused], passed)
			switch {
			case o.strict && len(s.problems) > 0:
				return fail(exitFailed, fmt.Errorf("--strict: %d problems", len(s.problems)))
			case count[rules.Wrong] > 0:
				return fail(exitFailed, fmt.Errorf("%d rules are wrong", count[rules.Wrong]))
			case count[rules.Refused] > 0:
				return fail(exitIncomplete, fmt.Errorf("%d rules are refused", count[rules.Refused]))
			}
			return nil
		},
	}
	o.settings(c)
	c.Flags().BoolVar(&o.strict, "strict", false, "refused rules and advice end with exit code 1, too")
	return c
}
