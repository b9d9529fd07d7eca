package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"saksi/casefile"
	"saksi/event"
	"saksi/findings"
	"saksi/forensics/artifact"
	"saksi/internal/worker"
	"saksi/rules"
	"saksi/rules/sigma"
	"saksi/rules/suricata"
	"saksi/rules/yara"
	"saksi/sensor"
	"saksi/sensor/flow"
)

type rulesExplainOptions struct {
	ruleFlags
	kind   string
	year   int
	packet uint64
	offset int64
	flow   string
	most   int

	exhibit exhibitFlags
}

func rulesExplain(a *app) *cobra.Command {
	o := &rulesExplainOptions{}
	c := &cobra.Command{
		Use:   "explain RULE INPUT --rules PATH",
		Short: "Say why a rule finds something in an input, or does not",
		Long: "Runs one rule (a sid, the id of a Sigma rule or an indicator, the name of a YARA rule) on a capture, a log, a file or events of ours (NDJSON), and tells\n" +
			"condition by condition what was asked, whether it was met and what was seen: for Suricata header, flow, buffers and where each content\n" +
			"stands, thresholds; for Sigma each search and field with its values; for YARA each string and where it is; for an indicator the fields that hold it. What is told comes from\n" +
			"the engine itself. Matches come first, then the trials that were met furthest.",
		Example: "  saksi rules explain 1200002 office.pcap --rules local.rules --packet 57\n" +
			"  saksi rules explain 5f0c8f0e-7a55-4d1c-9a43-0d7c1b6a9e01 Security.evtx --rules sigma/ --offset 5632\n" +
			"  saksi rules explain Saksi_Demo_Implant update.bin --rules demo.yar",
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, a, args[0], args[1]) },
	}
	f := c.Flags()
	o.add(c, "`file` or folder of rules in which RULE is")
	o.settings(c)
	f.StringVar(&o.kind, "kind", "", "what the input is, when its content is not to decide: capture, log, file or events")
	f.IntVar(&o.year, "year", 0, "`year` of the first record of logs whose times have none")
	f.Uint64Var(&o.packet, "packet", 0, "only what the packet with this `number` completed")
	f.Int64Var(&o.offset, "offset", -1, "only the record at this `byte` of a log")
	f.StringVar(&o.flow, "flow", "", "only the flow with this Community `ID` (not of ICMP)")
	f.IntVar(&o.most, "most", 3, "the `number` of trials that are shown")
	o.exhibit.add(c)
	_ = c.MarkFlagRequired("rules")
	return c
}

// explained collects the trials of one rule.
type explained struct {
	o        *rulesExplainOptions
	id       string
	found    []*rules.Trial          // matches, in their order, at most o.most
	missed   []*rules.Trial          // the others that came furthest
	byPacket map[uint64]*rules.Trial // of found
	where    string                  // of the record under work

	indicator, validity string // of an indicator; empty: the rule is none

	trials, matches, left uint64
	stopped               map[string]uint64 // trials by the condition that was not met
	others                func() uint64
}

// add takes a trial.
func (x *explained) add(t *rules.Trial) {
	x.trials++
	if t.Found {
		x.matches++
		if len(x.found) < x.o.most {
			x.found = append(x.found, t)
		}
		return
	}
	if c := t.Stopped(); c != nil {
		x.stopped[c.Text]++
	}
	at, _ := slices.BinarySearchFunc(x.missed, t.Met(), func(o *rules.Trial, met int) int { return cmp.Compare(met, o.Met()) })
	for at < len(x.missed) && x.missed[at].Met() == t.Met() {
		at++ // the earlier ones of the same rank stay first
	}
	if at < x.o.most {
		x.missed = slices.Insert(x.missed, at, t)
		x.missed = x.missed[:min(len(x.missed), x.o.most)]
	}
}

