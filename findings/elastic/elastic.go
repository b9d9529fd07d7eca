// Package elastic is the index of a site that keeps its findings in
// Elasticsearch 8: findings.Index over esapi. Start with Open.
//
// A document lies in the plain index saksi-DATASET-AGENCY-YYYY.MM of its
// @timestamp, under its own id, so that putting it twice stores it once. An
// alias saksi-DATASET-AGENCY spans the months. Queries are parsed by
// findings/query and translated (dsl.go), so that they mean what they mean on
// the embedded index.
package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	"github.com/elastic/go-elasticsearch/v8/esapi"

	"saksi/event"
	"saksi/findings"
)

// ErrUnreachable is returned when the node does not answer, or answers only
// that it can't now, for as long as Config.Patience.
var ErrUnreachable = errors.New("elasticsearch does not answer")

// ErrRefused is returned when the node refuses the request itself: a missing
// right, a closed or blocked index, a query too large for it.
var ErrRefused = errors.New("elasticsearch refuses")

var errClosed = errors.New("index is closed")

const (
	defaultPatience = time.Minute
	firstWait       = 100 * time.Millisecond
	longestWait     = 5 * time.Second
	maxAnswer       = 256 << 20 // bytes of an answer that are read
)

// Config says where the node is.
type Config struct {
	URL       string            // http://[USER:PASSWORD@]HOST[:PORT], or https
	Agency    string            // part of the index names: lower-case letters, digits and _
	Patience  time.Duration     // how long a request is tried again; 0 is one minute
	APIKey    string            // encoded, as Elasticsearch gives it; instead of a login
	CA        []byte            // PEM: the only authorities whose certificates are taken; nil is the system's
	Transport http.RoundTripper // nil is http.DefaultTransport's settings; CA is then not looked at
}

// Index is a connection to a node. It is safe for concurrent use.
type Index struct {
	client   *elastictransport.Client
	agency   string
	patience time.Duration

	ctx   context.Context // ends with Close
	stop  context.CancelFunc
	calls sync.WaitGroup
	mu    sync.Mutex // closing and calls.Add; made
	made  map[string]bool
	ready bool // the template is there
	dirty atomic.Bool
}

var _ findings.Index = (*Index)(nil)

var agencyPattern = regexp.MustCompile(`^[a-z0-9_]{1,64}$`)

// Open connects to a node and asks for its version. ErrUnreachable: it does
// not answer.
func Open(ctx context.Context, c Config) (*Index, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("the address of an Elasticsearch node is http://HOST:PORT or https://HOST:PORT") // never the address itself: it may hold a password
	}
	if !agencyPattern.MatchString(c.Agency) {
		return nil, fmt.Errorf("agency %q: its name is part of the names of Elasticsearch's indices; expected 1 to 64 lower-case letters, digits and _", c.Agency)
	}
	if err := c.checkKey(u); err != nil {
		return nil, err
	}
	transport := c.Transport
	if transport == nil {
		if transport, err = pinned(u, c.CA); err != nil {
			return nil, err
		}
	}
	opts := []elastictransport.Option{elastictransport.WithUserAgent("saksi"), elastictransport.WithDisableRetry(), elastictransport.WithTransport(transport)}
	if u.User != nil {
		password, _ := u.User.Password()
		opts = append(opts, elastictransport.WithBasicAuth(u.User.Username(), password))
		u.User = nil
	}
	if c.APIKey != "" {
		opts = append(opts, elastictransport.WithAPIKey(c.APIKey))
	}
	client, err := elastictransport.NewClient(append(opts, elastictransport.WithURLs(u))...)
	if err != nil {
		return nil, fmt.Errorf("connecting to Elasticsearch at %s: %w", u, err)
	}
	ix := &Index{client: client, agency: c.Agency, patience: c.Patience, made: map[string]bool{}}
	if ix.patience <= 0 {
		ix.patience = defaultPatience
	}
	ix.ctx, ix.stop = context.WithCancel(context.WithoutCancel(ctx))
	var info struct {
		Version struct {
			Number string `json:"number"`
		} `json:"version"`
	}
	// A person waits: one try.
	if err := ix.once(ctx, "asking for the version", func(ctx context.Context) (*esapi.Response, error) {
		return esapi.InfoRequest{}.Do(ctx, ix.client)
	}, &info); err != nil {
		ix.stop()
		return nil, fmt.Errorf("opening the index at %s: %w", u, trustError(err))
	}
	if !strings.HasPrefix(info.Version.Number, "8.") && !strings.HasPrefix(info.Version.Number, "9.") {
		ix.stop()
		return nil, fmt.Errorf("opening the index at %s: %w: it says version %q; expected Elasticsearch 8 or 9", u, ErrRefused, info.Version.Number)
	}
	return ix, nil
}

// Close ends calls that are under way and the connection. What was put is
// then visible to every search. It is safe to call twice.
func (ix *Index) Close() error {
	ix.mu.Lock()
	closed := ix.ctx.Err() != nil
	ix.stop()
	ix.mu.Unlock()
	if closed {
		return nil
	}
	ix.calls.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	err := ix.refresh(ctx)
	return errors.Join(err, ix.client.Close(ctx))
}

// enter begins a call: its context ends with ctx and with Close.
func (ix *Index) enter(ctx context.Context) (context.Context, func(), error) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if ix.ctx.Err() != nil {
		return nil, nil, errClosed
	}
	ix.calls.Add(1)
	ctx, cancel := context.WithCancelCause(ctx)
	end := context.AfterFunc(ix.ctx, func() { cancel(errClosed) })
	return ctx, func() {
		end()
		cancel(nil)
		ix.calls.Done()
	}, nil
}

