package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sort"
	"strings"
	"time"

	"saksi/findings/spool"
	"saksi/sensor"
	"saksi/sensor/capture"
	"saksi/sensor/record"
)

// vitals are all that is known of a capture at one moment.
type vitals struct {
	seen   sensor.Reading
	kernel capture.KernelStats
	spool  spool.QueueCounts
	ring   record.Counts
	lag    time.Duration // from a packet's arrival to the end of its way
	memory int64         // resident bytes
}

func (r *liveRun) vitals() vitals {
	v := vitals{seen: r.health.Read(), kernel: r.live.Kernel(), spool: r.queue.Counts(), ring: r.ring.counts(), memory: resident()}
	if v.seen.DoneTime > 0 {
		v.lag = max(0, time.Since(time.Unix(0, v.seen.DoneTime)))
	}
	return v
}

// missing adds up the stream bytes that were not put together.
func (v *vitals) missing() (n uint64) {
	for _, x := range v.seen.Missing {
		n += x
	}
	return n
}

func (v *vitals) shed() (n uint64) {
	for _, x := range v.spool.Shed {
		n += x
	}
	return n
}

// resident is the resident memory of this process, in bytes (proc(5), statm).
func resident() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var total, pages int64
	if _, err := fmt.Sscan(string(b), &total, &pages); err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// line is the state of the capture in one line.
func (r *liveRun) line() string {
	v := r.vitals()
	offset := "unknown"
	if r.offset != nil {
		offset = r.offset.String()
	}
	left := ""
	if n := v.seen.Outside + v.seen.Privileged; n > 0 {
		left = fmt.Sprintf("; left out for the authority: %d packets, %d of them privileged", n, v.seen.Privileged)
	}
	return fmt.Sprintf("saksi: %s: %d packets, %s; %d flows open; %d alerts; dropped: kernel %d packets, ring %d packets, reassembly %d bytes, spool %d documents; lag %s; memory %s; clock offset %s%s",
		time.Now().UTC().Format(time.RFC3339), v.seen.Packets, size(int64(v.seen.Bytes), "B"), v.seen.Open, v.seen.Alerts,
		v.kernel.Dropped, v.ring.Dropped, v.missing(), v.shed(), v.lag.Round(time.Millisecond), size(v.memory, "B"), offset, left)
}

