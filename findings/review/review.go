// Package review holds what people say about findings: status, owner, notes, and
// which findings they do not want to see again. Each is a document of its own in
// the data set saksi.review, put beside the findings and never changed: what
// holds is what was said last. Start with Review, States and Suppressions.
package review

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"saksi/event"
	"saksi/findings"
)

// Dataset is the data set of what people say.
const Dataset = "saksi.review"

// Statuses are what a person can decide. A finding of which nobody said anything
// is open.
var Statuses = []string{"open", "confirmed", "false-positive", "closed"}

// Nobody takes an owner away.
const Nobody = "-"

// MaxNote bounds a note, in bytes.
const MaxNote = 16 << 10

// Review is what a person says about findings.
type Review struct {
	Of                  []string // ids of 64 hex digits
	Status, Owner, Note string   // each "" where nothing is said of it
	By                  string
	At                  time.Time
}

// Event is the document of r.
func (r *Review) Event() (*event.Event, error) {
	switch {
	case len(r.Of) == 0:
		return nil, errors.New("no finding is named")
	case r.Status == "" && r.Owner == "" && r.Note == "":
		return nil, errors.New("nothing is said: neither status nor owner nor note")
	case r.Status != "" && !slices.Contains(Statuses, r.Status):
		return nil, fmt.Errorf("status %q: expected one of %s", r.Status, strings.Join(Statuses, ", "))
	case len(r.Note) > MaxNote:
		return nil, fmt.Errorf("the note has %d bytes, of at most %d", len(r.Note), MaxNote)
	}
	e := begin(r.By, r.At)
	for _, id := range r.Of {
		e.Str(event.SaksiReviewOf, id)
	}
	e.Str(event.SaksiReviewStatus, r.Status)
	e.Str(event.SaksiReviewOwner, r.Owner)
	e.Str(event.SaksiReviewNote, r.Note)
	return e, nil
}

func begin(by string, at time.Time) *event.Event {
	e := &event.Event{}
	e.Time(event.Timestamp, at.UnixNano())
	e.Str(event.EventKind, "event")
	e.Str(event.EventDataset, Dataset)
	e.Str(event.SaksiReviewBy, by)
	return e
}

// Said is one thing that was said.
type Said struct {
	ID                  string // of its document
	At                  time.Time
	By                  string
	Status, Owner, Note string
}

// State is what holds of a finding.
type State struct {
	Status  string // "open" when nobody decided anything
	Owner   string // "" for nobody
	History []Said // all that was said, oldest first
}

// pageIDs is how many findings one query asks about.
const pageIDs = 100

