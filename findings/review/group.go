package review

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"saksi/event"
	"saksi/findings"
)

// Keys are what findings can be grouped by, each with its field.
var Keys = []struct {
	Name  string
	Field event.Field
}{
	{"rule", event.RuleID},
	{"source", event.SourceIP},
	{"destination", event.DestinationIP},
	{"technique", event.ThreatTechniqueID},
	{"control", event.SaksiControl},
	{"user", event.UserName},
	{"file", event.FileHashSHA256},
	{"host", event.HostName},
	{"case", event.SaksiCase},
}

// KeyNames lists the names of Keys.
func KeyNames() (list []string) {
	for _, k := range Keys {
		list = append(list, k.Name)
	}
	return list
}

// Group is findings that are alike.
type Group struct {
	Values      []string // of the keys, in their order; several values of one stand with spaces between
	Name        string   // of the rule, of the first of them
	Severity    int64    // the highest
	N           int64
	First, Last time.Time
	Newest      string // id of the newest
}

// maxGroups bounds what is held; what does not fit is counted as one group more.
const maxGroups = 100_000

// Groups gathers the findings of a query by keys: the most severe first, then the
// most. rest counts findings in groups beyond the most that are held, skipped
// those that skip left out.
func Groups(ctx context.Context, ix findings.Searcher, q string, keys []event.Field, skip func(*event.Event) bool) (list []*Group, rest, skipped int64, err error) {
	if q != "" {
		q = "(" + q + ") AND "
	}
	by := map[string]*Group{}
	err = each(ctx, ix, q+"event.kind:alert", func(id string, e *event.Event) {
		if skip(e) {
			skipped++
			return
		}
		values := make([]string, len(keys))
		for i, f := range keys {
			var v []string
			for x := range e.Values(f) {
				v = append(v, string(x.AppendText(nil)))
			}
			values[i] = strings.Join(v, " ")
		}
		key := strings.Join(values, "\x00")
		at, _ := e.GetTime(event.Timestamp)
		when := time.Unix(0, at).UTC()
		g := by[key]
		if g == nil {
			if len(by) == maxGroups {
				rest++
				return
			}
			name, _ := e.GetStr(event.RuleName)
			g = &Group{Values: values, Name: name, First: when}
			by[key] = g
			list = append(list, g)
		}
		n, _ := e.GetInt(event.EventSeverity)
		g.Severity, g.N, g.Last, g.Newest = max(g.Severity, n), g.N+1, when, id
	})
	slices.SortStableFunc(list, func(a, b *Group) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(b.N, a.N), slices.Compare(a.Values, b.Values))
	})
	return list, rest, skipped, err
}
