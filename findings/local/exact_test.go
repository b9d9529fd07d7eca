package local

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/indextest"
	"saksi/findings/query"
)

// odd are values that are hard to get right: words that are their own tokens and
// that are not, the bytes around a wildcard, text over the limit of words, a
// letter that stands between values.
var odd = []string{
	"a", "A", "ab", "a b", "b a", "a-b", "*", "?", "a*b", `a\b`, "443", "-443", "0443", "İstanbul", "i̇stanbul", "ß", "ﬀ", "\U00010300\U00010300",
	"x\U00010300", "日本", "日本 a", "\x1f", "e\u0301", strings.Repeat("w", 80),
}

// large are values that are near the limit of words of a document, or over it
// together.
var large = []string{strings.Repeat("q ", 3000), strings.Repeat("long ", 1500)}

// randomDoc makes a document of any fields, with values that repeat.
func randomDoc(r *rand.Rand, fields []event.Field) findings.Doc {
	for {
		var e event.Event
		at := indextest.Base.UnixNano() + r.Int64N(int64(40*24*time.Hour))
		if r.IntN(50) == 0 {
			at = r.Int64N(1e18) - 5e17 // before 1970 too
		}
		e.Time(event.Timestamp, at)
		e.Str(event.EventDataset, "saksi."+[]string{"flow", "dns", "alert"}[r.IntN(3)])
		for range r.IntN(8) {
			f := fields[r.IntN(len(fields))]
			for range 1 + r.IntN(3) {
				addRandom(r, &e, f)
			}
		}
		body := e.AppendJSON(nil)
		id, _ := e.GetStr(event.EventID)
		set, _ := e.GetStr(event.EventDataset)
		p, err := event.Parse(body)
		if err != nil || p.ID() != id {
			continue // a value that JSON can't hold as it is
		}
		return findings.Doc{ID: id, Dataset: dataset(set), Time: time.Unix(0, at).UTC(), Body: body}
	}
}

func addRandom(r *rand.Rand, e *event.Event, f event.Field) {
	switch f.Type() {
	case event.Keyword, event.Text:
		switch n := r.IntN(200); {
		case n == 0:
			e.Str(f, large[r.IntN(len(large))])
			return
		case n < 60:
			e.Str(f, fmt.Sprintf("v%d", r.IntN(1000)))
			return
		}
		e.Str(f, odd[r.IntN(len(odd))])
	case event.Long:
		e.Int(f, []int64{0, 1, -1, 443, -443, 1<<63 - 1, -1 << 63, int64(r.IntN(1000))}[r.IntN(8)])
	case event.Float:
		e.Float(f, []float64{0, 1.5, -1.5, 1e300, -0.25, float64(r.IntN(10))}[r.IntN(6)])
	case event.Boolean:
		e.Bool(f, r.IntN(2) == 0)
	case event.Date:
		e.Time(f, indextest.Base.UnixNano()+int64(r.IntN(5))*1e9)
	case event.IP:
		e.Addr(f, netip.MustParseAddr([]string{"192.0.2.1", "192.0.2.200", "::ffff:192.0.2.1", "2001:db8::1", "::", "255.255.255.255"}[r.IntN(6)]))
	}
}

