package sensor

import (
	"context"
	"fmt"
	"time"

	"saksi/event"
	"saksi/rules/sigma"
	"saksi/rules/suricata"
	"saksi/sensor/asset"
	"saksi/sensor/decode"
)

// phaseTimer orders what timers emit behind what packets emit. Packets of one
// frame have their place in it as phase.
const phaseTimer = 1<<16 - 1

// item is one thing emitted. Items are ordered by packet number, phase and,
// among timers, shard; a worker emits its own in that order.
type item struct {
	number uint64
	phase  uint16
	shard  uint8
	kind   itemKind
	at     int // index into events, or names
	from   int // encoded bytes, when the sink takes them
	to     int
}

type itemKind uint8

const (
	itemEvent  itemKind = iota
	itemFile            // an event, then the file for the scanners
	itemFlow            // the event of a flow that a name seen before may classify
	itemHit             // an event that counts only if the orderer keeps its hit
	itemAlert           // an event that is a finding
	itemRecord          // of EVE JSON alone
	itemName            // an answer of DNS
	itemFact            // something told of a host
	itemSeen            // a flow that has ended, for the hosts
	itemMatch           // a match of Sigma that correlations count, of an event emitted before
)

// hit is a rule's hit with the packet header the orderer looks at.
type hit struct {
	packet suricata.Packet
	hit    suricata.Hit
}

// result is what one worker emitted for one batch.
type result struct {
	owner   *worker
	items   []item
	events  event.Store
	scratch event.Event // the one in work
	encoded []byte
	files   []*File
	hits    []hit
	names   []seenName
	facts   []asset.Fact
	text    []byte // behind their values
	seen    []asset.Flow
	matches []sigma.Hit
}

func (r *result) reset() {
	r.items, r.encoded = r.items[:0], r.encoded[:0]
	clear(r.files)
	r.files = r.files[:0]
	clear(r.hits)
	r.hits = r.hits[:0]
	r.names = r.names[:0]
	clear(r.facts)
	r.facts, r.text, r.seen = r.facts[:0], r.text[:0], r.seen[:0]
	clear(r.matches)
	r.matches = r.matches[:0]
	r.events.Reset()
}

// next returns an empty event, the same each time.
func (r *result) next() *event.Event {
	r.scratch.Reset()
	return &r.scratch
}

// order is the stage that sees everything in packet order.
type order struct {
	ctx     context.Context
	cfg     *Config
	sum     *Summary
	src     *source
	begun   bool // a batch was merged
	enc     Encoder
	rules   *RuleSet        // of the batch in work
	orderer *suricata.Order // nil: no rules of Suricata
	heads   []int
	names   nameCache
	finding event.Event // of Sigma
	buf     []byte
	why     []byte
	err     error

	correlator *sigma.Correlator // nil for none
	hosts      *hosts
	pending    looks // of a live capture
	heldAt     int64 // when what thresholds kept back was told of, in capture time
}

// tellHeld tells what thresholds and suppression kept back, by rule.
func (o *order) tellHeld() {
	if o.orderer == nil || o.err != nil {
		return
	}
	for _, x := range o.orderer.Held() {
		e := &o.finding
		e.Reset()
		e.Time(event.Timestamp, x.Last.Time)
		e.Str(event.EventDataset, "saksi.held")
		e.Str(event.EventCategory, "intrusion_detection")
		e.Str(event.EventType, "info")
		e.Str(event.SaksiEvidenceKey, o.src.key)
		e.Str(event.SaksiEvidenceName, o.src.name)
		x.AppendTo(e)
		o.sum.events["saksi.held"]++
		if err := o.sink(e); err != nil {
			o.err = err
			return
		}
	}
}

func newOrder(ctx context.Context, cfg *Config, sum *Summary, src *source) *order {
	o := &order{ctx: ctx, cfg: cfg, sum: sum, src: src, heads: make([]int, decode.NumShards), names: newNameCache()}
	o.hosts = newHosts(o, src)
	o.enc, _ = cfg.Sink.(Encoder)
	o.use(&cfg.Rules)
	return o
}

// correlate begins the correlations of a set anew; those before it have
// their say first.
func (o *order) correlate(set *sigma.Set) {
	if err := o.close(); err != nil && o.err == nil {
		o.err = err
	}
	o.correlator = nil
	if set != nil {
		o.correlator = set.NewCorrelator(func(r *sigma.Rule, e *event.Event) error {
			r.Finding(&o.finding, e)
			return o.Emit(&o.finding)
		})
	}
}

