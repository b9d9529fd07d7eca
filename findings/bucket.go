package findings

import (
	"cmp"
	"slices"
	"time"
)

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
