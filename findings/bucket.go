package findings

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"saksi/event"
)

// TermsField looks up a field for Aggregator.Terms. Times are refused: they
// are counted by intervals, and Elasticsearch knows them here by the
// millisecond only.
func TermsField(name string) (event.Field, error) {
	f, ok := event.Lookup(name)
	if !ok {
		return 0, fmt.Errorf("counting by %q: no such field", name)
	}
	if f.Type() == event.Date {
		return 0, fmt.Errorf("counting by %s: it is a time; count by intervals instead", name)
	}
	return f, nil
}

// TopBuckets orders counts as Aggregator.Terms gives them: largest first, ties
// by key; at most size of them.
func TopBuckets(counts map[string]int64, size int) []Bucket {
	list := make([]Bucket, 0, len(counts))
	for k, n := range counts {
		list = append(list, Bucket{Key: k, Count: n})
	}
	slices.SortFunc(list, func(a, b Bucket) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Key, b.Key))
	})
	return list[:min(len(list), max(size, 0))]
}

// TimeBuckets orders counts by start (Unix nanoseconds) as
// Aggregator.Histogram gives them.
func TimeBuckets(counts map[int64]int64) []Bucket {
	starts := make([]int64, 0, len(counts))
	for ns := range counts {
		starts = append(starts, ns)
	}
	slices.Sort(starts)
	list := make([]Bucket, len(starts))
	for i, ns := range starts {
		list[i] = Bucket{Key: time.Unix(0, ns).UTC().Format(time.RFC3339Nano), Count: counts[ns]}
	}
	return list
}
