package sensor

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"saksi/event"
	"saksi/sensor/asset"
	"saksi/sensor/capture"
	"saksi/sensor/decode"
	"saksi/sensor/flow"
	"saksi/sensor/keylog"
	"saksi/sensor/proto"
	"saksi/sensor/stream"
)

// Count is a name with a number.
type Count struct {
	Name string
	N    uint64
}

// SourceSummary is what one capture held.
type SourceSummary struct {
	Name, Key   string
	Stats       capture.Stats
	WireBytes   uint64        // sum of the original lengths
	Filtered    uint64        // packets that Config.Filter left out
	Outside     uint64        // packets left out because Config.Authority does not cover them
	Privileged  uint64        // packets left out because it marks them as privileged
	Keys        keylog.Counts // of the TLS secrets in the capture
	First, Last int64         // Unix nanoseconds; 0 without packets
	Offload     bool          // checksums were wrong from the start and not looked at
	Error       string        // why reading stopped early, "" if it did not
	Undecoded   []Count
	NotIP       []Count // of them, frames that carry no IP, by kind
	UnknownLink []Count // frames by link type not decoded
	Tunnels     []Count // inner packets by tunnel
}

// ProtoCount is one protocol by its flows.
type ProtoCount struct {
	Name  string
	Flows uint64
	Bytes uint64 // IP bytes
}

// AlertCount is one rule by its alerts.
type AlertCount struct {
	Severity   int64 // 1 low to 4 critical
	Rule, Name string
	N          uint64
}

// FileCount is one carved file, by its digest.
type FileCount struct {
	SHA256, Name, MIME string
	Size               int64
	N                  uint64
	Whole              bool
}

// Summary counts everything that was seen, and everything that was not
// understood, by reason.
type Summary struct {
	Sources   []SourceSummary
	Flows     uint64
	Events    []Count // by dataset
	Protocols []ProtoCount
	// Applications are flows by the application that content, names and
	// addresses tell.
	Applications []ProtoCount
	States       []Count // TCP flows by Zeek's connection state
	Alerts       []AlertCount
	Severities   [5]uint64
	Files        []FileCount
	Oddities     []Count // what is strange or was given up, by reason
	Suppressed   uint64  // hits that thresholds kept back
	Decrypted    uint64  // sessions of TLS of which something was decrypted
	// Assets are the hosts of which something is known, the one seen first
	// first, at most maxCounted; none without Config.KeepAssets.
	Assets []*asset.Asset

	events     map[string]uint64
	protos     map[string]*ProtoCount
	apps       map[string]*ProtoCount
	assets     map[string]int // index into Assets, by id
	states     map[string]uint64
	talkers    []talkers // by shard
	alerts     map[string]*AlertCount
	files      map[string]*FileCount
	odd        map[string]uint64
	suppressed uint64
	// Carved files that a scanner could not do, and why the first.
	unscanned      uint64
	unscannedFirst error
}

func newSummary() *Summary {
	return &Summary{
		events: map[string]uint64{}, protos: map[string]*ProtoCount{}, apps: map[string]*ProtoCount{}, assets: map[string]int{}, states: map[string]uint64{},
		talkers: make([]talkers, decode.NumShards), alerts: map[string]*AlertCount{}, files: map[string]*FileCount{}, odd: map[string]uint64{},
	}
}

// maxCounted bounds hosts, rules and files that are told apart.
const maxCounted = 1 << 16

// flow counts a flow that has ended.
func (s *workerStats) flow(r *flow.Record, state string, sent, received uint64) {
	if r.App() != 0 {
		s.protoBytes[r.App()] += sent + received
		s.protoFlows[r.App()]++
	} else {
		s.ipBytes[r.Proto] += sent + received
		s.ipFlows[r.Proto]++
	}
	if r.Proto == decode.ProtoTCP {
		s.states[state]++
	}
}

