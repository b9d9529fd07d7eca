package local

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"saksi/event"
	"saksi/findings"
)

// formatDoc is document i of testdata/format2, in the words of the release that
// wrote it.
func formatDoc(i int) findings.Doc {
	var e event.Event
	at := time.Date(2026, 11, 1, 0, i, 0, 0, time.UTC)
	e.Time(event.Timestamp, at.UnixNano())
	e.Str(event.EventDataset, []string{"saksi.flow", "saksi.alert", "saksi.dns"}[i%3])
	e.Str(event.EventKind, []string{"event", "alert", "event"}[i%3])
	e.Int(event.EventSeverity, int64(i%5))
	e.Str(event.RuleName, fmt.Sprintf("peraturan nombor %d", i%7))
	if err := e.SetText(event.SourceIP, fmt.Sprintf("10.1.0.%d", i)); err != nil {
		panic(err)
	}
	id := e.ID()
	e.Str(event.EventID, id)
	return findings.Doc{ID: id, Dataset: []string{"flow", "alert", "dns"}[i%3], Time: at, Body: e.AppendJSON(nil)}
}

// TestFormat2 proves that the index that the first release of this format left is
// opened, answered from and gone on with. testdata/format2 was written then and is
// never made anew: a later format gets a folder of its own beside it. Of 60
// documents in two segments, those of severity 4 were removed.
func TestFormat2(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/format2")); err != nil {
		t.Fatal(err)
	}
	check := func(ix findings.Index, docs int) {
		t.Helper()
		var ids []string
		r := findings.Request{Size: 7, Sort: []findings.Sort{{Field: "@timestamp"}}}
		for {
			p, err := ix.Search(t.Context(), r)
			if err != nil || p.Total != int64(docs-docs/5) {
				t.Fatalf("%d documents, expected %d: %v", p.Total, docs-docs/5, err)
			}
			for _, d := range p.Docs {
				i := len(ids) + len(ids)/4
				if want := formatDoc(i); d.ID != want.ID || string(d.Body) != string(want.Body) || !d.Time.Equal(want.Time) {
					t.Fatalf("document %d is %s", i, d.Body)
				}
				ids = append(ids, d.ID)
			}
			if p.Next == "" {
				break
			}
			r.After = p.Next
		}
		p, err := ix.Search(t.Context(), findings.Request{Query: "event.kind:alert AND nombor AND source.ip:10.1.0.0/27 AND event.severity:[1 TO 3]"})
		if err != nil || p.Total != 7 {
			t.Errorf("%d, expected 7: %v", p.Total, err)
		}
		terms, err := ix.Terms(t.Context(), "source.ip:10.1.0.0/26 AND @timestamp:<\"2026-11-01T01:00:00Z\"", "event.dataset", 5)
		if err != nil || !slices.Equal(terms, []findings.Bucket{{Key: "saksi.alert", Count: 16}, {Key: "saksi.dns", Count: 16}, {Key: "saksi.flow", Count: 16}}) {
			t.Errorf("%+v, %v", terms, err)
		}
	}
	r, err := OpenReadOnly(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	check(r, 60)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	w, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	check(w, 60)
	var more []findings.Doc
	for i := range 75 { // those that are there are duplicates
		if i%5 != 4 {
			more = append(more, formatDoc(i))
		}
	}
	if res, err := w.Put(t.Context(), more); err != nil || res.Stored != 12 || res.Duplicate != 48 {
		t.Errorf("%+v, %v", res, err)
	}
	check(w, 75)
	if err := w.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	check(w, 75)
}

// TestPagesCountOnce proves that the pages of a query count its documents once, and
// that what is stored and removed meanwhile is counted.
func TestPagesCountOnce(t *testing.T) {
	w, err := Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	total := func(want int64) {
		t.Helper()
		for range 2 {
			p, err := w.Search(t.Context(), findings.Request{Query: "event.kind:alert AND NOT event.severity:4", Size: 1})
			if err != nil || p.Total != want {
				t.Errorf("%d, expected %d: %v", p.Total, want, err)
			}
		}
	}
	var docs []findings.Doc
	for i := range 60 {
		docs = append(docs, formatDoc(i))
	}
	if _, err := w.Put(t.Context(), docs[:30]); err != nil {
		t.Fatal(err)
	}
	total(8)
	counted := func() (n int) {
		for _, s := range w.list {
			for _, x := range s.totals.list {
				if x.query != "" {
					n++
				}
			}
		}
		return n
	}
	if n := counted(); n != 1 {
		t.Errorf("%d totals are kept, expected 1", n)
	}
	if _, err := w.Put(t.Context(), docs[30:]); err != nil {
		t.Fatal(err)
	}
	total(16)
	if _, err := w.Remove(t.Context(), findings.Removal{Query: "event.severity:0", Before: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}); err != nil {
		t.Fatal(err)
	}
	total(12)
	for i := range 40 { // more than are kept
		if _, err := w.Search(t.Context(), findings.Request{Query: fmt.Sprintf("event.severity:%d", i), Size: 1}); err != nil {
			t.Fatal(err)
		}
	}
	total(12)
}
