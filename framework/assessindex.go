package framework

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"saksi/event"
	"saksi/findings"
)

var errOnePage = errors.New("there is only one page")

// Join asks several indexes as one, as of several cases. A search gives one
// page: it has no next one.
func Join(list ...Index) Index {
	if len(list) == 1 {
		return list[0]
	}
	return joined(list)
}

type joined []Index

type keyed struct {
	doc  findings.Doc
	keys [][]byte
	nums []int64
}

// Search merges the first pages of all.
func (j joined) Search(ctx context.Context, r findings.Request) (p findings.Page, err error) {
	if r.After != "" {
		return p, fmt.Errorf("searching several indexes: %w", errOnePage)
	}
	var all []keyed
	for _, ix := range j {
		q, err := ix.Search(ctx, r)
		if err != nil {
			return p, err
		}
		p.Total += q.Total
		for _, d := range q.Docs {
			k, err := keysOf(d, r.Sort)
			if err != nil {
				return p, err
			}
			all = append(all, k)
		}
	}
	slices.SortFunc(all, func(a, b keyed) int { return order(a, b, r.Sort) })
	for _, k := range all[:min(len(all), max(r.Size, 1))] {
		p.Docs = append(p.Docs, k.doc)
	}
	return p, nil
}

// keysOf are the values of a document by which it is sorted.
func keysOf(d findings.Doc, by []findings.Sort) (keyed, error) {
	k := keyed{doc: d}
	if len(by) == 0 {
		return k, nil
	}
	e, err := event.Parse(d.Body)
	if err != nil {
		return k, err
	}
	for _, s := range by {
		f, ok := event.Lookup(s.Field)
		if !ok {
			return k, fmt.Errorf("sorting by %q: %w", s.Field, findings.ErrSort)
		}
		n, isInt := e.GetInt(f)
		if !isInt {
			n, _ = e.GetTime(f)
		}
		var text []byte
		if v, ok := e.GetStr(f); ok {
			text = []byte(v)
		}
		k.nums, k.keys = append(k.nums, n), append(k.keys, text)
	}
	return k, nil
}

func order(a, b keyed, by []findings.Sort) int {
	if len(by) == 0 {
		if c := b.doc.Time.Compare(a.doc.Time); c != 0 {
			return c
		}
	}
	for i, s := range by {
		c := cmp.Or(cmp.Compare(a.nums[i], b.nums[i]), bytes.Compare(a.keys[i], b.keys[i]))
		if s.Desc {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return cmp.Compare(a.doc.ID, b.doc.ID)
}

// Terms adds the counts up.
func (j joined) Terms(ctx context.Context, q, field string, size int) ([]findings.Bucket, error) {
	sum := map[string]int64{}
	for _, ix := range j {
		list, err := ix.Terms(ctx, q, field, size)
		if err != nil {
			return nil, err
		}
		for _, b := range list {
			sum[b.Key] += b.Count
		}
	}
	return findings.TopBuckets(sum, size), nil
}

// Histogram adds the counts up.
func (j joined) Histogram(ctx context.Context, q string, every time.Duration) ([]findings.Bucket, error) {
	sum := map[int64]int64{}
	for _, ix := range j {
		list, err := ix.Histogram(ctx, q, every)
		if err != nil {
			return nil, err
		}
		for _, b := range list {
			t, err := time.Parse(time.RFC3339Nano, b.Key)
			if err != nil {
				return nil, fmt.Errorf("joining histograms: %w", err)
			}
			sum[t.UnixNano()] += b.Count
		}
	}
	return findings.TimeBuckets(sum), nil
}
