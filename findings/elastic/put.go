package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strings"
	"sync"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/query"
)

// Delivery. The bulk helper that comes with the client drops documents that a
// busy node refuses (429), and all of them while it is down. Here each
// document has one of four fates:
//
//	created                              stored
//	refused as there (409)               duplicate if the stored body is the same, else dead
//	refused for now (429, 5xx, no answer) sent again, within Config.Patience
//	refused for itself (other 4xx)       dead, with the reason
//
// A request is at most flushBytes: above 1 MB a node under load refuses whole
// requests.
const flushBytes = 1 << 20

// parcel is one document on its way.
type parcel struct {
	doc    findings.Doc
	index  string
	lines  []byte // action and source
	reason string // why it was last refused
}

// Put stores documents; see findings.Writer. They can be searched from the
// next search of this Index on, and by others within a second.
func (ix *Index) Put(ctx context.Context, docs []findings.Doc) (findings.Result, error) {
	ctx, leave, err := ix.enter(ctx)
	if err != nil {
		return findings.Result{}, err
	}
	defer leave()
	if err := ix.prepare(ctx); err != nil {
		return findings.Result{}, err
	}
	return ix.put(ctx, docs)
}

// Record stores what is put on record beside a search. Unlike Put it brings
// neither template nor mappings up to date: those are changes of the cluster, which
// a search must not make.
func (ix *Index) Record(ctx context.Context, docs []findings.Doc) (findings.Result, error) {
	ctx, leave, err := ix.enter(ctx)
	if err != nil {
		return findings.Result{}, err
	}
	defer leave()
	return ix.put(ctx, docs)
}

func (ix *Index) put(ctx context.Context, docs []findings.Doc) (findings.Result, error) {
	var res findings.Result
	wanted := map[string]string{} // data sets by index
	for _, d := range docs {
		if datasetPattern.MatchString(d.Dataset) { // what has another is refused below
			wanted[indexName(ix.agency, d.Dataset, d.Time)] = d.Dataset
		}
	}
	if err := ix.makeIndices(ctx, wanted); err != nil {
		return res, err
	}
	var refused []findings.Dead
	err := ix.deliverAll(ctx, ix.batches(docs, &refused), &res)
	res.Dead = append(refused, res.Dead...)
	return res, err
}

// batches packs documents into requests of at most flushBytes (a larger document
// goes alone), each when it is asked for, so that packing goes on while requests
// are under way. What can't be packed comes into refused.
func (ix *Index) batches(docs []findings.Doc, refused *[]findings.Dead) iter.Seq[[]*parcel] {
	return func(yield func([]*parcel) bool) {
		var batch []*parcel
		size := 0
		for _, d := range docs {
			p, err := ix.pack(d)
			if err != nil {
				*refused = append(*refused, findings.Dead{Doc: d, Reason: err.Error()})
				continue
			}
			if size+len(p.lines) > flushBytes && len(batch) > 0 {
				if !yield(batch) {
					return
				}
				batch, size = nil, 0
			}
			batch = append(batch, p)
			size += len(p.lines)
		}
		if len(batch) > 0 {
			yield(batch)
		}
	}
}

// makeIndices makes those that are not there yet, some at once: a node takes
// several into one change of the cluster's state, each of which costs it long.
func (ix *Index) makeIndices(ctx context.Context, wanted map[string]string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	free := make(chan struct{}, makers)
	for name, dataset := range wanted {
		free <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-free }()
			if err := ix.makeIndex(ctx, name, dataset); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// requests is how many requests of one Put are under way at once: a node works
// on one while it reads the next.
const requests = 3

// makers is how many indices are made at once.
const makers = 16

// deliverAll sends batches, some at once; the first error ends it.
func (ix *Index) deliverAll(ctx context.Context, batches iter.Seq[[]*parcel], res *findings.Result) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	var first error
	var wg sync.WaitGroup
	free := make(chan struct{}, requests)
	for batch := range batches {
		free <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-free }()
			var part findings.Result
			err := ix.deliver(ctx, batch, &part)
			mu.Lock()
			defer mu.Unlock()
			res.Stored += part.Stored
			res.Duplicate += part.Duplicate
			res.Dead = append(res.Dead, part.Dead...)
			if err != nil && first == nil {
				first = err
				cancel(err)
			}
		})
	}
	wg.Wait()
	if first == nil && ctx.Err() != nil {
		first = context.Cause(ctx)
	}
	return first
}

