package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"saksi/event"
	"saksi/evidence"
	"saksi/findings"
	"saksi/findings/spool"
	"saksi/internal/sandbox"
	"saksi/internal/worker"
	"saksi/sensor"
	"saksi/sensor/capture"
	"saksi/sensor/keylog"
)

type sensorRunOptions struct {
	indexFlags
	ruleFlags
	workers     int
	memory      string
	noChecksum  bool
	files       string
	md5         bool
	filesByRule bool
	bpf         string
	promiscuous bool
	buffer      int
	fanout      uint16
	metrics     string
	clockOffset string
	tlsKeys     string
	authority   authorityFlag
	ring        ringFlags
	name        string // of the sensor
	pushed      bundleFlags
	retain      retainFlags
}

func sensorRun(a *app) *cobra.Command {
	o := &sensorRunOptions{}
	c := &cobra.Command{
		Use:         "run INTERFACE...",
		Short:       "Watch interfaces: flows, protocols, files, alerts, and a ring of full packets",
		Annotations: map[string]string{moreForms: "eve"},
		Long: "Captures from network interfaces until it is interrupted; it needs CAP_NET_RAW, which it drops once the interfaces are open.\n" +
			"Events go to the spool first, masked as everywhere, and the index follows. Under -o ndjson, eve, json and csv they are printed\n" +
			"besides; else a summary is, at the end.\n\n" +
			"It goes on when the disk is full or the index is down. Then telemetry is shed, and counted, in this order: events of protocols,\n" +
			"files, flows. Alerts are not shed: they have a reserve of the disk, and wait in memory beyond it.\n\n" +
			"SIGHUP reads the rules again; no packet is lost and flows go on. When the new rules can't be used the old ones stay.\n" +
			"--bundle takes rules and settings that a center signs (docs/bundle.md), and each newer one that verifies, is not older and can be used.\n" +
			"With --authority only what it covers is captured, until it expires; the rest is left out of events, files and the ring, and counted.\n" +
			"--tls-keys names a key log that programs write to meanwhile: TLS is decrypted with the secrets that it has when they are needed.\n\n" +
			"SIGINT and SIGTERM end it in order (exit code 0). Each minute a line on standard error, and --metrics at any time, say what\n" +
			"was seen and what was dropped where.",
		Example: "  saksi sensor run eth1 --rules rules/\n" +
			"  saksi sensor run eth1 eth2 --index https://es.example:9200 --ring /var/lib/saksi/ring --ring-size 200GiB --ring-age 72h --metrics 127.0.0.1:9477\n" +
			"  saksi sensor run eth1 --bpf 'not port 9200' -o eve",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), a, args) },
	}
	f := c.Flags()
	o.ruleFlags.add(c, sensorRules)
	o.settings(c)
	o.suricata.addReach(c)
	o.strictness(c)
	f.IntVar(&o.workers, "workers", 0, "`number` of workers (default: one a processor)")
	addMemory(c, &o.memory)
	f.BoolVar(&o.noChecksum, "no-checksum", false, "take packets with a wrong checksum as they are")
	f.StringVar(&o.files, "files", "", "save carved files to this `folder`, named by their SHA-256")
	f.BoolVar(&o.filesByRule, "files-by-rule", false, "with --files, save only the files that a rule with filestore finds")
	f.BoolVar(&o.md5, "md5", false, "also tell the MD5 of carved files")
	f.StringVar(&o.bpf, "bpf", "", "take only packets that this `expression` of pcap-filter(7) matches; the kernel leaves the others out")
	f.BoolVar(&o.promiscuous, "promiscuous", true, "also take frames that are sent to others")
	f.IntVar(&o.buffer, "buffer", capture.DefaultBuffer>>20, "`MiB` of kernel buffer for each interface")
	f.Uint16Var(&o.fanout, "fanout", 0, "share the interfaces by flow with other processes that name this `group`; 0 for none")
	f.StringVar(&o.metrics, "metrics", "", "serve health metrics at this loopback `address`, such as 127.0.0.1:9477, as Prometheus reads them")
	f.StringVar(&o.clockOffset, "clock-offset", "", "how far this clock is known to be ahead of UTC, as a `duration` such as 3ms; shown among the metrics")
	f.StringVar(&o.tlsKeys, "tls-keys", "", "decrypt TLS with the secrets in this key log `file`, which may grow meanwhile")
	o.authority.add(c, "what it does not cover is left out")
	f.StringVar(&o.index, "index", "", "store what is found in this `folder`, or in the Elasticsearch node of this URL (default: the user's index)")
	f.StringVar(&o.ca, "index-ca", "", caHelp)
	f.StringVar(&o.agency, "agency", "default", "`name` of the agency, for indexes that several share")
	o.ring.add(c)
	o.pushed.add(c)
	o.retain.add(c)
	c.Flags().StringVar(&o.name, "sensor", "", "`name` of this sensor in what is stored (default: the host's)")
	return c
}

