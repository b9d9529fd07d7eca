package taxii

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"
)

// answer is what the server says to a path.
type answer struct {
	status int
	kind   string
	body   string
	head   map[string]string
}

func serve(t *testing.T, answers func(r *http.Request) answer) *Client {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := answers(r)
		if a.kind == "" {
			a.kind = mediaType
		}
		w.Header().Set("Content-Type", a.kind)
		for k, v := range a.head {
			w.Header().Set(k, v)
		}
		if a.status != 0 {
			w.WriteHeader(a.status)
		}
		fmt.Fprint(w, a.body)
	}))
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL + "/taxii2/")
	if err != nil {
		t.Fatal(err)
	}
	return &Client{URL: u, Login: Login{User: "saksi", Password: "rahsia"}, Wait: func(context.Context, time.Duration) error { return nil }}
}

// TestFetch proves that pages become one bundle, that a busy server is asked
// again, and that the login is sent.
func TestFetch(t *testing.T) {
	busy := 0
	c := serve(t, func(r *http.Request) answer {
		if u, p, ok := r.BasicAuth(); !ok || u != "saksi" || p != "rahsia" || r.Header.Get("Accept") != mediaType {
			return answer{status: 401}
		}
		switch r.URL.Path {
		case "/taxii2/":
			return answer{body: `{"title":"t","api_roots":["/api1/","https://elsewhere.example/api/"]}`}
		case "/api1/collections/":
			return answer{body: `{"collections":[{"id":"c1","title":"T","can_read":true}]}`}
		case "/api1/collections/c1/objects/":
			if busy++; busy < 3 {
				return answer{status: 503, head: map[string]string{"Retry-After": "1"}}
			}
			if r.URL.Query().Get("added_after") != "2026-01-01T00:00:00Z" {
				return answer{status: 400}
			}
			if r.URL.Query().Get("next") == "2" {
				return answer{body: `{"objects":[{"type":"indicator","id":"b"}]}`, head: map[string]string{"X-TAXII-Date-Added-Last": "2026-02-02T00:00:00Z"}}
			}
			return answer{body: `{"more":true,"next":"2","objects":[{"type":"indicator","id":"a"}]}`}
		}
		return answer{status: 404}
	})
	list, elsewhere, err := c.Collections(context.Background())
	if err != nil || len(list) != 1 || list[0].ID != "c1" || len(elsewhere) != 1 {
		t.Fatal(err, list, elsewhere)
	}
	var b bytes.Buffer
	f, err := c.Fetch(context.Background(), list[0], "2026-01-01T00:00:00Z", &b)
	if err != nil || f.Objects != 2 || f.Pages != 2 || f.Newest != "2026-02-02T00:00:00Z" {
		t.Fatal(err, f)
	}
	var bundle struct {
		Type    string
		Objects []struct{ ID string }
	}
	if err := json.Unmarshal(b.Bytes(), &bundle); err != nil || bundle.Type != "bundle" || len(bundle.Objects) != 2 || bundle.Objects[1].ID != "b" {
		t.Errorf("%v: %s", err, b.String())
	}
}

// TestHostile proves that no answer of a server hangs, fills the memory, or
// leads the client and its login elsewhere.
func TestHostile(t *testing.T) {
	stolen := false
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { stolen = true }))
	defer thief.Close()
	for name, c := range map[string]struct {
		a    answer
		want error
	}{
		"redirect elsewhere": {answer{status: 302, head: map[string]string{"Location": thief.URL}}, ErrServer},
		"html":               {answer{kind: "text/html", body: "<a>"}, ErrServer},
		"no json":            {answer{body: `{"more":`}, ErrServer},
		"denied":             {answer{status: 403}, ErrDenied},
		"absent":             {answer{status: 404}, ErrAbsent},
		"always busy":        {answer{status: 429, head: map[string]string{"Retry-After": "999999999999"}}, ErrServer},
		"more without next":  {answer{body: `{"more":true}`}, ErrServer},
		"the same next":      {answer{body: `{"more":true,"next":"x"}`}, ErrServer},
		"too long":           {answer{body: strings.Repeat(" ", maxAnswer+1)}, ErrServer},
	} {
		cl := serve(t, func(*http.Request) answer { return c.a })
		_, err := cl.Fetch(context.Background(), Collection{Root: cl.URL.String(), ID: "c"}, "", &bytes.Buffer{})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "rahsia") {
			t.Errorf("%s shows the password: %v", name, err)
		}
	}
	if stolen {
		t.Error("the client went elsewhere")
	}
	cl := serve(t, func(*http.Request) answer { return answer{} })
	for _, id := range []string{"", "..", "a/../../b", "a?b"} {
		if _, err := cl.Fetch(context.Background(), Collection{Root: cl.URL.String(), ID: id}, "", &bytes.Buffer{}); !errors.Is(err, ErrServer) {
			t.Errorf("a collection of id %q: %v", id, err)
		}
	}
}

