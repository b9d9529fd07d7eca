package framework

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/dedup"
)

// maxCompared bounds the flows of one question that are compared between
// sensors, maxPairs the pairs of sensors that are listed.
const (
	maxCompared = 4 << 20
	maxPairs    = 100
)

// FlowsTwice tells which flows several sensors saw: those of one Community ID
// whose times overlap, or are within two seconds. Each counts once, by the sensor
// that saw most of it.
type FlowsTwice struct {
	Flows       int64          `json:"flows"`        // each once
	Bytes       int64          `json:"bytes"`        // of those, both directions
	TwiceFlows  int64          `json:"twice_flows"`  // documents of other sensors on the same flows
	TwiceBytes  int64          `json:"twice_bytes"`  // of those
	Compared    int64          `json:"compared"`     // documents with a Community ID and a sensor
	NotCompared int64          `json:"not_compared"` // documents without one of them, and those beyond the newest 4,194,304
	Agencies    []AgencyFlows  `json:"agencies"`     // by what their sensors saw
	Pairs       []SensorsTwice `json:"pairs"`        // sensors that saw the same flows, the most bytes first, at most 100
	MorePairs   int64          `json:"more_pairs"`   // pairs beyond those
}

// AgencyFlows is what the sensors of one agency saw; a flow that sensors of two
// agencies saw counts for each.
type AgencyFlows struct {
	Agency     string `json:"agency"` // id of the register; "" for sensors that it does not name
	Flows      int64  `json:"flows"`  // each once
	Bytes      int64  `json:"bytes"`
	TwiceFlows int64  `json:"twice_flows"`
	TwiceBytes int64  `json:"twice_bytes"`
}

// SensorsTwice is two sensors that saw the same flows.
type SensorsTwice struct {
	Sensors []string `json:"sensors"` // their names
	Flows   int64    `json:"flows"`   // that both saw, as the one that saw fewer has them
	Bytes   int64    `json:"bytes"`   // likewise
}

// flowsTwice compares the flows of an index between its sensors, where two or more
// told of any.
func (s *assessor) flowsTwice() error {
	const q = "event.dataset:saksi.flow"
	sensors, err := s.terms(q, event.ObserverName.Name(), maxTerms)
	if err != nil || len(sensors) < 2 {
		return err
	}
	var n int64
	for _, b := range sensors {
		n += b.Count
	}
	t, err := s.twice(s.upTo(q), n)
	if err != nil {
		return fmt.Errorf("comparing flows between sensors: %w", err)
	}
	s.a.FlowsTwice = t
	return s.answered("flows of several sensors: "+s.upTo(q), t.Compared+t.NotCompared, "", t)
}

// twice compares the flows that match a whole query, about n.
func (s *assessor) twice(full string, n int64) (*FlowsTwice, error) {
	set := dedup.Set{Flows: make([]dedup.Flow, 0, min(max(n, 0), maxCompared))}
	t := &FlowsTwice{Agencies: []AgencyFlows{}, Pairs: []SensorsTwice{}}
	list := []Index{s.ix}
	if j, ok := s.ix.(joined); ok {
		list = j
	}
	for _, ix := range list {
		if err := pages(s.ctx, ix, full, func(d findings.Doc) error {
			if len(set.Flows) == maxCompared {
				t.NotCompared++
				return nil
			}
			e, err := event.Parse(d.Body)
			if err != nil {
				return err
			}
			set.Add(e, 0)
			return nil
		}); err != nil {
			return nil, err
		}
	}
	by := agencySums{by: map[string]*AgencyFlows{}, agency: map[string]string{}, set: &set}
	if s.in.Register != nil {
		for _, x := range s.in.Register.Sensors {
			by.agency[x.Name] = x.Agency
		}
	}
	pairs := map[[2]string]*SensorsTwice{}
	set.Join(func(_ []dedup.Flow, told []dedup.Told) {
		by.shared(told)
		for i, a := range told {
			for _, b := range told[i+1:] {
				k := [2]string{set.Sensors[a.Sensor], set.Sensors[b.Sensor]}
				if pairs[k] == nil {
					pairs[k] = &SensorsTwice{Sensors: k[:]}
				}
				pairs[k].Flows += min(a.Flows, b.Flows)
				pairs[k].Bytes += min(a.Bytes, b.Bytes)
			}
		}
	})
	for _, f := range set.Flows {
		if f.Known {
			t.Compared++
		} else {
			t.NotCompared++
		}
		if !f.Shared {
			by.alone(f)
		}
	}
	sum := set.Total(0)
	t.Flows, t.Bytes, t.TwiceFlows, t.TwiceBytes = sum.Flows, sum.Bytes, sum.TwiceFlows, sum.TwiceBytes
	for _, id := range slices.Sorted(maps.Keys(by.by)) {
		t.Agencies = append(t.Agencies, *by.by[id])
	}
	for _, p := range pairs {
		t.Pairs = append(t.Pairs, *p)
	}
	slices.SortFunc(t.Pairs, func(a, b SensorsTwice) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), slices.Compare(a.Sensors, b.Sensors))
	})
	t.MorePairs = int64(max(len(t.Pairs)-maxPairs, 0))
	t.Pairs = t.Pairs[:min(len(t.Pairs), maxPairs)]
	return t, nil
}

// agencySums adds flows up by the agencies whose sensors saw them.
type agencySums struct {
	set    *dedup.Set
	agency map[string]string // by sensor
	by     map[string]*AgencyFlows
}

func (x *agencySums) of(id string) *AgencyFlows {
	if x.by[id] == nil {
		x.by[id] = &AgencyFlows{Agency: id}
	}
	return x.by[id]
}

// alone adds a flow that one sensor saw.
func (x *agencySums) alone(f dedup.Flow) {
	a := x.of(x.agency[x.set.Name(f)])
	a.Flows++
	a.Bytes += f.Bytes
}

// shared adds flows that several saw: to each agency what its own sensor that saw
// most has of them, and what its others have besides.
func (x *agencySums) shared(told []dedup.Told) {
	own := map[string][]dedup.Told{}
	for _, t := range told {
		id := x.agency[x.set.Sensors[t.Sensor]]
		own[id] = append(own[id], t)
	}
	for id, list := range own {
		a, best := x.of(id), dedup.Best(list)
		for _, t := range list {
			if t == best {
				a.Flows += t.Flows
				a.Bytes += t.Bytes
			} else {
				a.TwiceFlows += t.Flows
				a.TwiceBytes += t.Bytes
			}
		}
	}
}
