package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"saksi/casefile"
	"saksi/event"
	"saksi/findings"
	"saksi/internal/worker"
	"saksi/rules"
	"saksi/rules/suricata"
	"saksi/rules/yara"
	"saksi/sensor"
)

type rulesProfileOptions struct {
	ruleFlags
	kind string
	year int
	most int

	exhibit exhibitFlags
}

func rulesProfile(a *app) *cobra.Command {
	o := &rulesProfileOptions{}
	c := &cobra.Command{
		Use:   "profile INPUT... --rules PATH",
		Short: "Say what each rule costs",
		Long: "Runs rules on captures, logs, files and events, and ranks them by CPU time. Tried are the times a rule was looked at after the\n" +
			"prefilter, evaluated those of which patterns were searched; steps are the work as budgets count it, the same on every machine. Rules of\n" +
			"YARA are compiled and scanned alone, one after the other, on each file and each file a capture carries (at most 64 MiB of them).",
		Example: "  saksi rules profile office.pcap --rules rules/\n  saksi rules profile *.evtx --rules sigma/ --most 20 -o csv",
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd, a, args) },
	}
	f := c.Flags()
	o.add(c, "`file` or folder of rules")
	o.settings(c)
	f.StringVar(&o.kind, "kind", "", "what the inputs are, when their content is not to decide: capture, log, file or events")
	f.IntVar(&o.year, "year", 0, "`year` of the first record of logs whose times have none")
	f.IntVar(&o.most, "most", 0, "only the `number` of rules that cost most; 0 is all that were tried")
	o.exhibit.add(c)
	_ = c.MarkFlagRequired("rules")
	return c
}

// maxProfiled bounds the carved files that are kept for YARA, in bytes.
const maxProfiled = 64 << 20

// content is a file for YARA.
type content struct {
	name string
	data []byte
}

// keptFiles keeps carved files.
type keptFiles struct {
	list []content
	size int
	left int                    // files that were too many
	by   map[string]*rules.Cost // of rules of YARA
}

// ScanFile implements sensor.FileScanner.
func (k *keptFiles) ScanFile(_ context.Context, f *sensor.File, _ findings.Sink) error {
	if k.size+len(f.Content) > maxProfiled {
		k.left++
		return nil
	}
	k.size += len(f.Content)
	k.list = append(k.list, content{f.Name, bytes.Clone(f.Content)})
	return nil
}

func (o *rulesProfileOptions) run(cmd *cobra.Command, a *app, inputs []string) (err error) {
	ctx := cmd.Context()
	if o.kind != "" && !slices.Contains(inputKinds, o.kind) {
		return usage("--kind is %q; expected capture, log, file or events", o.kind)
	}
	paths, err := o.find(o.rules)
	if err != nil {
		return err
	}
	paths.cache = a.yaraCache()
	w := worker.Config{Path: a.worker, Version: version}
	sets, err := paths.compile(ctx, w)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sets.close()) }()
	a.ruleProblems(sets.problems)
	var packets *suricata.Profile
	if sets.suricata != nil {
		packets = sets.suricata.Profile()
	}
	if sets.sigma != nil {
		sets.sigma.Profile()
	}
	kept := &keptFiles{by: map[string]*rules.Cost{}}
	if sets.yara != nil {
		sets.files = kept
	}
	var incomplete []error
	for _, path := range inputs {
		if path, err = o.exhibit.open(cmd, a, path, casefile.ActExamine, "measure what rules cost on it"); err != nil {
			return err
		}
		in := &ruleInput{path: path, kind: o.kind, year: o.year, content: func(_ context.Context, data []byte) error {
			kept.list = append(kept.list, content{path, data})
			return nil
		}}
		err := sets.run(ctx, w, in, findings.SinkFunc(func(*event.Event) error { return nil }))
		if err == nil && sets.yara != nil {
			err = kept.scan(ctx, sets.yara)
		}
		switch {
		case errors.Is(err, sensor.ErrIncomplete):
			incomplete = append(incomplete, err)
		case err != nil:
			return err
		}
	}
	if kept.left > 0 {
		a.warn(fmt.Sprintf("files that captures carry, left out beyond %s: %d", size(maxProfiled, "B"), kept.left))
	}
	var costs []rules.Cost
	if packets != nil {
		costs = packets.Costs()
	}
	if sets.sigma != nil {
		costs = append(costs, sets.sigma.Costs()...)
	}
	costs = append(costs, kept.costs()...)
	rules.SortCosts(costs)
	if err := o.print(a, costs); err != nil {
		return err
	}
	return fail(exitIncomplete, errors.Join(incomplete...))
}

// scan profiles the rules of YARA on the files that were kept.
func (k *keptFiles) scan(ctx context.Context, client *yara.Pool) error {
	for _, c := range k.list {
		if err := client.Profile(ctx, &yara.Content{Path: c.name, Data: c.data}, k.by); err != nil {
			return err
		}
	}
	k.list, k.size = nil, 0
	return nil
}

func (k *keptFiles) costs() []rules.Cost {
	var out []rules.Cost
	for _, c := range k.by {
		out = append(out, *c)
	}
	return out
}

func (o *rulesProfileOptions) print(a *app, costs []rules.Cost) error {
	r, err := a.rows("rank", "language", "id", "tried", "evaluated", "matched", "steps", "microseconds", "share", "name")
	if err != nil {
		return err
	}
	total := time.Duration(0)
	for i := range costs {
		total += costs[i].Time
	}
	for i := range costs {
		if c := &costs[i]; o.most == 0 || i < o.most {
			share := fmt.Sprintf("%.1f%%", 100*float64(c.Time)/float64(max(total, 1)))
			if err := r.add(i+1, c.Language, c.ID, c.Tried, c.Evaluated, c.Matched, c.Steps, c.Time.Microseconds(), share, c.Name); err != nil {
				return errors.Join(err, r.close())
			}
		}
	}
	if err := r.close(); err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "saksi: %d rules were tried, which cost %s\n", len(costs), total.Round(time.Microsecond))
	return nil
}