// pack writes the lines of a document.
func (ix *Index) pack(d findings.Doc) (*parcel, error) {
	p := &parcel{doc: d, index: indexName(ix.agency, d.Dataset, d.Time)}
	var err error
	p.lines, err = Lines(ix.agency, d)
	return p, err
}

// Lines gives what _bulk takes for a document of an agency: the action and the
// source, a line each. The document's words go along in a field of their own,
// which Elasticsearch indexes and does not keep.
func Lines(agency string, d findings.Doc) ([]byte, error) {
	e, err := event.Parse(d.Body)
	if err != nil {
		return nil, fmt.Errorf("not a document of ours: %w", err)
	}
	if id, _ := e.GetStr(event.EventID); id != d.ID {
		return nil, fmt.Errorf("the body's event.id is %q: it belongs to another document", id)
	}
	if !datasetPattern.MatchString(d.Dataset) {
		return nil, fmt.Errorf("data set %q: expected lower-case letters, digits and _", d.Dataset)
	}
	words, err := json.Marshal(query.Text(e))
	if err != nil {
		return nil, err
	}
	b := make([]byte, 0, len(d.Body)+len(words)+256)
	b = fmt.Appendf(b, `{"create":{"_index":%q,"_id":%q}}`, indexName(agency, d.Dataset, d.Time), d.ID)
	b = append(b, '\n')
	b = append(b, d.Body[:len(d.Body)-1]...)
	b = append(b, `,"`+textField+`":`...)
	b = append(b, words...)
	return append(b, '}', '\n'), nil
}

// item is what became of one document of a request.
type item struct {
	Create struct {
		Status int      `json:"status"`
		Error  *problem `json:"error"`
	} `json:"create"`
	Delete struct {
		Status int      `json:"status"`
		Error  *problem `json:"error"`
	} `json:"delete"`
}

// notTheDocument are the refusals with which a node speaks of the index or of
// the user: they end the call, and no document is to blame.
var notTheDocument = map[string]bool{
	"cluster_block_exception": true, "index_closed_exception": true, "index_not_found_exception": true, "security_exception": true,
}

// deliver sends a batch until each document has its fate.
func (ix *Index) deliver(ctx context.Context, batch []*parcel, res *findings.Result) error {
	w := ix.newWait()
	var there []*parcel
	for len(batch) > 0 {
		items, err := ix.bulk(ctx, batch)
		var status *statusError
		switch {
		case errors.As(err, &status) && status.status == http.StatusRequestEntityTooLarge && len(batch) > 1:
			half := len(batch) / 2
			if err := ix.deliver(ctx, batch[:half], res); err != nil {
				return err
			}
			batch = batch[half:]
			continue
		case errors.As(err, &status) && status.status == http.StatusRequestEntityTooLarge:
			res.Dead = append(res.Dead, findings.Dead{Doc: batch[0].doc, Reason: err.Error()})
			batch = nil
			continue
		case errors.Is(err, ErrUnreachable):
			if werr := w.next(ctx); werr != nil {
				return fmt.Errorf("%d documents were not taken: %w", len(batch), errors.Join(err, werr))
			}
			continue
		case err != nil:
			return err
		}
		var left []*parcel
		for i, it := range items {
			p, c := batch[i], it.Create
			if c.Error != nil {
				p.reason = c.Error.String()
			}
			switch {
			case c.Status == http.StatusCreated:
				res.Stored++
			case c.Status == http.StatusConflict:
				there = append(there, p)
			case again(c.Status):
				left = append(left, p)
			case c.Error != nil && notTheDocument[c.Error.Type]:
				return fmt.Errorf("putting documents: %w: %s", ErrRefused, p.reason)
			default:
				res.Dead = append(res.Dead, findings.Dead{Doc: p.doc, Reason: fmt.Sprintf("status %d, %s", c.Status, p.reason)})
			}
		}
		if len(left) < len(batch) { // it goes on
			w = ix.newWait()
		}
		batch = left
		if len(batch) > 0 {
			if werr := w.next(ctx); werr != nil {
				return fmt.Errorf("%d documents were not taken: %w: %s: %w", len(batch), ErrUnreachable, batch[0].reason, werr)
			}
		}
	}
	return ix.compare(ctx, there, res)
}

