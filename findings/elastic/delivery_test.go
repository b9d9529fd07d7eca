package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"saksi/findings"
	"saksi/findings/indextest"
)

// rough is a node in trouble: a proxy that refuses, breaks off and answers
// _bulk requests for a part of their documents only.
type rough struct {
	t    *testing.T
	node string
	mu   sync.Mutex
	r    *rand.Rand
	done map[string]int
}

func (p *rough) pick() (what string, keep func() bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := []string{"429", "503", "reset before", "reset after", "some items 429", "some items 503", "pass"}
	what = list[p.r.IntN(len(list))]
	p.done[what]++
	return what, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.r.IntN(3) > 0
	}
}

func (p *rough) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Error(err)
		return
	}
	if r.URL.Path != "/_bulk" {
		p.forward(w, r, body)
		return
	}
	if len(body) > flushBytes+64<<10 {
		p.t.Errorf("a request of %d bytes", len(body))
	}
	what, keep := p.pick()
	switch what {
	case "429", "503":
		status := http.StatusTooManyRequests
		if what == "503" {
			status = http.StatusServiceUnavailable
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"error":{"type":"es_rejected_execution_exception","reason":"injected"},"status":%d}`, status)
	case "reset before":
		reset(p.t, w)
	case "reset after":
		p.forward(httptest.NewRecorder(), r, body)
		reset(p.t, w)
	case "pass":
		p.forward(w, r, body)
	default:
		p.some(w, r, body, strings.TrimPrefix(what, "some items "), keep)
	}
}

// some forwards a part of the documents and refuses the others for now.
func (p *rough) some(w http.ResponseWriter, r *http.Request, body []byte, status string, keep func() bool) {
	lines := bytes.SplitAfter(bytes.TrimSuffix(body, []byte("\n")), []byte("\n"))
	lines[len(lines)-1] = append(slices.Clone(lines[len(lines)-1]), '\n')
	var sent []byte
	var kept []bool
	for i := 0; i+1 < len(lines); i += 2 {
		k := keep()
		kept = append(kept, k)
		if k {
			sent = append(append(sent, lines[i]...), lines[i+1]...)
		}
	}
	var answer struct {
		Items []json.RawMessage `json:"items"`
	}
	if len(sent) > 0 {
		rec := httptest.NewRecorder()
		p.forward(rec, r, sent)
		if err := json.Unmarshal(rec.Body.Bytes(), &answer); err != nil {
			p.t.Errorf("%v: %s", err, rec.Body)
		}
	}
	var items []json.RawMessage
	for _, k := range kept {
		if k {
			items = append(items, answer.Items[0])
			answer.Items = answer.Items[1:]
			continue
		}
		items = append(items, json.RawMessage(`{"create":{"status":`+status+`,"error":{"type":"es_rejected_execution_exception","reason":"injected"}}}`))
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(map[string]any{"items": items}); err != nil {
		p.t.Error(err)
	}
}

func (p *rough) forward(w http.ResponseWriter, r *http.Request, body []byte) {
	req, err := http.NewRequestWithContext(context.WithoutCancel(r.Context()), r.Method, p.node+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		p.t.Error(err)
		return
	}
	req.Header = r.Header.Clone()
	req.Header.Del("Accept-Encoding") // the transport asks for and undoes it itself
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Error(err)
		return
	}
	defer res.Body.Close()
	for k, v := range res.Header {
		w.Header()[k] = v
	}
	w.WriteHeader(res.StatusCode)
	if _, err := io.Copy(w, res.Body); err != nil {
		p.t.Error(err)
	}
}

// reset ends the connection as a node does that dies.
func reset(t *testing.T, w http.ResponseWriter) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}

// TestElasticDelivery proves that a node in trouble loses and doubles nothing.
func TestElasticDelivery(t *testing.T) {
	u := node(t)
	p := &rough{t: t, node: u, r: rand.New(rand.NewPCG(3, 4)), done: map[string]int{}}
	srv := httptest.NewServer(p)
	defer srv.Close()
	ix, err := Open(t.Context(), Config{URL: srv.URL, Agency: agency(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer ix.Close()
	docs := indextest.Docs(2000)
	var sum findings.Result
	for batch := range slices.Chunk(docs, 250) {
		res, err := ix.Put(t.Context(), batch)
		if err != nil {
			t.Fatal(err)
		}
		sum.Stored += res.Stored
		sum.Duplicate += res.Duplicate
		sum.Dead = append(sum.Dead, res.Dead...)
	}
	// An answer that was cut off makes a stored document a duplicate.
	if sum.Stored+sum.Duplicate != len(docs) || len(sum.Dead) != 0 {
		t.Errorf("%d stored, %d duplicate, %d dead of %d", sum.Stored, sum.Duplicate, len(sum.Dead), len(docs))
	}
	for _, what := range []string{"429", "503", "reset before", "reset after", "some items 429", "some items 503"} {
		if p.done[what] == 0 {
			t.Errorf("no request met %q", what)
		}
	}
	got, err := indextest.All(t.Context(), ix, "")
	if err != nil {
		t.Fatal(err)
	}
	want := make([]string, len(docs))
	for i, d := range docs {
		want[i] = d.ID
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%d documents are there, %d were put", len(got), len(want))
	}
	t.Logf("requests met %v", p.done)
}

// fake answers as a node with one canned answer to _bulk.
func fake(t *testing.T, bulk func(w http.ResponseWriter, n int)) *Index {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path != "/_bulk" {
			fmt.Fprint(w, `{"version":{"number":"8.19.21"}}`)
			return
		}
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		bulk(w, bytes.Count(b, []byte("\n"))/2)
	}))
	t.Cleanup(srv.Close)
	ix, err := Open(t.Context(), Config{URL: srv.URL, Agency: "x", Patience: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ix.Close() })
	return ix
}

func items(one string, n int) string {
	return `{"items":[` + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + `]}`
}

// TestRefusals proves who is to blame: a document the node can't take is dead
// with the reason, an index it may not write to ends the call, and a node that
// never can is unreachable.
func TestRefusals(t *testing.T) {
	docs := indextest.Docs(3)
	for _, c := range []struct {
		name, item string
		dead       int
		err        error
	}{
		{"bad document", `{"create":{"status":400,"error":{"type":"document_parsing_exception","reason":"no such thing"}}}`, 3, nil},
		{"read-only index", `{"create":{"status":403,"error":{"type":"cluster_block_exception","reason":"read-only"}}}`, 0, ErrRefused},
		{"always busy", `{"create":{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"full"}}}`, 0, ErrUnreachable},
	} {
		t.Run(c.name, func(t *testing.T) {
			ix := fake(t, func(w http.ResponseWriter, n int) { fmt.Fprint(w, items(c.item, n)) })
			res, err := ix.Put(t.Context(), docs)
			if !errors.Is(err, c.err) || c.err == nil && err != nil {
				t.Errorf("error %v, expected %v", err, c.err)
			}
			if len(res.Dead) != c.dead {
				t.Fatalf("%d dead, expected %d", len(res.Dead), c.dead)
			}
			for _, d := range res.Dead {
				if !strings.Contains(d.Reason, "no such thing") {
					t.Errorf("reason %q", d.Reason)
				}
			}
		})
	}
	t.Run("too large", func(t *testing.T) {
		ix := fake(t, func(w http.ResponseWriter, n int) {
			if n > 1 {
				w.WriteHeader(http.StatusRequestEntityTooLarge)
				return
			}
			fmt.Fprint(w, items(`{"create":{"status":201}}`, n))
		})
		if res, err := ix.Put(t.Context(), docs); err != nil || res.Stored != 3 {
			t.Errorf("%+v, %v", res, err)
		}
	})
	t.Run("wrong answer", func(t *testing.T) {
		ix := fake(t, func(w http.ResponseWriter, _ int) { fmt.Fprint(w, items(`{"create":{"status":201}}`, 1)) })
		if _, err := ix.Put(t.Context(), docs); !errors.Is(err, ErrRefused) {
			t.Errorf("%v", err)
		}
	})
	t.Run("stopped", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ix := fake(t, func(w http.ResponseWriter, _ int) {
			cancel()
			w.WriteHeader(http.StatusTooManyRequests)
		})
		if _, err := ix.Put(ctx, docs); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
}

// TestOpen proves that a wrong address is told without its password.
func TestOpen(t *testing.T) {
	for _, u := range []string{"http://who:geheim@127.0.0.1:1", "http://who:geheim@[::1", "ftp://who:geheim@127.0.0.1", "who:geheim"} {
		_, err := Open(t.Context(), Config{URL: u, Agency: "x"})
		if err == nil || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%v", err)
		}
	}
	for _, a := range []string{"", "A", "a-b", "a*", "a,b"} {
		if _, err := Open(t.Context(), Config{URL: "http://127.0.0.1:1", Agency: a}); err == nil || errors.Is(err, ErrUnreachable) {
			t.Errorf("agency %q: %v", a, err)
		}
	}
}
