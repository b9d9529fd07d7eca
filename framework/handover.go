package framework

import (
	"cmp"
	"slices"
	"time"
)

// HandoverLine is one open incident with one open clock of it.
type HandoverLine struct {
	Incident *Incident
	Stage    string // new, known, acknowledged or contained
	Clock    Clock  // empty when none is open
	Left     string // time until it is due; negative when it is over
}

// Handover lists all incidents that are not closed at a time, each with all
// its clocks that are not met: those that are due first first, those without a
// time last.
func Handover(j *Journal, o *Obligations, asOf time.Time, optional []string) []HandoverLine {
	clocks := map[string][]Clock{}
	for _, c := range o.Clocks(j, asOf, optional) {
		if c.Met == "" && c.Incident != "" {
			clocks[c.Incident] = append(clocks[c.Incident], c)
		}
	}
	var list []HandoverLine
	for _, i := range j.Incidents(asOf) {
		if !i.Open() {
			continue
		}
		if len(clocks[i.ID]) == 0 {
			list = append(list, HandoverLine{Incident: i, Stage: i.stage()})
		}
		for _, c := range clocks[i.ID] {
			l := HandoverLine{Incident: i, Stage: i.stage(), Clock: c}
			if c.Due != "" {
				l.Left = (time.Duration(c.LeftS) * time.Second).String()
			}
			list = append(list, l)
		}
	}
	slices.SortStableFunc(list, func(a, b HandoverLine) int {
		return cmp.Compare(cmp.Or(a.Clock.Due, "9999"), cmp.Or(b.Clock.Due, "9999"))
	})
	return list
}

func (i *Incident) stage() string {
	switch {
	case !i.Contained.At.IsZero():
		return "contained"
	case !i.Acknowledged.At.IsZero():
		return "acknowledged"
	case !i.Known.IsZero():
		return "known"
	}
	return "new"
}
