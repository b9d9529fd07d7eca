package indextest_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/elastic"
	"saksi/findings/indextest"
	"saksi/findings/local"
	"saksi/findings/query"
)

const (
	// envAlike is over how many documents both indices are held to each other; an
	// ordinary run takes few.
	envAlike = "SAKSI_ALIKE"
	// envCA is a PEM file of the authority of a node with TLS, whose address then holds a login.
	envCA        = "SAKSI_TEST_ES_CA"
	someAlike    = 1_000
	alikeQueries = 200
	// mostPages is how many pages of a query are fetched; beyond them the total and
	// the aggregations are compared.
	mostPages = 3
)

// asker makes queries from what documents hold, so that most find something; the
// same documents and seed make the same ones.
type asker struct {
	r      *rand.Rand
	events []*event.Event
	fields []event.Field
}

// escape writes a value as a term.
func escape(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r < 0x80 && !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_' || r == '.') {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func quote(s string) string { return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"` }

// pick is a field of one of the types (any, when none is named) and a value of it.
func (a *asker) pick(types ...event.Type) (event.Field, string) {
	for {
		e, f := a.events[a.r.IntN(len(a.events))], a.fields[a.r.IntN(len(a.fields))]
		if len(types) > 0 && !slices.Contains(types, f.Type()) {
			continue
		}
		var all []string
		for v := range e.Values(f) {
			all = append(all, string(v.AppendText(nil)))
		}
		if len(all) > 0 {
			return f, all[a.r.IntN(len(all))]
		}
	}
}

// glob puts a wildcard into a value.
func (a *asker) glob(v string) string {
	r := []rune(v)
	at := a.r.IntN(len(r) + 1)
	switch a.r.IntN(4) {
	case 0:
		return escape(string(r[:at])) + "*"
	case 1:
		return "*" + escape(string(r[at:]))
	case 2:
		at = a.r.IntN(len(r))
		return escape(string(r[:at])) + "?" + escape(string(r[at+1:]))
	}
	end := at + a.r.IntN(len(r)-at+1)
	return escape(string(r[:at])) + "*" + escape(string(r[end:]))
}

// leaf is one condition of the given shape.
func (a *asker) leaf(shape int) string {
	switch shape % 10 {
	case 0:
		f, v := a.pick(event.Keyword)
		return f.Name() + ":" + escape(v)
	case 1:
		f, v := a.pick()
		return f.Name() + ":" + quote(v)
	case 2:
		f, v := a.pick(event.Keyword)
		return f.Name() + ":" + a.glob(v)
	case 3:
		f, _ := a.pick()
		return f.Name() + ":*"
	case 4: // a range between two values, open or not
		f, x := a.pick()
		if f.Type() == event.Boolean {
			return f.Name() + ":" + x
		}
		g, y := a.pick(f.Type())
		for g != f {
			g, y = a.pick(f.Type())
		}
		return f.Name() + ":" + []string{"[", "{"}[a.r.IntN(2)] + quote(x) + " TO " + quote(y) + []string{"]", "}"}[a.r.IntN(2)]
	case 5:
		f, v := a.pick(event.Long, event.Date)
		return f.Name() + ":" + []string{">", ">=", "<", "<="}[a.r.IntN(4)] + quote(v)
	case 6: // a network around an address
		f, v := a.pick(event.IP)
		bits := 32
		if strings.Contains(v, ":") {
			bits = 128
		}
		return f.Name() + ":" + quote(v+"/"+strconv.Itoa(a.r.IntN(bits+1)))
	case 7: // words side by side, whole or not
		_, v := a.pick(event.Keyword, event.Text)
		w := query.Tokens(v)
		if len(w) == 0 {
			return "*"
		}
		at := a.r.IntN(len(w))
		return quote(strings.Join(w[at:at+1+a.r.IntN(len(w)-at)], " "))
	case 8: // the beginning of a word
		_, v := a.pick(event.Keyword, event.Text)
		w := query.Tokens(v)
		if len(w) == 0 {
			return "*"
		}
		r := []rune(w[a.r.IntN(len(w))])
		return escape(string(r[:1+a.r.IntN(len(r))])) + "*"
	}
	f, v := a.pick(event.Keyword)
	g, w := a.pick(event.Keyword)
	for g != f {
		g, w = a.pick(event.Keyword)
	}
	return f.Name() + ":(" + escape(v) + []string{" OR ", " AND ", " "}[a.r.IntN(3)] + escape(w) + ")"
}

// query is the query of a number: each shape as often, alone and combined.
func (a *asker) query(n int) string {
	q := a.leaf(n)
	for range a.r.IntN(4) {
		more := a.leaf(a.r.IntN(10))
		switch a.r.IntN(6) {
		case 0:
			q = "(" + q + ") AND " + more
		case 1:
			q = "(" + q + ") OR " + more
		case 2:
			q = "(" + q + ") AND NOT " + more
		case 3:
			q = "NOT (" + q + ")"
		case 4:
			q = "+(" + q + ") -" + more
		case 5:
			q = more + " (" + q + ")"
		}
	}
	return q
}

// TestElasticAlike proves that both indices give the same documents in the same
// order, the same totals and the same aggregations for 200 generated queries.
func TestElasticAlike(t *testing.T) {
	url := os.Getenv("SAKSI_TEST_ES")
	if url == "" {
		t.Skip("needs an Elasticsearch node: run by make integration")
	}
	count := someAlike
	if v := os.Getenv(envAlike); v != "" {
		var err error
		if count, err = strconv.Atoi(v); err != nil || count < 1 {
			t.Fatalf("%s: %q is no number of documents", envAlike, v)
		}
	}
	ctx := t.Context()
	loc, err := local.Open(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer loc.Close()
	cfg := elastic.Config{URL: url, Agency: "a" + strconv.FormatInt(time.Now().UnixNano(), 36)}
	if file := os.Getenv(envCA); file != "" {
		if cfg.CA, err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	ela, err := elastic.Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer ela.Close()
	docs := indextest.Docs(count)
	for batch := range slices.Chunk(docs, 20_000) {
		for _, ix := range []findings.Index{loc, ela} {
			if res, err := ix.Put(ctx, batch); err != nil || res.Stored != len(batch) {
				t.Fatalf("%+v, %v", res, err)
			}
		}
	}
	seed := uint64(1)
	if v := os.Getenv("SAKSI_SEED"); v != "" {
		if seed, err = strconv.ParseUint(v, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	a := &asker{r: rand.New(rand.NewPCG(seed, 0))}
	for _, d := range docs[:min(len(docs), 500)] {
		e, err := event.Parse(d.Body)
		if err != nil {
			t.Fatal(err)
		}
		a.events = append(a.events, e)
		for v := range e.All() {
			if f := v.Field; !slices.Contains(a.fields, f) {
				a.fields = append(a.fields, f)
			}
		}
	}
	var sorts []string
	for _, f := range a.fields {
		if slices.Contains(local.Sortable(), f.Name()) {
			sorts = append(sorts, f.Name())
		}
	}
	empty, differ, ids := 0, 0, 0
	for n := range alikeQueries {
		q := a.query(n)
		g := a.fields[a.r.IntN(len(a.fields))]
		req := findings.Request{Query: q, Size: 1 + a.r.IntN(300)}
		if n%3 > 0 { // Elasticsearch sorts by more fields than the embedded index
			req.Sort = []findings.Sort{{Field: sorts[a.r.IntN(len(sorts))], Desc: n%2 == 0}}
		}
		total, seen, err := alike(ctx, loc, ela, req, g)
		if err != nil {
			differ++
			t.Errorf("query %d, %s, sorted %v, %d a page: %v", n, q, req.Sort, req.Size, err)
		}
		if total == 0 {
			empty++
		}
		ids += seen
	}
	if empty > alikeQueries/4 {
		t.Errorf("%d of %d queries find nothing: they prove little", empty, alikeQueries)
	}
	t.Logf("%d documents, %d queries, %d find nothing, %d ids compared in order, %d differ", count, alikeQueries, empty, ids, differ)
}

// alike asks both for a request, page by page, and for the aggregations of its
// query by a field and by time.
func alike(ctx context.Context, x, y findings.Index, r findings.Request, by event.Field) (total int64, ids int, err error) {
	rx, ry := r, r
	for page := 0; ; page++ {
		px, errX := x.Search(ctx, rx)
		py, errY := y.Search(ctx, ry)
		if err := cmp.Or(errX, errY); err != nil {
			return total, ids, fmt.Errorf("page %d: %v and %v", page, errX, errY)
		}
		total = px.Total
		if px.Total != py.Total || len(px.Docs) != len(py.Docs) || (px.Next == "") != (py.Next == "") {
			return total, ids, fmt.Errorf("page %d: %d of %d documents, the other %d of %d", page, len(px.Docs), px.Total, len(py.Docs), py.Total)
		}
		for i, d := range px.Docs {
			if e := py.Docs[i]; d.ID != e.ID || string(d.Body) != string(e.Body) {
				return total, ids, fmt.Errorf("page %d, document %d: %s, the other %s", page, i, d.Body, e.Body)
			}
		}
		ids += len(px.Docs)
		rx.After, ry.After = px.Next, py.Next
		if px.Next == "" || page+1 == mostPages {
			break
		}
	}
	if by.Type() != event.Date && by.Type() != event.Text {
		tx, errX := x.Terms(ctx, r.Query, by.Name(), 20)
		ty, errY := y.Terms(ctx, r.Query, by.Name(), 20)
		if errX != nil || errY != nil || !slices.Equal(tx, ty) {
			return total, ids, fmt.Errorf("terms of %s: %v (%v), the other %v (%v)", by.Name(), tx, errX, ty, errY)
		}
	}
	hx, errX := x.Histogram(ctx, r.Query, time.Hour)
	hy, errY := y.Histogram(ctx, r.Query, time.Hour)
	if errX != nil || errY != nil || !slices.Equal(hx, hy) {
		return total, ids, fmt.Errorf("histogram: %d buckets (%v), the other %d (%v)", len(hx), errX, len(hy), errY)
	}
	return total, ids, nil
}
