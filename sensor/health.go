package sensor

import (
	"sync/atomic"

	"saksi/sensor/decode"
	"saksi/sensor/stream"
)

// Health is what can be seen of a reading while it runs. Its methods may be
// called by any goroutine.
type Health struct {
	packets, bytes, undecoded atomic.Uint64
	read, done                atomic.Int64 // capture time, Unix nanoseconds
	alerts, suppressed        atomic.Uint64
	flows, evicted, unparsed  atomic.Uint64
	open                      atomic.Int64
	events                    atomic.Uint64
	missing                   [stream.NumGaps]atomic.Uint64
	fragments                 atomic.Uint64
	outside, privileged       atomic.Uint64
}

// Reading is Health at one moment. Counts are since the start.
type Reading struct {
	Packets   uint64
	Bytes     uint64 // on the wire
	Undecoded uint64 // frames none of which, or not all of which, could be decoded
	// ReadTime is the capture time that the reader has come to, DoneTime that
	// all stages have: Unix nanoseconds, 0 before the first packet.
	ReadTime, DoneTime int64
	Flows              uint64
	Open               int64  // flows at this moment
	Evicted            uint64 // flows ended early for memory
	Unparsed           uint64 // flows no longer parsed for memory
	// Missing are bytes of TCP streams that were not put together, by reason.
	Missing   map[string]uint64
	Fragments uint64 // datagrams whose fragments were given up
	// Outside and Privileged are packets left out for the authority.
	Outside, Privileged uint64
	Events              uint64
	Alerts              uint64
	Suppressed          uint64 // hits that thresholds kept back
}

// Read gives the present state.
func (h *Health) Read() Reading {
	r := Reading{
		Packets: h.packets.Load(), Bytes: h.bytes.Load(), Undecoded: h.undecoded.Load(), ReadTime: h.read.Load(), DoneTime: h.done.Load(),
		Flows: h.flows.Load(), Open: h.open.Load(), Evicted: h.evicted.Load(), Unparsed: h.unparsed.Load(), Fragments: h.fragments.Load(),
		Events: h.events.Load(), Alerts: h.alerts.Load(), Suppressed: h.suppressed.Load(), Missing: map[string]uint64{},
		Outside: h.outside.Load(), Privileged: h.privileged.Load(),
	}
	for g := range stream.NumGaps {
		r.Missing[g.String()] = h.missing[g].Load()
	}
	return r
}

// reader tells how far the reader has come.
func (h *Health) reader(s *source) {
	h.packets.Store(s.last)
	h.bytes.Store(s.sum.WireBytes)
	h.read.Store(s.clock)
	h.outside.Store(s.sum.Outside)
	h.privileged.Store(s.sum.Privileged)
	var n uint64
	for r := decode.UnknownLink; r < decode.NumReasons; r++ {
		if r != decode.Fragment {
			n += s.dec.Reasons[r]
		}
	}
	h.undecoded.Store(n)
	h.fragments.Store(s.dec.Frags.Expired + s.dec.Frags.Evicted + s.dec.Frags.Bad)
}

// merged tells how far all stages have come.
func (h *Health) merged(clock int64) { h.done.Store(clock) }

// published is what a worker has added to Health so far.
type published struct {
	flows, evicted, events uint64
	unparsed               uint64
	open                   int64
	missing                [stream.NumGaps]uint64
}

// publish adds what the worker counted since the last time.
func (w *worker) publish() {
	var now published
	for _, sh := range w.mine {
		now.flows += sh.table.Created
		now.evicted += sh.table.Evicted
		now.open += int64(sh.table.Len())
		for g, n := range sh.pool.GapBytes {
			now.missing[g] += n
		}
	}
	now.events, now.unparsed = w.emitted, w.stats.unparsed
	h, told := w.cfg.Health, &w.told
	h.flows.Add(now.flows - told.flows)
	h.evicted.Add(now.evicted - told.evicted)
	h.events.Add(now.events - told.events)
	h.unparsed.Add(now.unparsed - told.unparsed)
	h.open.Add(now.open - told.open)
	for g := range now.missing {
		h.missing[g].Add(now.missing[g] - told.missing[g])
	}
	*told = now
}
