// Package indextest is the contract of findings.Index as tests: every index
// passes Run, and gives the same ids for the same queries.
package indextest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sort"
	"testing"
	"time"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/query"
)

// Base is the time of the first generated document.
var Base = time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)

// Docs makes n documents of several kinds; the same n gives the same ones.
func Docs(n int) []findings.Doc {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	docs := make([]findings.Doc, 0, n)
	for i := range n {
		var e event.Event
		at := Base.Add(time.Duration(i*7%n) * 90 * time.Second)
		e.Time(event.Timestamp, at.UnixNano())
		dataset := pick("flow", "dns", "http", "entry", "alert")
		e.Str(event.EventDataset, "saksi."+dataset)
		e.Str(event.EventKind, "event")
		e.Int(event.EventSequence, int64(i))
		e.Addr(event.SourceIP, netip.AddrFrom4([4]byte{192, 0, 2, byte(r.IntN(20))}))
		if r.IntN(3) == 0 {
			e.Addr(event.DestinationIP, netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", r.IntN(5))))
		}
		e.Int(event.DestinationPort, int64(r.IntN(5)*100))
		e.Str(event.SaksiCase, pick("A-1", "A-2", "B/7 \"x\""))
		switch dataset {
		case "alert":
			e.Str(event.EventKind, "alert")
			e.Int(event.EventSeverity, int64(1+r.IntN(4)))
			e.Str(event.RuleName, pick("Scanner user agent", "Muat turun berniat jahat", "Implant [marker]", "Träger-Datei"))
			e.Str(event.ThreatTechniqueID, pick("T1190", "T1105"))
			if r.IntN(2) == 0 {
				e.Str(event.ThreatTechniqueID, pick("T1059", "T1059.001"))
			}
		case "http":
			e.Str(event.URLOriginal, pick("/index.html", "/../../etc/passwd", "/a b?q=*", "/login?user=ali"))
			e.Str(event.UserAgentOriginal, pick("curl/7.88.1", "sqlmap/1.7", "Mozilla/5.0 (X11; Linux)"))
		case "dns":
			e.Str(event.DNSQuestionName, pick("portal.agensi.example", "c2.jahat.example", "www.example.org"))
			e.Str(event.DNSAnswersData, fmt.Sprintf("198.51.100.%d", r.IntN(4)))
			e.Str(event.DNSAnswersData, fmt.Sprintf("198.51.100.%d", r.IntN(9)))
		case "entry":
			e.Str(event.FilePath, pick("/Users/Siti/invois.pdf", "/etc/passwd", "/tmp/\u062f\u0648\u06a9\u0648\u0645\u0646.bin", "/a*b"))
			e.Bool(event.SaksiFileDeleted, r.IntN(2) == 0)
			e.Int(event.FileSize, int64(r.IntN(1000)))
			e.Time(event.FileMtime, at.Add(-time.Hour).UnixNano())
		}
		body := e.AppendJSON(nil)
		id, _ := e.GetStr(event.EventID)
		docs = append(docs, findings.Doc{ID: id, Dataset: dataset, Time: at, Body: body})
	}
	return docs
}

// Queries is what every index must answer alike.
var Queries = []string{
	"", "*", "event.kind:alert", "event.kind:Alert", "event.kind:(alert OR state)", "event.kind:alert AND event.severity:4",
	"event.kind:alert AND NOT threat.technique.id:T1190", "threat.technique.id:T1059*", "threat.technique.id:*", "NOT threat.technique.id:*",
	"threat.technique.id:(T1190 AND T1059.001)", "+event.kind:alert -event.severity:1", "-event.kind:alert", "event.severity:[2 TO 3]",
	"event.severity:{2 TO 4}", "event.severity:[3 TO *]", "event.severity:>=3", "event.severity:<2", "source.ip:192.0.2.3",
	"source.ip:192.0.2.0/29", "source.ip:[192.0.2.4 TO 192.0.2.6]", `destination.ip:"2001:db8::/126"`, `destination.ip:"2001:db8::1"`,
	"destination.ip:*", "destination.port:(100 OR 300)", "destination.port:[100 TO 300}", `Saksi.case:"B/7 \"x\""`, `Saksi.case:A-1`,
	`Saksi.case:B\/7\ \"x\"`, "Saksi.case:A-?", "Saksi.case:*-1", "rule.name:*marker*", `rule.name:"Implant [marker]"`, "rule.name:Implant*",
	"scanner", "Scanner", `"scanner user"`, `"user scanner"`, "sqlm*", "passwd", "passwd AND scanner", "passwd OR scanner", "träger", "TRÄGER",
	"\u062f\u0648\u06a9\u0648\u0645\u0646", `"192 0 2 3"`, "url.original:*passwd", `url.original:\/a*`, `url.original:"/a b?q=*"`, `file.path:\/a\*b`,
	"file.path:[/a TO /f]", "Saksi.file.deleted:true", "Saksi.file.deleted:false AND file.size:>500", "file.mtime:[2026-11-24T05 TO 2026-11-24T06]",
	"@timestamp:2026-11-24", "@timestamp:[2026-11-24T02:00:00Z TO 2026-11-24T03:00:00Z}", "@timestamp:>2026-11-24T10", "@timestamp:<=2026-11-24T01",
	"dns.answers.data:198.51.100.3", "dns.answers.data:(198.51.100.3 AND 198.51.100.1)", "dns.question.name:*.example", "user_agent.original:curl*",
	"user_agent.original:*", "event.sequence:17", "event.sequence:[10 TO 20]", "event.sequence:{10 TO 20}", "(event.kind:alert OR passwd) AND source.ip:192.0.2.0/28",
	"NOT (event.kind:alert OR event.dataset:saksi.dns)", "nothinglikeit", "event.kind:alert scanner", "a-b", "e*", "event.id:*",
}

// Run holds one empty index, made by open, to the contract.
func Run(t *testing.T, open func(t *testing.T) findings.Index) {
	ix := open(t)
	ctx := t.Context()
	docs := Docs(2000)
	if r, err := ix.Put(ctx, docs[:1500]); err != nil || r.Stored != 1500 || r.Duplicate != 0 || len(r.Dead) != 0 {
		t.Fatalf("first put: %d stored, %d duplicate, %d dead, %v", r.Stored, r.Duplicate, len(r.Dead), err)
	}
	t.Run("put is idempotent", func(t *testing.T) {
		r, err := ix.Put(ctx, docs[1000:])
		if err != nil || r.Stored != 500 || r.Duplicate != 500 || len(r.Dead) != 0 {
			t.Fatalf("%d stored, %d duplicate, %d dead, %v", r.Stored, r.Duplicate, len(r.Dead), err)
		}
	})
	t.Run("another body under an id is dead", func(t *testing.T) {
		d := docs[0]
		d.Body = docs[1].Body
		r, err := ix.Put(ctx, []findings.Doc{d, docs[2]})
		if err != nil || len(r.Dead) != 1 || r.Duplicate != 1 || r.Dead[0].Doc.ID != d.ID || r.Dead[0].Reason == "" {
			t.Fatalf("%+v, %v", r, err)
		}
	})
	t.Run("get", func(t *testing.T) {
		d, err := ix.Get(ctx, docs[7].ID)
		if err != nil || string(d.Body) != string(docs[7].Body) || !d.Time.Equal(docs[7].Time) || d.Dataset != docs[7].Dataset {
			t.Errorf("%+v, %v", d, err)
		}
		for _, id := range []string{docs[7].ID[:63] + "0", "x", ""} {
			if _, err := ix.Get(ctx, id); !errors.Is(err, findings.ErrNotFound) {
				t.Errorf("get of %q: %v", id, err)
			}
		}
	})
	t.Run("queries", func(t *testing.T) { runQueries(t, ix, docs) })
	t.Run("wrong queries", func(t *testing.T) {
		for _, q := range []string{"event.knd:alert", "(a", "a)", `"a`, "event.severity:high", "source.ip:999.1.1.1", "event.severity:[1 TO", "AND", "a AND", "source.ip:192*", "/x/", "a~2"} {
			var e *query.Error
			if _, err := ix.Search(ctx, findings.Request{Query: q}); !errors.As(err, &e) || e.Column < 1 {
				t.Errorf("%q: %v", q, err)
			}
		}
	})
	t.Run("sort and pages", func(t *testing.T) { runPages(t, ix, docs) })
	t.Run("aggregations", func(t *testing.T) { runAggregations(t, ix, docs) })
	t.Run("delete by case", func(t *testing.T) {
		want := int64(0)
		for _, d := range docs {
			if match(t, `Saksi.case:A-2`, d) {
				want++
			}
		}
		if n, err := ix.Erase(ctx, "A-2"); err != nil || n != want {
			t.Errorf("%d erased, expected %d, %v", n, want, err)
		}
		for _, q := range []string{"Saksi.case:A-2", `passwd AND Saksi.case:A-2`} {
			if p, err := ix.Search(ctx, findings.Request{Query: q}); err != nil || p.Total != 0 {
				t.Errorf("%s afterwards: %d, %v", q, p.Total, err)
			}
		}
		if p, err := ix.Search(ctx, findings.Request{}); err != nil || p.Total != int64(len(docs))-want {
			t.Errorf("%d left, expected %d, %v", p.Total, int64(len(docs))-want, err)
		}
	})
	t.Run("remove", func(t *testing.T) { runRemove(t, ix, docs) })
	t.Run("close while writing", func(t *testing.T) {
		done := make(chan error)
		go func() {
			var err error
			for i := 0; err == nil; i = (i + 10) % len(docs) {
				_, err = ix.Put(ctx, docs[i:i+10])
			}
			done <- err
		}()
		time.Sleep(20 * time.Millisecond)
		if err := ix.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if err := <-done; err == nil {
			t.Error("a closed index took documents")
		}
		if err := ix.Close(); err != nil {
			t.Errorf("second close: %v", err)
		}
	})
}

// runRemove holds a removal to its query, its time and what is held, of which a
// second step is asked again.
func runRemove(t *testing.T, ix findings.Index, docs []findings.Doc) {
	ctx := t.Context()
	before := Base.Add(20 * time.Hour)
	const q, held = "event.dataset:(saksi.dns OR saksi.http)", "source.ip:192.0.2.3 OR passwd"
	var want []string
	gone := int64(0)
	for _, d := range docs {
		switch {
		case match(t, "Saksi.case:A-2", d): // erased before
		case match(t, q, d) && d.Time.Before(before) && !match(t, held, d):
			gone++
		default:
			want = append(want, d.ID)
		}
	}
	asked := 0
	r := findings.Removal{Query: q, Before: before, Held: func(context.Context) (string, error) { asked++; return held, nil }}
	if n, err := ix.Remove(ctx, r); err != nil || n.Documents != gone || gone == 0 || n.Indices != 0 {
		t.Errorf("%+v removed, expected %d, %v", n, gone, err)
	}
	got, err := All(ctx, ix, "")
	sort.Strings(got)
	sort.Strings(want)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%d documents left, expected %d, %v", len(got), len(want), err)
	}
	if n, err := ix.Remove(ctx, r); err != nil || n.Documents != 0 {
		t.Errorf("again: %+v, %v", n, err)
	}
	if asked < 2 {
		t.Errorf("what is held was asked for %d times", asked)
	}
	wrong := errors.New("the holds can't be read")
	r.Before, r.Held = before.AddDate(1, 0, 0), func(context.Context) (string, error) { return "", wrong }
	if n, err := ix.Remove(ctx, r); !errors.Is(err, wrong) || n.Documents != 0 {
		t.Errorf("without knowing what is held: %+v, %v", n, err)
	}
}