func randomQuery(r *rand.Rand, fields []event.Field, depth int) string {
	if depth > 0 && r.IntN(2) == 0 {
		a, b := randomQuery(r, fields, depth-1), randomQuery(r, fields, depth-1)
		return []string{"(" + a + ") AND (" + b + ")", "(" + a + ") OR (" + b + ")", "NOT (" + a + ")", "+(" + a + ") -(" + b + ")"}[r.IntN(4)]
	}
	quote := func(s string) string { return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"` }
	f := fields[r.IntN(len(fields))]
	one := func() string {
		var e event.Event
		addRandom(r, &e, f)
		v, _ := e.Last(f)
		return quote(string(v.AppendText(nil)))
	}
	switch r.IntN(8) {
	case 0:
		return quote(odd[r.IntN(len(odd))])
	case 1:
		return []string{"a*", "v1*", "44*", "2*", "日*", "q*", "zzz*", "\U00010300*", "qq", "long", `"long long"`, "w*"}[r.IntN(12)]
	case 2:
		return f.Name() + ":*"
	case 3:
		if f.Type() == event.Keyword || f.Type() == event.Text {
			return f.Name() + ":" + []string{"a*", "*b", `a\*b`, "?", "v?", "*", "v*1", "İ*"}[r.IntN(8)]
		}
	case 4, 5:
		if f.Type() != event.Boolean {
			return f.Name() + ":" + []string{"[", "{"}[r.IntN(2)] + one() + " TO " + one() + []string{"]", "}"}[r.IntN(2)]
		}
	case 6:
		return []string{"@timestamp:>2026-12-01", "@timestamp:[2026-12-05 TO 2026-12-09}", "@timestamp:<1980", "@timestamp:2026-12"}[r.IntN(4)]
	}
	if f.Type() == event.IP && r.IntN(2) == 0 {
		return f.Name() + `:"` + []string{"192.0.2.0/24", "::/0", "0.0.0.0/0", "::ffff:0:0/96", "2001:db8::/32"}[r.IntN(5)] + `"`
	}
	return f.Name() + ":" + one()
}

// parsed is a document and its event.
type parsed struct {
	findings.Doc
	event *event.Event
}

func parse(t *testing.T, d findings.Doc) parsed {
	t.Helper()
	e, err := event.Parse(d.Body)
	if err != nil {
		t.Fatal(err)
	}
	return parsed{d, e}
}

// slow decides a query document by document.
func slow(t *testing.T, docs map[string]parsed, q string) (ids []string, events []*event.Event) {
	n, err := query.Parse(q)
	if err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	for id := range docs {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	out := ids[:0]
	for _, id := range ids {
		if e := docs[id].event; n.Match(e) {
			out = append(out, id)
			events = append(events, e)
		}
	}
	return out, events
}

// same holds an index against the slow way: the documents of queries, their
// order, counts by values and by time.
func same(t *testing.T, r *rand.Rand, ix *Index, docs map[string]parsed, fields []event.Field, queries int) {
	t.Helper()
	for range queries {
		q := randomQuery(r, fields, 2)
		want, events := slow(t, docs, q)
		got, err := indextest.All(t.Context(), ix, q)
		if err != nil {
			t.Fatalf("%s: %v", q, err)
		}
		inTime := slices.Clone(want)
		slices.SortStableFunc(inTime, func(a, b string) int { return docs[b].Time.Compare(docs[a].Time) })
		if !slices.Equal(got, inTime) {
			t.Fatalf("%s: %d documents, expected %d, or in another order", q, len(got), len(want))
		}
		f := fields[r.IntN(len(fields))]
		if f.Type() != event.Date {
			counts := map[string]int64{}
			for _, e := range events {
				seen := map[string]bool{}
				for v := range e.Values(f) {
					if k := string(v.AppendText(nil)); !seen[k] {
						seen[k] = true
						counts[k]++
					}
				}
			}
			size := 1 + r.IntN(30)
			if got, err := ix.Terms(t.Context(), q, f.Name(), size); err != nil || !slices.Equal(got, findings.TopBuckets(counts, size)) {
				t.Fatalf("terms of %s for %s: %v, %v, expected %v", f.Name(), q, got, err, findings.TopBuckets(counts, size))
			}
		}
		every := []time.Duration{time.Hour, 24 * time.Hour, 30 * 24 * time.Hour}[r.IntN(3)]
		times := map[int64]int64{}
		for _, e := range events {
			ns, _ := e.GetTime(event.Timestamp)
			m := ns % int64(every)
			if m < 0 {
				m += int64(every)
			}
			times[ns-m]++
		}
		if got, err := ix.Histogram(t.Context(), q, every); err != nil || !slices.Equal(got, findings.TimeBuckets(times)) {
			t.Fatalf("histogram of %s by %s: %v, %v", q, every, got, err)
		}
	}
}

// TestExact proves that answers are exactly those of the slow way, over random
// documents of all fields that are put in batches of any size, some of them
// twice, merged, erased and compacted.
func TestExact(t *testing.T) {
	seeds := uint64(1)
	if os.Getenv("SAKSI_SOAK") == "1" {
		seeds = 20
	}
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 7))
		fields := event.AllFields()
		fields = slices.DeleteFunc(fields, func(f event.Field) bool {
			return f == event.Timestamp || f == event.EventID || f == event.EventDataset || f == event.SaksiTruncated || r.IntN(12) > 0
		})
		fields = append(fields, event.SaksiCase, event.SourceIP, event.DestinationPort, event.ThreatTechniqueID, event.EventRiskScore)
		ix, err := Open(t.Context(), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer ix.Close()
		docs := map[string]parsed{}
		var all []findings.Doc
		put := func(n int) {
			var list []findings.Doc
			for range n {
				if len(all) > 0 && r.IntN(10) == 0 {
					list = append(list, all[r.IntN(len(all))])
					continue
				}
				list = append(list, randomDoc(r, fields))
			}
			before := len(docs)
			for _, d := range list {
				if _, ok := docs[d.ID]; !ok {
					docs[d.ID] = parse(t, d)
				}
			}
			all = append(all, list...)
			res, err := ix.Put(t.Context(), list)
			if err != nil || res.Stored != len(docs)-before || res.Stored+res.Duplicate != n {
				t.Fatalf("%d stored, %d duplicate, %v, %v; %d of %d are new", res.Stored, res.Duplicate, res.Dead, err, len(docs)-before, n)
			}
		}
		for range 30 {
			put(1 + r.IntN(1<<r.IntN(8)))
		}
		put(chunk + 500)
		same(t, r, ix, docs, fields, 25)
		for _, c := range []string{"a", "v7"} {
			gone, _ := slow(t, docs, event.SaksiCase.Name()+":"+c)
			if n, err := ix.Erase(t.Context(), c); err != nil || n != int64(len(gone)) {
				t.Fatalf("erasing case %s: %d, %v, expected %d", c, n, err, len(gone))
			}
			for _, id := range gone {
				delete(docs, id)
			}
		}
		same(t, r, ix, docs, fields, 12)
		for range 20 {
			put(1 + r.IntN(40))
		}
		same(t, r, ix, docs, fields, 12)
		if err := ix.Compact(t.Context()); err != nil || len(ix.list) != 1 {
			t.Fatalf("compacted to %d segments, %v", len(ix.list), err)
		}
		same(t, r, ix, docs, fields, 25)
		for id, d := range docs {
			got, err := ix.Get(t.Context(), id)
			if err != nil || string(got.Body) != string(d.Body) || got.Dataset != d.Dataset || !got.Time.Equal(d.Time) {
				t.Fatalf("%s: %v", id, err)
			}
		}
	}
}