// liveRun is a capture while it runs.
type liveRun struct {
	o      *sensorRunOptions
	a      *app
	key    string
	live   *capture.Live
	queue  *spool.Queue
	ring   *liveRing
	follow *follower
	rules  *liveRules
	pushed *pushed // nil: no center signs bundles for it
	health sensor.Health
	offset *time.Duration // of the clock; nil: unknown
	begun  time.Time
	ready  atomic.Bool // all of the above is set
}

func (o *sensorRunOptions) check() (*time.Duration, error) {
	if o.workers < 0 {
		return nil, usage("--workers is %d; expected a number from 1 to 64, or 0 for one a processor", o.workers)
	}
	if o.buffer < 2 || o.buffer > 4096 {
		return nil, usage("--buffer is %d; expected 2 to 4096 MiB", o.buffer)
	}
	if o.clockOffset == "" {
		return nil, o.ring.check()
	}
	d, err := time.ParseDuration(o.clockOffset)
	if err != nil {
		return nil, usage("--clock-offset is %q; expected a duration such as 3ms or -1.5s", o.clockOffset)
	}
	return &d, o.ring.check()
}

func (o *sensorRunOptions) run(ctx context.Context, a *app, interfaces []string) (err error) {
	r := &liveRun{o: o, a: a, key: uuid.NewString(), begun: time.Now()}
	if r.offset, err = o.check(); err != nil {
		return err
	}
	slices.Sort(interfaces)
	cfg := sensor.Config{Workers: o.workers, NoChecksum: o.noChecksum, Health: &r.health, KeepAssets: a.format == "table", MD5: o.md5}
	if err := o.suricata.apply(&cfg); err != nil {
		return err
	}
	if err := limitMemory(&cfg, o.memory); err != nil {
		return err
	}
	live := capture.LiveConfig{Interfaces: slices.Compact(interfaces), Promiscuous: o.promiscuous, Buffer: o.buffer << 20, Fanout: o.fanout}
	if live.Filter, err = a.filter(ctx, o.bpf); err != nil {
		return err
	}
	if o.files != "" {
		s, err := sensor.SaveFiles(o.files, o.filesByRule)
		if err != nil {
			return fail(exitUsage, err)
		}
		cfg.Rules.Files = append(cfg.Rules.Files, s)
	}
	if err := o.enrolled(a); err != nil {
		return err
	}
	if err := o.retain.read(); err != nil {
		return err
	}
	if r.pushed, err = o.pushed.open(a, &o.ruleFlags); err != nil {
		return err
	}
	if r.pushed != nil {
		if err := r.pushed.begin(ctx); err != nil {
			return err
		}
	}
	if r.rules, err = newLiveRules(ctx, a, &o.ruleFlags, cfg.Rules.Files); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.rules.close()) }()
	cfg.Rules, cfg.Reload = *r.rules.first, r.rules.next
	if cfg.Authority, err = o.authority.read(o.targets(live.Interfaces), o.acts()...); err != nil {
		return err
	}
	if o.tlsKeys != "" {
		keys, kerr := keylog.Follow(o.tlsKeys)
		if kerr != nil {
			return fail(exitUsage, kerr)
		}
		defer func() { err = errors.Join(err, keys.Close()) }()
		cfg.Keys, cfg.Reload = keys.Log(), r.refreshing(keys)
	}
	stopMetrics, err := r.serve()
	if err != nil {
		return err
	}
	defer stopMetrics()
	if r.live, err = capture.OpenLive(ctx, live); err != nil {
		return captureError(err)
	}
	defer func() { err = errors.Join(err, r.live.Close()) }()
	if err := sandbox.DropCapabilities(); err != nil {
		return err
	}
	if err := r.store(ctx); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return errors.Join(ctx.Err(), r.close())
	}
	return r.capture(ctx, cfg)
}

