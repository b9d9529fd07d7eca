package elastic

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/query"
)

var idPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

type hit struct {
	Index  string            `json:"_index"`
	ID     string            `json:"_id"`
	Source json.RawMessage   `json:"_source"`
	Sort   []json.RawMessage `json:"sort"`
}

type answer struct {
	TimedOut bool `json:"timed_out"`
	Shards   struct {
		Failed   int `json:"failed"`
		Failures []struct {
			Reason problem `json:"reason"`
		} `json:"failures"`
	} `json:"_shards"`
	Hits struct {
		Total struct {
			Value int64 `json:"value"`
		} `json:"total"`
		Hits []hit `json:"hits"`
	} `json:"hits"`
	Aggregations struct {
		By aggregation `json:"by"`
	} `json:"aggregations"`
}

// accessDataset is the data set of who looked at what (findings/access). It stands in
// the index because that is shared; a search meets it only when its query names it,
// so that to look does not change what is found.
const accessDataset = "saksi.access"

// where are the indices that a query asks.
func (ix *Index) where(n *query.Node) []string {
	if namesAccess(n) {
		return ix.pattern()
	}
	return append(ix.pattern(), "-saksi-"+strings.TrimPrefix(accessDataset, "saksi.")+"-"+ix.agency+"-*")
}

func namesAccess(n *query.Node) bool {
	return n.Op == query.Equal && n.Field == event.EventDataset && n.Value == accessDataset || slices.ContainsFunc(n.Args, namesAccess)
}

// search asks indices of the agency. An answer of only some shards is an
// error: what is missing would be taken for not there.
func (ix *Index) search(ctx context.Context, where []string, body object) (*answer, error) {
	if err := ix.refresh(ctx); err != nil {
		return nil, err
	}
	b, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	var a answer
	yes, no := true, false
	err = ix.call(ctx, "searching", func(ctx context.Context) (*esapi.Response, error) {
		return esapi.SearchRequest{Index: where, Body: bytes.NewReader(b), AllowNoIndices: &yes, IgnoreUnavailable: &yes, AllowPartialSearchResults: &no}.Do(ctx, ix.client)
	}, &a)
	if err != nil {
		return nil, err
	}
	if a.TimedOut || a.Shards.Failed > 0 {
		e := &statusError{status: http.StatusServiceUnavailable, problem: problem{Type: "partial_answer", Reason: fmt.Sprintf("%d shards failed", a.Shards.Failed)}}
		if len(a.Shards.Failures) > 0 {
			e.problem = a.Shards.Failures[0].Reason
		}
		return nil, fmt.Errorf("searching: %w", e)
	}
	return &a, nil
}

// Get fetches one document.
func (ix *Index) Get(ctx context.Context, id string) (findings.Doc, error) {
	ctx, leave, err := ix.enter(ctx)
	if err != nil {
		return findings.Doc{}, err
	}
	defer leave()
	if !idPattern.MatchString(id) {
		return findings.Doc{}, fmt.Errorf("%q: %w (an id is 64 hex digits)", id, findings.ErrNotFound)
	}
	a, err := ix.search(ctx, ix.pattern(), object{"query": object{"ids": object{"values": []string{id}}}, "size": 1})
	if err != nil {
		return findings.Doc{}, err
	}
	if len(a.Hits.Hits) == 0 {
		return findings.Doc{}, fmt.Errorf("%s: %w", id, findings.ErrNotFound)
	}
	return canonical(id, a.Hits.Hits[0].Source)
}

// order is the sort of a request: absent values last, the id breaks ties.
//
// Where the first field may be absent, the score, which is the same for all,
// stands before it: a node leaves out a shard that has no value for the first
// field of a sort once another filled the page with absent ones, and with it
// the shard's documents that the id puts before those.
func order(list []findings.Sort) ([]any, error) {
	if len(list) == 0 {
		list = []findings.Sort{{Field: event.Timestamp.Name(), Desc: true}}
	}
	var keys []any
	if first := list[0].Field; first != event.Timestamp.Name() && first != event.EventID.Name() {
		keys = append(keys, "_score")
	}
	for _, s := range list {
		f, ok := event.Lookup(s.Field)
		if !ok || f.IsArray() {
			return nil, fmt.Errorf("sorting by %s: %w; expected a field that has one value", s.Field, findings.ErrSort)
		}
		dir := "asc"
		if s.Desc {
			dir = "desc"
		}
		keys = append(keys, object{exactName(f): object{"order": dir, "missing": "_last", "unmapped_type": mapping(f)["type"]}})
	}
	return append(keys, object{event.EventID.Name(): object{"order": "asc"}}), nil
}