func match(t *testing.T, q string, d findings.Doc) bool {
	t.Helper()
	n, err := query.Parse(q)
	if err != nil {
		t.Fatal(err)
	}
	e, err := event.Parse(d.Body)
	if err != nil {
		t.Fatal(err)
	}
	return n.Match(e)
}

// All fetches every id a query finds, by pages.
func All(ctx context.Context, s findings.Searcher, q string) ([]string, error) {
	var ids []string
	r := findings.Request{Query: q, Size: 700}
	for {
		p, err := s.Search(ctx, r)
		if err != nil {
			return nil, err
		}
		for _, d := range p.Docs {
			ids = append(ids, d.ID)
		}
		if p.Next == "" {
			if int64(len(ids)) != p.Total {
				return nil, fmt.Errorf("%d documents in all pages, total says %d", len(ids), p.Total)
			}
			return ids, nil
		}
		r.After = p.Next
	}
}

func runQueries(t *testing.T, ix findings.Index, docs []findings.Doc) {
	empty := 0
	for _, q := range Queries {
		got, err := All(t.Context(), ix, q)
		if err != nil {
			t.Errorf("%s: %v", q, err)
			continue
		}
		var want []string
		for _, d := range docs {
			if match(t, q, d) {
				want = append(want, d.ID)
			}
		}
		if len(want) == 0 {
			empty++
		}
		sort.Strings(got)
		sort.Strings(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d documents, expected %d", q, len(got), len(want))
		}
	}
	if empty > 12 {
		t.Errorf("%d of %d queries find nothing: they prove little", empty, len(Queries))
	}
}