// packet takes a trial of Suricata's engine. What the ordered stage makes of a
// match is told at its end.
func (x *explained) packet(t *suricata.Trial) {
	if x.o.packet > 0 && t.Packet != x.o.packet || x.o.flow != "" && communityID(t) != x.o.flow {
		x.left++
		return
	}
	if !t.Ordered {
		kept := len(x.found)
		if x.add(&t.Trial); len(x.found) > kept {
			x.byPacket[t.Packet] = &t.Trial
		}
		return
	}
	if !t.Found {
		x.matches--
		x.stopped[t.Conditions[0].Text]++
	}
	if m := x.byPacket[t.Packet]; m != nil {
		m.Conditions, m.Found = append(m.Conditions, t.Conditions...), m.Found && t.Found
	}
}

// communityID is the id of the flow of a trial; of ICMP, whose ids are made of
// types, there is none.
func communityID(t *suricata.Trial) string {
	if t.Proto == 1 || t.Proto == 58 {
		return ""
	}
	return string(flow.AppendCommunityID(nil, flow.Key{
		Src: t.Src.Addr().As16(), Dst: t.Dst.Addr().As16(), SrcPort: t.Src.Port(), DstPort: t.Dst.Port(), Proto: t.Proto, V6: t.Src.Addr().Is6(),
	}, 0))
}

// event takes a trial of Sigma's engine.
func (x *explained) event(t *rules.Trial, e *event.Event) {
	t.Where = x.where
	if e != nil && x.where == "" {
		dataset, _ := e.GetStr(event.EventDataset)
		t.Where = "event " + dataset
		if dataset == "saksi.alert" {
			t.Where = "finding"
		}
		mine := x.o.packet == 0
		var packets []string
		for v := range e.Values(event.SaksiEvidencePacket) {
			mine = mine || uint64(v.Int()) == x.o.packet
			packets = append(packets, string(v.AppendText(nil)))
		}
		if len(packets) > 0 {
			t.Where += ", packet " + strings.Join(packets, " ")
		}
		id, _ := e.GetStr(event.NetworkCommunityID)
		if !mine || x.o.flow != "" && id != x.o.flow {
			x.left++
			return
		}
	}
	x.add(t)
}

// explainFiles tells of each carved file.
type explainFiles struct {
	x      *explained
	client *yara.Pool
}

// ScanFile implements sensor.FileScanner.
func (y *explainFiles) ScanFile(ctx context.Context, f *sensor.File, _ findings.Sink) error {
	list, err := y.client.Explain(ctx, y.x.id, contentOf(f, nil))
	for i := range list {
		y.x.add(&list[i])
	}
	return err
}

func (o *rulesExplainOptions) run(cmd *cobra.Command, a *app, id, input string) (err error) {
	ctx := cmd.Context()
	if o.most < 1 {
		return usage("--most is %d; expected a number from 1", o.most)
	}
	if o.kind != "" && !slices.Contains(inputKinds, o.kind) {
		return usage("--kind is %q; expected one of %s", o.kind, strings.Join(inputKinds, ", "))
	}
	paths, err := o.find(o.rules)
	if err != nil {
		return err
	}
	x := &explained{o: o, id: id, byPacket: map[uint64]*rules.Trial{}, stopped: map[string]uint64{}, others: func() uint64 { return 0 }}
	paths.public, paths.cache = true, a.yaraCache()
	paths.trace = &sigma.Trace{ID: id, Emit: x.event}
	w := worker.Config{Path: a.worker, Version: version}
	sets, err := paths.compile(ctx, w)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sets.close()) }()
	if input, err = o.exhibit.open(cmd, a, input, casefile.ActExamine, "explain what rule "+id+" finds in it"); err != nil {
		return err
	}
	in := &ruleInput{path: input, kind: o.kind, year: o.year, record: func(r *artifact.Record, _ *event.Event) bool {
		x.where = fmt.Sprintf("record at offset %d", r.Offset)
		if o.offset >= 0 && r.Offset != o.offset {
			x.left++
			return false
		}
		return true
	}}
	if err := x.only(sets, in); err != nil {
		return err
	}
	err = sets.run(ctx, w, in, findings.SinkFunc(x.indicated))
	if err != nil && !errors.Is(err, sensor.ErrIncomplete) {
		return err
	}
	incomplete := err
	x.absent(sets.intel)
	if err := x.print(a); err != nil {
		return err
	}
	return fail(exitIncomplete, incomplete)
}

