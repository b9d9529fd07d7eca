package timeline

import "time"

// Histogram counts moments by hour, day, month or year, whichever shows them
// all in few lines. Its memory is bounded by the days there can be.
type Histogram struct {
	days  map[int64]*Bucket
	hours map[int64]*Bucket // nil when there are too many
}

// Bucket is a stretch of time and what lies in it.
type Bucket struct {
	Start  time.Time
	Files  int64 // moments of entries of file systems
	Events int64 // records of artifacts and events
}

const (
	maxHours  = 10_000
	mostHours = 4 * 24
	mostDays  = 92
	mostMonth = 120
)

// NewHistogram makes an empty one.
func NewHistogram() *Histogram {
	return &Histogram{days: map[int64]*Bucket{}, hours: map[int64]*Bucket{}}
}

// Add counts a line.
func (h *Histogram) Add(l *Line) {
	t := time.Unix(0, l.Time).UTC()
	count(h.days, t.Truncate(24*time.Hour), l)
	if h.hours == nil {
		return
	}
	if count(h.hours, t.Truncate(time.Hour), l); len(h.hours) > maxHours {
		h.hours = nil
	}
}

func count(m map[int64]*Bucket, start time.Time, l *Line) {
	b := m[start.Unix()]
	if b == nil {
		b = &Bucket{Start: start}
		m[start.Unix()] = b
	}
	if l.MACB != "" {
		b.Files++
	} else {
		b.Events++
	}
}

// Buckets gives the unit that was chosen, and each stretch from the first to the
// last, the empty ones too.
func (h *Histogram) Buckets() (unit string, list []Bucket) {
	if len(h.days) == 0 {
		return "day", nil
	}
	var first, last time.Time
	for _, b := range h.days {
		if first.IsZero() || b.Start.Before(first) {
			first = b.Start
		}
		if b.Start.After(last) {
			last = b.Start
		}
	}
	days := int(last.Sub(first).Hours()/24) + 1
	months := (last.Year()-first.Year())*12 + int(last.Month()-first.Month()) + 1
	switch {
	case h.hours != nil && days*24 <= mostHours:
		return "hour", fill(h.hours, first, last.Add(23*time.Hour), func(t time.Time) time.Time { return t.Add(time.Hour) })
	case days <= mostDays:
		return "day", fill(h.days, first, last, func(t time.Time) time.Time { return t.AddDate(0, 0, 1) })
	case months <= mostMonth:
		start := func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC) }
		return "month", fill(h.gather(start), start(first), last, func(t time.Time) time.Time { return t.AddDate(0, 1, 0) })
	}
	start := func(t time.Time) time.Time { return time.Date(t.Year(), 1, 1, 0, 0, 0, 0, time.UTC) }
	return "year", fill(h.gather(start), start(first), last, func(t time.Time) time.Time { return t.AddDate(1, 0, 0) })
}

// gather sums the days of longer stretches.
func (h *Histogram) gather(start func(time.Time) time.Time) map[int64]*Bucket {
	m := map[int64]*Bucket{}
	for _, b := range h.days {
		s := start(b.Start)
		to := m[s.Unix()]
		if to == nil {
			to = &Bucket{Start: s}
			m[s.Unix()] = to
		}
		to.Files += b.Files
		to.Events += b.Events
	}
	return m
}

func fill(m map[int64]*Bucket, first, last time.Time, next func(time.Time) time.Time) (list []Bucket) {
	for t := first; !t.After(last); t = next(t) {
		if b := m[t.Unix()]; b != nil {
			list = append(list, *b)
		} else {
			list = append(list, Bucket{Start: t})
		}
	}
	return list
}
