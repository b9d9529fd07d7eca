package retain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/query"
)

// Hold says that documents may not be removed, for whatever rule, until it is
// released.
type Hold struct {
	Name     string
	Scope    string // a query; "*" for all
	Released bool
	Why, By  string
	At       time.Time
}

// maxHold bounds the texts of a hold, in bytes.
const maxHold = 4 << 10

// ScopeOf writes the query of a hold. The data set alert takes what people said
// of findings along.
func ScopeOf(caseID, agency, dataset, q, own string) (string, error) {
	var parts []string
	if caseID != "" {
		parts = append(parts, "Saksi.case:"+phrase(caseID))
	}
	if agency != "" && agency != own {
		parts = append(parts, "(organization.id:"+phrase(agency)+" OR organization.name:"+phrase(agency)+")")
	}
	switch {
	case dataset == "":
	case !datasetPattern.MatchString(dataset):
		return "", fmt.Errorf("data set %q: expected a name as flow or alert, without the prefix saksi", dataset)
	case dataset == "alert":
		parts = append(parts, "event.dataset:(saksi.alert OR saksi.review)")
	default:
		parts = append(parts, "event.dataset:"+phrase("saksi."+dataset))
	}
	if q != "" {
		if _, err := query.Parse(q); err != nil { // by itself: within brackets it could close them
			return "", err
		}
		parts = append(parts, "("+q+")")
	}
	if len(parts) == 0 {
		parts = []string{"*"}
	}
	scope := strings.Join(parts, " AND ")
	_, err := query.Parse(scope)
	return scope, err
}

// Event is the document of h.
func (h *Hold) Event() (*event.Event, error) {
	switch {
	case h.Name == "" || len(h.Name) > 256:
		return nil, errors.New("a hold has a name, of at most 256 bytes")
	case h.Why == "" || len(h.Why) > maxHold:
		return nil, fmt.Errorf("a hold is placed and released for a reason, of at most %d bytes", maxHold)
	case len(h.Scope) > maxHold:
		return nil, fmt.Errorf("the scope of a hold has %d bytes, of at most %d", len(h.Scope), maxHold)
	}
	e := &event.Event{}
	e.Time(event.Timestamp, h.At.UnixNano())
	e.Str(event.EventKind, "event")
	e.Str(event.EventDataset, HoldDataset)
	e.Str(event.SaksiHoldName, h.Name)
	e.Str(event.SaksiHoldScope, h.Scope)
	e.Str(event.SaksiHoldState, "placed")
	if h.Released {
		e.Str(event.SaksiHoldState, "released")
	}
	e.Str(event.SaksiHoldWhy, h.Why)
	e.Str(event.SaksiHoldBy, h.By)
	return e, nil
}

// Holds gives what was said last of each hold, by name; of two at one time the
// one that holds counts. It fails for a hold that cannot be understood, so that
// nothing is removed past it.
func Holds(ctx context.Context, ix findings.Searcher) ([]Hold, error) {
	last := map[string]Hold{}
	r := findings.Request{Query: "event.dataset:" + HoldDataset, Size: 1000, Sort: []findings.Sort{{Field: "@timestamp"}}}
	for {
		p, err := ix.Search(ctx, r)
		if err != nil {
			return nil, err
		}
		for _, d := range p.Docs {
			h, err := holdOf(d)
			if err != nil {
				return nil, fmt.Errorf("reading the legal hold %s: %w", d.ID, err)
			}
			if old, ok := last[h.Name]; !ok || h.At.After(old.At) || !h.Released {
				last[h.Name] = h
			}
		}
		if p.Next == "" {
			break
		}
		r.After = p.Next
	}
	list := make([]Hold, 0, len(last))
	for _, h := range last {
		list = append(list, h)
	}
	slices.SortFunc(list, func(a, b Hold) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

func holdOf(d findings.Doc) (Hold, error) {
	e, err := event.Parse(d.Body)
	if err != nil {
		return Hold{}, err
	}
	str := func(f event.Field) string { s, _ := e.GetStr(f); return s }
	h := Hold{Name: str(event.SaksiHoldName), Scope: str(event.SaksiHoldScope), Why: str(event.SaksiHoldWhy), By: str(event.SaksiHoldBy), At: d.Time}
	switch state := str(event.SaksiHoldState); state {
	case "placed":
	case "released":
		h.Released = true
	default:
		return h, fmt.Errorf("its state is %q; expected placed or released", state)
	}
	if h.Name == "" {
		return h, errors.New("it has no name")
	}
	if h.Scope == "" {
		return h, errors.New("it has no scope")
	}
	_, err = query.Parse(h.Scope)
	return h, err
}

// Held is the query of what holds keep; "" for nothing.
func Held(list []Hold) string {
	var parts []string
	for _, h := range list {
		if !h.Released {
			parts = append(parts, "("+h.Scope+")")
		}
	}
	return strings.Join(parts, " OR ")
}
