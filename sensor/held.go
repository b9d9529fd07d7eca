package sensor

import (
	"saksi/event"
	"saksi/rules/suricata"
	"saksi/sensor/decode"
	"saksi/sensor/flow"
	"saksi/sensor/proto"
)

// Suricata parses a TCP stream when it is acknowledged, and tells of what it
// found there with the next packet of that way, or at the end of the flow. For
// EVE JSON the alerts on transactions wait for that packet here; what they rest
// on, and their documents, stay the same.

// held is an alert that waits.
type held struct {
	e    event.Event
	hit  hit
	tx   suricata.Tx // to be described again when it is told; nil if it can't
	eve  proto.EVE   // the same for EVE alone
	dir  int
	need uint32 // acknowledgment that it waits for
}

// maxHeld bounds the alerts of a flow that wait; more are told at once.
const maxHeld = 64

// hold keeps an alert back, if it is to wait.
func (w *worker) hold(e *event.Event, h hit, dir int, tx suricata.Tx) bool {
	if !w.cfg.Detail || tx == nil || w.conn == nil || w.rec.Proto != decode.ProtoTCP || w.pkt == nil || w.phase == phaseTimer {
		return false
	}
	c := w.conn
	for c.outer != nil { // decrypted
		c = c.outer
	}
	if len(c.held) >= maxHeld {
		return false
	}
	x := held{hit: h, dir: dir, need: w.rec.Next(dir)}
	if s, ok := tx.(*streamTx); ok {
		tx = s.Tx
	}
	w.describe(e, tx)
	if _, ok := tx.(proto.Lasting); ok {
		x.tx = tx
	} else if t, ok := tx.(proto.Teller); ok {
		x.eve = t.EVE()
	}
	x.e = *e.Clone()
	c.held = append(c.held, x)
	return true
}

// tellHeld tells of the alerts that waited for the packet in work.
func (w *worker) tellHeld(p *decode.Packet, dir int) {
	c := w.conn
	rest := c.held[:0]
	for i := range c.held {
		if x := &c.held[i]; x.dir != dir || int32(c.acked[dir]-x.need) < 0 {
			rest = append(rest, *x)
			continue
		}
		w.tell(&c.held[i], p.Time)
	}
	clear(c.held[len(rest):])
	c.held = rest
	if p.TCPFlags&decode.ACK != 0 {
		c.acked[1-dir] = p.Ack
	}
}

// tell emits an alert that waited, at a time.
func (w *worker) tell(x *held, at int64) {
	e := w.res.next()
	x.e.CopyTo(e)
	e.Time(event.SaksiEveTime, at)
	if p := w.pkt; p != nil && p.Number == w.now && w.phase != phaseTimer {
		e.Int(event.SaksiEvePacket, int64(p.Number))
	} else {
		e.Str(event.SaksiEvePktSrc, "stream (flow timeout)")
	}
	w.detailFlow(e, w.rec)
	if x.eve != nil {
		aboutTx(e, x.eve)
	}
	if x.tx != nil {
		e.Hold(true)
		w.describe(e, x.tx)
		e.Hold(false)
	}
	w.res.hits = append(w.res.hits, x.hit)
	w.push(e, itemHit, len(w.res.hits)-1)
}

// endHeld tells of the alerts that still wait when their flow ends.
func (w *worker) endHeld(r *flow.Record) {
	if w.conn == nil {
		return
	}
	for i := range w.conn.held {
		w.tell(&w.conn.held[i], r.Last)
	}
	w.conn.held = nil
}
