package sensor

import (
	"time"

	"saksi/event"
	"saksi/sensor/asset"
)

// assetsEach is how often a live capture tells of hosts that something new was
// seen of.
const assetsEach = 10 * time.Minute

// hosts is what the ordered stage keeps of hosts. They are told at the end of a
// source, and of a live capture in between too.
type hosts struct {
	o     *order
	src   *source
	table *asset.Table
	next  int64 // capture time at which changes are told; 0 before the first packet
	told  event.Event
}

func newHosts(o *order, src *source) *hosts {
	h := &hosts{o: o, src: src, table: asset.NewTable(o.cfg.Assets)}
	h.table.Evicted = func(a *asset.Asset) {
		if o.err == nil {
			o.err = h.tell(a)
		}
	}
	return h
}

// advance tells of changes when it is time.
func (h *hosts) advance(clock int64) error {
	if !h.src.live || clock < h.next {
		return nil
	}
	first := h.next == 0
	h.next = clock + int64(assetsEach)
	if first {
		return nil
	}
	for _, a := range h.table.Assets(true) {
		if err := h.tell(a); err != nil {
			return err
		}
	}
	return nil
}

// close tells of all hosts that are not told yet as they are now, and counts
// them.
func (h *hosts) close() error {
	s, t := h.o.sum, h.table
	s.count("addresses told early for memory", t.Early)
	s.count("addresses that only sent, forgotten for memory", t.Unmet)
	s.count("facts of hosts beyond those kept", t.Cut)
	for _, a := range t.Assets(h.src.live) {
		s.asset(a)
		if err := h.tell(a); err != nil {
			return err
		}
	}
	return nil
}

// tell emits the state of a host.
func (h *hosts) tell(a *asset.Asset) error {
	e := &h.told
	e.Reset()
	e.Str(event.SaksiEvidenceKey, h.src.key)
	e.Str(event.SaksiEvidenceName, h.src.name)
	a.Describe(e)
	h.o.sum.events["saksi.asset"]++
	h.o.cfg.Health.events.Add(1)
	if err := h.o.sink(e); err != nil {
		return err
	}
	return h.o.match(e)
}
