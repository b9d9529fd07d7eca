package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"saksi/casefile"
	"saksi/event"
	"saksi/findings"
	"saksi/sensor"
	"saksi/sensor/asset"
)

type sensorAssetsOptions struct {
	indexFlags
	workers    int
	noChecksum bool
	bpf        string
	why        bool
	key        string
}

func sensorAssets(a *app) *cobra.Command {
	o := &sensorAssetsOptions{}
	c := &cobra.Command{
		Use:   "assets [CAPTURE|FOLDER...]",
		Short: "List hosts: addresses, names, systems, software, services",
		Long: "Lists the hosts that captures show: which addresses belong together, names, hardware vendor, operating system and how sure it\n" +
			"is, roles, services, software, industrial devices. With --case the captures are its exhibits, and that they are read is recorded. Without captures the hosts in an index are listed, each as it was told last.\n\n" +
			"A host is what one hardware address holds, if that was seen, else one IP address. Hosts that nobody answered are left out.",
		Example: "  saksi sensor assets office.pcap\n  saksi sensor assets office.pcap --why\n  saksi sensor assets --index watch -o csv",
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd, a, args) },
	}
	o.add(c)
	f := c.Flags()
	f.StringVar(&o.key, "key", "", "signing key `file` of the case, when captures are its exhibits (default: this station's own)")
	f.IntVar(&o.workers, "workers", 0, "`number` of workers (default: one a processor)")
	f.BoolVar(&o.noChecksum, "no-checksum", false, "take packets with a wrong checksum as they are")
	f.StringVar(&o.bpf, "bpf", "", "look only at packets that this `expression` of pcap-filter(7) matches")
	f.BoolVar(&o.why, "why", false, "also print each thing seen, how it was told, and its packet")
	return c
}

// assetFields are the columns of assets as csv.
var assetFields = []event.Field{
	event.SaksiAssetID, event.HostIP, event.HostMAC, event.SaksiAssetVendor, event.HostName, event.SaksiAssetDomain, event.HostOSFull,
	event.SaksiAssetSystemConfidence, event.SaksiAssetRole, event.SaksiAssetService, event.SaksiAssetSoftware, event.SaksiAssetDevice,
	event.SaksiAssetUnit, event.EventStart, event.EventEnd, event.SaksiAssetFlows, event.HostNetworkEgressBytes, event.HostNetworkIngressBytes,
	event.EventID,
}

func (o *sensorAssetsOptions) run(cmd *cobra.Command, a *app, args []string) error {
	ctx := cmd.Context()
	if len(args) == 0 {
		return o.stored(ctx, a)
	}
	if o.index != "" {
		return usage("captures and an index were named; expected one of them ('saksi sensor read' stores what captures show)")
	}
	if err := checkWorkers(o.workers); err != nil {
		return err
	}
	cfg := sensor.Config{Workers: o.workers, NoChecksum: o.noChecksum}
	var err error
	if cfg.Filter, err = a.filter(ctx, o.bpf); err != nil {
		return err
	}
	x := &exhibitFlags{caseID: o.caseID, key: o.key}
	if o.caseID == "" {
		if args, err = a.captures(args); err != nil {
			return err
		}
	}
	for i, p := range args {
		if args[i], err = x.open(cmd, a, p, casefile.ActExamine, "list the hosts that it shows"); err != nil {
			return err
		}
	}
	for _, p := range args {
		cfg.Sources = append(cfg.Sources, sensor.Source{Path: p})
	}
	bar := a.progress("reading", "B")
	cfg.Progress = func(p sensor.Progress) { bar.update(p.Bytes, p.Total) }
	out, err := o.output(a)
	if err != nil {
		return err
	}
	cfg.KeepAssets = out.blocks
	if !out.blocks {
		cfg.Sink = findings.SinkFunc(func(e *event.Event) error {
			if d, _ := e.GetStr(event.EventDataset); d != asset.Dataset {
				return nil
			}
			return out.Emit(e)
		})
	}
	sum, err := sensor.Read(ctx, cfg)
	bar.finish()
	if out.blocks { // a host that several captures show stands there once
		var e event.Event
		for _, x := range sum.Assets {
			e.Reset()
			x.Describe(&e)
			if eerr := out.Emit(&e); eerr != nil && err == nil {
				err = eerr
			}
		}
	}
	if cerr := out.close(); cerr != nil && err == nil {
		err = cerr
	}
	if errors.Is(err, sensor.ErrIncomplete) {
		return fail(exitIncomplete, err)
	}
	return err
}

