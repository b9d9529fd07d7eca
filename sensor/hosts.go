package sensor

import (
	"sync"
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
	return h.table.Each(true, h.tell)
}

// close tells of all hosts that are not told yet as they are now, and counts
// them.
func (h *hosts) close() error {
	s, t := h.o.sum, h.table
	s.count("addresses told early for memory", t.Early)
	s.count("addresses that only sent, forgotten for memory", t.Unmet)
	s.count("facts of hosts beyond those kept", t.Cut)
	keep := h.o.cfg.KeepAssets
	var list []*asset.Asset // to be encoded
	err := t.Each(!keep, func(a *asset.Asset) error {
		if keep {
			s.asset(a)
		}
		switch {
		case !a.Changed:
			return nil
		case h.o.cfg.Workers == 1 || h.o.enc == nil || h.o.rules.Sigma != nil: // else nothing stands behind an event of a host
			return h.tell(a)
		}
		if list = append(list, a.Clone()); len(list) < hostsAtOnce*h.o.cfg.Workers {
			return nil
		}
		err := h.encode(list)
		list = list[:0]
		return err
	})
	if err != nil {
		return err
	}
	return h.encode(list)
}

// hostsAtOnce is how many hosts a worker encodes before they are written.
const hostsAtOnce = 256

// encode tells of hosts as tell does; the workers, which have nothing else to do
// at the end of a source, encode.
func (h *hosts) encode(list []*asset.Asset) error {
	o := h.o
	if len(list) == 0 {
		return nil
	}
	events, encoded := make([]event.Event, o.cfg.Workers), make([][]byte, o.cfg.Workers)
	o.sum.events["saksi.asset"] += uint64(len(list))
	o.cfg.Health.events.Add(uint64(len(list)))
	for len(list) > 0 {
		var wg sync.WaitGroup
		for i := range events {
			part := list[:min(len(list), hostsAtOnce)]
			list = list[len(part):]
			encoded[i] = encoded[i][:0]
			wg.Go(func() {
				for _, a := range part {
					h.describe(&events[i], a)
					encoded[i] = o.enc.AppendEvent(encoded[i], &events[i])
				}
			})
		}
		wg.Wait()
		for _, b := range encoded {
			if err := o.write(b); err != nil {
				return err
			}
		}
	}
	return nil
}

// describe makes e the state of a host.
func (h *hosts) describe(e *event.Event, a *asset.Asset) {
	e.Reset()
	e.Str(event.SaksiEvidenceKey, h.src.key)
	e.Str(event.SaksiEvidenceName, h.src.name)
	a.Describe(e)
}

// tell emits the state of a host.
func (h *hosts) tell(a *asset.Asset) error {
	e := &h.told
	h.describe(e, a)
	h.o.sum.events["saksi.asset"]++
	h.o.cfg.Health.events.Add(1)
	if err := h.o.sink(e); err != nil {
		return err
	}
	return h.o.match(e)
}
