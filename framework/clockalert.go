package framework

import (
	"context"
	"fmt"
	"strings"
	"time"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/review"
)

// ClockRuleID is the rule.id of findings of clocks.
const ClockRuleID = "saksi-clock"

// States of a clock that people are told of.
const (
	AlertRunningOut = "running_out"
	AlertOverdue    = "overdue"
)

// ClockAlert is a clock that people are told of.
type ClockAlert struct {
	Clock
	Alert string    // running_out or overdue
	At    time.Time // of the finding
	By    string    // who acknowledged it; "" for nobody
}

// ClockAlerts are the clocks that are not met and run out: those that are
// overdue, and those of which less than within is left, or less than a tenth of their time where that
// is more. What is due at no known time is never told of, and an escalation not
// before it is due.
//
// The time of a finding does not depend on when one looks: it is the moment from
// which the clock was to be told of; of what is overdue that is once for each day.
func ClockAlerts(clocks []Clock, asOf time.Time, within time.Duration) ([]ClockAlert, error) {
	var list []ClockAlert
	for _, c := range clocks {
		if c.Due == "" || c.State != ClockRunning && c.State != ClockOverdue {
			continue
		}
		start, err := time.Parse(time.RFC3339, c.Started)
		if err != nil {
			return nil, fmt.Errorf("the clock of %s: its start: %w", c.Obligation, err)
		}
		due, err := time.Parse(time.RFC3339, c.Due)
		if err != nil {
			return nil, fmt.Errorf("the clock of %s: its end: %w", c.Obligation, err)
		}
		if c.State == ClockOverdue {
			at := due
			if d := asOf.Sub(due); d > 0 {
				at = due.Add(d.Truncate(24 * time.Hour))
			}
			list = append(list, ClockAlert{Clock: c, Alert: AlertOverdue, At: at})
			continue
		}
		if strings.HasPrefix(c.Obligation, EscalationPrefix) {
			continue // nobody is told before it is time
		}
		from := due.Add(-max(within, due.Sub(start)/10))
		if from.Before(start) {
			from = start
		}
		if !asOf.Before(from) {
			list = append(list, ClockAlert{Clock: c, Alert: AlertRunningOut, At: from})
		}
	}
	return list, nil
}

// maxClockFindings is how many findings of one clock are looked through, newest first.
const maxClockFindings = 1000

// Acknowledged finds who acknowledged an alert of a clock: by a status other than open, or an
// owner, of one of the findings that told of it in the same state.
func (x *ClockAlert) Acknowledged(ctx context.Context, ix findings.Searcher) error {
	p, err := ix.Search(ctx, findings.Request{Query: "rule.id:" + ClockRuleID + " AND Saksi.clock.id:" + x.UUID + " AND Saksi.clock.state:" + x.Alert, Size: maxClockFindings})
	if err != nil {
		return fmt.Errorf("looking for findings of the clock of %s: %w", x.Obligation, err)
	}
	ids := make([]string, 0, len(p.Docs))
	for _, d := range p.Docs {
		ids = append(ids, d.ID)
	}
	states, err := review.States(ctx, ix, ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if s := states[id]; s != nil && (s.Status != "open" || s.Owner != "") {
			x.By = s.History[len(s.History)-1].By
			return nil
		}
	}
	return nil
}

// Event is the finding that tells of it.
func (x *ClockAlert) Event() (*event.Event, error) {
	due, err := time.Parse(time.RFC3339, x.Due)
	if err != nil {
		return nil, err
	}
	e := &event.Event{}
	e.Time(event.Timestamp, x.At.UnixNano())
	e.Str(event.EventKind, "alert")
	e.Str(event.EventDataset, "saksi.alert")
	severity, name, what := int64(3), "A clock runs out", "is due"
	if x.Alert == AlertOverdue {
		severity, name, what = 4, "A clock is overdue", "was due"
	}
	if strings.HasPrefix(x.Obligation, EscalationPrefix) {
		name = "An escalation is due"
	}
	e.Int(event.EventSeverity, severity)
	e.Str(event.RuleID, ClockRuleID)
	e.Str(event.RuleName, name)
	e.Str(event.RuleRuleset, "saksi")
	e.Str(event.OrganizationName, x.Agency)
	e.Time(event.SaksiClockDue, due.UnixNano())
	e.Str(event.SaksiClockID, x.UUID)
	e.Str(event.SaksiClockIncident, x.Incident)
	e.Str(event.SaksiClockObligation, x.Obligation)
	e.Str(event.SaksiClockState, x.Alert)
	of := ""
	if x.Incident != "" {
		of = " of incident " + x.Incident
	}
	e.Str(event.Message, fmt.Sprintf("%s%s (%s) %s at %s: %s", x.Title.EN, of, x.Obligation, what, x.Due, x.Why))
	return e, nil
}