// summarize adds what a worker counted.
func (w *worker) summarize(s *Summary, src *SourceSummary) {
	for _, e := range w.protos.Entries() {
		s.proto(e.Name, w.stats.protoFlows[e.Index()], w.stats.protoBytes[e.Index()])
		s.count("parser gave up: "+e.Name, w.stats.broken[e.Index()])
	}
	for i := range w.stats.ipFlows {
		name := transportName(uint8(i))
		if i == decode.ProtoTCP || i == decode.ProtoUDP {
			name = "unknown (" + name + ")"
		}
		s.proto(name, w.stats.ipFlows[i], w.stats.ipBytes[i])
	}
	for name, p := range w.stats.apps {
		addFlows(s.apps, name, p.Flows, p.Bytes)
	}
	for k, n := range w.stats.states {
		s.states[k] += n
	}
	for k, n := range w.stats.events {
		s.events[k] += n
	}
	s.Decrypted += w.stats.decrypted
	for d, n := range w.stats.opened {
		if proto.Decryption(d) == proto.Decrypted {
			s.count("TLS sessions decrypted", n)
		} else {
			s.count("TLS sessions not decrypted, or not to their end: "+proto.Decryption(d).String(), n)
		}
	}
	s.count("wrong checksum", w.stats.badChecksum)
	s.count("TCP gaps", w.stats.gaps)
	s.count("flows no longer parsed for memory", w.stats.unparsed)
	s.count("TCP bytes not parsed for the gap behind them", w.stats.unread)
	for _, sh := range w.mine {
		s.Flows += sh.table.Created
		s.talkers[sh.index] = sh.talkers
		s.count("flows ended early for memory", sh.table.Evicted)
		p := sh.pool
		s.count("TCP retransmitted segments", p.Retransmitted)
		s.count("TCP overlapping segments", p.Overlaps)
		s.count("TCP segments out of order", p.OutOfOrder)
		s.count("TCP segments out of window", p.OutOfWindow)
		for g := stream.Gap(0); g < stream.NumGaps; g++ {
			s.count("TCP bytes missing: "+strings.ReplaceAll(g.String(), "_", " "), p.GapBytes[g])
		}
	}
}

func (s *Summary) count(what string, n uint64) {
	if n > 0 {
		s.odd[what] += n
	}
}

func (s *Summary) proto(name string, flows, bytes uint64) {
	if flows > 0 {
		addFlows(s.protos, name, flows, bytes)
	}
}

func addFlows(m map[string]*ProtoCount, name string, flows, bytes uint64) {
	p := m[name]
	if p == nil {
		p = &ProtoCount{Name: strings.Clone(name)}
		m[p.Name] = p
	}
	p.Flows += flows
	p.Bytes += bytes
}

// asset keeps a host. One that several sources saw stands there once, with what
// all of them told.
func (s *Summary) asset(a *asset.Asset) {
	if i, ok := s.assets[a.ID]; ok {
		s.Assets[i].Merge(a)
		return
	}
	if len(s.Assets) >= maxCounted {
		s.odd["hosts beyond those listed"]++
		return
	}
	s.assets[a.ID] = len(s.Assets)
	s.Assets = append(s.Assets, a.Clone())
}

// alert counts an alert that stands.
func (s *Summary) alert(e *event.Event) {
	id, _ := e.GetStr(event.RuleID)
	a := s.alerts[id]
	if a == nil {
		if len(s.alerts) >= maxCounted {
			s.odd["alerts of rules beyond those counted"]++
			return
		}
		name, _ := e.GetStr(event.RuleName)
		sev, _ := e.GetInt(event.EventSeverity)
		a = &AlertCount{Rule: strings.Clone(id), Name: strings.Clone(name), Severity: sev}
		s.alerts[a.Rule] = a
	}
	a.N++
	if a.Severity >= 0 && int(a.Severity) < len(s.Severities) {
		s.Severities[a.Severity]++
	}
	s.events["saksi.alert"]++
}

// file counts a carved file.
func (s *Summary) file(f *File) {
	c := s.files[f.SHA256]
	if c == nil {
		if len(s.files) >= maxCounted {
			s.odd["files beyond those counted"]++
			return
		}
		c = &FileCount{SHA256: f.SHA256, Name: strings.Clone(f.Name), MIME: f.MIME, Size: f.Size, Whole: f.Whole}
		s.files[f.SHA256] = c
	}
	c.N++
}

// scanError counts a file a scanner could not do.
func (s *Summary) scanError(f *File, err error) {
	if s.unscanned++; s.unscanned == 1 {
		s.unscannedFirst = fmt.Errorf("the file with SHA-256 %s: %w", f.SHA256, err)
	}
	if text := "file not scanned or saved: " + err.Error(); s.odd[text] > 0 || len(s.odd) < maxCounted {
		s.odd[text]++
	}
}