// enrolled takes from this sensor's certificate what no flag says.
func (o *sensorRunOptions) enrolled(a *app) error {
	c, center, err := a.enrolled()
	if err != nil || c == nil {
		return err
	}
	o.name, o.pushed.key = cmp.Or(o.name, c.Sensor), cmp.Or(o.pushed.key, center)
	if o.agency == "default" {
		o.agency = c.Agency
	}
	return nil
}

// acts are what is done, which the authority must allow.
func (o *sensorRunOptions) acts() []evidence.Act {
	if o.tlsKeys != "" {
		return []evidence.Act{evidence.ActCapture, evidence.ActDecrypt}
	}
	return []evidence.Act{evidence.ActCapture}
}

func (o *sensorRunOptions) targets(interfaces []string) (list []evidence.Target) {
	for _, name := range interfaces {
		list = append(list, evidence.Target{Interface: name})
	}
	return list
}

// refreshing reads the key log before each batch, besides what else is new.
func (r *liveRun) refreshing(keys *keylog.Follower) func() *sensor.RuleSet {
	told := false
	return func() *sensor.RuleSet {
		if err := keys.Refresh(); err != nil && !told {
			told = true
			fmt.Fprintf(r.a.stderr, "saksi: %s; capture goes on with the secrets known\n", printable(err.Error()))
		}
		return r.rules.next()
	}
}

// captureError says what to do about an interface that can't be opened.
func captureError(err error) error {
	switch {
	case errors.Is(err, capture.ErrPermission):
		return failHint(exitFailed, err, "run it as root, or 'setcap cap_net_raw+ep' on saksi, or by the systemd unit, which gives it that")
	case errors.Is(err, capture.ErrInterface):
		return fail(exitUsage, err)
	}
	return err
}

// filter compiles a filter expression, if there is one.
func (a *app) filter(ctx context.Context, expression string) (*capture.Filter, error) {
	if expression == "" {
		return nil, nil
	}
	f, err := capture.NewFilter(ctx, worker.Config{Path: a.worker, Version: version}, expression)
	if errors.Is(err, capture.ErrFilter) {
		return nil, failHint(exitUsage, err, "man pcap-filter shows the language, such as 'host 192.0.2.7 and tcp port 443'")
	}
	return f, err
}

// store opens what keeps: spool, index, ring.
func (r *liveRun) store(ctx context.Context) error {
	_, dir, err := r.o.folder()
	if err != nil {
		return err
	}
	if r.queue, err = spool.OpenQueue(dir, spool.QueueConfig{Lost: r.lost, Failed: r.spoolFailed}); err != nil {
		return err
	}
	r.follow = newFollower(r, dir)
	r.ring, err = r.o.ring.open(r)
	if err != nil {
		return errors.Join(err, r.queue.Close())
	}
	r.follow.start(context.WithoutCancel(ctx))
	return nil
}

// capture reads until ctx ends.
func (r *liveRun) capture(ctx context.Context, cfg sensor.Config) error {
	var sum sensor.Summary
	print, finish, err := r.printer(&sum)
	if err != nil {
		return errors.Join(err, r.close())
	}
	keep, err := stored(findings.SinkFunc(func(e *event.Event) error {
		if err := r.queue.Emit(e); err != nil {
			return err
		}
		return print(e)
	}), nil)
	if err != nil {
		return errors.Join(err, finish(), r.close())
	}
	host, err := os.Hostname()
	if err != nil {
		return errors.Join(err, finish(), r.close())
	}
	name, told := cmp.Or(r.o.name, host), time.Now()
	cfg.Sink = findings.SinkFunc(func(e *event.Event) error {
		e.Str(event.ObserverName, name)
		e.Str(event.ObserverHostname, host)
		e.Str(event.ObserverType, "sensor")
		if err := keep.Emit(e); err != nil || time.Since(told) < countsEach {
			return err
		}
		told = time.Now()
		return r.counts(keep, name)
	})
	cfg.Recorder = r.ring.recorder()
	cfg.Sources = []sensor.Source{{Live: r.live, Key: r.key}}
	fmt.Fprintf(r.a.stderr, "saksi: capturing from %s, source key %s, %d rules run\n", r.live.Name(), r.key, r.rules.running())
	r.ready.Store(true)
	stop := r.background(ctx)
	sum, err = sensor.Read(ctx, cfg)
	stop()
	line := r.line()
	err = errors.Join(err, r.counts(keep, name), r.close(), finish())
	fmt.Fprintln(r.a.stderr, line)
	return err
}