// metrics writes the state as Prometheus reads it (text format 0.0.4).
func (r *liveRun) metrics(w io.Writer) {
	v := r.vitals()
	one := func(name, kind, help string, value any, labels ...string) {
		fmt.Fprintf(w, "# HELP saksi_%s %s\n# TYPE saksi_%s %s\n", name, help, name, kind)
		fmt.Fprintf(w, "saksi_%s%s %v\n", name, labelText(labels), value)
	}
	more := func(name string, value any, labels ...string) {
		fmt.Fprintf(w, "saksi_%s%s %v\n", name, labelText(labels), value)
	}
	one("info", "gauge", "What runs.", 1, "version", version, "interfaces", r.live.Name(), "source_key", r.key)
	one("start_time_seconds", "gauge", "When the capture began, Unix time.", float64(r.begun.UnixMilli())/1000)
	one("packets_total", "counter", "Frames read.", v.seen.Packets)
	one("bytes_total", "counter", "Bytes of them on the wire.", v.seen.Bytes)
	one("undecoded_total", "counter", "Frames not decoded, or not wholly.", v.seen.Undecoded)
	one("drops_total", "counter", "What was dropped, by cause.", v.kernel.Dropped, "cause", "kernel", "unit", "packets")
	more("drops_total", v.ring.Dropped, "cause", "ring", "unit", "packets")
	more("drops_total", v.missing(), "cause", "reassembly", "unit", "bytes")
	more("drops_total", v.shed(), "cause", "spool", "unit", "documents")
	one("authority_left_out_total", "counter", "Packets left out for the authority, by reason.", v.seen.Outside, "reason", "outside")
	more("authority_left_out_total", v.seen.Privileged, "reason", "privileged")
	gaps := make([]string, 0, len(v.seen.Missing))
	for g := range v.seen.Missing {
		gaps = append(gaps, g)
	}
	sort.Strings(gaps)
	for i, g := range gaps {
		if i == 0 {
			one("stream_missing_bytes_total", "counter", "Bytes of TCP streams not put together, by reason.", v.seen.Missing[g], "reason", g)
			continue
		}
		more("stream_missing_bytes_total", v.seen.Missing[g], "reason", g)
	}
	one("fragments_given_up_total", "counter", "Datagrams whose fragments were not put together.", v.seen.Fragments)
	one("flows_total", "counter", "Flows begun.", v.seen.Flows)
	one("flows_open", "gauge", "Flows at this moment.", v.seen.Open)
	one("flows_evicted_total", "counter", "Flows ended early for memory.", v.seen.Evicted)
	one("flows_unparsed_total", "counter", "Flows no longer parsed for memory.", v.seen.Unparsed)
	one("events_total", "counter", "Events made.", v.seen.Events)
	one("alerts_total", "counter", "Alerts made.", v.seen.Alerts)
	one("alerts_suppressed_total", "counter", "Hits that thresholds kept back.", v.seen.Suppressed)
	one("rules", "gauge", "Rules that run.", r.rules.running())
	one("spool_written_total", "counter", "Documents committed to the spool.", v.spool.Written)
	one("spool_shed_total", "counter", "Documents shed, by class; of alerts: lost.", v.spool.Shed[0], "class", spool.Class(0).String())
	for c := spool.Class(1); c < spool.NumClasses; c++ {
		more("spool_shed_total", v.spool.Shed[c], "class", c.String())
	}
	one("spool_waiting", "gauge", "Documents that wait for the spool.", v.spool.Waiting)
	one("spool_waiting_seconds", "gauge", "How long the first of them has waited.", v.spool.Oldest.Seconds())
	one("spool_failing", "gauge", "1 while the spool can't be written to.", number(v.spool.Failing))
	one("index_stored_total", "counter", "Documents the index has taken.", r.follow.stored.Load())
	one("index_refused_total", "counter", "Documents the index has refused for good.", r.follow.dead.Load())
	one("index_failing", "gauge", "1 while the index can't be followed.", number(r.follow.failed.Load()))
	one("ring_packets_total", "counter", "Packets kept in the ring.", v.ring.Packets)
	one("ring_bytes", "gauge", "Bytes of the ring on the disk.", v.ring.Bytes)
	one("lag_seconds", "gauge", "From a packet's arrival to the end of its way.", v.lag.Seconds())
	one("memory_bytes", "gauge", "Resident memory.", v.memory)
	if r.offset != nil {
		one("clock_offset_seconds", "gauge", "How far the clock is ahead of UTC, as told by --clock-offset.", r.offset.Seconds())
	}
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// labelText writes labels, given as names and values in turn.
func labelText(labels []string) string {
	if len(labels) == 0 {
		return ""
	}
	var parts []string
	for i := 0; i+1 < len(labels); i += 2 {
		parts = append(parts, fmt.Sprintf(`%s="%s"`, labels[i], strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(labels[i+1])))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// serve listens for --metrics; it serves once the capture runs.
func (r *liveRun) serve() (stop func(), err error) {
	if r.o.metrics == "" {
		return func() {}, nil
	}
	host, _, err := net.SplitHostPort(r.o.metrics)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return nil, failHint(exitUsage, fmt.Errorf("--metrics is %q; expected a loopback address with a port, such as 127.0.0.1:9477", r.o.metrics), "metrics tell about a network and are served to this machine alone; a scraper on it, or a tunnel, can carry them on")
	}
	l, err := net.Listen("tcp", r.o.metrics)
	if err != nil {
		return nil, fail(exitUsage, fmt.Errorf("listening for --metrics: %w", err))
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		if !r.ready.Load() {
			http.Error(w, "the capture has not begun", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		b := bufio.NewWriter(w)
		r.metrics(b)
		_ = b.Flush() // a client that went away
	})
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10}
	go func() {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintf(r.a.stderr, "saksi: serving metrics: %v; capture goes on\n", err)
		}
	}()
	return func() { _ = s.Close() }, nil
}