// scanProblem says that carved files were not scanned or saved, if so.
func (s *Summary) scanProblem() error {
	if s.unscanned == 0 {
		return nil
	}
	return incomplete("%d carved files were not scanned or saved; first %w", s.unscanned, s.unscannedFirst)
}

func (s *SourceSummary) see(t int64) {
	if s.First == 0 || t < s.First {
		s.First = t
	}
	s.Last = max(s.Last, t)
}

// finish takes over what reader and decoder counted.
func (s *SourceSummary) finish(src *source) {
	s.Stats = src.reader.Stats()
	if s.Stats.KeyLogs > 0 {
		s.Keys = src.keys.Counts()
	}
	d := src.dec
	for r, n := range d.Reasons {
		if n > 0 && decode.Reason(r) != decode.OK && decode.Reason(r) != decode.Fragment {
			s.Undecoded = append(s.Undecoded, Count{decode.Reason(r).String(), n})
		}
	}
	for link, n := range d.Links {
		name := strconv.Itoa(int(link))
		if known := decode.LinkName(link); known != "" {
			name += " (" + known + ")"
		}
		s.UnknownLink = append(s.UnknownLink, Count{name, n})
	}
	sortCounts(s.UnknownLink)
	for _, c := range d.NotIP() {
		s.NotIP = append(s.NotIP, Count{c.Name, c.N})
	}
	sortCounts(s.NotIP)
	for i, n := range d.Tunnels {
		if n > 0 {
			s.Tunnels = append(s.Tunnels, Count{decode.TunnelNames[i], n})
		}
	}
	for _, c := range []Count{
		{"datagrams never complete", uint64(d.Pending()) + d.Frags.Expired},
		{"datagrams given up for memory", d.Frags.Evicted},
		{"overlapping fragments", d.Frags.Overlaps},
		{"impossible fragments", d.Frags.Bad},
	} {
		if c.N > 0 {
			s.Undecoded = append(s.Undecoded, c)
		}
	}
}

// problem returns what makes the source incomplete although it was read to its
// end: link types not known here, and blocks that contradict themselves.
func (s *SourceSummary) problem() error {
	if b := s.Stats.FirstBad; b != nil {
		s.Error = b.Error()
		return incomplete("%w (%d such blocks)", b, s.Stats.BadBlocks)
	}
	if len(s.UnknownLink) > 0 {
		var list []string
		for _, c := range s.UnknownLink {
			list = append(list, fmt.Sprintf("%s: %d frames", c.Name, c.N))
		}
		s.Error = "link type not decoded: " + strings.Join(list, ", ")
		return incomplete("reading %s: %s", s.Name, s.Error)
	}
	return nil
}

func sortCounts(c []Count) {
	slices.SortFunc(c, func(a, b Count) int { return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Name, b.Name)) })
}

func counts(m map[string]uint64) []Count {
	var out []Count
	for k, n := range m {
		out = append(out, Count{k, n})
	}
	sortCounts(out)
	return out
}

// byFlows orders counts of flows, most first.
func byFlows(m map[string]*ProtoCount) (list []ProtoCount) {
	for _, p := range m {
		list = append(list, *p)
	}
	slices.SortFunc(list, func(a, b ProtoCount) int { return cmp.Or(cmp.Compare(b.Flows, a.Flows), cmp.Compare(a.Name, b.Name)) })
	return list
}

// finish orders what was counted.
func (s *Summary) finish() {
	for i := range s.talkers {
		s.count("hosts of flows beyond those counted", s.talkers[i].other)
	}
	s.Events, s.States, s.Oddities, s.Suppressed = counts(s.events), counts(s.states), counts(s.odd), s.suppressed
	s.Protocols, s.Applications = byFlows(s.protos), byFlows(s.apps)
	for _, a := range s.alerts {
		s.Alerts = append(s.Alerts, *a)
	}
	slices.SortFunc(s.Alerts, func(a, b AlertCount) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(b.N, a.N), cmp.Compare(a.Rule, b.Rule))
	})
	for _, k := range slices.Sorted(maps.Keys(s.files)) {
		s.Files = append(s.Files, *s.files[k])
	}
	slices.SortStableFunc(s.Files, func(a, b FileCount) int { return cmp.Compare(b.Size, a.Size) })
}