// Search answers one page; see findings.Searcher. Request.After is the sort
// values of the last document of the page before.
func (ix *Index) Search(ctx context.Context, r findings.Request) (findings.Page, error) {
	var page findings.Page
	ctx, leave, err := ix.enter(ctx)
	if err != nil {
		return page, err
	}
	defer leave()
	n, err := query.Parse(r.Query)
	if err != nil {
		return page, err
	}
	if r.Size == 0 {
		r.Size = 100
	}
	if r.Size < 1 || r.Size > maxPage {
		return page, fmt.Errorf("a page of %d documents: expected 1 to %d", r.Size, maxPage)
	}
	keys, err := order(r.Sort)
	if err != nil {
		return page, err
	}
	body := object{"query": object{"constant_score": object{"filter": translate(n)}}, "sort": keys, "size": r.Size + 1, "track_total_hits": true}
	if r.After != "" {
		var after []json.RawMessage
		b, err := base64.RawURLEncoding.DecodeString(r.After)
		if err == nil {
			err = json.Unmarshal(b, &after)
		}
		if err != nil || len(after) != len(keys) {
			return page, fmt.Errorf("the place to go on from is not one this query gave: %q", r.After)
		}
		body["search_after"] = after
	}
	a, err := ix.search(ctx, ix.where(n), body)
	if err != nil {
		return page, err
	}
	page.Total = a.Hits.Total.Value
	hits := a.Hits.Hits
	if len(hits) > r.Size {
		hits = hits[:r.Size]
		b, err := json.Marshal(hits[r.Size-1].Sort)
		if err != nil {
			return page, err
		}
		page.Next = base64.RawURLEncoding.EncodeToString(b)
	}
	for _, h := range hits {
		d, err := canonical(h.ID, h.Source)
		if err != nil {
			return page, err
		}
		page.Docs = append(page.Docs, d)
	}
	return page, nil
}

// Erase deletes all documents of a case; see findings.Eraser.
func (ix *Index) Erase(ctx context.Context, caseID string) (int64, error) {
	ctx, leave, err := ix.enter(ctx)
	if err != nil {
		return 0, err
	}
	defer leave()
	body := object{
		"query": term(event.SaksiCase.Name(), caseID), "size": maxPage, "_source": false, "track_total_hits": false,
		"sort": []any{object{event.EventID.Name(): object{"order": "asc"}}},
	}
	var erased int64
	for {
		a, err := ix.search(ctx, ix.pattern(), body)
		if err != nil {
			return erased, err
		}
		hits := a.Hits.Hits
		if len(hits) == 0 {
			return erased, nil
		}
		n, err := ix.drop(ctx, hits)
		erased += n
		if err != nil {
			return erased, fmt.Errorf("erasing case %q: %w", caseID, err)
		}
		body["search_after"] = hits[len(hits)-1].Sort
	}
}

// drop deletes documents, tried again as Put does.
func (ix *Index) drop(ctx context.Context, hits []hit) (int64, error) {
	var deleted int64
	w := ix.newWait()
	for len(hits) > 0 {
		var body []byte
		for _, h := range hits {
			body = fmt.Appendf(body, `{"delete":{"_index":%q,"_id":%q}}`, h.Index, h.ID)
			body = append(body, '\n')
		}
		items, err := ix.sendBulk(ctx, body, len(hits))
		if err != nil && !errors.Is(err, ErrUnreachable) {
			return deleted, err
		}
		left := hits
		reason := err
		if err == nil {
			left = nil
			for i, it := range items {
				switch d := it.Delete; {
				case d.Status == http.StatusOK:
					deleted++
				case d.Status == http.StatusNotFound && d.Error == nil: // gone already
				case again(d.Status):
					left = append(left, hits[i])
					reason = &statusError{status: d.Status}
				case d.Error != nil:
					return deleted, &statusError{status: d.Status, problem: *d.Error}
				default:
					return deleted, &statusError{status: d.Status}
				}
			}
		}
		hits = left
		if len(hits) > 0 {
			if werr := w.next(ctx); werr != nil {
				return deleted, fmt.Errorf("%d documents are still there: %w: %w", len(hits), reason, werr)
			}
		}
	}
	return deleted, nil
}
