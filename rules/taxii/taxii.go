// Package taxii fetches threat intelligence from TAXII 2.1 servers into a bundle
// of STIX 2.1, which rules/intel reads. Start with Client.
//
// A server is a stranger: what it answers is bounded, it can neither send the
// client to another host nor make it wait for ever, and the login goes to the
// host that it was given for alone.
//
// Specification: OASIS, TAXII Version 2.1.
package taxii

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// mediaType is that of requests and answers (TAXII 2.1, 1.6.8).
const mediaType = "application/taxii+json;version=2.1"

// Limits of what a server may answer.
const (
	maxAnswer  = 64 << 20 // bytes of one answer
	maxPages   = 100_000
	maxWait    = 2 * time.Minute // that a server may ask for by Retry-After
	maxTries   = 5
	maxEntries = 10_000   // API roots and collections
	maxListed  = 16 << 20 // bytes of what is said of all collections
	maxBundle  = 4 << 30  // bytes of all objects, unless the client says another number
)

// pageSize is how many objects a page may have; a server may give fewer.
const pageSize = 1000

// Login is how the client says who it is. The zero Login says nothing.
type Login struct {
	User, Password string
	Token          string // bearer token, instead of both
}

// Client fetches from one server.
type Client struct {
	URL   *url.URL // of discovery or of an API root, without a login in it
	Login Login
	// HTTP sends requests; nil is a client with a time limit. Its redirects are
	// not followed to another host.
	HTTP *http.Client
	// Most bounds the bytes of all objects of a fetch; 0 is 4 GiB.
	Most int64
	// Wait waits between tries; nil is the clock.
	Wait func(ctx context.Context, d time.Duration) error
}

// Collection is one that a server offers (TAXII 2.1, 5.2).
type Collection struct {
	Root        string   `json:"-"` // URL of its API root
	ID          string   `json:"id"`
	Title       string   `json:"title"`
	Description string   `json:"description"`
	CanRead     bool     `json:"can_read"`
	MediaTypes  []string `json:"media_types"`
}

// Fetched says what a fetch brought.
type Fetched struct {
	Objects int
	Pages   int
	// Newest is when the server had the last object added, as it wrote it; "" if
	// it did not say. The next fetch begins there.
	Newest string
}

// Errors that callers branch on.
var (
	ErrDenied = errors.New("the server does not let us in")
	ErrAbsent = errors.New("the server has no such thing")
	ErrServer = errors.New("the server answers wrongly")
)

// Collections lists what the server offers: of the API root that URL is, or of
// all API roots that discovery names and that are on the same host.
func (c *Client) Collections(ctx context.Context) (list []Collection, elsewhere []string, err error) {
	var d struct {
		Roots    []string `json:"api_roots"`
		Versions []string `json:"versions"`
	}
	if _, err := c.get(ctx, c.URL, nil, &d); err != nil {
		return nil, nil, err
	}
	roots, said := d.Roots, 0
	if len(d.Versions) > 0 || len(roots) == 0 {
		roots = []string{c.URL.String()}
	}
	if len(roots) > maxEntries {
		return nil, nil, fmt.Errorf("%w: %d API roots", ErrServer, len(roots))
	}
	for _, r := range roots {
		u, err := c.URL.Parse(r)
		if err != nil || u.Host != c.URL.Host || u.Scheme != c.URL.Scheme {
			elsewhere = append(elsewhere, r)
			continue
		}
		u.Path = strings.TrimSuffix(u.Path, "/") + "/"
		var answer struct {
			Collections []Collection `json:"collections"`
		}
		if _, err := c.get(ctx, u.JoinPath("collections/"), nil, &answer); err != nil {
			return nil, elsewhere, err
		}
		if len(list)+len(answer.Collections) > maxEntries {
			return nil, elsewhere, fmt.Errorf("%w: more than %d collections", ErrServer, maxEntries)
		}
		for _, x := range answer.Collections {
			x.Root = u.String()
			for _, s := range append(x.MediaTypes, x.Root, x.ID, x.Title, x.Description) {
				said += len(s)
			}
			if said > maxListed {
				return nil, elsewhere, fmt.Errorf("%w: it says more than %d bytes of its collections", ErrServer, maxListed)
			}
			list = append(list, x)
		}
	}
	return list, elsewhere, nil
}