// TestEndless proves that a server that always has one page more fills no disk.
func TestEndless(t *testing.T) {
	page := 0
	cl := serve(t, func(*http.Request) answer {
		page++
		return answer{body: fmt.Sprintf(`{"more":true,"next":"%d","objects":[{"id":"x","value":"%s"}]}`, page, strings.Repeat("a", 1000))}
	})
	cl.Most = 10_500
	f, err := cl.Fetch(context.Background(), Collection{Root: cl.URL.String(), ID: "c"}, "", &bytes.Buffer{})
	if !errors.Is(err, ErrServer) || f.Objects != 10 {
		t.Errorf("%+v, %v", f, err)
	}
}

// TestManyObjects: what a page holds is counted by its bytes, however small its objects are, and
// what is none is refused.
func TestManyObjects(t *testing.T) {
	const many = 200_000
	body := `{"objects":[` + strings.Repeat("{},", many-1) + "{}]}"
	cl := serve(t, func(*http.Request) answer { return answer{body: body} })
	fetch := func() (Fetched, error) {
		return cl.Fetch(context.Background(), Collection{Root: cl.URL.String(), ID: "c"}, "", &bytes.Buffer{})
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f, err := fetch()
	runtime.ReadMemStats(&after)
	if err != nil || f.Objects != many {
		t.Errorf("%+v, %v", f, err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > uint64(40*len(body)) {
		t.Errorf("%d bytes were taken for %d", n, len(body))
	}
	for _, body = range []string{`{"objects":{}}`, `{"objects":[1]}`, `{"objects":["x"]}`} {
		if _, err := fetch(); !errors.Is(err, ErrServer) {
			t.Errorf("%s: %v", body, err)
		}
	}
	body = `{"objects":null}`
	if f, err := fetch(); err != nil || f.Objects != 0 {
		t.Errorf("%+v, %v", f, err)
	}
}

// TestManyRoots: what all API roots say together is bounded.
func TestManyRoots(t *testing.T) {
	roots := make([]string, 100)
	for i := range roots {
		roots[i] = fmt.Sprintf("/api%d/", i)
	}
	list, _ := json.Marshal(map[string]any{"api_roots": roots})
	asked := 0
	cl := serve(t, func(r *http.Request) answer {
		if r.URL.Path == "/taxii2/" {
			return answer{body: string(list)}
		}
		asked++
		return answer{body: `{"collections":[{"id":"x","description":"` + strings.Repeat("a", 4<<20) + `"}]}`}
	})
	if _, _, err := cl.Collections(context.Background()); !errors.Is(err, ErrServer) || asked > 5 {
		t.Errorf("after %d roots: %v", asked, err)
	}
}

// TestRetryAfter: every form of it is bounded.
func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 28, 8, 0, 0, 0, time.UTC)
	for s, want := range map[string]time.Duration{
		"": 0, "x": 0, "-5": 0, "7": 7 * time.Second, "999999999999": maxWait, "99999999999999999999999999": maxWait,
		"Sat, 28 Nov 2026 08:00:30 GMT": 30 * time.Second, "Sat, 28 Nov 2026 07:00:00 GMT": 0, "Sat, 28 Nov 2099 08:00:00 GMT": maxWait,
	} {
		if got := retryAfter(s, now); got != want {
			t.Errorf("%q: %v, expected %v", s, got, want)
		}
	}
}