// only leaves of the sets what the rule needs, traced. Other rules of its
// language stay: they may set what it asks for.
func (x *explained) only(sets *ruleSets, in *ruleInput) error {
	running, refused, err := sets.ids()
	if err != nil {
		return err
	}
	if err := x.indicatorOf(sets); err != nil {
		return err
	}
	if x.indicator != "" {
		sets.suricata, sets.sigma, sets.yara = nil, nil, sets.discard()
		return nil
	}
	sets.intel = nil
	if sets.suricata != nil {
		if sid, err := strconv.ParseInt(x.id, 10, 64); err == nil {
			if t := sets.suricata.Trace(sid, x.packet); t != nil {
				x.others = func() uint64 { return t.Others }
				sets.sigma, sets.yara = nil, sets.discard()
				return nil
			}
		}
	}
	if t := sets.paths.trace; sets.sigma != nil && t.Found() {
		x.others = func() uint64 { return t.Others }
		sets.suricata, sets.yara = nil, sets.discard()
		return nil
	}
	if why, ok := refused[x.id]; ok && !running[x.id] && !strings.HasPrefix(why, "it is private") {
		return fail(exitFailed, fmt.Errorf("rule %s does not run: %s", x.id, why))
	}
	if sets.yara == nil || !running[x.id] && refused[x.id] == "" {
		return failHint(exitUsage, fmt.Errorf("no rule that runs is called %q", x.id), "'saksi rules list' shows the ids")
	}
	sets.suricata, sets.sigma = nil, nil
	client := sets.yara
	sets.files = &explainFiles{x: x, client: client}
	in.content = func(ctx context.Context, data []byte) error {
		list, err := client.Explain(ctx, x.id, &yara.Content{Path: in.path, Data: data})
		for i := range list {
			x.add(&list[i])
		}
		return err
	}
	return nil
}

// print gives the trials, matches first, and says how many there were.
func (x *explained) print(a *app) error {
	columns := []string{"trial", "where", "found", "condition", "outcome", "seen", "depth"}
	if a.format == "table" {
		columns = columns[:6] // the depth is seen
	}
	r, err := a.rows(columns...)
	if err != nil {
		return err
	}
	shown := append(slices.Clone(x.found), x.missed...)
	shown = shown[:min(len(shown), x.o.most)]
	for i, t := range shown {
		for j, c := range t.Conditions {
			where, text := t.Where, c.Text
			var trial, found any = i + 1, t.Found
			if a.format == "table" {
				text = strings.Repeat("  ", c.Depth) + text
				if j > 0 {
					where, trial, found = "", nil, nil
				}
			}
			if err := r.add([]any{trial, where, found, text, c.Outcome.String(), c.Seen, c.Depth}[:len(columns)]...); err != nil {
				return errors.Join(err, r.close())
			}
		}
	}
	if err := r.close(); err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "saksi: rule %s was tried %d times and found something %d times; %d trials are shown\n", x.id, x.trials, x.matches, len(shown))
	if n := x.others(); n > 0 {
		fmt.Fprintf(a.stderr, "saksi: %d times something of another kind (protocol, direction or log source) came by, at which the rule never looks\n", n)
	}
	if x.left > 0 {
		fmt.Fprintf(a.stderr, "saksi: %d trials or records are left out by --packet, --offset or --flow\n", x.left)
	}
	type stop struct {
		text string
		n    uint64
	}
	var stops []stop
	for text, n := range x.stopped {
		stops = append(stops, stop{text, n})
	}
	slices.SortFunc(stops, func(p, q stop) int { return cmp.Or(cmp.Compare(q.n, p.n), cmp.Compare(p.text, q.text)) })
	for _, s := range stops[:min(len(stops), 5)] {
		fmt.Fprintf(a.stderr, "saksi: %d times not met: %s\n", s.n, oneLine(s.text))
	}
	return nil
}
