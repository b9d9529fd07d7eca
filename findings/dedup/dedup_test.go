package dedup

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"saksi/event"
)

var at = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC).UnixNano()

// flow is a flow document: its times in milliseconds.
func flow(sensor, community string, start, end int64, bytes int64) *event.Event {
	e := &event.Event{}
	e.Time(event.Timestamp, at+end*1e6)
	e.Time(event.EventStart, at+start*1e6)
	e.Time(event.EventEnd, at+end*1e6)
	e.Int(event.NetworkBytes, bytes)
	if sensor != "" {
		e.Str(event.ObserverName, sensor)
	}
	if community != "" {
		e.Str(event.NetworkCommunityID, community)
	}
	e.Str(event.EventID, fmt.Sprint(sensor, community, start, end, bytes))
	return e
}

func TestJoin(t *testing.T) {
	for name, c := range map[string]struct {
		flows  []*event.Event
		want   Sum
		groups int
	}{
		"one sensor twice":               {[]*event.Event{flow("a", "1:x", 0, 9, 10), flow("a", "1:x", 5, 20, 10)}, Sum{2, 20, 0, 0}, 0},
		"two sensors, one lost a packet": {[]*event.Event{flow("a", "1:x", 0, 900, 100), flow("b", "1:x", 3, 902, 90)}, Sum{1, 100, 1, 90}, 1},
		"one packet, seen later":         {[]*event.Event{flow("a", "1:x", 0, 0, 60), flow("b", "1:x", 1999, 1999, 60)}, Sum{1, 60, 1, 60}, 1},
		"the same ports the next day":    {[]*event.Event{flow("a", "1:x", 0, 10, 60), flow("b", "1:x", 86400000, 86400010, 60)}, Sum{2, 120, 0, 0}, 0},
		"just beyond the slack":          {[]*event.Event{flow("a", "1:x", 0, 0, 60), flow("b", "1:x", 2001, 2001, 60)}, Sum{2, 120, 0, 0}, 0},
		"another flow":                   {[]*event.Event{flow("a", "1:x", 0, 10, 60), flow("b", "1:y", 0, 10, 60)}, Sum{2, 120, 0, 0}, 0},
		"one sensor tells it in three":   {[]*event.Event{flow("a", "1:x", 0, 9000, 300), flow("b", "1:x", 0, 2000, 90), flow("b", "1:x", 4500, 5000, 90), flow("b", "1:x", 8000, 9000, 90)}, Sum{1, 300, 3, 270}, 1},
		"two connections in short order": {[]*event.Event{flow("a", "1:x", 0, 500, 10), flow("a", "1:x", 900, 950, 10), flow("b", "1:x", 0, 500, 10), flow("b", "1:x", 900, 950, 10)}, Sum{2, 20, 2, 20}, 1},
		"three sensors":                  {[]*event.Event{flow("a", "1:x", 0, 5, 10), flow("b", "1:x", 1, 5, 10), flow("c", "1:x", 2, 5, 10)}, Sum{1, 10, 2, 20}, 1},
		"without a Community ID":         {[]*event.Event{flow("a", "", 0, 5, 10), flow("b", "", 0, 5, 10)}, Sum{2, 20, 0, 0}, 0},
		"without a sensor":               {[]*event.Event{flow("", "1:x", 0, 5, 10), flow("b", "1:x", 0, 5, 10)}, Sum{2, 20, 0, 0}, 0},
		"a hostile time":                 {[]*event.Event{flow("a", "1:x", -1700000000000, -1700000000000, 1), flow("b", "1:x", 5e12, 5e12, 1)}, Sum{2, 2, 0, 0}, 0},
		"an end before its start":        {[]*event.Event{flow("a", "1:x", 100, 0, 10), flow("b", "1:x", 100, 100, 10)}, Sum{1, 10, 1, 10}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			for range 5 { // in any order
				var s Set
				for _, i := range r.Perm(len(c.flows)) {
					s.Add(c.flows[i], 0)
				}
				groups := 0
				s.Join(func([]Flow, []Told) { groups++ })
				if got := s.Total(0); got != c.want || groups != c.groups {
					t.Fatalf("%+v in %d groups, expected %+v in %d", got, groups, c.want, c.groups)
				}
			}
		})
	}
}

// TestTags proves that flows are joined across the tags of the caller's, and add
// up to as much.
func TestTags(t *testing.T) {
	var s Set
	for i := range 100 {
		for k, sensor := range []string{"a", "b", "c"}[:1+i%3] {
			s.Add(flow(sensor, fmt.Sprint("1:", i), int64(i*1000+k), int64(i*1000+k+10), 10), int32(i%2))
		}
	}
	s.Join(nil)
	x, y := s.Total(0), s.Total(1)
	if got, want := (Sum{x.Flows + y.Flows, x.Bytes + y.Bytes, x.TwiceFlows + y.TwiceFlows, x.TwiceBytes + y.TwiceBytes}), (Sum{100, 1000, 99, 990}); got != want {
		t.Errorf("%+v, expected %+v", got, want)
	}
	if want := []string{"a", "b", "c"}; !reflect.DeepEqual(s.Sensors, want) {
		t.Errorf("sensors %v", s.Sensors)
	}
}