// bulk makes one request and returns one item a document.
func (ix *Index) bulk(ctx context.Context, batch []*parcel) ([]item, error) {
	var body bytes.Buffer
	for _, p := range batch {
		body.Write(p.lines)
	}
	return ix.sendBulk(ctx, body.Bytes(), len(batch))
}

func (ix *Index) sendBulk(ctx context.Context, body []byte, n int) ([]item, error) {
	var answer struct {
		Items []item `json:"items"`
	}
	ix.dirty.Store(true)
	err := ix.once(ctx, "putting documents", func(ctx context.Context) (*esapi.Response, error) {
		return esapi.BulkRequest{
			Body:       bytes.NewReader(body),
			FilterPath: []string{"items.*.status", "items.*.error.type", "items.*.error.reason"},
		}.Do(ctx, ix.client)
	}, &answer)
	if err == nil && len(answer.Items) != n {
		return nil, fmt.Errorf("putting documents: %w: %d documents sent, the answer speaks of %d", ErrRefused, n, len(answer.Items))
	}
	return answer.Items, err
}

// compare decides about documents whose id is there already.
func (ix *Index) compare(ctx context.Context, there []*parcel, res *findings.Result) error {
	if len(there) == 0 {
		return nil
	}
	type ref struct {
		Index string `json:"_index"`
		ID    string `json:"_id"`
	}
	var ask struct {
		Docs []ref `json:"docs"`
	}
	for _, p := range there {
		ask.Docs = append(ask.Docs, ref{p.index, p.doc.ID})
	}
	body, err := json.Marshal(ask)
	if err != nil {
		return err
	}
	var answer struct {
		Docs []struct {
			Found  bool            `json:"found"`
			Source json.RawMessage `json:"_source"`
		} `json:"docs"`
	}
	// Not a search: a get sees what was stored a moment ago.
	if err := ix.call(ctx, "comparing documents that are there", func(ctx context.Context) (*esapi.Response, error) {
		return esapi.MgetRequest{Body: strings.NewReader(string(body)), SourceExcludes: []string{textField}}.Do(ctx, ix.client)
	}, &answer); err != nil {
		return err
	}
	if len(answer.Docs) != len(there) {
		return fmt.Errorf("comparing documents that are there: %w: %d asked for, %d answered", ErrRefused, len(there), len(answer.Docs))
	}
	for i, p := range there {
		have := answer.Docs[i]
		if !have.Found {
			return fmt.Errorf("comparing documents that are there: %w: %s was deleted meanwhile; put it again", ErrUnreachable, p.doc.ID)
		}
		d, err := canonical(p.doc.ID, have.Source)
		switch {
		case err != nil:
			res.Dead = append(res.Dead, findings.Dead{Doc: p.doc, Reason: "the id is there with another body: " + err.Error()})
		case bytes.Equal(d.Body, p.doc.Body):
			res.Duplicate++
		default:
			res.Dead = append(res.Dead, findings.Dead{Doc: p.doc, Reason: "the id is there with another body"})
		}
	}
	return nil
}
