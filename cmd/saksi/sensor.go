package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"saksi/event"
	"saksi/evidence"
	"saksi/findings"
	"saksi/rules"
	"saksi/sensor"
	"saksi/sensor/keylog"
	"saksi/sensor/proto"
	"saksi/sensor/record"
)

func sensorCommand(a *app) *cobra.Command {
	return noun("sensor", "See what happens on networks", sensorRun(a), sensorRead(a), sensorAssets(a), sensorExtract(a), sensorSilent(a), sensorEnroll(a), sensorProtocols(a), sensorInterfaces(a))
}

type sensorReadOptions struct {
	ruleFlags
	workers     int
	memory      string
	noChecksum  bool
	files       string
	md5         bool
	filesByRule bool
	bpf         string
	dataset     string
	tlsKeys     string
	authority   authorityFlag
	keep        keepFlags
	name        string // of the sensor
}

func sensorRead(a *app) *cobra.Command {
	o := &sensorReadOptions{}
	c := &cobra.Command{
		Use:         "read CAPTURE|FOLDER...",
		Short:       "Read captures: flows, protocols, files, alerts",
		Annotations: map[string]string{moreForms: "eve zeek"},
		Long: "Read pcap and pcapng captures, plain or compressed with gzip or Zstandard, and those in a folder, by their names' order; '-' is standard input.\n" +
			"The table is a summary; json, ndjson and csv give every event in the order of packets, the same for\n" +
			"any number of workers. Besides there are eve (EVE JSON lines as Suricata writes them) and zeek (one of Zeek's logs,\n" +
			"by --dataset: conn, dns, http, ssl, ssh, files, smtp or ftp). A capture that ends early or is damaged is read as far as it goes (exit code 3).\n\n" +
			"With the secrets of TLS sessions, from --tls-keys or in a pcapng capture itself, what is inside TLS 1.0 to 1.3 is read like the rest.\n" +
			"--authority says on what grounds: sessions it does not cover stay closed, and what it marks as privileged is left out.",
		Example: "  saksi sensor read office.pcap\n  saksi sensor read office.pcap --rules local.rules -o ndjson\n  saksi sensor read E1 --case kes-17 --rules rules/\n  zcat old.pcap.gz | saksi sensor read -",
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd, a, args) },
	}
	f := c.Flags()
	o.add(c, sensorRules)
	o.settings(c)
	o.suricata.addReach(c)
	o.strictness(c)
	f.IntVar(&o.workers, "workers", 0, "`number` of workers (default: one a processor)")
	addMemory(c, &o.memory)
	f.BoolVar(&o.noChecksum, "no-checksum", false, "take packets with a wrong checksum as they are")
	f.StringVar(&o.files, "files", "", "save carved files to this `folder`, named by their SHA-256")
	f.BoolVar(&o.filesByRule, "files-by-rule", false, "with --files, save only the files that a rule with filestore finds")
	f.BoolVar(&o.md5, "md5", false, "also tell the MD5 of carved files")
	f.StringVar(&o.bpf, "bpf", "", "look only at packets that this `expression` of pcap-filter(7) matches")
	f.StringVar(&o.tlsKeys, "tls-keys", "", "decrypt TLS with the secrets in this key log `file`, as programs write it under SSLKEYLOGFILE")
	o.authority.add(c, "TLS is decrypted within it only")
	f.StringVar(&o.dataset, "dataset", "conn", "`name` of the log that -o zeek writes")
	o.keep.add(c)
	f.StringVar(&o.name, "sensor", "", "`name` of the sensor that made the captures: it stands in what is stored, and its packets and losses are told")
	return c
}

// sensorRules says which rules the sensor takes.
const sensorRules = "`file` or folder of rules: Suricata's (.rules), Sigma's (.yml), YARA's for carved files (.yar), indicators (.json, .csv, .txt)"

// sensorEventFields are the columns of events as csv.
var sensorEventFields = []event.Field{
	event.Timestamp, event.EventDataset, event.SourceIP, event.SourcePort, event.DestinationIP, event.DestinationPort,
	event.NetworkTransport, event.NetworkProtocol, event.NetworkBytes, event.RuleID, event.RuleName, event.EventSeverity,
	event.DNSQuestionName, event.URLFull, event.TLSClientServerName, event.FileName, event.FileHashSHA256,
	event.NetworkCommunityID, event.EventID,
}

