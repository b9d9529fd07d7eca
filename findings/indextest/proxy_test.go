package indextest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
)

// proxy stands before the node and fails on purpose, as often as it was told to.
type proxy struct {
	mu   sync.Mutex
	node string
	next []string // what the coming requests meet
	met  map[string]int
}

func (p *proxy) fail(what string, requests int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range requests {
		p.next = append(p.next, what)
	}
}

func (p *proxy) take() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.next) == 0 {
		return ""
	}
	what := p.next[0]
	p.next = p.next[1:]
	p.met[what]++
	return what
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the pusher was killed as it spoke
	}
	what := p.take()
	switch {
	case what == "429" || what == "503" || what == "500":
		w.Header().Set("Content-Type", "application/json")
		status := map[string]int{"429": 429, "503": 503, "500": 500}[what]
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"error":{"type":"es_rejected_execution_exception","reason":"on purpose"},"status":%d}`, status)
	case what == "cut before":
		reset(w)
	case what == "cut half": // the node gets half of what the pusher meant to say
		if i := bytes.IndexByte(body[len(body)/2:], '\n'); i >= 0 && strings.HasSuffix(r.URL.Path, "/_bulk") {
			p.forward(r, body[:len(body)/2+i+1])
		}
		reset(w)
	case what == "cut after":
		p.forward(r, body)
		reset(w)
	case what == "cut answer":
		status, head, answer, err := p.forward(r, body)
		if err != nil {
			reset(w)
			return
		}
		copyHead(w, head)
		w.Header().Set("Content-Length", fmt.Sprint(len(answer)+1))
		w.WriteHeader(status)
		_, _ = w.Write(answer[:len(answer)/2])
		_ = http.NewResponseController(w).Flush()
		reset(w)
	case what == "some 429" && strings.HasSuffix(r.URL.Path, "/_bulk"):
		p.some(w, r, body)
	default:
		status, head, answer, err := p.forward(r, body)
		if err != nil { // the node is down
			reset(w)
			return
		}
		copyHead(w, head)
		w.WriteHeader(status)
		_, _ = w.Write(answer)
	}
}

// some forwards every other document and says of the rest that the node is busy.
func (p *proxy) some(w http.ResponseWriter, r *http.Request, body []byte) {
	lines := bytes.SplitAfter(body, []byte("\n"))
	var sent []byte
	n := 0
	for ; 2*n+1 < len(lines); n++ {
		if n%2 == 0 {
			sent = append(append(sent, lines[2*n]...), lines[2*n+1]...)
		}
	}
	var answer struct {
		Items []json.RawMessage `json:"items"`
	}
	status, _, b, err := p.forward(r, sent)
	if err != nil || status != http.StatusOK || json.Unmarshal(b, &answer) != nil || len(answer.Items) != (n+1)/2 {
		reset(w)
		return
	}
	items := make([]json.RawMessage, n)
	for i := range items {
		if i%2 == 0 {
			items[i] = answer.Items[i/2]
		} else {
			items[i] = json.RawMessage(`{"create":{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"on purpose"}}}`)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"items": items})
}

func (p *proxy) forward(r *http.Request, body []byte) (int, http.Header, []byte, error) {
	p.mu.Lock()
	node := p.node
	p.mu.Unlock()
	req, err := http.NewRequestWithContext(context.WithoutCancel(r.Context()), r.Method, node+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	req.Header = r.Header.Clone()
	req.Header.Del("Accept-Encoding") // the transport asks for and undoes it itself
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	return res.StatusCode, res.Header, answer, err
}

func copyHead(w http.ResponseWriter, head http.Header) {
	for k, v := range head {
		w.Header()[k] = v
	}
	w.Header().Del("Content-Length")
}

// reset ends the connection as a node does that dies.
func reset(w http.ResponseWriter) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}
