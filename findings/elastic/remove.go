package elastic

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/query"
)

// Remove removes documents; see findings.Remover. A monthly index of which
// every document goes is dropped as a whole: writing to it is blocked, so that
// none comes in between, all in it are counted against those that go, and only
// then it is deleted. Of the others the documents are deleted by their ids, a
// page at a time, never by a query that the node would run later.
func (ix *Index) Remove(ctx context.Context, r findings.Removal) (findings.Removed, error) {
	var out findings.Removed
	ctx, leave, err := ix.enter(ctx)
	if err != nil {
		return out, err
	}
	defer leave()
	names, err := ix.ended(ctx, r.Before)
	if err != nil {
		return out, err
	}
	for _, name := range names {
		n, err := ix.dropWhole(ctx, name, r)
		if err != nil {
			return out, fmt.Errorf("removing index %s: %w", name, err)
		}
		if n > 0 {
			out.Indices++
			out.Documents += n
		}
	}
	for {
		body, err := gone(ctx, r)
		if err != nil {
			return out, err
		}
		body["size"], body["_source"], body["track_total_hits"] = maxPage, false, false
		body["sort"] = []any{object{event.EventID.Name(): object{"order": "asc"}}}
		a, err := ix.search(ctx, ix.pattern(), body)
		if err != nil || len(a.Hits.Hits) == 0 {
			return out, err
		}
		n, err := ix.drop(ctx, a.Hits.Hits)
		out.Documents += n
		if err != nil {
			return out, fmt.Errorf("removing documents: %w", err)
		}
	}
}

// gone is the body of a search for what a removal takes at present.
func gone(ctx context.Context, r findings.Removal) (object, error) {
	q, err := r.Gone(ctx)
	if err != nil {
		return nil, err
	}
	n, err := query.Parse(q)
	if err != nil {
		return nil, err
	}
	return object{"query": object{"constant_score": object{"filter": translate(n)}}}, nil
}

// ended lists the agency's monthly indices whose month was over at a time.
func (ix *Index) ended(ctx context.Context, before time.Time) ([]string, error) {
	var answer map[string]json.RawMessage
	yes := true
	err := ix.call(ctx, "listing the indices", func(ctx context.Context) (*esapi.Response, error) {
		return esapi.IndicesGetAliasRequest{Index: ix.pattern(), AllowNoIndices: &yes, IgnoreUnavailable: &yes}.Do(ctx, ix.client)
	}, &answer)
	if err != nil {
		return nil, err
	}
	var list []string
	for name := range answer {
		month, err := time.Parse("2006.01", name[strings.LastIndexByte(name, '-')+1:])
		if err == nil && !month.AddDate(0, 1, 0).After(before) {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list, nil
}

// dropWhole deletes an index if every document in it goes, and returns their
// number; 0 when it stays.
func (ix *Index) dropWhole(ctx context.Context, name string, r findings.Removal) (int64, error) {
	all, going, err := ix.counts(ctx, name, r)
	if err != nil || all == 0 || all != going {
		return 0, err
	}
	if err := ix.call(ctx, "blocking it for writing", func(ctx context.Context) (*esapi.Response, error) {
		return esapi.IndicesAddBlockRequest{Index: []string{name}, Block: "write"}.Do(ctx, ix.client)
	}, nil); err != nil {
		return 0, err
	}
	all, going, err = ix.counts(ctx, name, r)
	if err != nil || all != going {
		return 0, ix.unblock(ctx, name, err)
	}
	if err := ix.call(ctx, "deleting it", func(ctx context.Context) (*esapi.Response, error) {
		return esapi.IndicesDeleteRequest{Index: []string{name}}.Do(ctx, ix.client)
	}, nil); err != nil {
		return 0, ix.unblock(ctx, name, err)
	}
	ix.mu.Lock()
	delete(ix.made, name)
	ix.mu.Unlock()
	return all, nil
}

// unblock lets an index be written to again, also when ctx has ended.
func (ix *Index) unblock(ctx context.Context, name string, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ix.patience)
	defer cancel()
	err := ix.call(ctx, "lifting the block for writing", func(ctx context.Context) (*esapi.Response, error) {
		return esapi.IndicesPutSettingsRequest{Index: []string{name}, Body: strings.NewReader(`{"index.blocks.write":null}`)}.Do(ctx, ix.client)
	}, nil)
	if err != nil {
		err = fmt.Errorf("%w; it takes no documents until index.blocks.write is set to null there", err)
	}
	if cause == nil {
		return err
	}
	if err == nil {
		return cause
	}
	return fmt.Errorf("%w; and %w", cause, err)
}

// counts counts what an index holds, and what of it goes.
func (ix *Index) counts(ctx context.Context, name string, r findings.Removal) (all, going int64, err error) {
	body, err := gone(ctx, r)
	if err != nil {
		return 0, 0, err
	}
	if err := ix.call(ctx, "refreshing it", func(ctx context.Context) (*esapi.Response, error) {
		return esapi.IndicesRefreshRequest{Index: []string{name}}.Do(ctx, ix.client)
	}, nil); err != nil {
		return 0, 0, err
	}
	for _, c := range []struct {
		body object
		n    *int64
	}{{object{"query": object{"match_all": object{}}}, &all}, {body, &going}} {
		b, err := json.Marshal(c.body)
		if err != nil {
			return 0, 0, err
		}
		var answer struct {
			Count  int64 `json:"count"`
			Shards struct {
				Failed int `json:"failed"`
			} `json:"_shards"`
		}
		if err := ix.call(ctx, "counting what is in it", func(ctx context.Context) (*esapi.Response, error) {
			return esapi.CountRequest{Index: []string{name}, Body: strings.NewReader(string(b))}.Do(ctx, ix.client)
		}, &answer); err != nil {
			return 0, 0, err
		}
		if answer.Shards.Failed > 0 {
			return 0, 0, fmt.Errorf("counting what is in it: %w: %d shards did not answer", ErrUnreachable, answer.Shards.Failed)
		}
		*c.n = answer.Count
	}
	return all, going, nil
}
