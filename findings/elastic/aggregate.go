package elastic

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/query"
)

// Bounds of an aggregation. Elasticsearch refuses more than 65,536 buckets in
// one answer; more values than that are counted in parts.
const (
	bucketsAsked  = 10000
	maxPartitions = 4096
	firstTry      = 50000 // buckets that each index gives of its own
)

type aggregation struct {
	ErrorBound int64           `json:"doc_count_error_upper_bound"`
	Other      int64           `json:"sum_other_doc_count"`
	AfterKey   json.RawMessage `json:"after_key"`
	Buckets    []struct {
		Key   any    `json:"key"`
		Text  string `json:"key_as_string"`
		Count int64  `json:"doc_count"`
	} `json:"buckets"`
}

// keyOf is a bucket's key as event.Value.AppendText writes it.
func keyOf(f event.Field, key any, text string) (string, error) {
	if text == "" {
		text = fmt.Sprint(key)
	}
	if t := f.Type(); t == event.Keyword || t == event.Text {
		return text, nil
	}
	var e event.Event
	if err := e.SetText(f, text); err != nil {
		return "", fmt.Errorf("counting by %s: %w", f.Name(), err)
	}
	v, _ := e.Last(f)
	return string(v.AppendText(nil)), nil
}

// Terms counts documents by the values of a field; see findings.Aggregator.
// Counts are exact: where the indices of several months give only their
// largest, all values are counted in parts.
func (ix *Index) Terms(ctx context.Context, q, field string, size int) ([]findings.Bucket, error) {
	ctx, leave, err := ix.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	f, err := findings.TermsField(field)
	if err != nil {
		return nil, err
	}
	n, err := query.Parse(q)
	if err != nil {
		return nil, err
	}
	if size <= 0 {
		return nil, nil
	}
	ask := func(terms object) (aggregation, error) {
		terms["field"] = exactName(f)
		a, err := ix.search(ctx, ix.where(n), object{"query": translate(n), "size": 0, "track_total_hits": false, "aggs": object{"by": object{"terms": terms}}})
		if err != nil {
			return aggregation{}, err
		}
		return a.Aggregations.By, nil
	}
	counts := map[string]int64{}
	add := func(a aggregation) error {
		for _, b := range a.Buckets {
			k, err := keyOf(f, b.Key, b.Text)
			if err != nil {
				return err
			}
			counts[k] += b.Count
		}
		return nil
	}
	// Keywords come in our order, so the largest suffice; numbers and
	// addresses break ties in another.
	if f.Type() == event.Keyword && size <= bucketsAsked {
		a, err := ask(object{"size": size, "shard_size": firstTry, "order": []any{object{"_count": "desc"}, object{"_key": "asc"}}})
		if err != nil {
			return nil, err
		}
		if a.ErrorBound == 0 {
			if err := add(a); err != nil {
				return nil, err
			}
			return findings.TopBuckets(counts, size), nil
		}
	}
	for parts := 1; parts <= maxPartitions; parts *= 8 {
		clear(counts)
		whole := true
		for i := 0; i < parts && whole; i++ {
			terms := object{"size": bucketsAsked, "shard_size": bucketsAsked}
			if parts > 1 {
				terms["include"] = object{"partition": i, "num_partitions": parts}
			}
			a, err := ask(terms)
			if err != nil {
				return nil, err
			}
			whole = a.Other == 0 && a.ErrorBound == 0
			if err := add(a); err != nil {
				return nil, err
			}
		}
		if whole {
			return findings.TopBuckets(counts, size), nil
		}
	}
	return nil, fmt.Errorf("counting by %s: it has more than %d values here; narrow the query", field, maxPartitions*bucketsAsked/8)
}

// Histogram counts documents by intervals of @timestamp, which start at
// multiples of every since 1970; see findings.Aggregator. every is whole
// milliseconds.
func (ix *Index) Histogram(ctx context.Context, q string, every time.Duration) ([]findings.Bucket, error) {
	ctx, leave, err := ix.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	if every < time.Millisecond || every%time.Millisecond != 0 {
		return nil, fmt.Errorf("a histogram by %s: the interval is whole milliseconds, at least one", every)
	}
	n, err := query.Parse(q)
	if err != nil {
		return nil, err
	}
	composite := object{
		"size":    bucketsAsked,
		"sources": []any{object{"t": object{"date_histogram": object{"field": event.Timestamp.Name(), "fixed_interval": fmt.Sprintf("%dms", every.Milliseconds())}}}},
	}
	counts := map[int64]int64{}
	for {
		a, err := ix.search(ctx, ix.where(n), object{"query": translate(n), "size": 0, "track_total_hits": false, "aggs": object{"by": object{"composite": composite}}})
		if err != nil {
			return nil, err
		}
		by := a.Aggregations.By
		for _, b := range by.Buckets {
			key, _ := b.Key.(map[string]any)
			at, _ := key["t"].(json.Number)
			ms, err := at.Int64()
			if err != nil {
				return nil, fmt.Errorf("a histogram by %s: a bucket's key is %v", every, b.Key)
			}
			counts[ms*int64(time.Millisecond)] += b.Count
		}
		if by.AfterKey == nil || len(by.Buckets) < bucketsAsked {
			return findings.TimeBuckets(counts), nil
		}
		composite["after"] = by.AfterKey
	}
}