// States gives what holds of each of the findings; those of which nobody said
// anything are left out.
func States(ctx context.Context, ix findings.Searcher, ids []string) (map[string]*State, error) {
	out := map[string]*State{}
	for chunk := range slices.Chunk(ids, pageIDs) {
		wanted := map[string]bool{}
		for _, id := range chunk {
			wanted[id] = true
		}
		q := "event.dataset:" + Dataset + " AND Saksi.review.of:(" + strings.Join(chunk, " OR ") + ")"
		if err := each(ctx, ix, q, func(id string, e *event.Event) {
			said := saidOf(id, e)
			for v := range e.Values(event.SaksiReviewOf) {
				if !wanted[v.Str()] {
					continue
				}
				s := out[v.Str()]
				if s == nil {
					s = &State{Status: "open"}
					out[v.Str()] = s
				}
				s.add(said)
			}
		}); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func saidOf(id string, e *event.Event) Said {
	at, _ := e.GetTime(event.Timestamp)
	str := func(f event.Field) string { s, _ := e.GetStr(f); return s }
	return Said{ID: id, At: time.Unix(0, at).UTC(), By: str(event.SaksiReviewBy), Status: str(event.SaksiReviewStatus), Owner: str(event.SaksiReviewOwner), Note: str(event.SaksiReviewNote)}
}

// add takes what was said next.
func (s *State) add(x Said) {
	s.History = append(s.History, x)
	if x.Status != "" {
		s.Status = x.Status
	}
	switch x.Owner {
	case "":
	case Nobody:
		s.Owner = ""
	default:
		s.Owner = x.Owner
	}
}

// each gives the documents of a query, oldest first.
func each(ctx context.Context, ix findings.Searcher, q string, f func(id string, e *event.Event)) error {
	r := findings.Request{Query: q, Size: 1000, Sort: []findings.Sort{{Field: "@timestamp"}}}
	for {
		p, err := ix.Search(ctx, r)
		if err != nil {
			return err
		}
		for _, d := range p.Docs {
			e, err := event.Parse(d.Body)
			if err != nil {
				return err
			}
			f(d.ID, e)
		}
		if p.Next == "" {
			return nil
		}
		r.After = p.Next
	}
}

// Suppression says that findings of a rule are not shown until a time.
type Suppression struct {
	Rule  string // id of the rule
	Host  string // address or network of either end; "" for all
	Until time.Time
	Why   string
	By    string
	At    time.Time
}

// Event is the document of s.
func (s *Suppression) Event() (*event.Event, error) {
	if s.Rule == "" {
		return nil, errors.New("no rule is named")
	}
	if s.Host != "" {
		if _, err := network(s.Host); err != nil {
			return nil, err
		}
	}
	if s.Why == "" || len(s.Why) > MaxNote {
		return nil, errors.New("a suppression needs a reason, of at most 16 KiB")
	}
	e := begin(s.By, s.At)
	e.Str(event.SaksiReviewRule, s.Rule)
	e.Str(event.SaksiReviewHost, s.Host)
	e.Str(event.SaksiReviewNote, s.Why)
	e.Time(event.SaksiReviewUntil, s.Until.UnixNano())
	return e, nil
}

// network reads an address or a network.
func network(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("host %q: expected an address or a network as 192.0.2.0/24", s)
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// Suppressed are the suppressions that hold at a time.
type Suppressed struct {
	List  []Suppression
	rules map[string][]netip.Prefix // the zero prefix stands for all hosts
}

// Suppressions gives those that hold at a time. What was said last of a rule and
// a host counts.
func Suppressions(ctx context.Context, ix findings.Searcher, at time.Time) (*Suppressed, error) {
	last := map[[2]string]Suppression{}
	var order [][2]string
	if err := each(ctx, ix, "event.dataset:"+Dataset+" AND Saksi.review.rule:*", func(_ string, e *event.Event) {
		said, _ := e.GetTime(event.Timestamp)
		until, _ := e.GetTime(event.SaksiReviewUntil)
		str := func(f event.Field) string { s, _ := e.GetStr(f); return s }
		s := Suppression{Rule: str(event.SaksiReviewRule), Host: str(event.SaksiReviewHost), Why: str(event.SaksiReviewNote), By: str(event.SaksiReviewBy), At: time.Unix(0, said).UTC(), Until: time.Unix(0, until).UTC()}
		key := [2]string{s.Rule, s.Host}
		if _, ok := last[key]; !ok {
			order = append(order, key)
		}
		last[key] = s
	}); err != nil {
		return nil, err
	}
	out := &Suppressed{rules: map[string][]netip.Prefix{}}
	for _, key := range order {
		s := last[key]
		if !s.Until.After(at) || !s.Until.After(s.At) {
			continue
		}
		var p netip.Prefix
		if s.Host != "" {
			var err error
			if p, err = network(s.Host); err != nil {
				continue // a document of somebody else's making suppresses nothing
			}
		}
		out.List = append(out.List, s)
		out.rules[s.Rule] = append(out.rules[s.Rule], p)
	}
	return out, nil
}

// Match reports whether a finding is suppressed.
func (s *Suppressed) Match(e *event.Event) bool {
	if s == nil || len(s.rules) == 0 {
		return false
	}
	id, ok := e.GetStr(event.RuleID)
	if !ok {
		return false
	}
	for _, p := range s.rules[id] {
		if !p.IsValid() {
			return true
		}
		for _, f := range []event.Field{event.SourceIP, event.DestinationIP} {
			if a, ok := e.GetAddr(f); ok && p.Contains(a.Unmap()) {
				return true
			}
		}
	}
	return false
}