// counts tells what this capture took and lost until now.
func (r *liveRun) counts(sink findings.Sink, name string) error {
	v := r.vitals()
	return tellCounts(sink, name, time.Now().UnixNano(), v.seen.Packets, v.kernel.Dropped+v.ring.Dropped, r.key, r.pushed.serial())
}

// close ends what keeps, in order: nothing that was emitted is lost.
func (r *liveRun) close() error {
	err := errors.Join(r.ring.close(), r.queue.Close())
	r.follow.stop()
	return err
}

// lineEach is how often the line of health is printed.
const lineEach = time.Minute

// background reloads rules on SIGHUP and prints a line of health each minute,
// until stop.
func (r *liveRun) background(ctx context.Context) (stop func()) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	done := make(chan struct{})
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	if r.pushed != nil {
		wg.Go(func() { r.pushed.follow(ctx, r.rules) })
	}
	wg.Go(func() {
		t := time.NewTicker(lineEach)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				fmt.Fprintln(r.a.stderr, r.line())
			case <-hup:
				if r.pushed != nil {
					r.pushed.look(ctx)
				}
				r.rules.reload(ctx)
			case <-done:
				return
			}
		}
	})
	return func() {
		signal.Stop(hup)
		close(done)
		cancel()
		wg.Wait()
	}
}

// lost shows an alert that neither disk nor memory takes.
func (r *liveRun) lost(d findings.Doc) {
	fmt.Fprintf(r.a.stderr, "saksi: no room for an alert; it is only here: %s\n", printable(string(d.Body)))
}

func (r *liveRun) spoolFailed(err error) {
	if err == nil {
		fmt.Fprintln(r.a.stderr, "saksi: the spool is written to again")
		return
	}
	fmt.Fprintf(r.a.stderr, "saksi: %s; capture goes on, alerts wait in memory\n", printable(err.Error()))
}

// liveRules are the rules of a capture, which may change while it runs.
type liveRules struct {
	a       *app
	flags   *ruleFlags
	files   []sensor.FileScanner // besides YARA
	first   *sensor.RuleSet
	waiting atomic.Pointer[sensor.RuleSet] // to be used from the next batch on
	count   atomic.Int64

	reloading sync.Mutex // one reload at a time, so that the newest is the last

	mu   sync.Mutex
	open map[*sensor.RuleSet]*ruleSets
	err  error // of closing a set
}

func newLiveRules(ctx context.Context, a *app, flags *ruleFlags, files []sensor.FileScanner) (*liveRules, error) {
	l := &liveRules{a: a, flags: flags, files: files, open: map[*sensor.RuleSet]*ruleSets{}}
	var err error
	l.first, err = l.compile(ctx)
	return l, err
}

func (l *liveRules) compile(ctx context.Context) (*sensor.RuleSet, error) {
	sets, err := l.flags.compile(ctx, l.a)
	if err != nil {
		return nil, err
	}
	rs := sets.forSensor()
	rs.Files = append(rs.Files, l.files...)
	rs.Retired = func() { l.retire(&rs) }
	l.mu.Lock()
	l.open[&rs] = sets
	l.mu.Unlock()
	l.count.Store(int64(sets.running()))
	return &rs, nil
}

func (l *liveRules) running() int64 { return l.count.Load() }

// next is sensor.Config.Reload.
func (l *liveRules) next() *sensor.RuleSet {
	if l.waiting.Load() == nil {
		return nil
	}
	return l.waiting.Swap(nil)
}

// reload compiles the rules again; the old ones stay when that fails.
func (l *liveRules) reload(ctx context.Context) {
	l.reloading.Lock()
	defer l.reloading.Unlock()
	rs, err := l.compile(ctx)
	if err != nil {
		fmt.Fprintf(l.a.stderr, "saksi: reloading rules: %s; the rules before stay\n", printable(err.Error()))
		return
	}
	if unused := l.waiting.Swap(rs); unused != nil {
		l.retire(unused)
	}
	fmt.Fprintf(l.a.stderr, "saksi: rules reloaded: %d run\n", l.running())
}

func (l *liveRules) retire(rs *sensor.RuleSet) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.open[rs]; s != nil {
		delete(l.open, rs)
		l.a.indicatorsLeft(s.intel)
		l.err = errors.Join(l.err, s.close())
	}
}

// close closes the sets that are left, once nothing is captured.
func (l *liveRules) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.err
	for _, s := range l.open {
		l.a.indicatorsLeft(s.intel)
		err = errors.Join(err, s.close())
	}
	clear(l.open)
	return err
}
