package sigma

import (
	"container/list"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"strings"

	"saksi/event"
)

// Bounds of what one correlation remembers. What exceeds them drops the group
// that was silent longest; Correlator.Dropped counts these.
const (
	maxGroups  = 1 << 16
	maxEntries = 1 << 20
)

// Hit is a rule's match as correlations need it.
type Hit struct {
	Rule   *Rule
	Time   int64 // of the event, Unix nanoseconds
	Values []string
	Has    []bool // whether the event has the value
}

// Feeds reports whether a correlation refers to the rule: its matches are then
// given to a Correlator.
func (r *Rule) Feeds() bool { return len(r.feeds) > 0 }

// HitRecord is the hit of a rule that matched rec; its strings are views.
func (s *Set) HitRecord(r *Rule, rec Record, t int64) Hit {
	h := newHit(r, t)
	for name, v := range rec.Values {
		h.put(s.names[name], v)
	}
	return h
}

// HitEvent is the hit of a rule that matched e; its strings are copies.
func (s *Set) HitEvent(r *Rule, e *event.Event) Hit {
	t, _ := e.GetTime(event.Timestamp)
	h := newHit(r, t)
	name, _ := e.GetStr(event.EventDataset)
	if d := s.datasets[name]; d != nil {
		for v := range e.All() {
			if id := d.ids[v.Field]; id != anyField {
				h.put(id, string(v.AppendText(nil)))
			}
		}
	}
	return h
}

func newHit(r *Rule, t int64) Hit {
	return Hit{Rule: r, Time: t, Values: make([]string, len(r.needs)), Has: make([]bool, len(r.needs))}
}

func (h *Hit) put(field int32, value string) {
	for i, id := range h.Rule.needs {
		if id == field && !h.Has[i] {
			h.Values[i], h.Has[i] = value, true
		}
	}
}

// Correlator counts hits for the correlation rules of a set. Its clock is the
// time of the hits, which are best given in the order of their times; one that
// is older than a correlation looks back is not counted. It is not safe for
// concurrent use.
type Correlator struct {
	// Dropped is how many groups were forgotten because there were too many.
	Dropped int
	states  map[*correlation]*state
	order   []*state
	clock   int64
	emit    func(r *Rule, e *event.Event) error
}

// NewCorrelator returns the correlator of a set, or nil when the set has no
// correlation rules. emit gets each rule that is met, with the event that was
// last: at once when only a lower bound is asked, else when the time is over.
// A group speaks once a timespan.
func (s *Set) NewCorrelator(emit func(r *Rule, e *event.Event) error) *Correlator {
	c := &Correlator{states: map[*correlation]*state{}, emit: emit}
	for _, r := range s.Rules {
		if x := r.correlation; x != nil {
			st := &state{x: x, groups: map[[32]byte]*list.Element{}, lru: list.New()}
			c.states[x] = st
			c.order = append(c.order, st)
		}
	}
	if len(c.order) == 0 {
		return nil
	}
	return c
}

// state is what one correlation remembers.
type state struct {
	x       *correlation
	groups  map[[32]byte]*list.Element // of *window
	lru     *list.List                 // the window used last is in front
	entries int
}

// window is one group of a correlation.
type window struct {
	key    [32]byte
	times  []int64   // event_count: of the newest events; temporal: by rule, 0 is none
	values []uint64  // value_count: what the times are of
	nums   []float64 // of metrics: the value at each of times
	old    int       // of metrics: how many of times, from the first, are too old
	total  float64   // of metrics: of the others
	first  int64     // of the events that were counted
	latest int64     // of them
	quiet  int64     // until then the group has spoken
	last   *event.Event
	hit    Hit
}

// Add counts a hit; e is its event, or has what a finding takes over from it.
func (c *Correlator) Add(h *Hit, e *event.Event) error {
	if h.Time > c.clock {
		c.clock = h.Time
		if err := c.close(c.clock); err != nil {
			return err
		}
	}
	return c.spread(h.Rule.feeds, h, e)
}

// Close decides what is still open, as if all time were over.
func (c *Correlator) Close() error {
	// A correlation met now may be counted by another.
	for range c.order {
		if err := c.close(1<<63 - 1); err != nil {
			return err
		}
	}
	return nil
}

