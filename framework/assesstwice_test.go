package framework

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"saksi/event"
)

const twiceRegister = `register: 1
version: "1"
agencies: [{id: a, name: A, networks: [10.1.0.0/16]}, {id: b, name: B, networks: [10.2.0.0/16]}]
sensors: [{name: tap-1, agency: a}, {name: tap-2, agency: a}, {name: tap-3, agency: b}]
systems:
  - {id: one, title: One, agency: a, criticality: high, profiles: [sharing], assets: [{address: 10.1.0.10}]}
  - {id: two, title: Two, agency: b, criticality: high, profiles: [sharing], assets: [{address: 10.2.0.10}], data_sets: [{id: births, title: Births, assets: [{address: 10.2.0.10, port: 5432}]}]}
exchanges: [{id: X-1, from: one, to: two, data: [births], purpose: p, handling: h, provider: a, recipient: b, max_bytes_day: 1000}]
`

// twiceFlow is one flow of the data set as a sensor tells it, which sees it lag
// later than the others.
func twiceFlow(sensor, community string, bytes int, lag time.Duration) *event.Event {
	start := asOf.Add(-2 * time.Hour).Add(lag)
	e := doc(event.EventDataset, "saksi.flow", event.ObserverName, sensor, event.NetworkCommunityID, community, event.NetworkBytes, bytes,
		event.SourceIP, "10.1.0.10", event.DestinationIP, "10.2.0.10", event.DestinationPort, 5432, event.SaksiFlowState, "SF")
	e.Time(event.EventStart, start.UnixNano())
	e.Time(event.EventEnd, start.Add(time.Minute).UnixNano())
	return e
}

// TestFlowsTwice proves that flows which several sensors saw are told, that a data
// set and an agency count each once, and that what an exchange may carry a day is
// not held against the same bytes twice.
func TestFlowsTwice(t *testing.T) {
	r, err := ParseRegister("register.yaml", []byte(twiceRegister))
	if err != nil {
		t.Fatal(err)
	}
	assess := func(docs ...*event.Event) *Assessment {
		t.Helper()
		m := &memory{}
		for _, e := range docs {
			if err := m.Emit(e); err != nil {
				t.Fatal(err)
			}
		}
		a, err := Assess(t.Context(), m, Inputs{Framework: "rakkssa", AsOf: asOf, Register: r})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	one := assess(twiceFlow("tap-1", "1:x", 600, 0))
	if one.FlowsTwice != nil {
		t.Errorf("one sensor: %+v", one.FlowsTwice)
	}
	a := assess(
		twiceFlow("tap-1", "1:x", 600, 0), twiceFlow("tap-2", "1:x", 500, time.Millisecond), twiceFlow("tap-3", "1:x", 600, 2*time.Millisecond),
		twiceFlow("tap-3", "1:y", 300, 0), twiceFlow("tap-2", "1:z", 50, 0))
	want := `{Flows:3 Bytes:950 TwiceFlows:2 TwiceBytes:1100 Compared:5 NotCompared:0 Agencies:[{Agency:a Flows:2 Bytes:650 TwiceFlows:1 TwiceBytes:500} {Agency:b Flows:2 Bytes:900 TwiceFlows:0 TwiceBytes:0}]`
	if got := fmt.Sprintf("%+v", *a.FlowsTwice); !strings.HasPrefix(got, want) {
		t.Errorf("%s\nexpected %s", got, want)
	}
	if p := a.FlowsTwice.Pairs; len(p) != 3 || p[0].Bytes != 600 || p[0].Sensors[0] != "tap-1" || p[0].Sensors[1] != "tap-3" {
		t.Errorf("%+v", p)
	}
	for _, s := range a.Systems {
		if s.ID == "two" {
			if d := s.DataSets[0]; d.Flows != 3 || d.Bytes != 950 || d.TwiceFlows != 2 || d.TwiceBytes != 1100 {
				t.Errorf("%+v", d)
			}
		}
	}
	for _, o := range a.Outcomes {
		for _, ob := range o.Observations {
			if ob.Check.Fact == "exchanges" && len(ob.Problems) > 0 {
				t.Errorf("950 bytes of 1000 allowed: %v", ob.Problems)
			}
		}
	}
	b := assess(twiceFlow("tap-1", "1:x", 600, 0), twiceFlow("tap-3", "1:y", 600, 0))
	found := false
	for _, o := range b.Outcomes {
		for _, ob := range o.Observations {
			for _, p := range ob.Problems {
				found = found || strings.Contains(p, "1200 bytes")
			}
		}
	}
	if !found {
		t.Error("1200 bytes of two flows are over what the exchange allows, and nothing says so")
	}
}
