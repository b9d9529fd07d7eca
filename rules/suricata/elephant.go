package suricata

import (
	"fmt"
	"slices"
	"time"
)

// FlowRate is what makes a flow an elephant: so many bytes of frames one way
// within so many seconds (flow.rate-tracking of Suricata's configuration, which
// has none by default).
type FlowRate struct {
	Bytes   uint64
	Seconds int // 1 to MaxRateSeconds
}

// MaxRateSeconds bounds the seconds of a rate, of each of which a flow keeps a
// number.
const MaxRateSeconds = 600

// flowWindow is what one way of a flow carried of late.
type flowWindow struct {
	seen     uint64 // all bytes so far
	sum      uint64
	seconds  []secondBytes
	elephant bool // once, for all time
}

type secondBytes struct {
	at int64 // Unix seconds
	n  uint64
}

// add takes all bytes that were carried up to now.
func (w *flowWindow) add(now int64, all uint64, rate *FlowRate) {
	n := all - w.seen
	w.seen = all
	if w.elephant || all < n {
		return
	}
	at := now / int64(time.Second)
	old := 0
	for old < len(w.seconds) && w.seconds[old].at <= at-int64(rate.Seconds) {
		w.sum -= w.seconds[old].n
		old++
	}
	w.seconds = slices.Delete(w.seconds, 0, old)
	if k := len(w.seconds); k > 0 && (w.seconds[k-1].at >= at || k >= rate.Seconds) { // clocks go back, too
		w.seconds[k-1].n += n
	} else {
		w.seconds = append(w.seconds, secondBytes{at, n})
	}
	w.sum += n
	if w.sum >= rate.Bytes {
		w.elephant, w.seconds = true, nil
	}
}

// follow notes the bytes of a flow for flow.elephant.
func (m *Matcher) follow(st **FlowState, p *Packet) {
	w, all := sideClient, p.ClientFrames
	if !p.ToServer {
		w, all = sideServer, p.ServerFrames
	}
	m.state(st).rate[w].add(p.Time, all, m.set.elephant)
}

// isElephant decides flow.elephant.
func (s *FlowState) isElephant(side uint32) bool {
	if s == nil {
		return false
	}
	client, server := s.rate[sideClient].elephant, s.rate[sideServer].elephant
	switch side {
	case sideClient:
		return client
	case sideServer:
		return server
	case sideBoth:
		return client && server
	}
	return client || server
}

// kwElephant takes flow.elephant:SIDE (Suricata user guide, "flow.elephant").
func kwElephant(b *builder, o *option) *fault {
	side, ok := flowSides[o.val.s]
	if !ok {
		return wrong(o.val.off, fmt.Sprintf("unknown side %q", o.val.s), "toserver, toclient, both or either")
	}
	if b.c.elephant == nil {
		return refused(o.key.off, "flow.elephant without a rate").tip("give one, for example --elephant 1GiB/10: so many bytes one way within so many seconds")
	}
	b.r.checks = append(b.r.checks, check{op: ckElephant, a: side})
	return nil
}