// stored lists the hosts of an index.
func (o *sensorAssetsOptions) stored(ctx context.Context, a *app) error {
	ix, err := o.read(ctx)
	if err != nil {
		return err
	}
	defer ix.Close()
	if err := o.look(ctx, a, ix, "assets", "event.dataset:"+asset.Dataset, -1); err != nil {
		return err
	}
	out, err := o.output(a)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	r := findings.Request{Query: "event.dataset:" + asset.Dataset, Size: 1000} // newest first
	for {
		p, err := ix.Search(ctx, r)
		if err != nil {
			return errors.Join(queryError(err), out.close())
		}
		for _, d := range p.Docs {
			e, err := event.Parse(d.Body)
			if err != nil {
				return errors.Join(err, out.close())
			}
			id, _ := e.GetStr(event.SaksiAssetID)
			if seen[id] {
				continue
			}
			seen[id] = true
			if err := out.Emit(e); err != nil {
				return errors.Join(err, out.close())
			}
		}
		if r.After = p.Next; r.After == "" {
			return out.close()
		}
	}
}

// assetOutput prints assets: for people a block each.
type assetOutput struct {
	findings.Sink
	blocks bool
	close  func() error
}

func (o *sensorAssetsOptions) output(a *app) (*assetOutput, error) {
	if a.format != "table" {
		ev, err := a.events(assetFields...)
		if err != nil {
			return nil, err
		}
		return &assetOutput{Sink: ev, close: ev.close}, nil
	}
	w, done, err := a.open()
	if err != nil {
		return nil, err
	}
	n := 0
	return &assetOutput{
		Sink: findings.SinkFunc(func(e *event.Event) error {
			if n++; n > 1 {
				if _, err := io.WriteString(w, "\n"); err != nil {
					return err
				}
			}
			return printAsset(w, e, o.why)
		}),
		blocks: true,
		close:  done,
	}, nil
}

// assetWidth is how wide values are printed, so that a line fits 80 columns.
const assetWidth = 80 - 12

// wrap parts s at spaces into lines of at most width runes, longer words alone.
func wrap(s string, width int) (lines []string) {
	line, n := "", 0
	for _, word := range strings.Fields(s) {
		k := utf8.RuneCountInString(word)
		if n > 0 && n+1+k > width {
			lines = append(lines, line)
			line, n = "", 0
		}
		if n > 0 {
			line, n = line+" ", n+1
		}
		line, n = line+word, n+k
	}
	return append(lines, line)
}

// printAsset prints one host.
func printAsset(w io.Writer, e *event.Event, why bool) error {
	var b strings.Builder
	str := func(f event.Field) string { s, _ := e.GetStr(f); return s }
	list := func(f event.Field) (out []string) {
		for v := range e.Values(f) {
			out = append(out, string(v.AppendText(nil)))
		}
		return out
	}
	title := strings.Join(append(list(event.HostIP), str(event.HostName)), " ")
	if strings.TrimSpace(title) == "" {
		title = str(event.SaksiAssetID)
	}
	fmt.Fprintln(&b, oneLine(strings.TrimSpace(title)))
	line := func(name string, values ...string) {
		if s := oneLine(strings.Join(values, ", ")); s != "" {
			fmt.Fprintf(&b, "  %-9s %s\n", name, strings.Join(wrap(s, assetWidth), "\n"+strings.Repeat(" ", 12)))
		}
	}
	line("mac", list(event.HostMAC)...)
	line("vendor", list(event.SaksiAssetVendor)...)
	if names := list(event.SaksiAssetName); len(names) > 1 {
		line("names", names...)
	}
	line("domain", str(event.SaksiAssetDomain))
	if s := str(event.HostOSFull); s != "" {
		line("system", fmt.Sprintf("%s (%s: %s)", s, str(event.SaksiAssetSystemConfidence), strings.Join(list(event.SaksiAssetSystemWhy), "; ")))
	}
	line("roles", list(event.SaksiAssetRole)...)
	line("services", list(event.SaksiAssetService)...)
	line("software", list(event.SaksiAssetSoftware)...)
	line("devices", list(event.SaksiAssetDevice)...)
	line("units", list(event.SaksiAssetUnit)...)
	first, _ := e.GetTime(event.EventStart)
	last, _ := e.GetTime(event.EventEnd)
	line("seen", string(event.AppendTime(nil, first))[:19]+"Z to "+string(event.AppendTime(nil, last))[:19]+"Z")
	sent, _ := e.GetInt(event.HostNetworkEgressBytes)
	got, _ := e.GetInt(event.HostNetworkIngressBytes)
	flows, _ := e.GetInt(event.SaksiAssetFlows)
	line("traffic", fmt.Sprintf("%d flows, %s sent, %s received", flows, size(sent, "B"), size(got, "B")))
	if e.Has(event.SaksiIncomplete) {
		line("incomplete", "more was seen of it than is kept")
	}
	if why {
		for _, s := range list(event.SaksiAssetWhy) {
			line("why", s)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
