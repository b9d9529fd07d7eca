// Package silence tells which declared sensors an index has not heard of for
// longer than they may be silent. Start with Find.
package silence

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"saksi/event"
	"saksi/findings"
)

// RuleID is the rule.id of its findings.
const RuleID = "saksi-silent-sensor"

// Default is how long a sensor may be silent that declares nothing: a sensor tells its
// counts every hour, also where there is no traffic.
const Default = 2 * time.Hour

// Sensor is a declared one.
type Sensor struct {
	Name   string        // observer.name
	Agency string        // id of the agency
	After  time.Duration // how long it may be silent
}

// State is how a sensor stands at a time.
type State struct {
	Sensor
	Last   time.Time // of the newest document; zero if it was never heard
	LastID string
	Silent bool
	At     time.Time // as of
}

// Find gives the state of each sensor as of a time, by name. Documents of later
// times count as not there, and so do the findings of this rule.
func Find(ctx context.Context, ix findings.Searcher, list []Sensor, at time.Time) ([]State, error) {
	out := make([]State, 0, len(list))
	for _, s := range list {
		q := "observer.name:" + phrase(s.Name) + " AND @timestamp:<=" + at.UTC().Format(time.RFC3339Nano) + " AND NOT rule.id:" + RuleID
		p, err := ix.Search(ctx, findings.Request{Query: q, Size: 1})
		if err != nil {
			return nil, fmt.Errorf("looking for sensor %s: %w", s.Name, err)
		}
		x := State{Sensor: s, At: at.UTC(), Silent: true}
		if len(p.Docs) > 0 {
			x.Last, x.LastID = p.Docs[0].Time.UTC(), p.Docs[0].ID
			x.Silent = at.Sub(x.Last) > s.After
		}
		out = append(out, x)
	}
	slices.SortStableFunc(out, func(a, b State) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

func phrase(v string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v) + `"`
}

// Event is the finding of a sensor that is silent. One silence gives one
// document, whenever it is looked at: its time is the moment from which the sensor was
// silent for too long. Of a sensor that was never heard there is one a day.
func (s *State) Event() *event.Event {
	e := &event.Event{}
	since := s.Last.Add(s.After)
	message := fmt.Sprintf("nothing was heard of sensor %s since %s; it may be silent for %s", s.Name, s.Last.Format(time.RFC3339Nano), s.After)
	if s.Last.IsZero() {
		since = s.At.Truncate(24 * time.Hour)
		message = fmt.Sprintf("sensor %s is declared and was never heard", s.Name)
	}
	e.Time(event.Timestamp, since.UnixNano())
	e.Str(event.EventKind, "alert")
	e.Str(event.EventDataset, "saksi.alert")
	e.Str(event.EventCategory, "host")
	e.Str(event.EventType, "info")
	e.Int(event.EventSeverity, 3)
	e.Str(event.RuleID, RuleID)
	e.Str(event.RuleName, "A sensor fell silent")
	e.Str(event.RuleRuleset, "saksi")
	e.Str(event.ObserverName, s.Name)
	e.Str(event.ObserverType, "sensor")
	e.Str(event.OrganizationID, s.Agency)
	e.Str(event.SaksiLink, s.LastID)
	e.Str(event.Message, message)
	return e
}
