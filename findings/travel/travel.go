// Package travel finds sign-ins of one user that follow each other from places too
// far apart for anyone to have traveled between them.
package travel

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"saksi/event"
	"saksi/findings"
	"saksi/internal/netplace"
)

// RuleID is the id of the findings that a Trip makes.
const RuleID = "saksi-impossible-travel"

// SignIns is the query for what counts as a sign-in.
const SignIns = `event.outcome:success AND user.name:* AND source.ip:* AND NOT event.kind:alert`

// maxSignIns bounds the sign-ins that are compared.
const maxSignIns = 4 << 20

// earth is the mean radius of the earth in kilometers (IUGG).
const earth = 6371.0088

// Limits say what is impossible.
type Limits struct {
	Speed    float64 // kilometers an hour; faster than that nobody travels
	Distance float64 // kilometers below which places count as one
}

// SignIn is where and when a user signed in.
type SignIn struct {
	ID      string // of the document
	User    string
	Address string
	Place   netplace.Place
	At      time.Time
}

// Trip is two sign-ins of one user in a row that nobody can have made.
type Trip struct {
	From, To SignIn
	Distance float64 // kilometers, along a great circle
	Speed    float64 // kilometers an hour; +Inf when both are at the same moment
	to       *event.Event
}

// Result is what a search gave.
type Result struct {
	Trips     []Trip
	SignIns   int   // with an address that the table places
	Unplaced  int   // with one that it does not, and is not private
	Uncounted int64 // beyond the bound, not compared
}

// Find compares the sign-ins of an index that match a query ("" for all) in the
// order of time, user by user.
func Find(ctx context.Context, ix findings.Searcher, q string, places *netplace.Table, l Limits) (*Result, error) {
	full := SignIns
	if q != "" {
		full = "(" + q + ") AND " + full
	}
	res := &Result{}
	last := map[string]SignIn{}
	req := findings.Request{Query: full, Size: 10000, Sort: []findings.Sort{{Field: event.Timestamp.Name()}}}
	seen := 0
	for {
		p, err := ix.Search(ctx, req)
		if err != nil {
			return nil, fmt.Errorf("searching sign-ins: %w", err)
		}
		for _, d := range p.Docs {
			if seen++; seen > maxSignIns {
				res.Uncounted = p.Total - maxSignIns
				return res, nil
			}
			e, err := event.Parse(d.Body)
			if err != nil {
				return nil, fmt.Errorf("reading document %s: %w", d.ID, err)
			}
			res.take(e, d, places, l, last)
		}
		if p.Next == "" {
			return res, nil
		}
		req.After = p.Next
	}
}

func (r *Result) take(e *event.Event, d findings.Doc, places *netplace.Table, l Limits, last map[string]SignIn) {
	a, ok := e.GetAddr(event.SourceIP)
	if !ok || !a.IsGlobalUnicast() || a.IsPrivate() {
		return // a private address tells no place
	}
	place, ok := places.Of(a)
	if !ok || !place.Located {
		r.Unplaced++
		return
	}
	r.SignIns++
	user, _ := e.GetStr(event.UserName)
	domain, _ := e.GetStr(event.UserDomain)
	now := SignIn{ID: d.ID, User: user, Address: a.String(), Place: place, At: d.Time}
	key := domain + "\x00" + user
	before, known := last[key]
	last[key] = now
	if !known {
		return
	}
	t := Trip{From: before, To: now, Distance: distance(before.Place, place), to: e}
	if t.Distance < l.Distance {
		return
	}
	t.Speed = t.Distance / now.At.Sub(before.At).Hours()
	if t.Speed > l.Speed {
		r.Trips = append(r.Trips, t)
	}
}

// distance of two places along a great circle, by the haversine formula.
func distance(a, b netplace.Place) float64 {
	rad := func(d float64) float64 { return d * math.Pi / 180 }
	h := func(x float64) float64 { s := math.Sin(x / 2); return s * s }
	x := h(rad(b.Latitude-a.Latitude)) + math.Cos(rad(a.Latitude))*math.Cos(rad(b.Latitude))*h(rad(b.Longitude-a.Longitude))
	return 2 * earth * math.Asin(math.Sqrt(min(x, 1)))
}

// Event is the finding of a trip. It stands at the second sign-in, rests on its
// evidence and names both documents.
func (t *Trip) Event() *event.Event {
	e := &event.Event{}
	for _, f := range []event.Field{
		event.Timestamp, event.UserName, event.UserDomain, event.SourceIP, event.SourcePort, event.DestinationIP, event.DestinationPort, event.DestinationDomain,
		event.HostName, event.NetworkCommunityID, event.NetworkTransport, event.NetworkProtocol, event.ObserverName, event.SaksiFlowID, event.SaksiEvidencePacket,
		event.SaksiEvidenceKey, event.SaksiEvidenceName, event.SaksiEvidenceOffset, event.SaksiEvidenceCommand, event.SaksiCase, event.SaksiExhibit,
	} {
		for v := range t.to.Values(f) {
			e.Append(v)
		}
	}
	e.Str(event.EventKind, "alert")
	e.Str(event.EventDataset, "saksi.alert")
	e.Str(event.EventCategory, "authentication")
	e.Int(event.EventSeverity, 3)
	e.Str(event.RuleID, RuleID)
	e.Str(event.RuleName, "Sign-ins of one user from places too far apart")
	e.Str(event.RuleRuleset, "saksi")
	e.Str(event.SaksiRuleLanguage, "intel")
	e.Str(event.ThreatFramework, "MITRE ATT&CK")
	e.Str(event.ThreatTechniqueID, "T1078")
	ids := []string{t.From.ID, t.To.ID}
	slices.SortFunc(ids, cmp.Compare[string])
	for _, id := range ids {
		e.Str(event.SaksiLink, id)
	}
	return e
}
