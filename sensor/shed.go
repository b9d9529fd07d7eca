package sensor

import (
	"cmp"
	"runtime/debug"
	"runtime/metrics"
	"slices"
)

// What the sensor holds is bounded part by part: flows, waiting segments,
// hosts. What parsers hold is bounded a flow only, and their number is not.
// So that the total holds, the reader looks at what is in use, and when it is
// more than half of what may be, each shard gives up half of its parsers: the
// rest is what garbage takes until it is collected.

// gauge tells how much memory is in use.
type gauge struct {
	limit   int64 // 0: none
	samples [2]metrics.Sample
	after   uint64 // collections after which the gauge is looked at again
	percent int    // of what is live, by which garbage may grow
	before  int    // what it was
}

// While little is in use, garbage may grow to twice of what is live, which halves
// what collecting costs; little ends at much bytes, and begins again at half of
// them. When most lies outside the heap, as with very many flows, collecting is
// cheap and done more often.
const (
	relaxed = 200
	strict  = 100
	lean    = 50
	much    = 64 << 20
)

// pace is by how many percent of what is live in the heap garbage may grow.
func pace(now int, live, outside int64) int {
	switch {
	case live+outside < much/2:
		return relaxed
	case live+outside <= much && now == relaxed:
		return now
	case outside > 2*live:
		return lean
	case outside < live || now == relaxed:
		return strict
	}
	return now
}

func newGauge(limit int64) *gauge {
	g := &gauge{limit: limit}
	g.samples[0].Name, g.samples[1].Name = "/gc/heap/live:bytes", "/gc/cycles/total:gc-cycles"
	g.percent = relaxed
	g.before = debug.SetGCPercent(relaxed)
	return g
}

// close gives the collector of garbage back the pace that it had.
func (g *gauge) close() { debug.SetGCPercent(g.before) }

// over reports that too much is in use, besides the heap outside bytes. What
// shards give up shows only after the next collection: until then it does not
// report it again.
func (g *gauge) over(outside int) bool {
	metrics.Read(g.samples[:])
	live, cycle := int64(g.samples[0].Value.Uint64()), g.samples[1].Value.Uint64()
	if p := pace(g.percent, live, int64(outside)); p != g.percent {
		g.percent = p
		debug.SetGCPercent(p)
	}
	if g.limit == 0 || cycle < g.after || live+int64(outside) <= g.limit/2 {
		return false
	}
	g.after = cycle + 2
	return true
}

// shed gives up the parsers of the half of a shard's flows that were silent
// longest. Their flows go on, and what the parsers knew is emitted.
func (w *worker) shed(sh *shard) {
	var list []*conn
	for _, c := range sh.conns {
		if c != nil && (c.parser != nil || !c.quiet) {
			list = append(list, c)
		}
	}
	last := func(c *conn) uint64 { return sh.table.Get(c.record).LastPacket() }
	slices.SortStableFunc(list, func(a, b *conn) int { return cmp.Compare(last(a), last(b)) })
	for _, c := range list[:(len(list)+1)/2] {
		w.sh, w.rec, w.conn, w.flow = sh, sh.table.Get(c.record), c, c.record
		w.context(w.rec.LastPacket(), w.rec.Last)
		w.closeConn()
		if w.conn != nil {
			w.giveUp(c)
		}
		w.stats.unparsed++
	}
	w.sh, w.rec, w.conn = nil, nil, nil
}

// giveUp frees what the flow in work holds but what its own event tells and
// alerts that wait.
func (w *worker) giveUp(c *conn) {
	c.parser, c.quiet, c.state, c.plain = nil, true, nil, nil
	for d := range c.half {
		c.half[d].Drop(w.sh.pool)
		c.tail[d], c.window[d] = nil, nil
	}
	w.rec.SetDone()
	if c.missed == 0 && len(c.held) == 0 {
		w.release()
	}
}