// pattern is every index of the agency. Neither data sets nor agencies have a
// dash, so that it names no other agency's.
func (ix *Index) pattern() []string { return []string{"saksi-*-" + ix.agency + "-*"} }

// problem is an error as Elasticsearch words it.
type problem struct {
	Type   string `json:"type"`
	Reason string `json:"reason"`
	Cause  []struct {
		Type   string `json:"type"`
		Reason string `json:"reason"`
	} `json:"root_cause"`
}

func (p *problem) String() string {
	if len(p.Cause) > 0 && p.Cause[0].Reason != "" && p.Cause[0].Reason != p.Reason {
		return p.Type + ": " + p.Reason + " (" + p.Cause[0].Reason + ")"
	}
	return p.Type + ": " + p.Reason
}

// statusError is an answer other than 2xx.
type statusError struct {
	status int
	problem
}

func (e *statusError) Error() string {
	if e.Type == "" && e.Reason == "" {
		return fmt.Sprintf("status %d", e.status)
	}
	return fmt.Sprintf("status %d, %s", e.status, e.String())
}

// Unwrap makes it one of the package's errors.
func (e *statusError) Unwrap() error {
	if again(e.status) {
		return ErrUnreachable
	}
	return ErrRefused
}

// again tells the statuses that a later try may overcome.
func again(status int) bool { return status == http.StatusTooManyRequests || status >= 500 }

// once makes one request and decodes its answer into out (nil: dropped).
func (ix *Index) once(ctx context.Context, what string, do func(context.Context) (*esapi.Response, error), out any) error {
	r, err := do(ctx)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return fmt.Errorf("%s: %w", what, cause)
		}
		return fmt.Errorf("%s: %w: %w", what, ErrUnreachable, err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(io.LimitReader(r.Body, maxAnswer+1))
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return fmt.Errorf("%s: %w", what, cause)
		}
		return fmt.Errorf("%s: %w: reading the answer: %w", what, ErrUnreachable, err)
	}
	if len(body) > maxAnswer {
		return fmt.Errorf("%s: %w: an answer of more than %d MB; ask for fewer documents a page", what, ErrRefused, maxAnswer>>20)
	}
	if r.IsError() {
		e := &statusError{status: r.StatusCode}
		var answer struct {
			Error json.RawMessage `json:"error"`
		}
		if json.Unmarshal(body, &answer) == nil && json.Unmarshal(answer.Error, &e.problem) != nil {
			e.Reason = strings.Trim(string(answer.Error), `"`)
		}
		return fmt.Errorf("%s: %w", what, e)
	}
	if out == nil {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(out); err != nil {
		return fmt.Errorf("%s: the answer is not Elasticsearch's: %w", what, err)
	}
	return nil
}

// call is once, tried again while the node does not answer or can't now.
func (ix *Index) call(ctx context.Context, what string, do func(context.Context) (*esapi.Response, error), out any) error {
	w := ix.newWait()
	for {
		err := ix.once(ctx, what, do, out)
		if err == nil || !errors.Is(err, ErrUnreachable) {
			return err
		}
		if werr := w.next(ctx); werr != nil {
			return errors.Join(err, werr)
		}
	}
}

// wait spaces tries: twice as long each time, until patience ends.
type wait struct {
	until time.Time
	pause time.Duration
}

func (ix *Index) newWait() *wait {
	return &wait{until: time.Now().Add(ix.patience), pause: firstWait}
}

// errPatience ends a series of tries.
var errPatience = errors.New("tried again for as long as allowed")

func (w *wait) next(ctx context.Context) error {
	if time.Now().Add(w.pause).After(w.until) {
		return errPatience
	}
	t := time.NewTimer(w.pause)
	defer t.Stop()
	w.pause = min(2*w.pause, longestWait)
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// refresh makes what this Index wrote visible to searches.
func (ix *Index) refresh(ctx context.Context) error {
	if !ix.dirty.Swap(false) {
		return nil
	}
	yes := true
	err := ix.call(ctx, "refreshing the indices", func(ctx context.Context) (*esapi.Response, error) {
		return esapi.IndicesRefreshRequest{Index: ix.pattern(), AllowNoIndices: &yes, IgnoreUnavailable: &yes}.Do(ctx, ix.client)
	}, nil)
	if err != nil {
		ix.dirty.Store(true)
	}
	return err
}

// canonical makes a document of what Elasticsearch gives back: its numbers and
// escapes may be written anew there, so the bytes are made again. A document
// whose id is not its content's any more is findings.ErrCorrupt.
func canonical(id string, source []byte) (findings.Doc, error) {
	e, err := event.Parse(source)
	if err != nil {
		return findings.Doc{}, fmt.Errorf("document %s: %w: %w", id, findings.ErrCorrupt, err)
	}
	d := findings.Doc{ID: id, Body: e.AppendJSON(nil)}
	if have, _ := e.GetStr(event.EventID); have != id {
		return d, fmt.Errorf("document %s: %w: its content has the id %s; put it again from the spool", id, findings.ErrCorrupt, have)
	}
	dataset, _ := e.GetStr(event.EventDataset)
	d.Dataset = strings.TrimPrefix(dataset, "saksi.")
	ns, _ := e.GetTime(event.Timestamp)
	d.Time = time.Unix(0, ns).UTC()
	return d, nil
}
