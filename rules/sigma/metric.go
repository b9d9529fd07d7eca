package sigma

import (
	"math"
	"slices"
)

// maxMeasured bounds the values one group of a metric keeps; a group of more is
// forgotten and counted among Correlator.Dropped.
const maxMeasured = 1 << 16

// metric measures the values of a field in the events of a group (Sigma
// specification 2.1, metric correlations).
type metric struct {
	// grows: further events never take the measure below a bound it has reached,
	// as long as none grows old; so a lower bound is decided at once. Others are
	// decided when the time is over.
	grows bool
	of    func(values []float64, percent float64) float64
}

var metrics = map[string]*metric{
	"value_sum":        {true, func(v []float64, _ float64) float64 { return sum(v) }},
	"value_max":        {true, func(v []float64, _ float64) float64 { return slices.Max(v) }},
	"value_min":        {false, func(v []float64, _ float64) float64 { return slices.Min(v) }},
	"value_avg":        {false, func(v []float64, _ float64) float64 { return sum(v) / float64(len(v)) }},
	"value_median":     {false, func(v []float64, _ float64) float64 { return percentile(v, 50) }},
	"value_percentile": {false, percentile},
}

func sum(v []float64) float64 {
	total := 0.0
	for _, x := range v {
		total += x
	}
	return total
}

// percentile is the linear interpolation between the closest ranks, which makes
// the median of an even number of values the mean of the middle two.
func percentile(v []float64, p float64) float64 {
	v = slices.Sorted(slices.Values(v))
	at := p / 100 * float64(len(v)-1)
	i := int(math.Floor(at))
	if i+1 >= len(v) {
		return v[len(v)-1]
	}
	return v[i] + (at-float64(i))*(v[i+1]-v[i])
}

// aged passes over values that are too old, and returns how many of times can
// go.
func (st *state) aged(w *window, t int64) int {
	for w.old < len(w.times) && w.times[w.old] < t-st.x.span {
		w.total -= w.nums[w.old]
		w.old++
	}
	if w.old <= len(w.times)/2 {
		return 0 // later, many at once
	}
	n := w.old
	w.old = 0
	return n
}

// measure is the measure at a time; ok is false when there is no value.
func (st *state) measure(w *window, t int64) (v float64, ok bool) {
	if !st.x.closing { // asked at each event, of which the newest tells all
		v := w.nums[len(w.nums)-1]
		if st.x.kind == "value_sum" {
			v = w.total
		}
		return v, true
	}
	var in []float64
	for i, at := range w.times {
		if at >= t-st.x.span {
			in = append(in, w.nums[i])
		}
	}
	if len(in) == 0 {
		return 0, false
	}
	return metrics[st.x.kind].of(in, st.x.percent), true
}
