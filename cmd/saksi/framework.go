package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"saksi/framework"
)

func frameworkCommand(a *app) *cobra.Command {
	return noun("framework", "Assess the security framework from evidence",
		frameworkList(a), frameworkShow(a), frameworkImport(a), frameworkOverlay(a), frameworkAssess(a), frameworkReport(a), frameworkVerify(a), frameworkBundle(a), frameworkMerge(a),
		frameworkAttest(a), frameworkWaive(a), frameworkIncident(a), frameworkObligations(a), frameworkNotice(a), frameworkClocks(a), frameworkHandover(a), frameworkRunbook(a),
		frameworkDrift(a), frameworkEgress(a), frameworkServices(a), frameworkSystems(a))
}

func frameworkList(a *app) *cobra.Command {
	var only string
	c := &cobra.Command{
		Use:   "list [COMPONENT]",
		Short: "List controls",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			type row struct {
				framework string
				framework.Control
			}
			var found []row
			names, err := library().Names()
			if err != nil {
				return err
			}
			for _, name := range names {
				if only != "" && name != only {
					continue
				}
				c, err := library().Load(name)
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
			if len(found) == 0 && len(args) == 1 {
				return failHint(exitFailed, fmt.Errorf("there is no component %q", args[0]), "'saksi framework list' shows all")
			}
			if len(found) == 0 {
				return usage("--framework %s: expected one of %s", only, strings.Join(names, ", "))
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
	c.Flags().StringVar(&only, "framework", "", "`name` of one framework (default: all)")
	return c
}

func frameworkShow(a *app) *cobra.Command {
	var only string
	c := &cobra.Command{
		Use:   "show CONTROL",
		Short: "Show a control: titles, requirement, what decides it, how it is known",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			names, err := library().Names()
			if err != nil {
				return err
			}
			for _, name := range names {
				if only != "" && name != only {
					continue
				}
				c, err := library().Load(name)
				if err != nil {
					return err
				}
				k, err := c.Control(args[0])
				if errors.Is(err, framework.ErrUnknown) {
					continue
				}
				return a.printControl(k, name)
			}
			return failHint(exitFailed, fmt.Errorf("control %q is in no catalog", args[0]), "'saksi framework list' shows all")
		},
	}
	c.Flags().StringVar(&only, "framework", "", "`name` of one framework (default: the first that has the control)")
	return c
}

func (a *app) printControl(k *framework.Control, name string) error {
	r, err := a.rows("field", "value")
	if err != nil {
		return err
	}
	lines := [][2]string{
		{"framework", name},
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
		if len(k.Maps[m]) > 0 {
			lines = append(lines, [2]string{m, strings.Join(k.Maps[m], " ")})
		}
	}
	mapped, err := framework.Mapped(k, name)
	if err != nil {
		return err
	}
	for _, m := range mapped {
		if id, ok := strings.CutPrefix(m, "rakkssa "); ok {
			lines = append(lines, [2]string{"mapped from rakkssa", id})
		}
	}
	if len(k.DecidedBy) > 0 {
		lines = append(lines, [2]string{"decided by", strings.Join(k.DecidedBy, " ")})
	}
	for _, c := range k.Checks {
		lines = append(lines, [2]string{"check " + c.ID, c.What.EN})
		if c.Fact != "" {
			lines = append(lines, [2]string{"  by", framework.Facts[c.Fact] + " (" + c.Fact + ")"})
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
