package report

import (
	"fmt"

	"saksi/framework"
)

// segment is one part of a bar.
type segment struct {
	State      framework.State
	N          int
	X, W, Y, H float64
}

// order is that of states in a bar: what passes first.
var order = []framework.State{framework.Pass, framework.AttestedPass, framework.PartlyPass, framework.Fail, framework.Stale, framework.NoData, framework.Unattested}

// bar lays counts out on a width of 200.
func bar(counts map[framework.State]int) []segment {
	total := 0
	for _, n := range counts {
		total += n
	}
	var out []segment
	x := 0.0
	for _, s := range order {
		if counts[s] == 0 {
			continue
		}
		w := 200 * float64(counts[s]) / float64(total)
		out = append(out, segment{State: s, N: counts[s], X: x, W: w})
		x += w
	}
	return out
}

// States are those that occur, as a legend lists them.
func (r *Report) States() []segment { return bar(r.Counts()) }

// trendColumn is one assessment in the picture of the trend.
type trendColumn struct {
	framework.TrendPoint
	Label    string
	X, Mid   float64
	Segments []segment
	CoverY   float64 // height of its coverage
}

// maxTrend bounds the assessments in the picture; the table has all of them.
const maxTrend = 12

// Trend is the course over earlier assessments and this one; nothing for this
// one alone.
func (r *Report) TrendColumns() []trendColumn {
	if len(r.Trend) == 0 {
		return nil
	}
	list := append(append([]framework.TrendPoint{}, r.Trend...), point(r.Assessment))
	list = list[max(0, len(list)-maxTrend):]
	const height, width = 120.0, 600.0
	step := width / float64(len(list))
	var out []trendColumn
	for i, p := range list {
		total := 0
		for _, n := range p.Counts {
			total += n
		}
		c := trendColumn{TrendPoint: p, Label: p.AsOf.UTC().Format("2006-01-02"), X: 30 + float64(i)*step + step*0.2, CoverY: 10 + height*(1-p.Share)}
		c.Mid = c.X + step*0.3
		y := 10 + height
		for _, s := range order {
			if p.Counts[s] == 0 || total == 0 {
				continue
			}
			h := height * float64(p.Counts[s]) / float64(total)
			y -= h
			c.Segments = append(c.Segments, segment{State: s, N: p.Counts[s], X: c.X, W: step * 0.6, Y: y, H: h})
		}
		out = append(out, c)
	}
	return out
}

// TrendRows are all assessments of the trend and this one.
func (r *Report) TrendRows() []framework.TrendPoint {
	if len(r.Trend) == 0 {
		return nil
	}
	return append(append([]framework.TrendPoint{}, r.Trend...), point(r.Assessment))
}

// TrendLine is the line of the coverage in the picture.
func (r *Report) TrendLine() string {
	var b []byte
	for _, c := range r.TrendColumns() {
		b = appendPoint(b, c.Mid, c.CoverY)
	}
	return string(b)
}

func appendPoint(b []byte, x, y float64) []byte {
	return fmt.Appendf(b, "%.1f,%.1f ", x, y)
}