// TestReadWhileMerging proves that a reader, of the process or another, sees each
// document once at every moment in which a writer adds, merges and compacts.
func TestReadWhileMerging(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "index")
	w, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	docs := indextest.Docs(2000)
	if _, err := w.Put(t.Context(), docs[:1]); err != nil {
		t.Fatal(err)
	}
	r, err := OpenReadOnly(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	done := make(chan error, 1)
	go func() {
		for i := 1; i < len(docs); i += 13 {
			if _, err := w.Put(context.Background(), docs[i:min(i+13, len(docs))]); err != nil {
				done <- err
				return
			}
		}
		done <- w.Compact(context.Background())
	}()
	var last [2]int64 // of each reader
	reads := 0
	for running := true; running; reads++ {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			running = false
		default:
		}
		for i, ix := range []*Index{r, w} {
			p, err := ix.Search(t.Context(), findings.Request{Size: 10})
			if err != nil || p.Total < last[i] || p.Total > int64(len(docs)) || (p.Total-1)%13 != 0 && p.Total != int64(len(docs)) {
				t.Fatalf("%d documents after %d, %v", p.Total, last[i], err)
			}
			last[i] = p.Total
		}
	}
	if last != [2]int64{int64(len(docs)), int64(len(docs))} || reads < 10 {
		t.Errorf("%v documents, %d reads", last, reads)
	}
	if _, err := r.Get(t.Context(), docs[1999].ID); err != nil || errors.Is(err, findings.ErrNotFound) {
		t.Error(err)
	}
}