// close decides the windows whose time is over.
func (c *Correlator) close(now int64) error {
	for _, st := range c.order {
		if !st.x.closing {
			continue
		}
		for el := st.lru.Back(); el != nil; el = st.lru.Back() {
			w := el.Value.(*window)
			if now-st.x.span < w.first {
				break
			}
			met := st.decide(w, w.first+st.x.span)
			st.x.closed(st, w, met)
			st.forget(el)
			if met {
				if err := c.met(st.x, &w.hit, w.last); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (c *Correlator) spread(feeds []*feed, h *Hit, e *event.Event) error {
	for _, f := range feeds {
		if err := c.count(f, h, e); err != nil {
			return err
		}
	}
	return nil
}

// met emits a correlation and counts it where others refer to it.
func (c *Correlator) met(x *correlation, h *Hit, e *event.Event) error {
	if !x.rule.Silent {
		if err := c.emit(x.rule, e); err != nil {
			return err
		}
	}
	return c.spread(x.outer, h, e)
}

func (c *Correlator) count(f *feed, h *Hit, e *event.Event) error {
	x := f.to
	st := c.states[x]
	slots := f.slots[h.Rule]
	if h.Time == 0 || h.Time < c.clock-x.span {
		return nil
	}
	sum := sha256.New()
	for _, at := range slots[:len(x.groupBy)] {
		if !h.Has[at] {
			return nil // an event without the field is in no group
		}
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(h.Values[at])))
		sum.Write(n[:])
		sum.Write([]byte(h.Values[at]))
	}
	w := st.window([32]byte(sum.Sum(nil)), h.Time, c)
	switch x.kind {
	case "event_count":
		w.times = append(w.times, h.Time)
		st.entries++
	case "value_count":
		var v []byte
		for _, at := range slots[len(x.groupBy):] {
			if !h.Has[at] {
				return nil
			}
			v = append(binary.AppendUvarint(v, uint64(len(h.Values[at]))), h.Values[at]...)
		}
		st.value(w, v, h.Time)
	case "value_sum", "value_avg", "value_median", "value_percentile", "value_min", "value_max":
		at := slots[len(x.groupBy)]
		n, ok := number(h.Values[at])
		if !h.Has[at] || !ok || math.IsNaN(n) || math.IsInf(n, 0) {
			return nil // nothing to measure
		}
		if len(w.nums)-w.old >= maxMeasured {
			c.Dropped++
			st.forget(st.groups[w.key])
			return nil
		}
		w.times, w.nums = append(w.times, h.Time), append(w.nums, n)
		w.total += n
		st.entries++
	case "temporal":
		st.grow(w, len(x.refs))
		w.times[f.place] = max(w.times[f.place], h.Time)
	case "temporal_ordered":
		// times are when the run of rules up to each began
		st.grow(w, len(x.refs))
		switch {
		case f.place == 0:
			w.times[0] = h.Time
		case w.times[f.place-1] != 0 && h.Time-w.times[f.place-1] <= x.span:
			w.times[f.place] = w.times[f.place-1]
		default:
			return nil
		}
	}
	st.trim(w, h.Time)
	if x.closing {
		w.hit, w.last = *h, e.Clone()
		x.counted(f, h, st, w, e, false)
		return nil
	}
	met := h.Time >= w.quiet && (x.kind != "temporal_ordered" && st.decide(w, h.Time) || x.kind == "temporal_ordered" && f.place == len(x.refs)-1)
	x.counted(f, h, st, w, e, met)
	if !met {
		return nil
	}
	w.quiet = h.Time + x.span
	return c.met(x, h, e)
}

// window returns the group of a key, made when it is new.
func (st *state) window(key [32]byte, t int64, c *Correlator) *window {
	el := st.groups[key]
	if el == nil {
		for st.lru.Len() >= maxGroups || st.entries > maxEntries {
			el := st.lru.Back()
			w := el.Value.(*window)
			since := w.latest
			if st.x.closing { // decided a timespan after its first
				since = w.first
			}
			if since+st.x.span >= c.clock {
				c.Dropped++
			}
			st.forget(el)
		}
		el = st.lru.PushFront(&window{key: key, first: t})
		st.groups[key] = el
	} else if !st.x.closing { // those stay in the order in which they end
		st.lru.MoveToFront(el)
	}
	w := el.Value.(*window)
	w.latest = max(w.latest, t)
	return w
}

func (st *state) forget(el *list.Element) {
	w := el.Value.(*window)
	st.entries -= len(w.times)
	delete(st.groups, w.key)
	st.lru.Remove(el)
}

func (st *state) grow(w *window, n int) {
	if w.times == nil {
		w.times = make([]int64, n)
		st.entries += n
	}
}

// value remembers when a value was seen last.
func (st *state) value(w *window, v []byte, t int64) {
	sum := sha256.Sum256(v)
	id := binary.BigEndian.Uint64(sum[:])
	for i := range w.values {
		if w.values[i] == id {
			w.values = append(append(w.values[:i], w.values[i+1:]...), id)
			w.times = append(append(w.times[:i], w.times[i+1:]...), t)
			return
		}
	}
	w.values, w.times = append(w.values, id), append(w.times, t)
	st.entries++
}

// trim drops what is too old, and what decides nothing any more.
func (st *state) trim(w *window, t int64) {
	if strings.HasPrefix(st.x.kind, "temporal") {
		return
	}
	n := max(0, len(w.times)-st.x.limit)
	if w.nums != nil {
		if n = st.aged(w, t); n == 0 {
			return
		}
	}
	for n < len(w.times) && w.times[n] < t-st.x.span {
		n++
	}
	st.entries -= n
	w.times = append(w.times[:0], w.times[n:]...)
	if w.values != nil {
		w.values = append(w.values[:0], w.values[n:]...)
	}
	if w.nums != nil {
		w.nums = append(w.nums[:0], w.nums[n:]...)
	}
}

// decide is whether the condition holds at a time.
func (st *state) decide(w *window, t int64) bool {
	if m := metrics[st.x.kind]; m != nil {
		v, ok := st.measure(w, t)
		return ok && st.x.holds(v)
	}
	if st.x.expr == nil {
		n := st.count(w, t)
		return n > 0 && st.x.holds(float64(n))
	}
	s := &scratch{sighted: make([]bool, len(st.x.refs))}
	for i, at := range w.times {
		s.sighted[i] = at != 0 && at >= t-st.x.span
	}
	return st.x.expr.eval(s)
}

// count is what the condition counts, at a time.
func (st *state) count(w *window, t int64) int {
	n := 0
	for _, at := range w.times {
		if at != 0 && at >= t-st.x.span {
			n++
		}
	}
	return n
}