// close emits what correlations decide at the end.
func (o *order) close() error {
	o.settle(true)
	o.tellHeld()
	if o.orderer != nil && o.cfg.DataDir != "" && o.err == nil {
		o.err = o.orderer.Save(o.cfg.DataDir)
	}
	if o.correlator == nil || o.err != nil {
		return o.err
	}
	if n := o.correlator.Dropped; n > 0 {
		o.sum.odd["groups of correlations beyond those kept"] += uint64(n)
	}
	return o.correlator.Close()
}

func (a *item) before(b *item) bool {
	switch {
	case a.number != b.number:
		return a.number < b.number
	case a.phase != b.phase:
		return a.phase < b.phase
	}
	return a.shard < b.shard
}

// merge emits what all workers found in b, in order, and gives the results
// back to them.
func (o *order) merge(b *batch) {
	clear(o.heads)
	if b.rules != o.rules {
		o.use(b.rules)
	}
	if !o.begun {
		o.begun = true
		t := b.clock
		if len(b.cap.Packets) > 0 {
			t = b.cap.Packets[0].Time
		}
		if err := o.authority(o.src, t, false); err != nil && o.err == nil {
			o.err = err
		}
	}
	o.begin(b)
	for o.err == nil {
		var r *result
		best := -1
		for i, x := range b.results {
			if o.heads[i] < len(x.items) && (best < 0 || x.items[o.heads[i]].before(&r.items[o.heads[best]])) {
				best, r = i, x
			}
		}
		if best < 0 {
			break
		}
		it := &r.items[o.heads[best]]
		o.heads[best]++
		if err := o.emit(r, it); err != nil {
			o.err = err
		}
	}
	o.settle(false)
	if o.err == nil {
		o.err = o.hosts.advance(b.clock)
	}
	if o.heldAt == 0 {
		o.heldAt = b.clock
	} else if b.clock-o.heldAt >= int64(time.Hour) {
		o.heldAt = b.clock
		o.tellHeld()
	}
	o.cfg.Health.merged(b.clock)
	for i, r := range b.results {
		b.results[i] = nil
		select {
		case r.owner.spare <- r:
		default:
		}
	}
}

func (o *order) emit(r *result, it *item) error {
	switch it.kind {
	case itemName:
		o.names.add(&r.names[it.at])
		return nil
	case itemFact:
		o.hosts.table.Add(&r.facts[it.at])
		return o.err // of a host that had to make room
	case itemSeen:
		o.hosts.table.Flow(&r.seen[it.at])
		return o.err
	}
	if o.enc != nil && it.kind == itemEvent {
		return o.write(r.encoded[it.from:it.to])
	}
	e := r.events.At(it.at)
	var f *File
	switch it.kind {
	case itemFlow:
		return o.flow(r, it, e)
	case itemHit:
		h := &r.hits[it.from]
		if o.orderer != nil && !o.orderer.Keep(&h.packet, &h.hit) {
			if !h.hit.Rule.Silent() {
				o.sum.suppressed++
				o.cfg.Health.suppressed.Add(1)
			}
			return nil
		}
		h.hit.AppendContext(e)
		return o.Emit(e)
	case itemAlert:
		return o.Emit(e)
	case itemMatch:
		return o.correlator.Add(&r.matches[it.from], e)
	case itemFile:
		f = r.files[it.from]
	}
	if f != nil {
		f.Event = e
	}
	if err := o.sink(e); err != nil {
		return err
	}
	if f != nil {
		o.scan(f)
	}
	return o.err
}

// Emit implements findings.Sink for findings: it counts them. An error of the
// sink ends the reading, whatever a scanner makes of it.
func (o *order) Emit(e *event.Event) error {
	o.sum.alert(e)
	o.cfg.Health.alerts.Add(1)
	err := o.sink(e)
	if o.err == nil {
		o.err = err
	}
	return err
}

func (o *order) write(b []byte) error {
	if err := o.enc.Write(b); err != nil {
		return fmt.Errorf("emitting an event: %w", err)
	}
	return nil
}

func (o *order) sink(e *event.Event) error {
	if err := o.cfg.Sink.Emit(e); err != nil {
		return fmt.Errorf("emitting an event: %w", err)
	}
	return nil
}