// Fetch writes all objects of a collection that were added after the given time
// ("" for all) as one STIX bundle to w, page by page. What was written before
// an error is no whole bundle: the caller MUST NOT keep it.
func (c *Client) Fetch(ctx context.Context, x Collection, after string, w io.Writer) (f Fetched, err error) {
	root, err := url.Parse(x.Root)
	if err != nil {
		return f, fmt.Errorf("%w: API root %q", ErrServer, x.Root)
	}
	if x.ID == "" || strings.ContainsAny(x.ID, "/\\?#") || x.ID == "." || x.ID == ".." {
		return f, fmt.Errorf("%w: a collection of id %q", ErrServer, x.ID)
	}
	at := root.JoinPath("collections", x.ID, "objects/")
	if _, err := io.WriteString(w, `{"type":"bundle","objects":[`); err != nil {
		return f, err
	}
	next := ""
	room := c.Most
	if room == 0 {
		room = maxBundle
	}
	for {
		q := url.Values{"limit": {strconv.Itoa(pageSize)}}
		if after != "" {
			q.Set("added_after", after)
		}
		if next != "" {
			q.Set("next", next)
		}
		var page struct {
			More    bool            `json:"more"`
			Next    string          `json:"next"`
			Objects json.RawMessage `json:"objects"`
		}
		head, err := c.get(ctx, at, q, &page)
		if err != nil {
			return f, err
		}
		before := f.Objects
		err = eachObject(page.Objects, func(o json.RawMessage) error {
			if room -= int64(len(o)); room < 0 {
				return fmt.Errorf("%w: more bytes than are taken at once after %d objects; fetch what is newer than a time (--added-after)", ErrServer, f.Objects)
			}
			sep := ",\n"
			if f.Objects == 0 {
				sep = "\n"
			}
			if _, err := io.WriteString(w, sep); err != nil {
				return err
			}
			if _, err := w.Write(o); err != nil {
				return err
			}
			f.Objects++
			return nil
		})
		if err != nil {
			return f, err
		}
		f.Pages++
		if s := head.Get("X-TAXII-Date-Added-Last"); s != "" {
			f.Newest = s
		}
		if !page.More {
			break
		}
		if page.Next == "" || f.Objects == before || f.Pages == maxPages { // the same next is none: a server may keep the place itself
			return f, fmt.Errorf("%w: page %d says that more follows, but leads nowhere", ErrServer, f.Pages)
		}
		next = page.Next
	}
	_, err = io.WriteString(w, "\n]}\n")
	return f, err
}

// eachObject gives the objects of a page one by one: millions of empty ones would be many times
// their bytes in memory.
func eachObject(list json.RawMessage, do func(json.RawMessage) error) error {
	if len(list) == 0 || string(list) == "null" {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(list))
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return fmt.Errorf("%w: the objects of a page are no list", ErrServer)
	}
	for d.More() {
		var o json.RawMessage
		if err := d.Decode(&o); err != nil {
			return fmt.Errorf("%w: %w", ErrServer, err)
		}
		if o[0] != '{' {
			return fmt.Errorf("%w: an object of a page is %.20q", ErrServer, o)
		}
		if err := do(o); err != nil {
			return err
		}
	}
	return nil
}