func (o *sensorReadOptions) run(cmd *cobra.Command, a *app, args []string) (err error) {
	if err := checkWorkers(o.workers); err != nil {
		return err
	}
	cfg := sensor.Config{Workers: o.workers, NoChecksum: o.noChecksum, KeepAssets: a.format == "table", MD5: o.md5}
	if err := o.suricata.apply(&cfg); err != nil {
		return err
	}
	if err := limitMemory(&cfg, o.memory); err != nil {
		return err
	}
	if cfg.Filter, err = a.filter(cmd.Context(), o.bpf); err != nil {
		return err
	}
	if o.tlsKeys != "" {
		if cfg.Keys, err = keylog.Read(o.tlsKeys); err != nil {
			return fail(exitUsage, err)
		}
		if n := cfg.Keys.Counts(); n.Malformed+n.Left > 0 {
			a.warn(fmt.Sprintf("key log %s: %d secrets, %d lines not understood, %d secrets beyond those kept", oneLine(o.tlsKeys), n.Secrets, n.Malformed, n.Left))
		}
	}
	sets, err := o.compile(cmd.Context(), a)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sets.close()) }()
	cfg.Rules = sets.forSensor()
	if o.files != "" {
		s, err := sensor.SaveFiles(o.files, o.filesByRule)
		if err != nil {
			return fail(exitUsage, err)
		}
		cfg.Rules.Files = append(cfg.Rules.Files, s)
	}
	bar := a.progress("reading", "B")
	cfg.Progress = func(p sensor.Progress) { bar.update(p.Bytes, p.Total) }
	var sum sensor.Summary
	var finish func() error
	if a.format != "table" {
		if _, finish, err = a.sensorSink(&cfg, &sum, o.dataset); err != nil {
			return err
		}
	}
	next := cfg.Sink
	if next == nil {
		next = findings.SinkFunc(func(*event.Event) error { return nil })
	}
	if args, err = a.captures(args); err != nil {
		return err
	}
	if cfg.Authority, err = o.authority.read(nil, evidence.ActDecrypt); err != nil {
		return err
	}
	o.keep.authority = cfg.Authority
	kept, err := o.keep.keep(cmd, a, "read the traffic", args, next)
	if err != nil {
		return err
	}
	if kept != nil {
		kept.sink = named(o.name, kept.sink)
		cfg.Sink, args = kept.sink, kept.paths
		sets.of(kept.c)
	}
	for i, p := range args {
		cfg.Sources = append(cfg.Sources, sensor.Source{Path: p, Exhibit: kept.exhibit(i)})
	}
	sum, err = sensor.Read(cmd.Context(), cfg)
	bar.finish()
	a.indicatorsLeft(sets.intel)
	err = errors.Join(err, kept.decrypted(cmd.Context(), &sum, cfg.Keys != nil), kept.counts(o.name, &sum))
	if kerr := kept.close(cmd.Context()); kerr != nil && (err == nil || errors.Is(err, sensor.ErrIncomplete)) {
		err = kerr
	}
	if a.format == "table" {
		w, done, oerr := a.open()
		if oerr != nil {
			return oerr
		}
		finish = func() error {
			if len(sum.Sources) > 0 {
				a.printSummary(w, &sum)
			}
			return done()
		}
	}
	if ferr := finish(); ferr != nil && err == nil {
		err = ferr
	}
	if errors.Is(err, sensor.ErrIncomplete) {
		return fail(exitIncomplete, err)
	}
	return err
}

// captures puts the captures in a folder in its place, and says what else is in
// it.
func (a *app) captures(args []string) ([]string, error) {
	var list []string
	for _, p := range args {
		if st, err := os.Stat(p); err != nil || !st.IsDir() {
			list = append(list, p) // whoever opens it tells what is wrong
			continue
		}
		in, others, err := record.Captures(p)
		if err != nil {
			return nil, fail(exitUsage, fmt.Errorf("reading captures: %w", err))
		}
		if others > 0 {
			a.warn(fmt.Sprintf("captures in %s: %d; left out because their names tell none: %d (a file that is named itself is read whatever its name)", p, len(in), others))
		}
		list = append(list, in...)
	}
	return list, nil
}

// checkWorkers refuses a number of workers that can't be meant.
func checkWorkers(n int) error {
	if n < 0 {
		return usage("--workers is %d; expected a number from 1 to 64, or 0 for one a processor", n)
	}
	return nil
}

// sensorSink gives cfg the sink of an output form that is not table. dataset is
// the log that zeek writes; w is what all is written through.
func (a *app) sensorSink(cfg *sensor.Config, sum *sensor.Summary, dataset string) (w *bufio.Writer, finish func() error, err error) {
	if a.format == "json" || a.format == "csv" {
		ev, err := a.events(sensorEventFields...)
		if err != nil {
			return nil, nil, err
		}
		cfg.Sink = ev
		return ev.w, ev.close, nil
	}
	w, done, err := a.open()
	if err != nil {
		return nil, nil, err
	}
	switch a.format {
	case "eve":
		cfg.Detail = true
		cfg.Sink = &ndjson{w: w, encode: appendEVE}
		return w, func() error { return errors.Join(writeStats(w, sum), done()) }, nil
	case "zeek":
		z, err := event.NewZeek(w, dataset)
		if err != nil {
			return nil, nil, fail(exitUsage, errors.Join(err, done()))
		}
		cfg.Sink = z
		return w, func() error { return errors.Join(z.Close(), done()) }, nil
	}
	cfg.Sink = &ndjson{w: w, encode: (*event.Event).Encode}
	return w, done, nil
}