func runPages(t *testing.T, ix findings.Index, docs []findings.Doc) {
	for _, c := range []struct {
		sort []findings.Sort
		key  func(e *event.Event) (int64, bool)
		desc bool
	}{
		{nil, func(e *event.Event) (int64, bool) { return e.GetTime(event.Timestamp) }, true},
		{[]findings.Sort{{Field: "event.severity"}}, func(e *event.Event) (int64, bool) { return e.GetInt(event.EventSeverity) }, false},
		{[]findings.Sort{{Field: "event.severity", Desc: true}}, func(e *event.Event) (int64, bool) { return e.GetInt(event.EventSeverity) }, true},
	} {
		r := findings.Request{Size: 333, Sort: c.sort}
		var prev *event.Event
		prevID, n := "", 0
		for {
			p, err := ix.Search(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range p.Docs {
				e, err := event.Parse(d.Body)
				if err != nil {
					t.Fatal(err)
				}
				if prev != nil && !inOrder(prev, prevID, e, d.ID, c.key, c.desc) {
					t.Fatalf("sort %+v: document %d is out of order", c.sort, n)
				}
				prev, prevID = e, d.ID
				n++
			}
			if p.Next == "" {
				break
			}
			r.After = p.Next
		}
		if n != len(docs) {
			t.Errorf("sort %+v: %d documents, expected %d", c.sort, n, len(docs))
		}
	}
	if _, err := ix.Search(t.Context(), findings.Request{After: "rubbish"}); err == nil {
		t.Error("a wrong cursor was taken")
	}
	if _, err := ix.Search(t.Context(), findings.Request{Sort: []findings.Sort{{Field: "no.such"}}}); err == nil {
		t.Error("an unknown sort field was taken")
	}
}

// inOrder: values in their order, absent ones last, ids break ties.
func inOrder(a *event.Event, aID string, b *event.Event, bID string, key func(*event.Event) (int64, bool), desc bool) bool {
	x, okX := key(a)
	y, okY := key(b)
	switch {
	case okX != okY:
		return okX
	case okX && x != y:
		return (x < y) != desc
	}
	return aID < bID
}

func runAggregations(t *testing.T, ix findings.Index, docs []findings.Doc) {
	for _, c := range []struct{ query, field string }{
		{"", "event.dataset"},
		{"event.kind:alert", "threat.technique.id"},
		{"passwd", "Saksi.case"},
		{"", "event.severity"},
		{"", "dns.answers.data"},
		{"", "source.ip"},
		{"file.mtime:>2026-11-24T05", "file.path"},
		{"", "Saksi.file.deleted"},
		{"", "user_agent.original"},
	} {
		f, _ := event.Lookup(c.field)
		counts := map[string]int64{}
		for _, d := range docs {
			if !match(t, c.query, d) {
				continue
			}
			e, err := event.Parse(d.Body)
			if err != nil {
				t.Fatal(err)
			}
			seen := map[string]bool{}
			for v := range e.Values(f) {
				k := string(v.AppendText(nil))
				if !seen[k] {
					counts[k]++
				}
				seen[k] = true
			}
		}
		want := findings.TopBuckets(counts, 5)
		got, err := ix.Terms(t.Context(), c.query, c.field, 5)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("terms of %s for %q: %v, expected %v, %v", c.field, c.query, got, want, err)
		}
	}
	for _, field := range []string{"file.mtime", "no.such.field"} {
		if got, err := ix.Terms(t.Context(), "", field, 5); err == nil {
			t.Errorf("terms of %s: %v, expected an error", field, got)
		}
	}
	for _, every := range []time.Duration{time.Hour, 10 * time.Minute, 24 * time.Hour} {
		counts := map[int64]int64{}
		for _, d := range docs {
			if match(t, "event.kind:alert", d) {
				counts[d.Time.Truncate(every).UnixNano()]++
			}
		}
		want := findings.TimeBuckets(counts)
		got, err := ix.Histogram(t.Context(), "event.kind:alert", every)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("histogram by %s: %d buckets %v, expected %d, %v", every, len(got), got, len(want), err)
		}
	}
}