// retryAfter is how long a server asks to be left alone: in seconds, or until a time (RFC 9110, 10.2.3).
func retryAfter(s string, now time.Time) time.Duration {
	if t, err := http.ParseTime(s); err == nil {
		return min(max(t.Sub(now), 0), maxWait)
	}
	n, _ := strconv.Atoi(s) // the largest of what is larger
	return time.Duration(min(max(n, 0), int(maxWait/time.Second))) * time.Second
}

// client follows no redirect to another host: the login would go there.
func (c *Client) client() *http.Client {
	h := http.Client{Timeout: time.Minute}
	if c.HTTP != nil {
		h = *c.HTTP
	}
	h.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if r.URL.Host != via[0].URL.Host || r.URL.Scheme != via[0].URL.Scheme || len(via) > 5 {
			return fmt.Errorf("%w: it redirects to %s://%s", ErrServer, r.URL.Scheme, r.URL.Host)
		}
		return nil
	}
	return &h
}

// get fetches one resource, again when the server says that it is busy.
func (c *Client) get(ctx context.Context, at *url.URL, q url.Values, into any) (http.Header, error) {
	u := *at
	u.RawQuery = q.Encode()
	for try := 1; ; try++ {
		head, again, err := c.once(ctx, &u, into)
		if err == nil || again < 0 || try == maxTries {
			if err != nil {
				err = fmt.Errorf("fetching %s: %w", at.Redacted(), err)
			}
			return head, err
		}
		if err := c.wait(ctx, max(again, time.Duration(try)*time.Second)); err != nil {
			return nil, fmt.Errorf("fetching %s: %w", at.Redacted(), err)
		}
	}
}

func (c *Client) wait(ctx context.Context, d time.Duration) error {
	if c.Wait != nil {
		return c.Wait(ctx, d)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// once sends one request. again is how long to wait before the next try, below
// 0 for never.
func (c *Client) once(ctx context.Context, u *url.URL, into any) (head http.Header, again time.Duration, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, -1, err
	}
	r.Header.Set("Accept", mediaType)
	switch {
	case c.Login.Token != "":
		r.Header.Set("Authorization", "Bearer "+c.Login.Token)
	case c.Login.User != "":
		r.SetBasicAuth(c.Login.User, c.Login.Password)
	}
	a, err := c.client().Do(r)
	if err != nil {
		if errors.Is(err, ErrServer) || ctx.Err() != nil {
			return nil, -1, err
		}
		return nil, 0, err
	}
	defer a.Body.Close()
	switch {
	case a.StatusCode == http.StatusTooManyRequests || a.StatusCode >= 500:
		return nil, retryAfter(a.Header.Get("Retry-After"), time.Now()), fmt.Errorf("%w: %s", ErrServer, a.Status)
	case a.StatusCode == http.StatusUnauthorized || a.StatusCode == http.StatusForbidden:
		return nil, -1, fmt.Errorf("%w: %s", ErrDenied, a.Status)
	case a.StatusCode == http.StatusNotFound:
		return nil, -1, fmt.Errorf("%w: %s", ErrAbsent, a.Status)
	case a.StatusCode != http.StatusOK && a.StatusCode != http.StatusPartialContent:
		return nil, -1, fmt.Errorf("%w: %s", ErrServer, a.Status)
	}
	if kind, _, err := mime.ParseMediaType(a.Header.Get("Content-Type")); err != nil || kind != "application/taxii+json" {
		return nil, -1, fmt.Errorf("%w: it sends %.80q, expected %s", ErrServer, a.Header.Get("Content-Type"), mediaType)
	}
	b, err := io.ReadAll(io.LimitReader(a.Body, maxAnswer+1))
	if err != nil {
		return nil, 0, err
	}
	if len(b) > maxAnswer {
		return nil, -1, fmt.Errorf("%w: more than %d bytes", ErrServer, maxAnswer)
	}
	if err := json.NewDecoder(bytes.NewReader(b)).Decode(into); err != nil {
		return nil, -1, fmt.Errorf("%w: %w", ErrServer, err)
	}
	return a.Header, -1, nil
}