// ndjson writes one document a line. As a sensor.Encoder it lets the workers
// encode.
type ndjson struct {
	w      io.Writer
	encode func(e *event.Event, dst []byte) []byte // adds nothing for an event that has no such line
	buf    []byte
}

var _ findings.Sink = (*ndjson)(nil)

// Emit implements findings.Sink.
func (s *ndjson) Emit(e *event.Event) error {
	s.buf = s.AppendEvent(s.buf[:0], e)
	return s.Write(s.buf)
}

// AppendEvent implements sensor.Encoder.
func (s *ndjson) AppendEvent(dst []byte, e *event.Event) []byte {
	n := len(dst)
	if dst = s.encode(e, dst); len(dst) > n {
		dst = append(dst, '\n')
	}
	return dst
}

// writeStats ends EVE output with what was counted, as Suricata's stats event.
func writeStats(w io.Writer, sum *sensor.Summary) error {
	var packets, wire uint64
	var last int64
	for i := range sum.Sources {
		s := &sum.Sources[i]
		packets, wire, last = packets+s.Stats.Packets, wire+s.WireBytes, max(last, s.Last)
	}
	alerts := uint64(0)
	for _, n := range sum.Severities {
		alerts += n
	}
	type counts map[string]uint64
	return json.NewEncoder(w).Encode(struct {
		Timestamp string            `json:"timestamp"`
		EventType string            `json:"event_type"`
		Stats     map[string]counts `json:"stats"`
	}{
		time.Unix(0, last).UTC().Format("2006-01-02T15:04:05.000000-0700"), "stats",
		map[string]counts{"decoder": {"pkts": packets, "bytes": wire}, "flow": {"total": sum.Flows}, "detect": {"alert": alerts, "alerts_suppressed": sum.Suppressed}},
	})
}

func appendEVE(e *event.Event, dst []byte) []byte { return e.AppendEVE(dst) }

// Write implements sensor.Encoder.
func (s *ndjson) Write(b []byte) error {
	_, err := s.w.Write(b)
	return err
}

// ruleProblems tells what is wrong with rules, at most a few lines of it, and
// on how many there is advice.
func (a *app) ruleProblems(list []rules.Problem) {
	const most = 10
	told, advice := 0, 0
	for i := range list {
		if list[i].Level == rules.Advice {
			advice++
			continue
		}
		if told++; told <= most {
			fmt.Fprintf(a.stderr, "saksi: %s\n", oneLine(list[i].Error()))
		}
	}
	if told > most {
		fmt.Fprintf(a.stderr, "saksi: %d more problems; 'saksi rules check' lists them\n", told-most)
	}
	if advice > 0 {
		fmt.Fprintf(a.stderr, "saksi: there is advice on %d rules that run; 'saksi rules check' lists it\n", advice)
	}
}

func sensorProtocols(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "protocols",
		Short: "List the protocols the sensor knows",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			r, err := a.rows("protocol", "transport", "ports", "depth", "what", "reference")
			if err != nil {
				return err
			}
			for _, e := range proto.Default().Entries() {
				depth := "named"
				if e.New != nil {
					depth = "parsed"
				}
				ports := strings.Trim(fmt.Sprint(e.Ports), "[]")
				if err := r.add(e.Name, e.Transport.String(), ports, depth, e.Doc, e.Reference); err != nil {
					return err
				}
			}
			return r.close()
		},
	}
}

func sensorInterfaces(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "interfaces",
		Short: "List the network interfaces of this machine",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			list, err := net.Interfaces()
			if err != nil {
				return fmt.Errorf("listing interfaces: %w", err)
			}
			r, err := a.rows("interface", "state", "mtu", "mac", "addresses")
			if err != nil {
				return err
			}
			for _, i := range list {
				state := "down"
				if i.Flags&net.FlagUp != 0 {
					state = "up"
				}
				var addrs []string
				if as, err := i.Addrs(); err == nil {
					for _, x := range as {
						addrs = append(addrs, x.String())
					}
				}
				if err := r.add(i.Name, state, i.MTU, i.HardwareAddr.String(), addrs); err != nil {
					return err
				}
			}
			return r.close()
		},
	}
}
