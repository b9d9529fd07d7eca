package framework

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/dedup"
)

// Answers of attempts to reach a service, as flows and HTTP tell them.
const (
	answered   = "(event.dataset:saksi.flow AND Saksi.flow.state:(SF OR S1 OR S2 OR S3 OR RSTO OR RSTR)) OR (event.dataset:saksi.http AND http.response.status_code:[100 TO 499])"
	unanswered = "(event.dataset:saksi.flow AND Saksi.flow.state:(S0 OR REJ OR RSTOS0 OR SH)) OR (event.dataset:saksi.http AND http.response.status_code:[500 TO 599])"
)

// maxPorts bounds the ports of a system that are watched for outages: those
// that answered most.
const maxPorts = 50

// each gives every document that matches, and keeps the question with a digest
// over the ids.
func (s *assessor) each(q string, do func(*event.Event)) error {
	full := s.upTo(q)
	var ids []string
	list := []Index{s.ix}
	if j, ok := s.ix.(joined); ok {
		list = j
	}
	for _, ix := range list {
		if err := pages(s.ctx, ix, full, func(d findings.Doc) error {
			e, err := event.Parse(d.Body)
			if err != nil {
				return err
			}
			ids = append(ids, d.ID)
			do(e)
			return nil
		}); err != nil {
			return err
		}
	}
	sort.Strings(ids)
	return s.answered("documents: "+full, int64(len(ids)), "", ids)
}

// pages gives the documents of all pages of one index.
func pages(ctx context.Context, ix Index, q string, do func(findings.Doc) error) error {
	r := findings.Request{Query: q, Size: 10000}
	for {
		p, err := ix.Search(ctx, r)
		if err != nil {
			return err
		}
		for _, d := range p.Docs {
			if err := do(d); err != nil {
				return err
			}
		}
		if p.Next == "" {
			return nil
		}
		r.After = p.Next
	}
}

const secondsOfDay = 24 * 60 * 60

type dayBytes struct {
	day   string
	bytes int64
}

// bytesByDay adds up flows by their days, each flow once.
func (s *assessor) bytesByDay(q string) ([]dayBytes, error) {
	var set dedup.Set
	err := s.each(q, func(e *event.Event) {
		ns, _ := e.GetTime(event.Timestamp)
		set.Add(e, int32(time.Unix(0, ns).Unix()/secondsOfDay))
	})
	set.Join(nil)
	sum := map[int32]int64{}
	for _, f := range set.Flows {
		if f.Counts {
			sum[f.Tag] += f.Bytes
		}
	}
	var list []dayBytes
	for _, d := range slices.Sorted(maps.Keys(sum)) {
		list = append(list, dayBytes{time.Unix(int64(d)*secondsOfDay, 0).UTC().Format(time.DateOnly), sum[d]})
	}
	return list, err
}

// dataSets adds up the flows to where the data of a system is reached, each flow
// once.
func (s *assessor) dataSets(x *SystemEntry, y *System) error {
	for _, d := range x.DataSets {
		u := DataUse{ID: d.ID, Classification: d.Classification, Personal: d.Personal}
		if to := addresses("destination", d.Assets); to != "" {
			var set dedup.Set
			if err := s.each("event.dataset:saksi.flow AND "+to, func(e *event.Event) { set.Add(e, 0) }); err != nil {
				return err
			}
			set.Join(nil)
			sum := set.Total(0)
			u.Flows, u.Bytes, u.TwiceFlows, u.TwiceBytes = sum.Flows, sum.Bytes, sum.TwiceFlows, sum.TwiceBytes
		}
		y.DataSets = append(y.DataSets, u)
	}
	return nil
}

// outages finds the minutes in which a service that has a recovery time was
// asked and did not answer. An outage goes from the first such minute to the
// next minute with an answer, or to the end of the last such minute.
func (s *assessor) outages() error {
	for i := range s.systems {
		x := &s.systems[i]
		to := addresses("destination", x.Assets)
		if x.rto == 0 || to == "" {
			continue
		}
		up, err := s.minutes(to + " AND (" + answered + ")")
		if err != nil {
			return err
		}
		// Who knocks at a port where nothing ever answered makes no outage.
		ports, err := s.terms(to+" AND ("+answered+")", "destination.port", maxPorts)
		if err != nil {
			return err
		}
		var list []string
		for _, p := range ports {
			list = append(list, p.Key)
		}
		if len(list) > 0 {
			to += " AND destination.port:(" + strings.Join(list, " OR ") + ")"
		}
		down, err := s.minutes(to + " AND (" + unanswered + ")")
		if err != nil {
			return err
		}
		if len(up)+len(down) == 0 {
			continue
		}
		s.fact("outages", 1)
		y := &s.a.Systems[i]
		y.RTOS = int64(x.rto / time.Second)
		for _, o := range outagesOf(up, down) {
			y.OutageMinutes += int64(o.to-o.from) / 60
			y.Outages++
			if d := time.Duration(o.to-o.from) * time.Second; d > x.rto {
				s.fact("outages", 0, fmt.Sprintf("%s: no answer from %s for %s; its recovery time is %s", x.ID, time.Unix(o.from, 0).UTC().Format(time.RFC3339), d, x.RTO))
			}
		}
	}
	return nil
}

// minutes are the minutes (Unix seconds of their start) in which documents
// match.
func (s *assessor) minutes(q string) (map[int64]bool, error) {
	full := s.upTo(q)
	list, err := s.ix.Histogram(s.ctx, full, time.Minute)
	if err != nil {
		return nil, err
	}
	m := map[int64]bool{}
	var n int64
	for _, b := range list {
		t, err := time.Parse(time.RFC3339Nano, b.Key)
		if err != nil {
			return nil, err
		}
		m[t.Unix()] = true
		n += b.Count
	}
	return m, s.answered("minutes: "+full, n, "", list)
}

type outage struct{ from, to int64 } // Unix seconds

func outagesOf(up, down map[int64]bool) []outage {
	var all []int64
	for t := range up {
		all = append(all, t)
	}
	for t := range down {
		if !up[t] {
			all = append(all, t)
		}
	}
	slices.Sort(all)
	var list []outage
	open := false
	for _, t := range all {
		switch {
		case up[t]:
			if open {
				list[len(list)-1].to = t
			}
			open = false
		case !open:
			list, open = append(list, outage{t, t + 60}), true
		default:
			list[len(list)-1].to = t + 60
		}
	}
	return list
}
