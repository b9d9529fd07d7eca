// Package dedup tells which flows several sensors saw: those of one Community ID
// whose times overlap. Start with Set.Add, then Set.Join.
package dedup

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"saksi/event"
)

// Slack is how far apart the times of two sensors may be for one flow: packets
// take a while between them, and so do their clocks.
const Slack = 2 * time.Second

// maxSensors bounds the sensors of one Set.
const maxSensors = 1 << 16

// Flow is one flow document, as far as it is compared.
type Flow struct {
	Start, End int64 // UnixNano
	Bytes      int64 // both directions
	Tag        int32 // the caller's own
	Sensor     uint16
	Known      bool // it has a Community ID and a sensor, without which it can't be compared
	Shared     bool // several sensors saw it
	Counts     bool // it is the sensor's that saw most of the flow, or the only one
	community  [16]byte
	id         [8]byte
}

// Set gathers flows: 64 bytes each.
type Set struct {
	Flows   []Flow
	Sensors []string // their names, by Flow.Sensor
	numbers map[string]uint16
}

// Add adds a flow document with a tag of the caller's.
func (s *Set) Add(e *event.Event, tag int32) {
	f := Flow{Tag: tag, Bytes: Bytes(e), Counts: true}
	f.Start, _ = e.GetTime(event.Timestamp)
	if t, ok := e.GetTime(event.EventStart); ok {
		f.Start = t
	}
	f.End = f.Start
	if t, ok := e.GetTime(event.EventEnd); ok && t > f.Start {
		f.End = t
	} else if d, ok := e.GetInt(event.EventDuration); ok && d > 0 && f.Start <= f.Start+d {
		f.End = f.Start + d
	}
	community, ok := e.GetStr(event.NetworkCommunityID)
	sensor, _ := e.GetStr(event.ObserverName)
	if ok && sensor != "" {
		f.Sensor, f.Known = s.number(sensor)
		sum := sha256.Sum256([]byte(community))
		copy(f.community[:], sum[:])
	}
	if id, ok := e.GetStr(event.EventID); ok {
		sum := sha256.Sum256([]byte(id))
		copy(f.id[:], sum[:])
	}
	s.Flows = append(s.Flows, f)
}

// number is the number of a sensor; false when there are too many.
func (s *Set) number(name string) (uint16, bool) {
	if n, ok := s.numbers[name]; ok {
		return n, true
	}
	if len(s.Sensors) == maxSensors {
		return 0, false
	}
	if s.numbers == nil {
		s.numbers = map[string]uint16{}
	}
	name = strings.Clone(name)
	n := uint16(len(s.Sensors))
	s.Sensors = append(s.Sensors, name)
	s.numbers[name] = n
	return n, true
}

// Bytes is how much a flow carried in both directions.
func Bytes(e *event.Event) int64 {
	if n, ok := e.GetInt(event.NetworkBytes); ok {
		return n
	}
	a, _ := e.GetInt(event.SourceBytes)
	b, _ := e.GetInt(event.DestinationBytes)
	return a + b
}

// Join finds the flows that several sensors saw, and clears Counts of those that
// are told by another sensor, too: of each flow the documents of the sensor that
// saw most bytes count (then most documents, then the first name). It gives each
// such group to do, with what each sensor told of it, in an order that does not
// depend on how flows were added; do may be nil.
//
// A sensor may tell one flow in several documents, as after a new start, and
// another in one: so a group is all documents of one Community ID whose times
// overlap, through whichever others.
func (s *Set) Join(do func(group []Flow, told []Told)) {
	slices.SortFunc(s.Flows, func(a, b Flow) int {
		return cmp.Or(bytes.Compare(a.community[:], b.community[:]), cmp.Compare(a.Start, b.Start), cmp.Compare(s.Name(a), s.Name(b)), cmp.Compare(a.End, b.End), bytes.Compare(a.id[:], b.id[:]))
	})
	for i := 0; i < len(s.Flows); {
		j, end := i+1, s.Flows[i].End
		for s.Flows[i].Known && j < len(s.Flows) && s.Flows[j].Known && s.Flows[j].community == s.Flows[i].community && near(s.Flows[j].Start, end) {
			end = max(end, s.Flows[j].End)
			j++
		}
		group := s.Flows[i:j]
		if told := s.bySensor(group); len(told) > 1 {
			best := Best(told)
			for k := range group {
				group[k].Shared, group[k].Counts = true, group[k].Sensor == best.Sensor
			}
			if do != nil {
				do(group, told)
			}
		}
		i = j
	}
}

// near reports whether a time is not later than another and Slack; hostile ones
// may lie any distance apart.
func near(start, end int64) bool {
	return start <= end || uint64(start)-uint64(end) <= uint64(Slack)
}

// Name is the sensor of a flow; "" when it is not known.
func (s *Set) Name(f Flow) string {
	if !f.Known {
		return ""
	}
	return s.Sensors[f.Sensor]
}

// Told is what one sensor told of a group.
type Told struct {
	Sensor uint16
	Flows  int64
	Bytes  int64
}

// bySensor adds a group up by sensors, in the order of their names; nil for one
// flow alone.
func (s *Set) bySensor(group []Flow) []Told {
	if len(group) == 1 {
		return nil
	}
	var list []Told
	for _, f := range group {
		i := slices.IndexFunc(list, func(t Told) bool { return t.Sensor == f.Sensor })
		if i < 0 {
			i = len(list)
			list = append(list, Told{Sensor: f.Sensor})
		}
		list[i].Flows++
		list[i].Bytes += f.Bytes
	}
	slices.SortFunc(list, func(a, b Told) int { return cmp.Compare(s.Sensors[a.Sensor], s.Sensors[b.Sensor]) })
	return list
}

// Best is who saw most of a group: the most bytes, then the most documents, then
// the first name. There must be one.
func Best(list []Told) Told {
	top := list[0]
	for _, t := range list[1:] {
		if t.Bytes > top.Bytes || t.Bytes == top.Bytes && t.Flows > top.Flows {
			top = t
		}
	}
	return top
}

// Sum is how much flows come to.
type Sum struct {
	Flows, Bytes           int64 // each once
	TwiceFlows, TwiceBytes int64 // what other sensors told of the same flows besides
}

// Total adds flows of a tag up after Join.
func (s *Set) Total(tag int32) (sum Sum) {
	for _, f := range s.Flows {
		if f.Tag == tag {
			sum.Add(f)
		}
	}
	return sum
}

// Add adds a flow that was joined.
func (x *Sum) Add(f Flow) {
	if f.Counts {
		x.Flows++
		x.Bytes += f.Bytes
		return
	}
	x.TwiceFlows++
	x.TwiceBytes += f.Bytes
}
