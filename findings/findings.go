// Package findings holds what Saksi found: the interfaces between whoever
// emits events and whoever keeps them. Start with Sink (write side) and Index
// (read side). The spool (findings/spool) is the only first write; the local
// and the Elasticsearch index follow it and pass one contract suite.
package findings

import (
	"context"
	"errors"
	"io"
	"time"

	"saksi/event"
)

// ErrNotFound is returned by Getter.Get when no document has the id.
var ErrNotFound = errors.New("no document with this id")

// ErrLocked is returned when another process holds the store for writing.
var ErrLocked = errors.New("locked by another process")

// ErrSort is returned when an index can't sort by a field.
var ErrSort = errors.New("no order by it")

// ErrCorrupt is returned when a store's own bytes contradict themselves. The
// index can then be rebuilt from its spool.
var ErrCorrupt = errors.New("store is corrupted")

// Sink takes events one at a time.
//
// The caller MUST NOT change e until Emit returns, and may reuse it afterwards;
// an implementation MUST NOT keep e or any slice of it. A Sink is not safe for
// concurrent use unless it says so.
type Sink interface {
	Emit(e *event.Event) error
}

// SinkFunc makes a function a Sink.
type SinkFunc func(e *event.Event) error

// Emit calls f.
func (f SinkFunc) Emit(e *event.Event) error { return f(e) }

// Doc is one event as it is stored: its canonical JSON and what an index needs
// to place it without parsing it.
type Doc struct {
	ID      string    // 64 hex digits, see event.Event.ID
	Dataset string    // event.dataset less its "saksi." prefix, such as "flow"
	Time    time.Time // @timestamp, UTC
	Body    []byte    // canonical JSON, see event.Event.AppendJSON
}

// Result says what became of the documents of one Put. Stored + Duplicate +
// len(Dead) is the number of documents given.
type Result struct {
	Stored    int
	Duplicate int    // already there with the same body
	Dead      []Dead // refused for good; kept apart, never retried by itself
}

// Dead is a document an index refused for good, with the index's reason.
type Dead struct {
	Doc    Doc
	Reason string
}

// Writer stores documents. Put is idempotent: a document whose id is already
// stored with the same body counts as Duplicate. When Put returns an error,
// none, some or all of docs may be stored; the caller puts them again.
type Writer interface {
	Put(ctx context.Context, docs []Doc) (Result, error)
}

// Getter fetches one document, or ErrNotFound.
type Getter interface {
	Get(ctx context.Context, id string) (Doc, error)
}

// Request is one page of a search.
type Request struct {
	Query string // Lucene query string; empty matches all
	Sort  []Sort // empty: newest first; the id always breaks ties
	Size  int    // documents a page, 1..10000; 0 is 100
	After string // Page.Next of the page before; empty for the first
}

// Sort orders by one field.
type Sort struct {
	Field string
	Desc  bool
}

// Page is one page of results. Next is empty on the last page.
type Page struct {
	Docs  []Doc
	Total int64
	Next  string
}

// Searcher answers Lucene query strings. A query that can't be parsed gives a
// *query.Error with its position.
type Searcher interface {
	Search(ctx context.Context, r Request) (Page, error)
}

// Bucket is one row of an aggregation: the term, or the start of the interval
// in RFC 3339, and the number of documents.
type Bucket struct {
	Key   string
	Count int64
}

// Aggregator counts documents that match a query, by the values of a field
// that is no time (largest first, ties by key) or by intervals of @timestamp (in time order,
// empty ones left out).
type Aggregator interface {
	Terms(ctx context.Context, query, field string, size int) ([]Bucket, error)
	Histogram(ctx context.Context, query string, every time.Duration) ([]Bucket, error)
}

// Eraser deletes all documents of a case (Saksi.case) and returns their number.
type Eraser interface {
	Erase(ctx context.Context, caseID string) (int64, error)
}

// Removal says which documents go: those that match Query, are older than
// Before, and do not match what Held gives.
type Removal struct {
	Query  string
	Before time.Time
	// Held gives the query of what stays whatever Query says, "" for nothing. It is
	// asked again before each step of a long removal, so that a hold placed
	// meanwhile counts.
	Held func(context.Context) (string, error)
}

// Gone is the query of what a removal takes at present.
func (r *Removal) Gone(ctx context.Context) (string, error) {
	q := "(" + r.Query + ") AND @timestamp:<" + r.Before.UTC().Format(time.RFC3339Nano)
	if r.Query == "" {
		q = q[len("() AND "):]
	}
	if r.Held == nil {
		return q, nil
	}
	held, err := r.Held(ctx)
	if err != nil || held == "" {
		return q, err
	}
	return q + " AND NOT (" + held + ")", nil
}

// Removed says what a removal took.
type Removed struct {
	Documents int64
	Indices   int // monthly indices that went as a whole, with all that was in them
}

// Remover removes documents for good. What it says was removed is gone also
// when it returns an error.
type Remover interface {
	Remove(ctx context.Context, r Removal) (Removed, error)
}

// Index is everything a store of findings can do.
type Index interface {
	Writer
	Getter
	Searcher
	Aggregator
	Eraser
	Remover
	io.Closer
}
